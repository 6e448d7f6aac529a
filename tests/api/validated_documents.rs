//! A document that the server has validated before has the same responses as one that it sees for
//! the first time, whatever the values of its variables are.

mod generated;

use std::cell::Cell;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, TestServer, within_deadline};

use self::generated::{documents, value};

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
