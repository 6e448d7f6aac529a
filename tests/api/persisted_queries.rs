//! Persisted queries: a client sends the hash of a query, and its text only if the server does not
//! know the hash.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sessiond_test_support::{EVENT_STREAM, EventStream, MOBILE, TestServer, within_deadline};
use sha2::{Digest, Sha256};

const GRAPHQL: &str = "application/graphql-response+json";
const USER: &str = "query User($mobile: String!) { user(mobile: $mobile) { username } }";

/// The entry `extensions` for a text.
fn extensions(text: &str) -> Value {
    let hash = Sha256::digest(text);
    let digits = hash.iter().map(|byte| format!("{byte:02x}"));
    let hash = digits.collect::<Vec<_>>().concat();
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

/// The parameters of a GET, and the body of a POST, with the hash of a text.
fn hash_of(text: &str, variables: &Value) -> Value {
    json!({ "extensions": extensions(text), "variables": variables })
}

fn with_text(text: &str, variables: &Value) -> Value {
    json!({ "query": text, "extensions": extensions(text), "variables": variables })
}

fn get(server: &TestServer, body: &Value) -> RequestBuilder {
    let parameters: Vec<_> = body
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let text = value.as_str().map(ToOwned::to_owned);
            (name.clone(), text.unwrap_or_else(|| value.to_string()))
        })
        .collect();
    server.get("/graphql").query(&parameters)
}

/// The status and the body of a response.
async fn send(request: RequestBuilder) -> (u16, Value) {
    let response = within_deadline(request.header("accept", GRAPHQL).send());
    let response = response.await.unwrap();
    let status = response.status().as_u16();
    (status, within_deadline(response.json()).await.unwrap())
}

async fn post(server: &TestServer, body: &Value) -> (u16, Value) {
    send(server.post("/graphql").json(body)).await
}

fn code(response: &Value) -> &str {
    let code = &response["errors"][0]["extensions"]["code"];
    code.as_str()
        .unwrap_or_else(|| panic!("no code in {response}"))
}

/// Whether the server knows the hash of a text.
async fn is_known(server: &TestServer, text: &str) -> bool {
    let (_, response) = post(server, &hash_of(text, &json!({}))).await;
    response["errors"][0]["message"] != "PersistedQueryNotFound"
}

#[tokio::test]
async fn a_query_is_executed_by_its_hash_once_a_client_has_sent_its_text() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let variables = json!({ "mobile": MOBILE });
    let by_hash = hash_of(USER, &variables);
    for request in [
        get(&server, &by_hash),
        server.post("/graphql").json(&by_hash),
    ] {
        let (status, response) = send(request).await;
        assert_eq!(status, 200);
        assert_eq!(code(&response), "PERSISTED_QUERY_NOT_FOUND");
        let message = &response["errors"][0]["message"];
        assert_eq!(message, "PersistedQueryNotFound");
        assert!(response.get("data").is_none());
    }

    let expected = json!({ "data": { "user": { "username": "SavingsBank" } } });
    let by_text = with_text(USER, &variables);
    assert_eq!(post(&server, &by_text).await, (200, expected.clone()));
    assert_eq!(post(&server, &by_hash).await, (200, expected.clone()));
    let response = send(get(&server, &by_hash)).await;
    assert_eq!(response, (200, expected.clone()));

    // The variables belong to the request, not to the query.
    let unknown = hash_of(USER, &json!({ "mobile": "9012500999" }));
    let (_, response) = post(&server, &unknown).await;
    assert_eq!(response, json!({ "data": { "user": null } }));
    let (_, response) = post(&server, &hash_of(USER, &json!({}))).await;
    let message = &response["errors"][0]["message"];
    assert_eq!(message, "The variable $mobile has no value.");

    let mut socket = server.socket(None).await;
    socket
        .send(json!({ "type": "subscribe", "id": "1", "payload": by_hash }))
        .await;
    assert_eq!(socket.receive().await["payload"], expected);
    socket.assert_completed("1").await;
    let stream = get(&server, &by_hash).header("accept", EVENT_STREAM);
    let stream = within_deadline(stream.send()).await.unwrap();
    assert_eq!(EventStream::new(stream).next().await, expected);
}

#[tokio::test]
async fn the_text_is_kept_from_each_transport() {
    let server = TestServer::start().await;
    let texts = ["{ a: __typename }", "{ b: __typename }"];
    let (status, _) = send(get(&server, &with_text(texts[0], &json!({})))).await;
    assert_eq!(status, 200);
    let mut socket = server.socket(None).await;
    let by_text = with_text(texts[1], &json!({}));
    socket
        .send(json!({ "type": "subscribe", "id": "1", "payload": by_text }))
        .await;
    socket.receive().await;
    socket.assert_completed("1").await;
    for text in texts {
        assert!(is_known(&server, text).await, "{text}");
    }
}

#[tokio::test]
async fn a_subscription_is_kept_before_its_first_event() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let text = "subscription($mobile: String!) { sessionAlerts(mobile: $mobile) { kind } }";
    let variables = json!({ "mobile": MOBILE });
    let mut socket = server.socket(None).await;
    let start =
        |id: &str, payload: Value| json!({ "type": "subscribe", "id": id, "payload": payload });
    socket.send(start("1", hash_of(text, &variables))).await;
    let message = socket.receive().await;
    assert_eq!(message["type"], "error");
    assert_eq!(message["payload"][0]["message"], "PersistedQueryNotFound");

    socket.send(start("2", with_text(text, &variables))).await;
    // A query on the same socket starts after the subscription.
    socket.run("{ __typename }", json!({})).await;
    socket.complete("2").await;
    socket.send(start("3", hash_of(text, &variables))).await;
    socket.run("{ __typename }", json!({})).await;
    server.login(MOBILE, json!({})).await;
    let message = socket.receive().await;
    assert_eq!(message["id"], "3");
    let kind = &message["payload"]["data"]["sessionAlerts"]["kind"];
    assert_eq!(kind, "LOGIN_REFUSED");
}

