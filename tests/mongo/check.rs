//! The `check` command on a MongoDB database.

use bson::doc;
use sessiond_test_support::{MongoServer, within_deadline};

use crate::SESSIOND;

/// The exit status and the output of the `check` command.
struct Check {
    is_success: bool,
    output: String,
    errors: String,
}

/// Runs `check` as the user "operator" with this password. Panics if it prints a credential.
async fn check(server: &MongoServer, password: &str) -> Check {
    let options = "directConnection=true&authSource=admin";
    let uri = format!(
        "mongodb://operator:{password}@{}/bank?{options}",
        server.address()
    );
    let mut command = SESSIOND.command(&["check", "--listen=127.0.0.1:0", "--retention=3d"]);
    command.env("SESSIOND_DATABASE", uri);
    let mut command = tokio::process::Command::from(command);
    let result = within_deadline(command.output()).await.unwrap();
    let check = Check {
        is_success: result.status.success(),
        output: String::from_utf8(result.stdout).unwrap(),
        errors: String::from_utf8(result.stderr).unwrap(),
    };
    for credential in [password, "operator"] {
        for text in [&check.output, &check.errors] {
            assert!(!text.contains(credential), "{text}");
        }
    }
    check
}

#[tokio::test]
async fn check_reports_the_server_and_the_indexes_and_never_a_password() {
    let Some(mut server) = MongoServer::start_own(&[]).await else {
        return;
    };
    server.require_password("operator", "secret-word").await;

    let right = check(&server, "secret-word").await;
    assert!(right.is_success, "{}", right.errors);
    let admin = server.database("admin").await;
    let build = admin.run_command(doc! { "buildInfo": 1 }).await.unwrap();
    let version = build.get_str("version").unwrap();
    for part in [
        &*format!("Server: version {version}, replica set secantus."),
        "The database bank is available",
        "The clock agrees with that of the database.\n",
        "users:\n  _id_ (_id)\n  by_deletion (deleted_at)\n  by_due (due)\n  by_erasing (erasing)\n  \
         by_tail_since (tail_since)\n  summary_due (alert_window.folded.due_at)\n\
         mobiles:\n  _id_ (_id)\nsessions:\n  _id_ (_id)\n",
        "  by_token (user, token_hash), unique\n",
        "  ended_by_age (ended_at), expires after 3d\n",
        "alerts:\n  _id_ (_id)\n  by_age (created_at), expires after 3d\n",
        "  by_sequence (user, sequence), unique\n",
        "keys:\n  _id_ (_id)\n  by_expiry (expires_at), expires after 0s\n",
        "failed_logins:\n  _id_ (_id)\n  by_expiry (count_until), expires after 0s\n",
    ] {
        assert!(right.output.contains(part), "{part} in {}", right.output);
    }

    let wrong = check(&server, "secret-worm").await;
    assert!(!wrong.is_success, "{}", wrong.output);
    assert!(!wrong.output.contains("is available"), "{}", wrong.output);
    assert!(
        wrong
            .errors
            .contains("rejects the user name or the password"),
        "{}",
        wrong.errors
    );
}
