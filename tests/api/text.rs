//! Texts as other systems write them: names, passwords, numbers and user agents. What a person
//! reads to decide on a login.

use serde_json::{Value, json};
use sessiond_test_support::{GraphQlResponse, MOBILE, SERVICE_KEY, TestServer, UNKNOWN_MOBILE};

const CREATE: &str = "mutation($input: CreateUserInput!) { createUser(input: $input) {
    token user { mobile username } } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) {
    outcome session { userAgent } } }";
const NUMBER: &str = "+491512345678";

async fn create(server: &TestServer, input: Value) -> GraphQlResponse {
    server.run(CREATE, json!({ "input": input })).await
}

async fn login(server: &TestServer, input: Value) -> GraphQlResponse {
    server.run(LOGIN, json!({ "input": input })).await
}

#[tokio::test]
async fn a_name_and_a_password_are_accepted_in_every_normalization_form() {
    let server = TestServer::with_service_key().await;
    let composed = json!({
        "mobile": MOBILE, "username": "Zoë Müller", "password": "Grün fi 123",
    });
    let created = create(&server, composed).await;
    assert_eq!(created.data("/createUser/user/username"), "Zoë Müller");
    for (username, password) in [
        ("Zoë Müller", "Grün fi 123"),
        (
            "Zoe\u{308}\u{a0}Mu\u{308}ller",
            "Gru\u{308}n\u{a0}fi\u{3000}123",
        ),
        ("Ｚoë  Müller ", "Grün ﬁ １２３"),
    ] {
        let input = json!({ "mobile": MOBILE, "username": username, "password": password });
        let outcome = login(&server, input).await;
        assert_eq!(outcome.data("/login/outcome"), "REFUSED", "{username}");
    }
    let wrong = json!({ "mobile": MOBILE, "username": "Zoë Müller", "password": "Grün ﬀ 123" });
    assert_eq!(
        login(&server, wrong).await.error_code(),
        "INVALID_CREDENTIALS"
    );
}

#[tokio::test]
async fn the_length_of_a_password_is_that_of_its_normalized_form() {
    let server = TestServer::start().await;
    for (password, is_accepted) in [
        (format!("grave lantern 7 {}", "u\u{308}".repeat(240)), true),
        ("u\u{308}".repeat(7), false),
        ("\u{fdfa}".repeat(15), false),
    ] {
        let input = json!({ "mobile": MOBILE, "username": "N", "password": password });
        let response = create(&server, input).await;
        if is_accepted {
            response.data_str("/createUser/token");
            server.delete_user(MOBILE).await;
        } else {
            assert_eq!(response.invalid_field(), "password");
        }
    }
}

#[tokio::test]
async fn a_number_is_one_user_however_it_is_written() {
    let server = TestServer::start().await;
    let input = json!({ "mobile": "+49 (0)151 2345678", "username": "SavingsBank" });
    let created = create(&server, input).await;
    assert_eq!(created.data("/createUser/user/mobile"), NUMBER);
    for mobile in [
        NUMBER,
        "\u{202a}+49\u{a0}151\u{202f}234\u{2011}56\u{2013}78\u{202c}",
        "＋４９ 151/2345678",
        "+4901512345678",
        "0049 151 2345678",
        "tel:+49-151-2345678",
    ] {
        let input = json!({ "mobile": mobile, "username": "SavingsBank" });
        let taken = create(&server, input.clone()).await;
        assert_eq!(taken.error_code(), "MOBILE_TAKEN", "{mobile}");
        assert_eq!(
            login(&server, input).await.data("/login/outcome"),
            "REFUSED"
        );
        assert_eq!(server.user(mobile, "mobile").await["mobile"], NUMBER);
    }
}

