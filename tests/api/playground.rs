//! When the server has the playground. Its pages are tested in `playground/e2e`.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};
use sessiond_test_support::{ApiClient, TestServer};

use crate::SESSIOND;

/// The parameters of the playground, or `None` if the server has none.
async fn settings(server: &ApiClient) -> Option<Value> {
    let response = server.get("/settings.json").send().await.unwrap();
    match response.status().as_u16() {
        404 => None,
        _ => Some(response.json().await.unwrap()),
    }
}

#[tokio::test]
async fn in_development_mode_the_server_has_the_playground_unless_it_is_off() {
    let server = TestServer::start().await;
    assert_eq!(
        settings(&server).await,
        Some(json!({
            "developmentMode": true,
            "introspection": true,
            "clientPolicies": ["REJECT", "ASK", "TAKE_OVER"],
            "awayAfterSeconds": 120,
        }))
    );
    let server = TestServer::with_flags(&["--playground=off"]).await;
    assert_eq!(settings(&server).await, None);
}

#[tokio::test]
async fn a_path_that_does_not_exist_has_a_page_for_browsers_and_no_body_for_programs() {
    let server = TestServer::start().await;
    for (accept, content_type) in [
        ("text/html,*/*;q=0.8", Some("text/html; charset=utf-8")),
        ("text/html;q=0, */*", None),
        ("*/*", None),
        ("application/json", None),
    ] {
        let request = server.get("/nothing/here").header(ACCEPT, accept);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 404, "{accept}");
        let found = response.headers().get(CONTENT_TYPE);
        let found = found.map(|value| value.to_str().unwrap());
        assert_eq!(found, content_type, "{accept}");
        let is_empty = response.text().await.unwrap().is_empty();
        assert_eq!(is_empty, content_type.is_none(), "{accept}");
    }
    let response = server.post("/nothing").header(ACCEPT, "text/html").send();
    assert_eq!(response.await.unwrap().text().await.unwrap(), "");
}

#[tokio::test]
async fn with_a_service_key_the_server_has_no_playground() {
    let server = TestServer::with_service_key().await;
    for path in [
        "/",
        "/explore",
        "/sessions",
        "/licenses.md",
        "/settings.json",
        "/assets/index.js",
        "/nothing",
    ] {
        let request = server.get(path).header(ACCEPT, "text/html,*/*;q=0.8");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
        // The same response as to any path that does not exist.
        assert_eq!(response.headers().get(CONTENT_TYPE), None, "{path}");
        assert_eq!(response.text().await.unwrap(), "", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_service_key_the_playground_can_be_turned_on() {
    let server = SESSIOND
        .server()
        .service_key()
        .flags(&["--playground=on"])
        .start()
        .await;
    assert_eq!(
        settings(&server).await,
        Some(json!({
            "developmentMode": false,
            "introspection": true,
            "clientPolicies": ["REJECT"],
            "awayAfterSeconds": 120,
        }))
    );
}
