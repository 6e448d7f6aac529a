//! Documents with several operations: the variables and the limits are those of the chosen one, and the
//! whole document must be valid.

use serde_json::{Value, json};
use sessiond_test_support::{GraphQlResponse, MOBILE, TestServer, within_deadline};

/// Executes the operation `name` of a document, twice: the second time, the document is in the cache.
/// Returns the response.
async fn run(
    server: &TestServer,
    text: &str,
    name: Option<&str>,
    variables: &Value,
) -> GraphQlResponse {
    let body = json!({ "query": text, "operationName": name, "variables": variables });
    let send = async || {
        let response = within_deadline(server.post("/graphql").json(&body).send());
        within_deadline(response.await.unwrap().json::<Value>())
            .await
            .unwrap()
    };
    let (first, second) = (send().await, send().await);
    assert_eq!(first, second, "{text} {name:?} {variables}");
    GraphQlResponse(first)
}

#[tokio::test]
async fn the_variables_of_an_operation_that_is_not_chosen_do_not_matter() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let users = "{ users(first: $n) { nodes { username } } }";
    let fragment = format!("fragment F on Query {users}");
    for others in [
        format!("query Other($n: Int) {users}"),
        format!("query Other($n: Int!) {users}"),
        format!("query Other($n: Int = 100) {users}"),
        "query Other($n: [ID!]!) { sessionsByKey(sessionKeys: $n) { id } }".to_owned(),
        "query Other($n: ID!) { sessionsByKey(sessionKeys: [$n]) { id } }".to_owned(),
        "query Other($n: String!) { user(mobile: $n) { id } }".to_owned(),
        "query Other($n: Boolean!) { currentSession @skip(if: $n) { id } }".to_owned(),
        "mutation Other($n: DeleteUserInput!) { deleteUser(input: $n) { message } }".to_owned(),
        "mutation Other($n: String!) { deleteUser(input: { mobile: $n }) { message } }".to_owned(),
        "subscription Other($n: String) { sessionAlerts(mobile: $n) { id } }".to_owned(),
        format!("query Other($n: Int!) {{ ...F ... {{ ...F }} }} {fragment}"),
        format!("query Other($n: Int!) {{ ...G }} fragment G on Query {{ ...F }} {fragment}"),
        format!(
            "query Other($n: Int!) {users} query Another($n: [ID!]!) {{ sessionsByKey(sessionKeys: $n) {{ id }} }}"
        ),
    ] {
        for n in [
            json!(null),
            json!(1),
            json!(3_000_000_000_i64),
            json!("x"),
            json!([[1]]),
            json!({ "a": 1 }),
        ] {
            let text = format!(
                "{others} query Chosen($m: String!) {{ user(mobile: $m) {{ ...U }} }} \
                 fragment U on User {{ username }}"
            );
            for variables in [json!({ "m": MOBILE }), json!({ "m": MOBILE, "n": n })] {
                let response = run(&server, &text, Some("Chosen"), &variables).await;
                let expected = json!({ "data": { "user": { "username": "SavingsBank" } } });
                assert_eq!(response.0, expected, "{others} {variables}");
            }
        }
    }
    // The chosen operation has a variable of the same name and another type.
    let text = format!(
        "query Other($n: [ID!]!) {{ sessionsByKey(sessionKeys: $n) {{ id }} }} query Chosen($n: Int) {users}"
    );
    for (n, is_valid) in [(json!(1), true), (json!(null), true), (json!("x"), false)] {
        let response = run(&server, &text, Some("Chosen"), &json!({ "n": n })).await;
        assert_eq!(!response.has_errors(), is_valid, "{n} {}", response.0);
    }
    let response = run(&server, &text, Some("Other"), &json!({ "n": 1 })).await;
    assert_eq!(response.data("/sessionsByKey"), &json!([null]));
    let response = run(&server, &text, Some("Other"), &json!({})).await;
    assert_eq!(response.error_message(), "The variable $n has no value.");
}