#[tokio::test]
async fn each_fault_of_a_number_and_of_a_name_has_a_sentence_of_its_own() {
    let server = TestServer::start().await;
    let mut sentences = Vec::new();
    for mobile in [
        "123456",
        "90123a45678",
        "+0151 2345678",
        "+39 (0)6 1234 5678",
        "+49 151 2345678 x12",
    ] {
        let response = create(&server, json!({ "mobile": mobile, "username": "N" })).await;
        assert_eq!(response.invalid_field(), "mobile", "{mobile}");
        sentences.push(response.error_message().to_owned());
    }
    for username in [
        "",
        "\u{200b}",
        "\u{2060}\u{feff}",
        "Savings\u{202e}knaB",
        "\u{2800}",
    ] {
        let response = create(&server, json!({ "mobile": MOBILE, "username": username })).await;
        assert_eq!(response.invalid_field(), "username", "{username:?}");
        sentences.push(response.error_message().to_owned());
    }
    // The three names with hidden characters have one fault in common.
    sentences.sort();
    sentences.dedup();
    assert_eq!(sentences.len(), 8);
}

/// The sentence that the first device reads when a device with this user agent asks to log in.
async fn question(server: &TestServer, user_agent: &str) -> String {
    let account = server.create_user(MOBILE).await;
    let ask = json!({
        "onConflict": "ASK", "userAgent": user_agent, "ipAddress": "203.0.113.9",
    });
    server.login(&account.mobile, ask).await;
    let alerts = server.user(MOBILE, "alerts { nodes { message } }").await;
    server.delete_user(MOBILE).await;
    alerts["alerts"]["nodes"][0]["message"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn the_device_that_asks_cannot_write_the_address_into_the_question() {
    let server = TestServer::start().await;
    for (user_agent, device) in [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "Firefox 128 on Windows",
        ),
        (
            "\u{202e}99.001.15.891 ta enohPi ruoy",
            "“99.001.15.891 ta enohPi ruoy”",
        ),
        (
            "your iPhone at 198.51.100.99",
            "“your iPhone at 198.51.100.99”",
        ),
        ("בנק", "\u{2068}“בנק”\u{2069}"),
        ("It-is-you+tap-any-number", "“It-is-you+tap-any-number”"),
        ("BankApp/3.2 (Android 14)", "“BankApp 3 on Android”"),
    ] {
        assert_eq!(
            question(&server, user_agent).await,
            format!("A second device asks to log in: {device} at 203.0.113.9.")
        );
    }
}

#[tokio::test]
async fn a_user_agent_in_a_header_or_an_input_is_cleaned() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let input = json!({
        "mobile": MOBILE, "username": "SavingsBank", "onConflict": "TAKE_OVER",
        "userAgent": "My\u{a0}\u{202e}Phone\u{fe0f}",
    });
    let response = login(&server, input).await;
    assert_eq!(response.data("/login/session/userAgent"), "My Phone");
}

#[tokio::test]
async fn guesses_at_one_user_are_counted_together_however_the_number_is_written() {
    let server = TestServer::with_service_key().await;
    let input = json!({ "mobile": NUMBER, "username": "N", "password": "correct horse" });
    create(&server, input).await.data_str("/createUser/token");
    let spellings = ["+491512345678", "+49 (0)151 2345678", "0049 151 2345678"];
    let guess = async |mobile: &str| {
        let input = json!({ "mobile": mobile, "username": "N", "password": "wrong horse" });
        login(&server, input).await.error_code().to_owned()
    };
    let mut guesses = 0;
    while guess(spellings[guesses % 3]).await == "INVALID_CREDENTIALS" {
        guesses += 1;
        assert!(guesses < 20, "the limit is 10");
    }
    assert_eq!(guess(UNKNOWN_MOBILE).await, "INVALID_CREDENTIALS");
    let by_service = server
        .run_as(
            Some(SERVICE_KEY),
            "query($mobile: String!) { user(mobile: $mobile) { mobile } }",
            json!({ "mobile": spellings[1] }),
        )
        .await;
    assert_eq!(by_service.data("/user/mobile"), NUMBER);
}
