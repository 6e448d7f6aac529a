//! The tower layer in axum, and the calls of a back end, against a real server.

#![expect(clippy::unwrap_used, reason = "a failure is the failure of a test")]

mod support;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    http::{Method, Request, Response, StatusCode},
    routing::get,
};
use sessiond_client::{
    CheckedSession, Checker, LoginInput, LoginOutcome, OnConflict, RequireSession, ServiceClient,
    UserInput,
};
use sessiond_test_support::{MOBILE, SERVICE_KEY, TestServer, UNKNOWN_MOBILE, within_deadline};
use tower::ServiceExt;

use crate::support::{builder, caught_up, passes};

/// An app whose only page names the user.
fn app(checker: Checker) -> Router {
    let name = async |Extension(session): Extension<Arc<CheckedSession>>| session.username.clone();
    Router::new()
        .route("/", get(name).post(name))
        .layer(RequireSession::new(checker))
}

async fn request(app: &Router, authorization: Option<&str>) -> Response<Body> {
    let header = authorization.map(|value| ("authorization", value));
    send(app, Method::GET, &Vec::from_iter(header)).await
}

async fn send(app: &Router, method: Method, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    within_deadline(app.clone().oneshot(request)).await.unwrap()
}

async fn body(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_request_passes_with_a_valid_token_only() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let app = app(builder(&server)
        .max_staleness(Duration::ZERO)
        .start()
        .unwrap());
    let bearer = format!("Bearer {}", user.token);

    let passed = request(&app, Some(&bearer)).await;
    assert_eq!(passed.status(), StatusCode::OK);
    assert_eq!(body(passed).await, "SavingsBank");

    let anonymous = request(&app, None).await;
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(anonymous.headers()["www-authenticate"], "Bearer");
    assert_eq!(anonymous.headers()["cache-control"], "no-store");
    assert_eq!(body(anonymous).await, r#"{"error":"No valid session."}"#);

    server.invalidate_session(&user.session).await;
    let revoked = request(&app, Some(&bearer)).await;
    assert_eq!(revoked.status(), StatusCode::UNAUTHORIZED);
    let challenge = &revoked.headers()["www-authenticate"];
    assert_eq!(challenge, r#"Bearer error="invalid_token""#);
}

#[tokio::test]
async fn a_request_passes_with_the_cookie_and_one_of_another_page_changes_nothing() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let app = app(builder(&server).start().unwrap());
    let cookie = format!("__Host-sessiond={}", user.token);
    let cookie = ("cookie", cookie.as_str());
    let status =
        async |method, headers: &[(&str, &str)]| send(&app, method, headers).await.status();

    assert_eq!(status(Method::GET, &[cookie]).await, StatusCode::OK);
    let of_app = ("authorization", "Basic dXNlcjpwYXNzd29yZA==");
    assert_eq!(status(Method::GET, &[cookie, of_app]).await, StatusCode::OK);
    let other = ("authorization", "Bearer sd1_another");
    assert_eq!(
        status(Method::GET, &[cookie, other]).await,
        StatusCode::UNAUTHORIZED
    );
    let repeated = send(&app, Method::GET, &[cookie, cookie]).await;
    assert_eq!(repeated.status(), StatusCode::BAD_REQUEST);

    let host = ("host", "app.example.com");
    let own = ("origin", "https://app.example.com");
    assert_eq!(
        status(Method::POST, &[cookie, host, own]).await,
        StatusCode::OK
    );
    let foreign = ("origin", "https://other.example.com");
    let refused = send(&app, Method::POST, &[cookie, host, foreign]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        body(refused).await,
        r#"{"error":"The request does not come from a page of this site."}"#
    );
}

#[tokio::test]
async fn while_the_server_is_down_a_request_is_refused_with_503() {
    let mut server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let app = app(builder(&server)
        .max_staleness(Duration::ZERO)
        .start()
        .unwrap());
    server.stop().await;
    let refused = request(&app, Some(&format!("Bearer {}", user.token))).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
}

#[tokio::test]
async fn a_back_end_vouches_for_its_users_and_ends_their_sessions() {
    let server = TestServer::with_service_key().await;
    let service = ServiceClient::new(&server.url(""), SERVICE_KEY).unwrap();
    let checker = builder(&server).service_key(SERVICE_KEY).start().unwrap();
    caught_up(&checker).await;
    let user = UserInput {
        mobile: MOBILE.to_owned(),
        username: "Jürgen".to_owned(),
        user_agent: Some("first device".to_owned()),
        ..UserInput::default()
    };
    let created = service.create_user(&user).await.unwrap();
    let session = checker.check(&created.token).await.unwrap().unwrap();
    assert_eq!(session.username, "Jürgen");
    assert_eq!(
        (session.user_id, session.session_key),
        (created.user_id, created.session_key)
    );

    let mut input = LoginInput {
        user,
        on_conflict: Some(OnConflict::Reject),
    };
    input.user.user_agent = Some("second device".to_owned());
    let refused = service.login(&input).await.unwrap();
    assert_eq!(refused.outcome, LoginOutcome::Refused);
    assert_eq!(refused.token, None);

    service
        .invalidate_session(created.session_key)
        .await
        .unwrap();
    checker.forget(created.session_key);
    assert!(!passes(&checker, &created.token).await);
    let login = service.login(&input).await.unwrap();
    assert_eq!(login.outcome, LoginOutcome::LoggedIn);
    assert!(passes(&checker, &login.token.unwrap()).await);
}

#[tokio::test]
async fn an_error_of_the_server_has_its_code() {
    let server = TestServer::with_service_key().await;
    let service = ServiceClient::new(&server.url(""), SERVICE_KEY).unwrap();
    let mut input = LoginInput::default();
    input.user.mobile = UNKNOWN_MOBILE.to_owned();
    input.user.username = "Nobody".to_owned();
    let error = service.login(&input).await.unwrap_err();
    assert_eq!(error.code(), "INVALID_CREDENTIALS");
    assert!(!error.is_temporary());

    let stranger =
        ServiceClient::new(&server.url(""), "a wrong key of 32 characters or more").unwrap();
    let error = stranger
        .invalidate_session(uuid::Uuid::nil())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "UNAUTHENTICATED");
}
