//! Credentials in places where clients put them. In development mode, a request without credentials
//! comes from the service, so a token that is not read must never be ignored.

use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, Socket, TestServer};

const DELETE: &str = "mutation { deleteUser(input: { mobile: \"9012345699\" }) { message } }";

#[tokio::test]
async fn an_init_may_carry_its_credentials_as_a_header() {
    for server in [
        TestServer::start().await,
        TestServer::with_service_key().await,
    ] {
        let user = server.create_user(MOBILE).await;
        let bearer = format!("Bearer {}", user.token);
        for payload in [
            json!({ "Authorization": bearer }),
            json!({ "authorization": user.token }),
            json!({ "headers": { "Authorization": bearer } }),
            json!({ "headers": { "authorization": user.token }, "authorization": bearer }),
        ] {
            let mut socket = Socket::connect(server.address).await;
            socket.init(payload).await;
            assert_eq!(socket.receive().await["type"], "connection_ack");
            let query = "{ currentSession { user { mobile } } }";
            let response = socket.run(query, json!({})).await;
            assert_eq!(response.data("/currentSession/user/mobile"), MOBILE);
        }
    }
}

#[tokio::test]
async fn a_wrong_token_in_an_init_never_makes_its_sender_the_service() {
    for server in [
        TestServer::start().await,
        TestServer::with_service_key().await,
    ] {
        for (payload, code) in [
            (
                json!({ "headers": { "Authorization": "Bearer wrong" } }),
                4403,
            ),
            (json!({ "authorization": "wrong" }), 4403),
            (json!({ "authorization": "Basic d3Jvbmc=" }), 4403),
            (json!({ "authorization": "" }), 4403),
            (json!({ "headers": { "authorization": 7 } }), 4400),
            (json!({ "authToken": "wrong" }), 4400),
            (json!({ "token": "wrong" }), 4400),
            (json!({ "accessToken": { "value": "wrong" } }), 4400),
            (json!({ "x-api-key": "wrong" }), 4400),
            (json!({ "any": "Bearer wrong" }), 4400),
            (json!({ "headers": "Authorization: wrong" }), 4400),
            (json!({ "headers": ["Authorization", "wrong"] }), 4400),
            (json!({ "headers": { "X-Auth-Token": "wrong" } }), 4400),
            (
                json!({ "context": { "headers": { "authorization": "wrong" } } }),
                4400,
            ),
            (json!({ "authorization": "a", "Authorization": "b" }), 4400),
        ] {
            let mut socket = Socket::connect(server.address).await;
            socket.init(payload.clone()).await;
            let (found, reason) = socket.closed().await;
            assert_eq!(found, code, "{payload} {reason}");
        }
    }
}

#[tokio::test]
async fn a_wrong_token_in_a_request_never_makes_its_sender_the_service() {
    let server = TestServer::start().await;
    let body = json!({ "query": DELETE });
    let code = async |path: &str, header: (&str, &str)| {
        let request = server.post(path).header(header.0, header.1).json(&body);
        let response: Value = request.send().await.unwrap().json().await.unwrap();
        response["errors"][0]["extensions"]["code"].clone()
    };
    // The service may delete a user, and this one does not exist.
    assert_eq!(code("/graphql", ("x-request-id", "1")).await, "NOT_FOUND");
    for (path, header, expected) in [
        (
            "/graphql",
            ("authorization", "Bearer wrong"),
            "UNAUTHENTICATED",
        ),
        (
            "/graphql",
            ("authorization", "Basic d3Jvbmc="),
            "UNAUTHENTICATED",
        ),
        ("/graphql", ("authorization", "wrong"), "UNAUTHENTICATED"),
        ("/graphql", ("authorization", ""), "UNAUTHENTICATED"),
        (
            "/graphql",
            ("x-authorization", "Bearer wrong"),
            "BAD_REQUEST",
        ),
        ("/graphql", ("x-api-key", "wrong"), "BAD_REQUEST"),
        (
            "/graphql?access_token=wrong",
            ("x-request-id", "1"),
            "BAD_REQUEST",
        ),
        ("/graphql?token=wrong", ("x-request-id", "1"), "BAD_REQUEST"),
        (
            "/graphql?token=x",
            ("authorization", "Bearer wrong"),
            "UNAUTHENTICATED",
        ),
    ] {
        assert_eq!(code(path, header).await, expected, "{path} {header:?}");
    }
    for extensions in [
        json!({ "headers": { "authorization": "Bearer wrong" } }),
        json!({ "authorization": "wrong" }),
    ] {
        let body = json!({ "query": DELETE, "extensions": extensions });
        let response = server.post("/graphql").json(&body).send().await.unwrap();
        assert_eq!(response.status(), 400, "{extensions}");
        let get = server.get("/graphql").query(&[
            ("query", "{ __typename }"),
            ("extensions", &*extensions.to_string()),
        ]);
        assert_eq!(get.send().await.unwrap().status(), 400, "{extensions}");
        let mut socket = Socket::connect(server.address).await;
        socket.init(json!({})).await;
        assert_eq!(socket.receive().await["type"], "connection_ack");
        let message = json!({ "type": "subscribe", "id": "1", "payload": body });
        socket.send(message).await;
        assert_eq!(socket.closed().await.0, 4400, "{extensions}");
    }
    for (name, value) in [
        ("x-any", "Bearer wrong"),
        ("cookie", "session=sd1_wrong"),
        ("authentication", "wrong"),
    ] {
        assert_eq!(code("/graphql", (name, value)).await, "BAD_REQUEST");
    }
    let get = server
        .get("/graphql?access_token=wrong")
        .query(&[("query", "{ __typename }")]);
    assert_eq!(get.send().await.unwrap().status(), 400);
    let upgrade = server
        .get("/graphql?access_token=wrong")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "graphql-transport-ws");
    assert_eq!(upgrade.send().await.unwrap().status(), 400);
}
