//! Credentials are checked before the rules.

use std::thread::available_parallelism;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sessiond_test_support::{
    GraphQlResponse, MOBILE, OTHER_MOBILE, SERVICE_KEY, TestServer, UNKNOWN_MOBILE, merge,
};

const CREATE: &str = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome token } }";
const SET: &str = "mutation($input: SetPasswordInput!) { setPassword(input: $input) {
    message user { activeSession { status } } } }";

fn credentials() -> Value {
    json!({ "mobile": MOBILE, "username": "SavingsBank", "password": "correct horse" })
}

/// A server with a service key and a user with a password, and the token of that user's session.
async fn server_and_token() -> (TestServer, String) {
    let server = TestServer::with_service_key().await;
    let created = server.run(CREATE, json!({ "input": credentials() })).await;
    let token = created.data_str("/createUser/token");
    (server, token)
}

/// Logs in with the right credentials, changed by `changes`.
async fn login(server: &TestServer, bearer: Option<&str>, changes: Value) -> GraphQlResponse {
    let mut input = credentials();
    merge(&mut input, changes);
    server
        .run_as(bearer, LOGIN, json!({ "input": input }))
        .await
}

#[tokio::test]
async fn a_wrong_mobile_number_name_or_password_gets_the_same_response_and_raises_no_alert() {
    let (server, _) = server_and_token().await;
    let wrong_password = login(&server, None, json!({ "password": "wrong horse" })).await;
    assert_eq!(wrong_password.error_code(), "INVALID_CREDENTIALS");
    for changes in [
        json!({ "mobile": UNKNOWN_MOBILE }),
        json!({ "username": "Savings" }),
        json!({ "password": null }),
        json!({ "password": "" }),
        json!({ "onConflict": "REJECT", "password": "wrong horse" }),
    ] {
        assert_eq!(login(&server, None, changes).await, wrong_password);
    }
    let fields = "sessions { totalCount } alerts { nodes { id } }";
    assert_eq!(
        server.user(MOBILE, fields).await,
        json!({ "sessions": { "totalCount": 1 }, "alerts": { "nodes": [] } })
    );
    let right = login(&server, None, json!({})).await;
    assert_eq!(right.data("/login/outcome"), "REFUSED");
}

