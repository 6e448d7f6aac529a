//! The settings of webhooks, the command `webhook test` and the check.

use std::process::Command;

use sessiond_test_support::{
    WEBHOOK_PATH, WEBHOOK_SECRET, WebhookReceiver, run_to_exit, url_at, within_deadline,
};

use crate::{SESSIOND, command_line::database_flag};

/// Runs a command that blocks, so that the receiver can respond meanwhile.
async fn run(mut command: Command) -> (bool, String) {
    let run = tokio::task::spawn_blocking(move || run_to_exit(&mut command));
    within_deadline(run).await.unwrap()
}

fn webhook_test(url: &str) -> Command {
    let url = format!("--webhook-url={url}");
    let mut command = SESSIOND.command(&["webhook", "test", &url]);
    command.env("SESSIOND_WEBHOOK_SECRET", WEBHOOK_SECRET);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_sends_a_signed_test_message_and_prints_the_response() {
    let mut receiver = WebhookReceiver::start();
    let (succeeded, output) = run(webhook_test(&receiver.url())).await;
    assert!(succeeded, "{output}");
    assert!(
        output.contains("accepts a signed test message (204"),
        "{output}"
    );
    let message = receiver.next().await;
    assert!(message.is_signed_with(WEBHOOK_SECRET));
    assert_eq!(message.json()["type"], "webhook.test");
    for (status, advice) in [
        (401, "that it verifies the signature with the same secret"),
        (302, "name the URL to which it redirects"),
        (410, "or let it accept messages again"),
        (500, "look at the log of the receiver"),
    ] {
        receiver.answer(move |_| status);
        let (succeeded, output) = run(webhook_test(&receiver.url())).await;
        assert!(!succeeded && output.contains(advice), "{output}");
        assert!(!output.contains(WEBHOOK_PATH), "{output}");
    }
    let address = receiver.address();
    receiver.stop().await;
    let (succeeded, output) = run(webhook_test(&url_at(address))).await;
    assert!(
        !succeeded && output.contains("check its URL, and that it runs"),
        "{output}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_needs_a_receiver_and_a_secret() {
    let mut command = SESSIOND.command(&["webhook", "test"]);
    let (succeeded, output) = run({
        command.env("SESSIOND_WEBHOOK_SECRET", "a secret of another form");
        command
    })
    .await;
    assert!(!succeeded, "{output}");
    for problem in [
        "name one with --webhook-url",
        "SESSIOND_WEBHOOK_SECRET cannot be used",
    ] {
        assert!(output.contains(problem), "{output}");
    }
    assert!(!output.contains("of another form"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_asks_the_receiver() {
    let receiver = WebhookReceiver::start();
    let folder = tempfile::tempdir().unwrap();
    let database = database_flag(&folder.path().join("new.db"));
    let url = format!("--webhook-url={}", receiver.url());
    let check = || {
        let mut check = SESSIOND.command(&["check", "--listen=127.0.0.1:0", &database, &url]);
        check.env("SESSIOND_WEBHOOK_SECRET", WEBHOOK_SECRET);
        check
    };
    let (succeeded, output) = run(check()).await;
    assert!(
        succeeded && output.contains("accepts a signed test message"),
        "{output}"
    );
    receiver.answer(|_| 500);
    let (succeeded, output) = run(check()).await;
    assert!(
        !succeeded && output.contains("look at the log of the receiver"),
        "{output}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_if_the_settings_have_a_problem() {
    let mut receiver = WebhookReceiver::start();
    let folder = tempfile::tempdir().unwrap();
    let database = database_flag(&folder.path().join("new.db"));
    let nine: Vec<_> = (0..9)
        .map(|number| format!("--webhook-url={}/{number}", receiver.url()))
        .collect();
    let short = "--retention=1h".to_owned();
    let url = format!("--webhook-url={}", receiver.url());
    for (flags, problem) in [
        (nine, "more than 8 receivers"),
        (vec![url.clone(), short], "--retention (1h) is shorter than"),
        (vec![url.clone(), url], "the same receiver"),
    ] {
        for words in [&["webhook", "test"][..], &["check", "--listen=127.0.0.1:0"]] {
            let mut command = SESSIOND.command(words);
            command.arg(&database).args(&flags);
            command.env("SESSIOND_WEBHOOK_SECRET", WEBHOOK_SECRET);
            let (succeeded, output) = run(command).await;
            assert!(!succeeded && output.contains(problem), "{output}");
        }
    }
    assert!(receiver.arrived().is_empty());
    // The receiver works.
    assert!(run(webhook_test(&receiver.url())).await.0);
    assert_eq!(receiver.arrived().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_receivers_of_one_host_are_told_apart_by_their_numbers() {
    let receiver = WebhookReceiver::start();
    receiver.answer(|_| 500);
    let mut command = webhook_test(&receiver.url());
    command.arg(format!("--webhook-url={}/secret", receiver.url()));
    let (succeeded, output) = run(command).await;
    assert!(!succeeded, "{output}");
    for number in [1, 2] {
        let name = format!("the test message to receiver {number} at http://127.0.0.1:");
        assert!(output.contains(&name), "{output}");
    }
    assert!(!output.contains("secret"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_a_receiver_and_no_secret_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let database = database_flag(&folder.path().join("new.db"));
    let url = "--webhook-url=https://a.example/hooks";
    let (succeeded, output) = run(SESSIOND.command(&[url, &database])).await;
    assert!(
        !succeeded && output.contains("--webhook-url needs a secret: set"),
        "{output}"
    );
}
