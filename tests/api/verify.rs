//! `/verify`, with which a gateway checks the token of a request.

use reqwest::StatusCode;
use serde_json::json;
use sessiond_test_support::{MOBILE, SERVICE_KEY, TestServer};

#[tokio::test]
async fn verify_identifies_the_session_of_a_valid_token() {
    let server = TestServer::with_service_key().await;
    let query = "mutation($input: CreateUserInput!) { createUser(input: $input) {
        token user { id } session { sessionKey } } }";
    let input = json!({ "mobile": "+91 90123 45678", "username": "Zoë 100%" });
    let created = server
        .run_as_service(query, json!({ "input": input }))
        .await;
    let token = created.data_str("/createUser/token");
    let key = created.data_str("/createUser/session/sessionKey");

    let request = server.get("/verify").bearer_auth(&token);
    let verified = request.send().await.unwrap();

    assert_eq!(verified.status(), 204);
    let headers = verified.headers();
    assert_eq!(headers["x-session-key"], *key);
    assert_eq!(
        headers["x-user-id"],
        *created.data_str("/createUser/user/id")
    );
    assert_eq!(headers["x-user-mobile"], "+919012345678");
    assert_eq!(headers["x-user-name"], "Zo%C3%AB 100%25");
}

#[tokio::test]
async fn verify_accepts_only_the_bearer_token_of_a_valid_session() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let token = &user.token;
    for authorization in [
        token.clone(),
        format!("Token {token}"),
        format!("Bearer{token}"),
    ] {
        let request = server.get("/verify").header("authorization", authorization);
        let rejected = request.send().await.unwrap();
        assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    }

    server
        .invalidate_session_as(Some(token), &user.session)
        .await
        .data_str("/invalidateSession/message");
    for request in [
        server.get("/verify").bearer_auth(token),
        server.get("/verify").bearer_auth(SERVICE_KEY),
        server.get("/verify").bearer_auth("sd1_nonsense"),
        server.get("/verify").basic_auth("user", Some("password")),
        server.get("/verify"),
    ] {
        let rejected = request.send().await.unwrap();
        assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(rejected.headers()["www-authenticate"], "Bearer");
    }
}
