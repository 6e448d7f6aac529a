//! A document that the server has validated before has the same responses as one that it sees for
//! the first time, whatever the values of its variables are.

use std::cell::Cell;

use proptest::{
    collection::{hash_map, vec},
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::{Map, Value, json};
use sessiond_test_support::{MOBILE, TestServer, within_deadline};

/// The number of generated values for each document.
const CASES: usize = 60;

/// A document, and values of its variables with which it is valid.
struct Document {
    text: &'static str,
    operation: Option<&'static str>,
    valid: Value,
}

fn document(text: &'static str, valid: Value) -> Document {
    Document {
        text,
        operation: None,
        valid,
    }
}

/// Documents of each kind that the server executes in a way of its own.
fn documents() -> Vec<Document> {
    let mobile = json!({ "mobile": MOBILE });
    let page = json!({ "mobile": MOBILE, "first": 1 });
    vec![
        document("{ currentSession { id } __typename }", json!({})),
        document(
            "query User($mobile: String!) { a: user(mobile: $mobile) { __typename id username } \
             user(mobile: $mobile) { sessions(first: 2) { edges { cursor node { status } } } } }",
            mobile.clone(),
        ),
        document(
            "query($mobile: String!) { user(mobile: $mobile) { ...U sessions(first: 1) { \
             nodes { user { ...U } ...S } } } } fragment U on User { id username ...N } \
             fragment N on Node { id } \
             fragment S on Session { sessionKey ... on Session { status } ... { isValid } }",
            mobile.clone(),
        ),
        document(
            "query($mobile: String!, $first: Int) { user(mobile: $mobile) { \
             sessions(first: $first) { nodes { status } pageInfo { hasNextPage } } \
             alerts(first: $first) { nodes { kind sequence } } } }",
            page.clone(),
        ),
        document(
            "query($mobile: String!, $first: Int = 2) { user(mobile: $mobile) { \
             sessions(first: $first) { nodes { status } } } }",
            page,
        ),
        document(
            "query($keys: [ID!]!) { sessionsByKey(sessionKeys: $keys) { status } }",
            json!({ "keys": ["00000000-0000-4000-8000-000000000000"] }),
        ),
        // async-graphql accepts a variable of another type than that of the argument.
        document(
            "query($keys: [ID!]) { sessionsByKey(sessionKeys: $keys) { status } }",
            json!({ "keys": [] }),
        ),
        document(
            "query($mobile: ID, $yes: String!) { user(mobile: $mobile) { \
             id @include(if: $yes) username } }",
            json!({ "mobile": MOBILE, "yes": true }),
        ),
        document(
            "query($id: ID!) { node(id: $id) { id ... on User { username } ... on Session { \
             status } } }",
            json!({ "id": "00000000-0000-4000-8000-000000000000" }),
        ),
        document(
            "query($mobile: String!, $yes: Boolean!) { __typename user(mobile: $mobile) { id @skip(if: $yes) \
             ... @include(if: $yes) { username } } }",
            json!({ "mobile": MOBILE, "yes": true }),
        ),
        document(
            "query($mobile: String!, $yes: Boolean = true) { user(mobile: $mobile) { \
             id username @include(if: $yes) } }",
            mobile,
        ),
        document(
            "mutation($input: DecideLoginInput!) { decideLogin(input: $input) { message } }",
            json!({ "input": { "attemptId": "1", "decision": "DENY" } }),
        ),
        document(
            "mutation($key: ID!) { a: invalidateSession(input: { sessionKey: $key }) { message } }",
            json!({ "key": "1" }),
        ),
        document(
            "query($name: String!) { __type(name: $name) { name kind } }",
            json!({ "name": "User" }),
        ),
        Document {
            text: "query A($mobile: String!) { user(mobile: $mobile) { id } } \
                   query B($mobile: String!) { user(mobile: $mobile) { username } }",
            operation: Some("B"),
            valid: json!({ "mobile": MOBILE }),
        },
    ]
}

/// Executes a text, and returns the body of the response.
async fn execute(server: &TestServer, text: &str, document: &Document, variables: &Value) -> Value {
    let body = json!({
        "query": text, "operationName": document.operation, "variables": variables,
    });
    let response = within_deadline(server.post("/graphql").json(&body).send());
    within_deadline(response.await.unwrap().json())
        .await
        .unwrap()
}

/// A server with a user who has two sessions and alerts.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    for on_conflict in ["REJECT", "TAKE_OVER"] {
        server
            .login(MOBILE, json!({ "onConflict": on_conflict }))
            .await;
    }
    server
}