#[tokio::test]
async fn the_whole_document_must_be_valid_whichever_operation_is_chosen() {
    let server = TestServer::start().await;
    let chosen = "query Chosen { currentSession { id } }";
    for other in [
        "query Other { nope }",
        "query Other($n: Int) { currentSession { id } }",
        "query Other { users(first: $n) { nodes { id } } }",
        "query Other { users(first: \"x\") { nodes { id } } }",
        "query Other { users(first: 3000000000) { nodes { id } } }",
        "query Other { users(first: 1, first: 1) { nodes { id } } }",
        "query Other { user { id } }",
        "query Other($n: Nope) { users(first: $n) { nodes { id } } }",
        "query Other($n: Int = \"x\") { users(first: $n) { nodes { id } } }",
        "query Other($n: Int, $n: Int) { users(first: $n) { nodes { id } } }",
        "query Other { ...F }",
        "query Other { currentSession { id } } fragment F on Query { currentSession { id } }",
        "query Other { ...F } fragment F on Query { ...G } fragment G on Query { ...F }",
        "query Other($n: Int) { ...F } fragment F on Query { users(first: $m) { nodes { id } } }",
        "mutation Other { freezeUser(input: 5) { message } }",
        "query Chosen { currentSession { id } }",
        "{ currentSession { id } }",
    ] {
        for text in [format!("{chosen} {other}"), format!("{other} {chosen}")] {
            let response = run(&server, &text, Some("Chosen"), &json!({ "n": 1, "m": 1 })).await;
            let error = &response.0["errors"][0];
            assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{text}");
            assert!(response.0["data"].is_null(), "{text}");
        }
    }
}

#[tokio::test]
async fn one_of_several_operations_must_be_chosen() {
    let server = TestServer::start().await;
    let text = "query A($n: Int) { users(first: $n) { nodes { id } } } \
                query B { currentSession { id } }";
    for (name, message) in [
        (
            None,
            "The document has several operations. Send the name of one as `operationName`.",
        ),
        (
            Some("C"),
            "The document has no operation with the name that `operationName` has.",
        ),
    ] {
        let response = run(&server, text, name, &json!({})).await;
        assert_eq!(response.error_code(), "BAD_REQUEST");
        assert_eq!(response.error_message(), message);
    }
    let only = "query A { currentSession { id } }";
    assert!(!run(&server, only, None, &json!({})).await.has_errors());
    let response = run(&server, only, Some("B"), &json!({})).await;
    assert_eq!(response.error_code(), "BAD_REQUEST");
}

#[tokio::test]
async fn the_limits_are_those_of_the_chosen_operation() {
    let flags = ["--max-complexity=50", "--max-aliases=2", "--max-depth=4"];
    let server = TestServer::with_flags(&flags).await;
    let cheap = "query Cheap { currentSession { id } }";
    let keys = "$n ".repeat(980);
    let large = json!(vec![json!({ "a": 0 }); 6500]);
    for (costly, n) in [
        (
            "query Costly($n: Int) { users(first: $n) { nodes { id } } }",
            json!(100),
        ),
        (
            "query Costly($n: Int) { ...F } \
             fragment F on Query { users(first: $n) { nodes { id } } }",
            json!(100),
        ),
        (
            "query Costly { a: __typename b: __typename c: __typename }",
            json!(null),
        ),
        (
            "query Costly { users(first: 1) { nodes { sessions(first: 1) { nodes { user { id } } } } } }",
            json!(null),
        ),
        (
            &format!("query Costly($n: ID!) {{ sessionsByKey(sessionKeys: [{keys}]) {{ id }} }}"),
            large,
        ),
    ] {
        let text = format!("{costly} {cheap}");
        let variables = json!({ "n": n });
        let response = run(&server, &text, Some("Cheap"), &variables).await;
        assert!(!response.has_errors(), "{costly} {}", response.0);
        let response = run(&server, &text, Some("Costly"), &variables).await;
        assert_eq!(response.error_code(), "BAD_REQUEST", "{costly}");
    }
}

#[tokio::test]
async fn a_subscription_is_chosen_from_several_operations() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let mut socket = server.socket(None).await;
    let query = "query Users($n: Int!) { users(first: $n) { nodes { id } } } \
                 subscription Alerts($mobile: String) { sessionAlerts(mobile: $mobile) { ...A } } \
                 fragment A on SessionAlert { sequence }";
    for n in [json!(null), json!("x")] {
        for (id, is_known) in [("1", false), ("2", true)] {
            let payload = json!({
                "query": format!("{query} # {n}"),
                "operationName": "Alerts",
                "variables": { "mobile": MOBILE, "n": n },
            });
            socket
                .send(json!({ "type": "subscribe", "id": id, "payload": payload }))
                .await;
            socket.start("marker", "{ __typename }").await;
            let message = socket.receive().await;
            assert_eq!(message["id"], "marker", "{is_known} {message}");
            socket.assert_completed("marker").await;
            server.raise_alert(MOBILE, &format!("{n} {id}")).await;
            let message = socket.receive().await;
            let alert = &message["payload"]["data"]["sessionAlerts"];
            assert!(alert["sequence"].is_u64(), "{message}");
            socket.complete(id).await;
        }
    }
}
