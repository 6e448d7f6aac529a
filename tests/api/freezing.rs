//! "It wasn't me": a frozen user has no session, and no login succeeds.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{
    Account, AlertSubscription, EventStream, GraphQlResponse, MOBILE, SERVICE_KEY, TestServer,
};

const PASSWORD: &str = "grave lantern 7";

async fn server_with_user() -> (TestServer, Account) {
    let server = TestServer::with_service_key().await;
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) {
        token session { sessionKey } } }";
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank", "password": PASSWORD });
    let created = server
        .run_as_service(query, json!({ "input": input }))
        .await;
    let user = Account {
        mobile: MOBILE.to_owned(),
        session: created.data_str("/createUser/session/sessionKey"),
        token: created.data_str("/createUser/token"),
    };
    (server, user)
}

async fn freeze(server: &TestServer, bearer: &str, input: Value) -> GraphQlResponse {
    let query = "mutation($input: FreezeUserInput!) { freezeUser(input: $input) {
        message user { id isFrozen freeze { since until by reason } } } }";
    server
        .run_as(Some(bearer), query, json!({ "input": input }))
        .await
}

async fn unfreeze(server: &TestServer) {
    let query = "mutation($mobile: String!) { unfreezeUser(input: { mobile: $mobile }) {
        message user { isFrozen } } }";
    let response = server
        .run_as_service(query, json!({ "mobile": MOBILE }))
        .await;
    assert_eq!(*response.data("/unfreezeUser/user/isFrozen"), false);
}

async fn login(server: &TestServer, password: &str) -> GraphQlResponse {
    let query = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank", "password": password });
    server.run_as(None, query, json!({ "input": input })).await
}

async fn frozen(server: &TestServer) -> Value {
    server
        .user(MOBILE, "isFrozen freeze { until by reason }")
        .await
}

#[tokio::test]
async fn the_active_session_freezes_its_user_and_every_device_is_logged_out_at_once() {
    let (server, user) = server_with_user().await;
    let waiting = server.login(MOBILE, json!({ "onConflict": "ASK" })).await;
    let waiting = waiting.data_str("/login/token");
    let socket = server.socket(Some(&user.token)).await;
    let mut of_first = AlertSubscription::start_own(socket).await;
    let query = "subscription($after: ID) { sessionAlerts(after: $after) {
        kind session { endReason } } }";
    let after = json!({ "after": server.alert_cursor(MOBILE).await });
    let mut of_waiting = EventStream::open(&server, Some(&waiting), query, after).await;

    let response = freeze(&server, &user.token, json!({ "reason": "stolen phone" })).await;
    // The freeze has ended the caller's session, which sees no more of its user.
    assert_eq!(*response.data("/freezeUser/user/isFrozen"), Value::Null);
    assert_eq!(*response.data("/freezeUser/user/freeze"), Value::Null);
    assert_eq!(frozen(&server).await["isFrozen"], true);

    for token in [&user.token, &waiting] {
        assert_eq!(server.verify_status(token).await, 401);
        assert_eq!(server.session_status(token).await, "ENDED");
    }
    // The alert about the waiting session comes first, and the stream ends with its own.
    assert_eq!(of_first.next_kind().await, "ACCOUNT_FROZEN");
    let alert = of_first.next_alert().await;
    assert_eq!(alert["session"]["sessionKey"], user.session);
    of_first.assert_completed().await;
    let alert = of_waiting.next().await;
    assert_eq!(alert["data"]["sessionAlerts"]["kind"], "ACCOUNT_FROZEN");
    assert_eq!(
        alert["data"]["sessionAlerts"]["session"]["endReason"],
        "FROZEN"
    );
    of_waiting.assert_completed().await;

    assert_eq!(login(&server, PASSWORD).await.error_code(), "FROZEN");
    let wrong = login(&server, "another password").await;
    assert_eq!(wrong.error_code(), "INVALID_CREDENTIALS");
    let by_service = server.login(MOBILE, json!({})).await;
    assert_eq!(by_service.error_code(), "FROZEN");
    assert_eq!(
        frozen(&server).await,
        json!({ "isFrozen": true, "freeze": {
            "until": "2024-11-23T10:45:47.209Z", "by": "SESSION", "reason": "stolen phone",
        } })
    );

    unfreeze(&server).await;
    unfreeze(&server).await;
    assert_eq!(
        login(&server, PASSWORD).await.data("/login/outcome"),
        "LOGGED_IN"
    );
    let log = server.alert_log(MOBILE).await;
    let last = log.last().map(|(_, kind)| &**kind);
    assert_eq!(last, Some("ACCOUNT_UNFROZEN"));
}