/// Compares the responses to a document that was executed before and to new ones, which differ from
/// it in a comment.
struct Comparison<'a> {
    server: &'a TestServer,
    document: Document,
    new_documents: Cell<u32>,
}

impl<'a> Comparison<'a> {
    async fn of(server: &'a TestServer, document: Document) -> Self {
        let first = execute(server, document.text, &document, &document.valid).await;
        assert!(
            !first["data"].is_null() || first["errors"][0]["path"].is_array(),
            "{first}"
        );
        Self {
            server,
            document,
            new_documents: Cell::new(0),
        }
    }

    async fn assert_same(&self, variables: &Value) {
        let Self {
            server, document, ..
        } = self;
        let known = execute(server, document.text, document, variables).await;
        self.new_documents.set(self.new_documents.get() + 1);
        let text = format!("{} # {}", document.text, self.new_documents.get());
        let new = execute(server, &text, document, variables).await;
        assert_eq!(known, new, "{} {variables}", document.text);
    }
}

/// Values that are right, nearly right and wrong, for variables of each type.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        select(vec![
            json!(null),
            json!(true),
            json!(0),
            json!(1),
            json!(100),
            json!(101),
            json!(-1),
            json!(2_147_483_647),
            json!(2_147_483_648_i64),
            json!(u64::MAX),
            json!(1.0),
            json!(1.5),
            json!(""),
            json!(MOBILE),
            json!("true"),
            json!("1"),
            json!("User"),
            json!("DENY"),
            json!("deny"),
        ]),
        any::<i32>().prop_map(|number| json!(number)),
        ".{0,8}".prop_map(|text| json!(text)),
    ];
    let input = (
        prop_oneof![Just(None), leaf.clone().prop_map(Some)],
        prop_oneof![Just(None), leaf.clone().prop_map(Some)],
        prop_oneof![3 => Just(None), 1 => leaf.clone().prop_map(Some)],
    )
        .prop_map(|(attempt, decision, more)| {
            let entries = [
                ("attemptId", attempt),
                ("decision", decision),
                ("more", more),
            ];
            let entries = entries.into_iter();
            let entries = entries.filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Value::Object(entries.collect::<Map<_, _>>())
        });
    prop_oneof![
        4 => leaf.clone(),
        1 => vec(leaf.clone(), 0..3).prop_map(Value::Array),
        1 => input,
        1 => hash_map("[a-z]{1,3}", leaf, 0..2)
            .prop_map(|entries| Value::Object(entries.into_iter().collect())),
    ]
}

#[tokio::test]
async fn generated_variables_have_the_same_responses_for_a_known_and_a_new_document() {
    let server = server().await;
    let mut runner = TestRunner::deterministic();
    let value = value();
    let mut next = || value.new_tree(&mut runner).unwrap().current();
    for document in documents() {
        let comparison = Comparison::of(&server, document).await;
        let valid = comparison.document.valid.as_object().unwrap().clone();
        comparison.assert_same(&Value::Object(valid.clone())).await;
        for (name, _) in &valid {
            let mut missing = valid.clone();
            missing.remove(name);
            comparison.assert_same(&Value::Object(missing)).await;
        }
        for case in 0..CASES {
            // One variable at a time, and sometimes all of them and one that is not declared.
            let mut variables = valid.clone();
            let chosen = case % valid.len().max(1);
            for (index, value) in variables.values_mut().enumerate() {
                if index == chosen || case % 10 == 0 {
                    *value = next();
                }
            }
            if case % 7 == 0 {
                variables.insert("undeclared".to_owned(), next());
            }
            comparison.assert_same(&Value::Object(variables)).await;
        }
    }
}

