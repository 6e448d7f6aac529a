//! The first device decides on the login of a second one.

mod holder;
mod limits;
mod numbers;
mod presence;
mod races;
mod timeouts;

use serde_json::{Value, json};
use sessiond_test_support::{Account, GraphQlResponse, MOBILE, TestServer, merge};

const PASSWORD: &str = "grave lantern 7";

/// The fields of an alert about a waiting login.
const QUESTION: &str = "id kind attempt { id matchChoices isNewDevice isNewPlace }";

/// A server with a service key, and a user with a password who is logged in on the device `phone`.
async fn server_with_phone(flags: &[&str]) -> (TestServer, Account) {
    let server = TestServer::with_service_key_and_flags(flags).await;
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) {
        token session { sessionKey } } }";
    let input = json!({
        "mobile": MOBILE, "username": "SavingsBank", "password": PASSWORD, "deviceId": "phone",
    });
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

/// Logs in with the password on the device with this id, as a caller that is not the service.
async fn login(server: &TestServer, device: &str, input: Value) -> GraphQlResponse {
    login_as(server, None, device, input).await
}

async fn login_as(
    server: &TestServer,
    bearer: Option<&str>,
    device: &str,
    additions: Value,
) -> GraphQlResponse {
    let query = "mutation($input: LoginInput!) { login(input: $input) {
        outcome message token matchNumber retryAfterSeconds session { sessionKey status }
        holder { isListening lastSeenAt device { label } } } }";
    let mut input = json!({
        "mobile": MOBILE, "username": "SavingsBank", "password": PASSWORD, "deviceId": device,
        "userAgent": format!("{device}/1"),
    });
    merge(&mut input, additions);
    server
        .run_as(bearer, query, json!({ "input": input }))
        .await
}

/// The last alert of the user as a caller sees it.
async fn last_alert(server: &TestServer, bearer: Option<&str>) -> Value {
    let query = format!(
        "query($mobile: String!) {{ user(mobile: $mobile) {{ alerts(first: 1) {{ nodes {{
            {QUESTION} }} }} }} }}"
    );
    let response = server
        .run_as(bearer, &query, json!({ "mobile": MOBILE }))
        .await;
    response.data("/user/alerts/nodes/0").clone()
}

/// Decides on a login. Returns the response.
async fn decide(
    server: &TestServer,
    bearer: Option<&str>,
    attempt: &Value,
    decision: &str,
    number: impl Into<Value>,
) -> GraphQlResponse {
    let query = "mutation($input: DecideLoginInput!) { decideLogin(input: $input) {
        message session { status endReason } } }";
    let number: Value = number.into();
    let input = json!({ "attemptId": attempt, "decision": decision, "matchNumber": number });
    server
        .run_as(bearer, query, json!({ "input": input }))
        .await
}

/// A number of two digits that is not the right one.
fn wrong(number: &Value) -> u64 {
    match number.as_u64().unwrap() {
        99 => 10,
        right => right + 1,
    }
}