#[tokio::test]
async fn the_service_freezes_a_user_for_as_long_as_it_likes_and_a_session_only_for_a_day() {
    let (server, user) = server_with_user().await;
    for until in ["2024-11-22T10:45:47.209Z", "2020-01-01T00:00:00Z"] {
        for bearer in [SERVICE_KEY, &user.token] {
            let input = json!({ "mobile": MOBILE, "until": until });
            let rejected = freeze(&server, bearer, input).await;
            assert_eq!(rejected.invalid_field(), "until");
        }
    }
    let later = json!({ "mobile": MOBILE, "until": "2024-11-23T10:45:47.210Z" });
    let too_late = freeze(&server, &user.token, later.clone()).await;
    assert_eq!(too_late.invalid_field(), "until");
    let hidden = freeze(&server, &user.token, json!({ "reason": "a\u{202E}b" })).await;
    assert_eq!(hidden.invalid_field(), "reason");
    let nobody = freeze(&server, SERVICE_KEY, json!({})).await;
    assert_eq!(nobody.invalid_field(), "mobile");
    assert_eq!(server.session_status(&user.token).await, "ACTIVE");

    let by_service = freeze(&server, SERVICE_KEY, later).await;
    assert_eq!(*by_service.data("/freezeUser/user/isFrozen"), true);
    assert_eq!(by_service.data("/freezeUser/user/freeze/by"), "SERVICE");
    let forever = freeze(&server, SERVICE_KEY, json!({ "mobile": MOBILE })).await;
    assert_eq!(*forever.data("/freezeUser/user/freeze/until"), Value::Null);
    server.advance(Duration::from_hours(24 * 365));
    assert_eq!(login(&server, PASSWORD).await.error_code(), "FROZEN");
}

#[tokio::test]
async fn a_freeze_ends_by_itself_and_a_new_password_does_not_lift_it() {
    let (server, user) = server_with_user().await;
    freeze(&server, &user.token, json!({}))
        .await
        .data_str("/freezeUser/message");
    let query = "mutation($input: SetPasswordInput!) { setPassword(input: $input) { message } }";
    let input = json!({ "mobile": MOBILE, "newPassword": "quiet harbor 91" });
    server
        .run_as_service(query, json!({ "input": input }))
        .await
        .data_str("/setPassword/message");
    server.advance(Duration::from_hours(24) - Duration::from_millis(1));
    assert_eq!(
        login(&server, "quiet harbor 91").await.error_code(),
        "FROZEN"
    );
    let server = server.restart().await;
    assert_eq!(frozen(&server).await["isFrozen"], true);
    server.advance(Duration::from_millis(1));
    assert_eq!(frozen(&server).await["isFrozen"], false);
    let login = login(&server, "quiet harbor 91").await;
    assert_eq!(login.data("/login/outcome"), "LOGGED_IN");
}

#[tokio::test]
async fn a_user_without_a_session_is_frozen_with_an_alert_about_no_session() {
    let (server, user) = server_with_user().await;
    server.invalidate_session(&user.session).await;
    freeze(&server, SERVICE_KEY, json!({ "mobile": MOBILE }))
        .await
        .data_str("/freezeUser/message");
    let fields = "alerts(first: 1) { nodes { kind message session { sessionKey } } }";
    assert_eq!(
        server.user(MOBILE, fields).await["alerts"]["nodes"][0],
        json!({
            "kind": "ACCOUNT_FROZEN", "message": "The account was frozen.", "session": Value::Null,
        })
    );
}
