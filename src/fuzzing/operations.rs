//! Documents, tokens and cursors, and the operations that have them.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::LazyLock,
};

use async_graphql::parser::types::OperationType;
use axum::http::HeaderMap;
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::node::Node;
use crate::{
    access::Caller,
    domain::{UserAgent, fuzzing::check_tokens},
    graphql::{
        Api, DocumentSource, OperationRequest, Sender, SingleResponse, StreamItem, check_document,
    },
    random::SystemRandom,
    request_id::RequestIds,
    service::{Client, EventCursor},
};

/// The paging of each list, and each subscription, with a cursor that a client has chosen.
const WITH_CURSOR: [&str; 6] = [
    "query($c: String) { users(first: 2, after: $c) { edges { cursor } pageInfo { endCursor } } }",
    "query($c: String) { activeSessions(first: 2, after: $c) { edges { cursor } } }",
    "query($c: String) { user(mobile: \"9012345678\") { sessions(first: 2, after: $c) { edges { cursor } } \
     alerts(first: 2, after: $c) { edges { cursor } } } }",
    "query($c: ID!) { node(id: $c) { id } sessionsByKey(sessionKeys: [$c]) { sessionKey } }",
    "subscription($c: ID) { sessionEvents(after: $c) { cursor } }",
    "subscription($c: ID) { sessionAlerts(mobile: \"9012345678\", after: $c) { id } }",
];

/// Documents, as a text or as the body of a POST. Each query that is accepted is executed: the
/// resolvers and the direct responses must agree.
///
/// # Panics
/// If a promise does not hold.
pub fn documents(data: &[u8]) {
    // The tests replay all targets at once, and some of them write to the shared node. Between the
    // responses that are compared, nothing may change.
    static UNCHANGED: LazyLock<Node> = LazyLock::new(Node::start);
    let node = &*UNCHANGED;
    let api = node.door().api();
    let request = OperationRequest::from_body(data).unwrap_or_else(|_| OperationRequest {
        document: DocumentSource::Text(String::from_utf8_lossy(data).into_owned()),
        ..OperationRequest::default()
    });
    let DocumentSource::Text(text) = &request.document else {
        return;
    };
    check_document(text, api.limits());
    let text = text.clone();
    let prepare = || {
        api.prepare(OperationRequest {
            document: DocumentSource::Text(text.clone()),
            operation_name: request.operation_name.clone(),
            variables: request.variables.clone(),
            ..OperationRequest::default()
        })
    };
    // A mutation would hash passwords. The front doors execute some.
    if prepare().kind() != Some(OperationType::Query) {
        return;
    }
    node.run(async {
        let first = to_json(api.execute(prepare(), sender()).await);
        // The document has been validated now.
        let second = to_json(api.execute(prepare(), sender()).await);
        let resolved = first_item(api, prepare()).await;
        assert_eq!(Some(&second), resolved.as_ref(), "{text:?}");
        assert_eq!(first, second, "{text:?}");
        check_response(&first);
    });
}

/// Tokens, ids, and credentials.
///
/// # Panics
/// If a promise does not hold.
pub fn tokens(data: &[u8]) {
    check_tokens(data);
    let node = Node::get();
    let text = node.with_token(data);
    let text = String::from_utf8_lossy(&text);
    let caller = node.run(node.door().api().authenticate(Some(&text)));
    let is_allowed = matches!(caller, Ok(Caller::InvalidCredentials | Caller::Session(_)));
    assert!(is_allowed, "{text:?} makes its sender {caller:?}");
}

/// Cursors of every list and of both subscriptions.
///
/// # Panics
/// If a promise does not hold.
pub fn cursors(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(cursor) = EventCursor::parse(&text) {
        assert_eq!(cursor.to_string(), text, "a cursor has one form");
    }
    let node = Node::get();
    let api = node.door().api();
    node.run(async {
        for document in WITH_CURSOR {
            let operation = api.prepare(OperationRequest {
                document: DocumentSource::Text(document.to_owned()),
                variables: async_graphql::Variables::from_json(json!({ "c": text })),
                ..OperationRequest::default()
            });
            if operation.kind() == Some(OperationType::Query) {
                check_response(&to_json(api.execute(operation, sender()).await));
            } else if let Some(response) = first_item(api, operation).await {
                check_response(&response);
            }
        }
    });
}

fn sender() -> Sender {
    Sender {
        client: Client {
            user_agent: UserAgent::from_header(None),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        },
        credentials: None,
        cookie: None,
        request_id: RequestIds::new(&SystemRandom).of(&HeaderMap::new()),
    }
}

/// Returns the response of the resolvers to a query, or the first response of a subscription that
/// is there at once.
async fn first_item(api: &Api, operation: crate::graphql::PreparedOperation) -> Option<Value> {
    let is_query = operation.kind() == Some(OperationType::Query);
    let mut items = api.execute_stream(operation, sender(), CancellationToken::new());
    let item = if is_query {
        items.next().await
    } else {
        items.next().now_or_never().flatten()
    };
    match item? {
        StreamItem::Response(response) => serde_json::to_value(response).ok(),
        StreamItem::Json(json) => serde_json::from_str(&json).ok(),
        StreamItem::Complete => None,
    }
}

fn to_json(response: SingleResponse) -> Value {
    let json = match response {
        SingleResponse::Json(json) => serde_json::from_slice(&json),
        SingleResponse::Resolved(response) => serde_json::to_value(response),
    };
    json.unwrap_or_else(|error| panic!("a response is not JSON: {error}"))
}

/// Checks that a response has no internal error.
fn check_response(response: &Value) {
    let errors = response["errors"].as_array();
    for error in errors.into_iter().flatten() {
        let code = error["extensions"]["code"].as_str();
        assert!(!matches!(code, None | Some("INTERNAL")), "{response}");
    }
}
