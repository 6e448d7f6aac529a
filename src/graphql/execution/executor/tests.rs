//! How an operation is executed, and when its document counts as valid.

use async_graphql::ValidationMode;
use clap::Parser;
use serde_json::json;

use super::*;
use crate::{config::Cli, graphql::schema};

fn executor() -> Executor {
    let [strict, whole] = [ValidationMode::Strict; 2].map(schema::unlimited);
    let fast = schema::unlimited(ValidationMode::Fast);
    Executor::new(Schemas {
        strict,
        fast,
        whole,
    })
}

fn operation(text: &str, variables: serde_json::Value) -> CheckedOperation {
    let limits = Cli::parse_from(["sessiond"]).settings.operation_limits;
    CheckedOperation {
        document: Arc::new(Document::parse(text, &limits).unwrap()),
        name: None,
        variables: Variables::from_json(variables),
        absent: Vec::new(),
        hash_to_persist: None,
    }
}

/// The way of an operation after its document has been accepted.
fn way_of(text: &str, variables: serde_json::Value) -> String {
    let (executor, operation) = (executor(), operation(text, variables));
    let way = executor.way(&operation.document, &operation);
    assert!(matches!(way, Way::Strict), "{text}");
    executor.set_validated(&operation.document);
    match executor.way(&operation.document, &operation) {
        Way::Strict => "strict",
        Way::Fast => "fast",
        Way::Resolve(_, ResolvableOperation { plan: None, .. }) => "resolve",
        Way::Resolve(_, ResolvableOperation { plan: Some(_), .. }) => "write",
    }
    .to_owned()
}

#[test]
fn a_validated_operation_goes_to_the_resolvers_unless_something_depends_on_its_variables() {
    let (user, none) = (json!({ "m": "1" }), json!({}));
    for (text, variables, way) in [
        ("{ currentSession { id } }", &none, "write"),
        ("query Q { currentSession { id } }", &none, "write"),
        ("{ currentSession { id } __typename }", &none, "resolve"),
        (
            "query($m: String!) { user(mobile: $m) { id } }",
            &user,
            "write",
        ),
        (
            "query($m: String!) { user(mobile: $m) { sessions(first: 2) { totalCount } } }",
            &user,
            "write",
        ),
        (
            "query($m: String!) { user(mobile: $m) { ...F } } fragment F on User { id }",
            &user,
            "write",
        ),
        // The specification merges the two.
        (
            "query($m: String!) { user(mobile: $m) { id id } }",
            &user,
            "resolve",
        ),
        (
            "query($m: String!) { user(mobile: $m) { alerts(first: 1) { nodes { id } } } }",
            &user,
            "resolve",
        ),
        // Nothing depends on them, but async-graphql lists the types for each request.
        ("{ __schema { queryType { name } } }", &none, "fast"),
        (
            "query($m: String!) { user(mobile: $m) { id @skip(if: false) } }",
            &user,
            "fast",
        ),
        (
            "query($m: String!, $first: Int) { user(mobile: $m) { sessions(first: $first) { totalCount } } }",
            &json!({ "m": "1", "first": 5 }),
            "fast",
        ),
        (
            "subscription($m: String!) { sessionAlerts(mobile: $m) { id } }",
            &user,
            "fast",
        ),
        (
            "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }",
            &json!({ "key": "1" }),
            "strict",
        ),
        (
            "query A { currentSession { id } } query B { currentSession { id } }",
            &none,
            "strict",
        ),
        // A document with a string is not kept.
        ("{ user(mobile: \"1\") { id } }", &none, "strict"),
        (
            "mutation($i: LoginInput!) { login(input: $i) { outcome token session { id } } }",
            &json!({ "i": { "mobile": "1", "username": "A", "onConflict": "TAKE_OVER" } }),
            "write",
        ),
        (
            "mutation($i: LoginInput!) { login(input: $i) { user { sessions { totalCount } } } }",
            &json!({ "i": { "mobile": "1", "username": "A" } }),
            "resolve",
        ),
        // Of the wrong type.
        (
            "query($m: String!) { user(mobile: $m) { id } }",
            &json!({ "m": 1 }),
            "strict",
        ),
    ] {
        assert_eq!(way_of(text, variables.clone()), way, "{text}");
    }
}

#[test]
fn an_operation_that_a_fragment_would_multiply_is_prepared_by_async_graphql() {
    let fields = "id username createdAt ".repeat(20);
    let user = |spreads: usize| {
        let spreads = "...F ".repeat(spreads);
        format!(
            "query($m: String!) {{ user(mobile: $m) {{ {spreads} }} }} \
             fragment F on User {{ {fields} }}"
        )
    };
    let variables = json!({ "m": "1" });
    assert_eq!(way_of(&user(1), variables.clone()), "resolve");
    assert_eq!(way_of(&user(50), variables), "fast");
}

#[tokio::test]
async fn only_an_accepted_document_counts_as_validated() {
    let executor = executor();
    for (text, is_valid) in [("{ __typename }", true), ("{ nope }", false)] {
        let operation = operation(text, json!({}));
        let document = Arc::clone(&operation.document);
        let response = executor.execute(operation, Data::default()).await;
        assert_eq!(response.is_ok(), is_valid);
        assert_eq!(document.is_validated(), is_valid, "{text}");
    }
}

/// The message is that of async-graphql 8.0.0-rc.5.
#[tokio::test]
async fn a_subscription_is_validated_before_its_stream_starts() {
    let executor = executor();
    let mut valid = operation("subscription { sessionAlerts { id } }", json!({}));
    let response = executor
        .schemas
        .strict
        .execute(request(valid.clone(), Data::default()))
        .await;
    assert_eq!(response.errors[0].message, NOT_A_STREAM);
    drop(executor.subscribe(&mut valid, Data::default()).await);
    assert!(valid.document.is_validated());

    let mut invalid = operation("subscription { sessionAlerts { nope } }", json!({}));
    let responses = executor.subscribe(&mut invalid, Data::default()).await;
    let responses: Vec<_> = responses.collect().await;
    assert_eq!(responses.len(), 1);
    assert!(is_request_error(&responses[0]));
    assert!(!invalid.document.is_validated());
}
