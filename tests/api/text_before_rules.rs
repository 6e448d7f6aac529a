//! Users whose texts were stored before the rules for names, passwords, numbers and user agents
//! existed. The tests write such rows into the database.

use argon2::{Argon2, password_hash::PasswordHasher};
use rusqlite::{Connection, params};
use serde_json::json;
use sessiond_test_support::TestServer;

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";

/// A server with one user. Its row is changed to these values.
async fn server_with(mobile: &str, username: &str, password: &str) -> TestServer {
    let hash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), b"0123456789abcdef")
        .unwrap()
        .to_string();
    let server = TestServer::with_service_key().await;
    server.create_user("9000000001").await;
    server
        .restart_with_database(|file| {
            let connection = Connection::open(file).unwrap();
            connection
                .execute(
                    "UPDATE records SET mobile = ?, username = ?, password = ? WHERE part = 0",
                    params![mobile, username, hash],
                )
                .unwrap();
            connection
                .execute(
                    "UPDATE records SET mobile = ?, username = ?, user_agent = ? WHERE part = 1",
                    params![mobile, username, "\u{202e}99.001.15.891 ta enohPi"],
                )
                .unwrap();
        })
        .await
}

async fn outcome(server: &TestServer, mobile: &str, username: &str, password: &str) -> String {
    let input = json!({ "mobile": mobile, "username": username, "password": password });
    let response = server.run(LOGIN, json!({ "input": input })).await;
    if response.has_errors() {
        response.error_code().to_owned()
    } else {
        response.data_str("/login/outcome")
    }
}

#[tokio::test]
async fn a_user_with_a_number_in_a_former_form_logs_in_as_before_and_is_not_registered_again() {
    for (stored, typed) in [
        ("+4901512345678", "+49 (0)151 2345678"),
        ("+4901512345678", "+49 151 2345678"),
        ("+4901512345678", "0049 151 2345678"),
        ("00491512345678", "0049 151 2345678"),
        ("00491512345678", "+49 151 2345678"),
        ("+01512345678", "+0 151 2345678"),
    ] {
        let server = server_with(stored, "N", "correct horse").await;
        assert_eq!(
            outcome(&server, typed, "N", "correct horse").await,
            "REFUSED"
        );
        assert_eq!(server.user(typed, "mobile").await["mobile"], stored);
    }
    let server = server_with("+4901512345678", "N", "correct horse").await;
    for mobile in ["+491512345678", "0049 (0)151 2345678"] {
        let create = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
        let input = json!({ "mobile": mobile, "username": "N", "password": "correct horse" });
        let response = server.run(create, json!({ "input": input })).await;
        assert_eq!(response.error_code(), "MOBILE_TAKEN");
    }
}

#[tokio::test]
async fn a_user_with_a_name_that_is_not_accepted_any_more_logs_in() {
    for (stored, shown) in [
        ("Zoe\u{308}", "Zoë"),
        ("\u{200b}", "\u{fffd}"),
        ("Savings\u{202e}knaB", "SavingsknaB"),
        ("❤\u{fe0f}", "❤"),
    ] {
        let server = server_with("9000000001", stored, "correct horse").await;
        for typed in [stored, shown] {
            let login = outcome(&server, "9000000001", typed, "correct horse").await;
            assert_eq!(login, "REFUSED", "{typed:?}");
        }
        let fields = "username activeSession { userAgent user { username } }";
        assert_eq!(
            server.user("9000000001", fields).await,
            json!({ "username": shown, "activeSession": {
                "userAgent": "99.001.15.891 ta enohPi", "user": { "username": shown },
            } })
        );
    }
}

#[tokio::test]
async fn a_password_that_was_hashed_as_it_was_typed_is_still_accepted() {
    let typed = "Gru\u{308}n ﬁ 123";
    let server = server_with("9000000001", "N", typed).await;
    assert_eq!(outcome(&server, "9000000001", "N", typed).await, "REFUSED");
    let normalized = outcome(&server, "9000000001", "N", "Grün fi 123").await;
    assert_eq!(normalized, "INVALID_CREDENTIALS");
}
