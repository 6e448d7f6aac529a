//! The session's cookie: what sets and removes it, and which requests it authenticates.

mod gateways;
mod requests;
mod setting;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sessiond_test_support::{ApiClient, GraphQlResponse, MOBILE, SERVICE_KEY, TestServer};

const ALLOWED: &str = "https://app.example.com";
const OWN_SESSION: &str = "{ currentSession { sessionKey } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) {
    outcome token session { sessionKey } } }";
/// What a response does with a cookie that it removes.
const REMOVED: &str = "__Host-sessiond=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";

/// A server with a page of another origin.
async fn server() -> TestServer {
    server_with(&[]).await
}

async fn server_with(flags: &[&str]) -> TestServer {
    let allowed = format!("--allowed-origin={ALLOWED}");
    let flags = [&[&*allowed], flags].concat();
    TestServer::with_service_key_and_flags(&flags).await
}

/// A server, and a user who is logged in with a cookie: its name and value, and its session.
async fn logged_in() -> (TestServer, String, String) {
    let server = server().await;
    server.create_user(MOBILE).await;
    let (login, cookies) = log_in(&server, json!({ "onConflict": "TAKE_OVER" })).await;
    let key = login.data_str("/login/session/sessionKey");
    (server, pair(&cookies).to_owned(), key)
}

fn post(server: &ApiClient, query: &str, variables: Value) -> RequestBuilder {
    let mut body = json!({ "query": query });
    body["variables"] = variables;
    server.post("/graphql").json(&body)
}

/// The response to a request, and the values of its `Set-Cookie` headers.
async fn send(request: RequestBuilder) -> (GraphQlResponse, Vec<String>) {
    let response = request.send().await.unwrap();
    let cookies = response.headers().get_all("set-cookie").iter();
    let cookies = cookies.map(|value| value.to_str().unwrap().to_owned());
    let cookies = cookies.collect();
    (GraphQlResponse(response.json().await.unwrap()), cookies)
}

/// Logs in with a cookie, as the service. Returns the payload, and the header that sets the cookie.
async fn log_in(server: &ApiClient, input: Value) -> (GraphQlResponse, Vec<String>) {
    let mut all = json!({ "mobile": MOBILE, "username": "SavingsBank", "cookie": true });
    all.as_object_mut()
        .unwrap()
        .extend(input.as_object().unwrap().clone());
    let request = post(server, LOGIN, json!({ "input": all })).bearer_auth(SERVICE_KEY);
    send(request).await
}

/// The name and the value in a `Set-Cookie` header.
fn pair(cookies: &[String]) -> &str {
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    cookies[0].split(';').next().unwrap()
}