#[tokio::test]
async fn the_service_needs_no_password_but_a_wrong_one_is_rejected() {
    let (server, _) = server_and_token().await;
    let service = Some(SERVICE_KEY);
    let without = json!({ "password": null, "onConflict": "TAKE_OVER" });
    let without = login(&server, service, without).await;
    assert_eq!(without.data("/login/outcome"), "LOGGED_IN");
    let wrong = login(&server, service, json!({ "password": "wrong horse" })).await;
    assert_eq!(wrong.error_code(), "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn failed_logins_are_rate_limited_by_mobile_number_except_those_of_the_service() {
    let (server, _) = server_and_token().await;
    let wrong = json!({ "password": "wrong horse" });
    for _ in 0..10 {
        let failed = login(&server, None, wrong.clone()).await;
        assert_eq!(failed.error_code(), "INVALID_CREDENTIALS");
    }
    // The limit recovers over time, so it may allow a few more attempts.
    let limited = loop {
        let failed = login(&server, None, wrong.clone()).await;
        if failed.error_code() != "INVALID_CREDENTIALS" {
            break failed;
        }
    };
    assert_eq!(limited.error_code(), "RATE_LIMITED");
    let retry_after = &limited.error()["extensions"]["retryAfterSeconds"];
    assert!(retry_after.as_u64().unwrap() > 0);

    let right = login(&server, None, json!({})).await;
    assert_eq!(right.error_code(), "RATE_LIMITED");
    let other_number = login(&server, None, json!({ "mobile": UNKNOWN_MOBILE })).await;
    assert_eq!(other_number.error_code(), "INVALID_CREDENTIALS");
    let by_service = login(&server, Some(SERVICE_KEY), json!({})).await;
    assert_eq!(by_service.data("/login/outcome"), "REFUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_time_exceed_the_limit_by_less_than_the_number_of_hash_slots() {
    let (server, _) = server_and_token().await;
    let slots = (available_parallelism().unwrap().get() - 1).max(1);
    let guesses = (0..10 + 4 * slots).map(|_| login(&server, None, json!({ "password": "wrong" })));
    let responses = join_all(guesses).await;
    let hashed = responses
        .iter()
        .filter(|response| response.error_code() == "INVALID_CREDENTIALS")
        .count();
    assert!((10..10 + slots).contains(&hashed), "{hashed}");
}

#[tokio::test]
async fn a_session_changes_its_password_with_the_old_one_and_stays_active() {
    let (server, token) = server_and_token().await;
    let set = async |bearer: Option<&str>, old_password: Value| {
        let input = json!({
            "mobile": MOBILE,
            "oldPassword": old_password,
            "newPassword": "battery staple",
        });
        server.run_as(bearer, SET, json!({ "input": input })).await
    };
    let own = Some(&*token);
    let without_old = set(own, Value::Null).await;
    assert_eq!(without_old.invalid_field(), "oldPassword");
    let wrong_old = set(own, json!("wrong horse")).await;
    assert_eq!(wrong_old.error_code(), "INVALID_CREDENTIALS");
    let changed = set(own, json!("correct horse")).await;
    assert_eq!(
        changed.data("/setPassword/user/activeSession/status"),
        "ACTIVE"
    );

    let old = login(&server, None, json!({})).await;
    assert_eq!(old.error_code(), "INVALID_CREDENTIALS");
    let new = login(&server, None, json!({ "password": "battery staple" })).await;
    assert_eq!(new.data("/login/outcome"), "REFUSED");
    let anonymous = set(None, Value::Null).await;
    assert_eq!(anonymous.error_code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn only_the_service_sets_the_first_password_of_a_user() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let set = async |bearer: &str, old: Value, new: &str| {
        let input = json!({ "mobile": MOBILE, "oldPassword": old, "newPassword": new });
        server
            .run_as(Some(bearer), SET, json!({ "input": input }))
            .await
    };
    for old in [Value::Null, json!(""), json!("correct horse")] {
        let refused = set(&user.token, old, "battery staple").await;
        assert_eq!(refused.error_code(), "FORBIDDEN");
    }
    let unset = login(&server, None, json!({ "password": "battery staple" })).await;
    assert_eq!(unset.error_code(), "INVALID_CREDENTIALS");

    let first = set(SERVICE_KEY, Value::Null, "grave lantern 7").await;
    first.data_str("/setPassword/message");
    let opened = login(&server, None, json!({ "password": "grave lantern 7" })).await;
    let token = opened.data_str("/login/token");
    let changed = set(&token, json!("grave lantern 7"), "battery staple").await;
    changed.data_str("/setPassword/message");
}

#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_rejected_whoever_sets_it() {
    let (server, token) = server_and_token().await;
    let service = Some(SERVICE_KEY);
    for guessable in ["password1", UNKNOWN_MOBILE] {
        let mut input = credentials();
        merge(
            &mut input,
            json!({ "mobile": UNKNOWN_MOBILE, "password": guessable }),
        );
        for bearer in [None, service] {
            let created = server
                .run_as(bearer, CREATE, json!({ "input": input }))
                .await;
            assert_eq!(created.invalid_field(), "password");
        }
    }
    for (bearer, guessable) in [(Some(&*token), "qwerty123"), (service, MOBILE)] {
        let input = json!({
            "mobile": MOBILE,
            "oldPassword": "correct horse",
            "newPassword": guessable,
        });
        let set = server.run_as(bearer, SET, json!({ "input": input })).await;
        assert_eq!(set.invalid_field(), "newPassword");
    }
}

#[tokio::test]
async fn the_own_number_and_the_own_name_are_rejected_in_every_form_whoever_sets_them() {
    const OWN: &str = "+4915103141218";
    let server = TestServer::with_service_key().await;
    let user = |password: &str| {
        let user = json!({ "mobile": OWN, "username": "Zebulon Quuxington", "password": password });
        json!({ "input": user })
    };
    let guessable = [
        "4915103141218",
        "004915103141218",
        "015103141218",
        "15103141218",
        "03141218",
        "+49 (0)151 / 0314-12.18",
        "0114915103141218",
        "٠١٥١٠٣١٤١٢١٨",
        "Quuxington",
        "zebulonquuxington",
        "Quuxington1!",
        "20241217ZEBULON-Quuxington_19981224",
    ];
    let mut accepted = Vec::new();
    for password in guessable {
        let service = Some(SERVICE_KEY);
        let created = server.run_as(service, CREATE, user(password)).await;
        if created.has_errors() {
            assert_eq!(created.invalid_field(), "password", "{password}");
        } else {
            accepted.push(password);
            let delete =
                "mutation($input: DeleteUserInput!) { deleteUser(input: $input) { message } }";
            let own = json!({ "input": { "mobile": OWN } });
            let deleted = server.run_as(service, delete, own).await;
            deleted.data_str("/deleteUser/message");
        }
    }
    assert_eq!(accepted, <[&str; 0]>::default());

    let created = server.run(CREATE, user("correct horse")).await;
    let token = created.data_str("/createUser/token");
    for password in guessable {
        let input = json!({
            "mobile": OWN,
            "oldPassword": "correct horse",
            "newPassword": password,
        });
        let set = server.run_as(Some(&token), SET, json!({ "input": input }));
        assert_eq!(set.await.invalid_field(), "newPassword", "{password}");
    }
}

#[tokio::test]
async fn a_new_password_ends_every_session_except_that_of_the_caller() {
    let (server, token) = server_and_token().await;
    let waiting = login(&server, Some(SERVICE_KEY), json!({ "onConflict": "ASK" })).await;
    let waiting = waiting.data_str("/login/token");
    let set = async |bearer: &str, old: &str, new: &str| {
        let input = json!({ "mobile": MOBILE, "oldPassword": old, "newPassword": new });
        let set = server
            .run_as(Some(bearer), SET, json!({ "input": input }))
            .await;
        set.data_str("/setPassword/message");
    };
    set(&token, "correct horse", "battery staple").await;
    assert_eq!(server.session_status(&token).await, "ACTIVE");
    assert_eq!(server.session_status(&waiting).await, "ENDED");
    set(SERVICE_KEY, "", "grave lantern 7").await;
    assert_eq!(server.session_status(&token).await, "ENDED");
}

#[tokio::test]
async fn the_limit_of_a_mobile_number_survives_a_restart_and_that_of_an_address_does_not() {
    const LIMIT: usize = 3;
    let flags = [
        "--max-failed-logins-per-mobile=3",
        "--max-failed-logins-per-address=6",
    ];
    let server = TestServer::with_service_key_and_flags(&flags).await;
    server.create_user(MOBILE).await;
    for mobile in [MOBILE, UNKNOWN_MOBILE] {
        for _ in 0..LIMIT {
            let failed = login(&server, None, json!({ "mobile": mobile })).await;
            assert_eq!(failed.error_code(), "INVALID_CREDENTIALS");
        }
    }
    let limited = login(&server, None, json!({ "mobile": OTHER_MOBILE })).await;
    assert_eq!(limited.error_code(), "RATE_LIMITED");

    let server = server.restart().await;
    for mobile in [MOBILE, UNKNOWN_MOBILE] {
        let limited = login(&server, None, json!({ "mobile": mobile })).await;
        assert_eq!(limited.error_code(), "RATE_LIMITED");
    }
    let other = login(&server, None, json!({ "mobile": OTHER_MOBILE })).await;
    assert_eq!(other.error_code(), "INVALID_CREDENTIALS");

    // The failures stop counting with time, also if no node runs.
    let mut server = server;
    server.stop().await;
    server.advance(std::time::Duration::from_secs(31));
    let server = server.start_again().await;
    let again = login(&server, None, json!({ "mobile": MOBILE })).await;
    assert_eq!(again.error_code(), "INVALID_CREDENTIALS");
    let limited = login(&server, None, json!({ "mobile": MOBILE })).await;
    assert_eq!(limited.error_code(), "RATE_LIMITED");
}

#[tokio::test]
async fn a_password_of_the_operators_list_is_rejected_whoever_sets_it() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("breached.txt");
    // The SHA-1 hash of "grave lantern 7", in the form of the lists of Have I Been Pwned.
    let lines = "0000000000000000000000000000000000000000:1\r\n40F22B20F39C00C5D4F320E5CB24097F00633685:37\r\n";
    std::fs::write(&list, lines).unwrap();
    let flag = format!("--breached-passwords={}", list.display());
    let server = TestServer::with_service_key_and_flags(&[&flag]).await;
    let create = async |bearer: Option<&str>, password: &str| {
        let mut input = credentials();
        merge(&mut input, json!({ "password": password }));
        server
            .run_as(bearer, CREATE, json!({ "input": input }))
            .await
    };
    for bearer in [None, Some(SERVICE_KEY)] {
        let rejected = create(bearer, "grave lantern 7").await;
        assert_eq!(rejected.invalid_field(), "password");
    }
    create(None, "grave lantern 8")
        .await
        .data_str("/createUser/token");
    let input = json!({ "mobile": MOBILE, "newPassword": "grave lantern 7" });
    let set = server
        .run_as(Some(SERVICE_KEY), SET, json!({ "input": input }))
        .await;
    assert_eq!(set.invalid_field(), "newPassword");
}
