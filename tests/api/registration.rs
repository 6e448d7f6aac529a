//! Who may register users, and the limits on registrations and failed logins.

use serde_json::{Value, json};
use sessiond_test_support::{
    GraphQlResponse, MOBILE, OTHER_MOBILE, SERVICE_KEY, TestServer, UNKNOWN_MOBILE,
};

const CREATE: &str = "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";

fn credentials(mobile: &str, password: &str) -> Value {
    json!({ "input": { "mobile": mobile, "username": "SavingsBank", "password": password } })
}

async fn register(server: &TestServer, bearer: Option<&str>, mobile: &str) -> GraphQlResponse {
    let variables = credentials(mobile, "correct horse");
    server.run_as(bearer, CREATE, variables).await
}

async fn wrong_login(server: &TestServer, mobile: &str) -> GraphQlResponse {
    server.run(LOGIN, credentials(mobile, "wrong horse")).await
}

#[track_caller]
fn assert_rate_limited(response: &GraphQlResponse) {
    assert_eq!(response.error_code(), "RATE_LIMITED", "{}", response.0);
    let retry_after = &response.error()["extensions"]["retryAfterSeconds"];
    let seconds = retry_after.as_u64().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn strangers_register_as_often_as_the_limit_of_their_address_and_the_service_always() {
    let flags = ["--max-registrations-per-address=3"];
    let server = TestServer::with_service_key_and_flags(&flags).await;
    let created = register(&server, None, MOBILE).await;
    assert!(!created.has_errors(), "{}", created.0);
    // An attempt with a taken number counts too, because it shows who is registered.
    for _ in 0..2 {
        let taken = register(&server, None, MOBILE).await;
        assert_eq!(taken.error_code(), "MOBILE_TAKEN");
    }
    for mobile in [MOBILE, OTHER_MOBILE] {
        let limited = register(&server, None, mobile).await;
        assert_rate_limited(&limited);
        assert!(limited.error_message().contains("registrations"));
    }
    for mobile in ["9012345001", "9012345002", "9012345003", "9012345004"] {
        let by_service = register(&server, Some(SERVICE_KEY), mobile).await;
        assert!(!by_service.has_errors(), "{}", by_service.0);
    }
}

#[tokio::test]
async fn an_invalid_registration_does_not_count() {
    let flags = ["--max-registrations-per-address=1"];
    let server = TestServer::with_service_key_and_flags(&flags).await;
    for _ in 0..3 {
        let short = server.run(CREATE, credentials(MOBILE, "short")).await;
        assert_eq!(short.invalid_field(), "password");
    }
    let created = register(&server, None, MOBILE).await;
    assert!(!created.has_errors(), "{}", created.0);
    assert_rate_limited(&register(&server, None, OTHER_MOBILE).await);
}

#[tokio::test]
async fn only_the_service_registers_if_registration_is_closed_and_nobody_learns_who_is_registered()
{
    let server = TestServer::with_service_key_and_flags(&["--registration=service"]).await;
    let created = register(&server, Some(SERVICE_KEY), MOBILE).await;
    let token = created.data_str("/createUser/token");
    for bearer in [None, Some(&*token)] {
        let closed = register(&server, bearer, MOBILE).await;
        assert_eq!(closed.error_code(), "FORBIDDEN");
        assert_eq!(
            closed.error_message(),
            "Registration is closed: only the service may register users."
        );
        assert_eq!(register(&server, bearer, OTHER_MOBILE).await, closed);
    }
    let wrong_key = register(&server, Some("a wrong key"), OTHER_MOBILE).await;
    assert_eq!(wrong_key.error_code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn the_limits_on_failed_logins_are_settings() {
    let flags = [
        "--max-failed-logins-per-mobile=2",
        "--max-failed-logins-per-address=5",
    ];
    let server = TestServer::with_service_key_and_flags(&flags).await;
    for _ in 0..2 {
        let failed = wrong_login(&server, MOBILE).await;
        assert_eq!(failed.error_code(), "INVALID_CREDENTIALS");
    }
    assert_rate_limited(&wrong_login(&server, MOBILE).await);
    for mobile in [OTHER_MOBILE, OTHER_MOBILE, UNKNOWN_MOBILE] {
        let failed = wrong_login(&server, mobile).await;
        assert_eq!(failed.error_code(), "INVALID_CREDENTIALS");
    }
    assert_rate_limited(&wrong_login(&server, "9012345001").await);
}