#[tokio::test]
async fn the_parts_of_an_input_have_the_same_responses_for_a_known_and_a_new_document() {
    let server = server().await;
    let text = "mutation($input: DecideLoginInput!) { decideLogin(input: $input) { message } }";
    let valid = json!({ "input": { "attemptId": "1", "decision": "DENY" } });
    let comparison = Comparison::of(&server, document(text, valid)).await;
    for input in [
        json!({ "attemptId": "1", "decision": "APPROVE" }),
        json!({ "attemptId": 1, "decision": "DENY" }),
        json!({ "attemptId": 1.5, "decision": "DENY" }),
        json!({ "attemptId": null, "decision": "DENY" }),
        json!({ "attemptId": ["1"], "decision": "DENY" }),
        json!({ "attemptId": "1", "decision": "MAYBE" }),
        json!({ "attemptId": "1", "decision": null }),
        json!({ "attemptId": "1", "decision": 1 }),
        json!({ "attemptId": "1" }),
        json!({ "decision": "DENY" }),
        json!({ "attemptId": "1", "decision": "DENY", "more": 1 }),
        json!({ "attemptId": "1", "decision": "DENY", "more": null }),
        json!({}),
        json!(null),
        json!("DENY"),
        json!([]),
    ] {
        comparison.assert_same(&json!({ "input": input })).await;
    }
}

#[tokio::test]
async fn a_known_document_whose_variables_make_it_too_complex_is_rejected() {
    let server = TestServer::with_flags(&["--max-complexity=50"]).await;
    server.create_user(MOBILE).await;
    let text = "query($mobile: String!, $first: Int!) { user(mobile: $mobile) { \
                sessions(first: $first) { nodes { id } } } }";
    for _ in 0..2 {
        let variables = json!({ "mobile": MOBILE, "first": 1 });
        assert!(!server.run(text, variables).await.has_errors());
        let variables = json!({ "mobile": MOBILE, "first": 100 });
        let response = server.run(text, variables).await;
        assert_eq!(response.error_message(), "Query is too complex.");
        assert_eq!(response.error_code(), "BAD_REQUEST");
    }
    let keys = "query($keys: [ID!]!) { sessionsByKey(sessionKeys: $keys) { id } }";
    for (count, is_rejected) in [(1, false), (60, true), (1, false)] {
        let variables = json!({ "keys": vec!["1"; count] });
        assert_eq!(server.run(keys, variables).await.has_errors(), is_rejected);
    }
}

#[tokio::test]
async fn a_known_document_is_executed_with_the_rights_of_each_caller() {
    let server = TestServer::with_service_key().await;
    let [first, second] = [
        server.create_user(MOBILE).await,
        server.create_user("9012500001").await,
    ];
    let text = "query($mobile: String!) { user(mobile: $mobile) { username } \
                currentSession { sessionKey } }";
    let variables = json!({ "mobile": MOBILE });
    for _ in 0..2 {
        let own = server
            .run_as(Some(&first.token), text, variables.clone())
            .await;
        assert_eq!(own.data("/user/username"), "SavingsBank");
        assert_eq!(own.data("/currentSession/sessionKey"), &first.session);
        let other = server
            .run_as(Some(&second.token), text, variables.clone())
            .await;
        assert!(other.data("/user").is_null());
        assert_eq!(other.data("/currentSession/sessionKey"), &second.session);
        let anyone = server.run(text, variables.clone()).await;
        assert_eq!(anyone.error_code(), "UNAUTHENTICATED");
        assert_eq!(anyone.error()["path"], json!(["user"]));
        assert!(anyone.0["data"].is_null());
    }
}
