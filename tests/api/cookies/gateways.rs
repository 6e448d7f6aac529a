//! The cookie at `/verify`, and the login page.

use reqwest::StatusCode;
use serde_json::json;
use sessiond_test_support::{MOBILE, connect_and_send, read_to_end};

use super::{log_in, pair, server, server_with};

#[tokio::test]
async fn a_gateway_may_forward_the_cookie() {
    let server = server().await;
    server.create_user(MOBILE).await;
    let (login, cookies) = log_in(&server, json!({ "onConflict": "TAKE_OVER" })).await;
    let verify = |path: &str| server.get(path).header("cookie", pair(&cookies));
    for path in ["/verify", "/verify/orders/7"] {
        let response = verify(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let key = response.headers()["x-session-key"].to_str().unwrap();
        assert_eq!(login.data("/login/session/sessionKey"), key);
    }
    // The application behind the gateway may use the header itself.
    let basic = verify("/verify").basic_auth("ada", Some("secret"));
    assert_eq!(basic.send().await.unwrap().status(), StatusCode::OK);
    let wrong = verify("/verify").bearer_auth("sd1_wrong");
    assert_eq!(
        wrong.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_browser_without_a_session_is_sent_to_the_login_page_and_a_script_is_not() {
    let server = server_with(&["--login-url=/login"]).await;
    let page = ("accept", "text/html,*/*;q=0.8");
    for (method, path, header, is_sent) in [
        ("GET", "/verify", page, true),
        ("GET", "/verify", ("sec-fetch-mode", "navigate"), true),
        ("GET", "/verify", ("sec-fetch-mode", "cors"), false),
        ("GET", "/verify", ("accept", "application/json"), false),
        ("GET", "/verify", ("accept", "text/html;q=0"), false),
        ("GET", "/verify/orders", page, false),
        ("POST", "/verify", page, false),
    ] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: app.example.net\r\nconnection: close\r\n\
             content-length: 0\r\n{}: {}\r\n\r\n",
            header.0, header.1
        );
        let mut stream = connect_and_send(server.address, request.as_bytes()).await;
        let response = read_to_end(&mut stream).await;
        let status = if is_sent {
            "HTTP/1.1 303 "
        } else {
            "HTTP/1.1 401 "
        };
        assert!(
            response.starts_with(status),
            "{method} {path} {header:?} {response}"
        );
        assert_eq!(response.contains("location: /login\r\n"), is_sent);
    }
}