#[tokio::test]
async fn a_get_with_the_hash_of_a_mutation_is_refused() {
    let server = TestServer::start().await;
    let text = "mutation($input: CreateUserInput!) { createUser(input: $input) { message } }";
    let variables = json!({ "input": { "mobile": MOBILE, "username": "Ada" } });
    let (status, _) = post(&server, &with_text(text, &variables)).await;
    assert_eq!(status, 200);
    assert!(is_known(&server, text).await);
    let variables = json!({ "input": { "mobile": "9012500999", "username": "Ada" } });
    let (status, response) = send(get(&server, &hash_of(text, &variables))).await;
    assert_eq!((status, code(&response)), (405, "METHOD_NOT_ALLOWED"));
    let (_, response) = post(&server, &hash_of(USER, &json!({}))).await;
    assert_eq!(code(&response), "PERSISTED_QUERY_NOT_FOUND");
    let query = "{ user(mobile: \"9012500999\") { id } }";
    assert!(server.run(query, json!({})).await.data("/user").is_null());
}

#[tokio::test]
async fn a_hash_that_is_not_that_of_the_text_is_rejected_and_not_kept() {
    let server = TestServer::start().await;
    let other = "{ other: __typename }";
    let body = json!({ "query": "{ __typename }", "extensions": extensions(other) });
    let (status, response) = post(&server, &body).await;
    assert_eq!((status, code(&response)), (400, "PERSISTED_QUERY_MISMATCH"));
    assert!(response.get("data").is_none());
    assert!(!is_known(&server, other).await);
}

#[tokio::test]
async fn only_a_valid_query_without_strings_is_kept() {
    let server = TestServer::start().await;
    for (text, variables, is_kept) in [
        ("{ __typename }", json!({}), true),
        ("{ nope }", json!({}), false),
        ("{ __typename", json!({}), false),
        ("query($a: Int) { __typename }", json!({}), false),
        // Its variable is not valid, so the validation of the query did not succeed.
        (USER, json!({ "mobile": 7 }), false),
        (USER, json!({ "mobile": MOBILE }), true),
        // It is valid, although its execution fails.
        (
            "query($mobile: String!) { user(mobile: $mobile) { id } }",
            json!({ "mobile": "" }),
            true,
        ),
        // A string may be a password.
        ("{ user(mobile: \"9012500000\") { id } }", json!({}), false),
        (
            "{ user(mobile: \"\"\"9012500000\"\"\") { id } }",
            json!({}),
            false,
        ),
        (
            "query A { __typename } query B { __typename }",
            json!({}),
            false,
        ),
    ] {
        post(&server, &with_text(text, &variables)).await;
        assert_eq!(is_known(&server, text).await, is_kept, "{text}");
    }
    let several = "query A { a: __typename } query B { b: __typename }";
    let mut body = with_text(several, &json!({}));
    body["operationName"] = json!("B");
    post(&server, &body).await;
    body.as_object_mut().unwrap().remove("query");
    let (_, response) = post(&server, &body).await;
    assert_eq!(response, json!({ "data": { "b": "Query" } }));
}

#[tokio::test]
async fn a_query_is_kept_with_the_lowest_limits() {
    let flags = ["--max-depth=1", "--max-complexity=1", "--max-aliases=1"];
    let server = TestServer::with_flags(&flags).await;
    let text = "{ __typename }";
    post(&server, &with_text(text, &json!({}))).await;
    assert!(is_known(&server, text).await);
}

#[tokio::test]
async fn a_malformed_entry_is_a_clear_error_that_leaves_the_socket_open() {
    let server = TestServer::start().await;
    let mut socket = server.socket(None).await;
    let hash = extensions("{ __typename }")["persistedQuery"]["sha256Hash"].clone();
    let not_a_hash = "`extensions.persistedQuery.sha256Hash` must be the SHA-256 hash of the query \
                      in 64 lowercase hexadecimal digits.";
    let upper_case = hash.as_str().unwrap().to_uppercase();
    for (entry, message) in [
        (json!(7), "`extensions.persistedQuery` must be an object."),
        (
            json!({ "version": 2, "sha256Hash": hash }),
            "`extensions.persistedQuery.version` must be 1.",
        ),
        (
            json!({ "version": 1, "sha256Hash": upper_case }),
            not_a_hash,
        ),
        (json!({ "version": 1, "sha256Hash": "00" }), not_a_hash),
        (json!({ "version": 1 }), not_a_hash),
    ] {
        let extensions = json!({ "persistedQuery": entry });
        for body in [
            json!({ "extensions": extensions }),
            json!({ "query": "{ __typename }", "extensions": extensions }),
        ] {
            for request in [get(&server, &body), server.post("/graphql").json(&body)] {
                let (status, response) = send(request).await;
                assert_eq!((status, code(&response)), (400, "BAD_REQUEST"), "{body}");
                assert_eq!(response["errors"][0]["message"], message);
            }
            socket
                .send(json!({ "type": "subscribe", "id": "1", "payload": body }))
                .await;
            let response = socket.receive().await;
            assert_eq!(response["type"], "error");
            assert_eq!(response["payload"][0]["message"], message);
        }
    }
}
