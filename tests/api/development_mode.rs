//! The hosts, origins and proxies whose requests are accepted in development mode.

use sessiond_test_support::TestServer;

use crate::cross_origin::{assert_header, post, preflight, send, statuses};

#[tokio::test]
async fn in_development_mode_pages_of_the_own_machine_may_use_the_api() {
    let server = TestServer::start().await;
    for origin in [
        "http://localhost:5173",
        "http://127.0.0.1:8080",
        "http://[::1]:3001",
        "https://localhost",
        "http://app.localhost:4200",
    ] {
        assert_eq!(
            statuses(&server, origin, "localhost:3000").await,
            (200, 101),
            "{origin}"
        );
        let request = post(&server).header("origin", origin);
        let response = send(request.header("sec-fetch-site", "same-site")).await;
        assert_eq!(response.status(), 200, "{origin}");
        assert_header(&response, "access-control-allow-origin", origin);
        let response = send(preflight(&server, origin, "content-type,traceparent")).await;
        assert_header(&response, "access-control-allow-origin", origin);
        assert_header(
            &response,
            "access-control-allow-headers",
            "content-type,traceparent",
        );
    }
    for origin in [
        "http://localhost.evil.example",
        "http://evil.example",
        "http://127.0.0.1.evil.example:8080",
        "http://0.0.0.0:5173",
        "http://192.0.2.1:5173",
        "capacitor://localhost",
        "null",
    ] {
        assert_eq!(
            statuses(&server, origin, "localhost:3000").await,
            (403, 403),
            "{origin}"
        );
        assert_eq!(
            send(preflight(&server, origin, "content-type"))
                .await
                .status(),
            403
        );
    }
    // DNS rebinding: another name resolves to this machine.
    for host in [
        "evil.example",
        "localhost.evil.example:3000",
        "192.0.2.1:3000",
    ] {
        for origin in ["http://localhost:5173", &format!("http://{host}")] {
            assert_eq!(
                statuses(&server, origin, host).await,
                (403, 403),
                "{host} {origin}"
            );
        }
    }
}

#[tokio::test]
async fn in_development_mode_a_request_through_a_proxy_is_rejected() {
    let server = TestServer::start().await;
    for (name, value) in [
        ("forwarded", "for=203.0.113.9"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "app.example.com"),
        ("via", "1.1 proxy"),
        ("x-real-ip", "203.0.113.9"),
        ("cf-connecting-ip", "203.0.113.9"),
    ] {
        let response = send(post(&server).header(name, value)).await;
        assert_eq!(response.status(), 403, "{name}");
        let message = response.text().await.unwrap();
        assert!(message.contains("Set a service key."), "{message}");
        for probe in ["/healthz", "/readyz"] {
            let response = send(server.get(probe).header(name, value)).await;
            assert_eq!(response.status(), 200, "{name} {probe}");
        }
    }
}

#[tokio::test]
async fn a_server_with_a_service_key_accepts_any_host_and_proxies() {
    let server = TestServer::with_service_key().await;
    let request = post(&server).header("host", "sessions.example.com");
    let request = request.header("via", "1.1 proxy");
    assert_eq!(
        send(request.header("x-forwarded-for", "203.0.113.9"))
            .await
            .status(),
        200
    );
}
