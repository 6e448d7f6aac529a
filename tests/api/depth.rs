//! Deeply nested documents and JSON, with the largest accepted settings, over each transport. The
//! server is a process with its own stacks: a stack overflow would end it.

use reqwest::StatusCode;
use serde_json::{Value, json};
use sessiond_test_support::{
    EVENT_STREAM, EventStream, MOBILE, ServerProcess, Socket, within_deadline,
};

use tokio_tungstenite::tungstenite::Message;

use crate::start_process;

/// The maximum nesting of brackets in a document, and of selection sets with fragments expanded.
const MAX_NESTING: usize = 64;

/// Starts a server with limits that prevent nothing.
async fn start_without_limits() -> ServerProcess {
    let server = start_process(&[
        "--max-query-tokens=100000000",
        "--max-depth=32",
        "--max-complexity=100000000",
        "--max-aliases=100000000",
        "--max-directives=100000000",
        "--max-body=100000000",
    ])
    .await;
    server.create_user(MOBILE).await;
    server
}

/// The responses to a document over POST, GET, WebSocket and server-sent events. A GET is left out
/// if the document is too long for a URL.
async fn over_each_transport(server: &ServerProcess, query: &str) -> Vec<Value> {
    let body = json!({ "query": query });
    let post = server.post("/graphql").json(&body);
    let mut responses = vec![within_deadline(post.send()).await.unwrap()];
    if query.len() < 8000 {
        let get = server.get("/graphql").query(&[("query", query)]);
        responses.push(within_deadline(get.send()).await.unwrap());
    }
    let mut bodies = Vec::new();
    for response in responses {
        bodies.push(within_deadline(response.json()).await.unwrap());
    }
    let mut socket = Socket::open(server.address, None).await;
    socket.start("1", query).await;
    let message = socket.receive().await;
    bodies.push(match message["type"].as_str() {
        Some("error") => json!({ "errors": message["payload"] }),
        _ => message["payload"].clone(),
    });
    let stream = server
        .post("/graphql")
        .header("accept", EVENT_STREAM)
        .json(&body);
    let stream = within_deadline(stream.send()).await.unwrap();
    bodies.push(EventStream::new(stream).next().await);
    bodies
}

/// `depth` brackets around `inner`.
fn nest(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

/// Documents of each kind that are nested `depth` deep: closed brackets, and brackets that are
/// never closed.
fn nested_documents(depth: usize) -> Vec<String> {
    let list = nest("[", "", "]", depth - 2);
    let object = nest("{a:", "1", "}", depth - 2);
    let selections = nest("{user", "{id}", "}", depth - 1);
    let fragments = nest("{... on Query", "{id}", "}", depth - 1);
    let conditions = nest("{... @skip(if:true)", "{id}", "}", depth - 1);
    let list_type = nest("[", "ID", "]", depth - 1);
    vec![
        format!("{{user(mobile:{list}){{id}}}}"),
        format!("{{user(mobile:{object}){{id}}}}"),
        format!("{{user(mobile:\"\" @skip(if:{list})){{id}}}}"),
        format!("{{user @skip(if:{object}){{id}}}}"),
        selections,
        fragments,
        conditions,
        format!("query($a:{list_type}){{__typename}}"),
        format!("query($a:ID={list}){{__typename}}"),
        format!("query($a:ID={object}){{__typename}}"),
        "{a".repeat(depth),
        "[".repeat(depth),
        "(".repeat(depth),
        "{a(b:[".repeat(depth / 3),
        nest("{a(b:[{c:", "1", "}]){d}}", depth / 4),
    ]
}

#[tokio::test]
async fn a_document_that_is_nested_too_deeply_is_rejected_over_each_transport() {
    let server = start_without_limits().await;
    for depth in [MAX_NESTING + 4, 1588, 20_000] {
        for query in nested_documents(depth) {
            for response in over_each_transport(&server, &query).await {
                let start = &query[..40];
                let error = &response["errors"][0];
                assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{start}");
                let message = error["message"].as_str().unwrap();
                assert_eq!(
                    message, "The operation is nested more than 64 levels deep.",
                    "{start}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_document_at_the_maximum_nesting_gets_a_response_over_each_transport() {
    let server = start_without_limits().await;
    for query in nested_documents(MAX_NESTING) {
        for response in over_each_transport(&server, &query).await {
            let is_response = response.get("data").is_some() || response.get("errors").is_some();
            assert!(is_response, "{query} {response}");
        }
    }
}

#[tokio::test]
async fn the_deepest_operation_is_executed_over_each_transport() {
    let server = start_without_limits().await;
    // 32 fields, with an inline fragment in the selection set of each.
    let inner = nest("activeSession{...{user{...{", "id", "}}}}", 15);
    let inline = format!("{{...{{user(mobile:\"{MOBILE}\"){{...{{{inner}}}}}}}}}");
    // The same with named fragments.
    let spreads: Vec<String> = (1..31)
        .map(|level| {
            let (on, field) = if level % 2 == 1 {
                ("User", "activeSession")
            } else {
                ("Session", "user")
            };
            format!("fragment F{level} on {on}{{{field}{{...F{}}}}}", level + 1)
        })
        .collect();
    let spreads = spreads.concat();
    let named =
        format!("{{user(mobile:\"{MOBILE}\"){{...F1}}}} {spreads} fragment F31 on User{{id}}");
    let introspection = format!(
        "{{__schema{{types{}}}}}",
        nest("{ofType", "{name}", "}", 29)
    );
    for query in [inline, named, introspection] {
        for response in over_each_transport(&server, &query).await {
            assert!(response["data"].is_object(), "{query} {response}");
            assert_eq!(response.get("errors"), None, "{query}");
        }
    }
    let too_deep = format!("{{user(mobile:\"{MOBILE}\"){{{inner}}}}}").replacen(
        "{id}",
        "{activeSession{id}}",
        1,
    );
    let response = server.run(&too_deep, json!({})).await;
    assert_eq!(response.error_code(), "BAD_REQUEST");
}

#[tokio::test]
async fn a_long_chain_of_fragments_is_rejected_over_each_transport() {
    let server = start_without_limits().await;
    for (length, is_circular) in [(100, false), (3000, false), (3000, true)] {
        let last = if is_circular { "...F1" } else { "__typename" };
        let chain: Vec<String> = (1..length)
            .map(|n| format!("fragment F{n} on Query{{...F{}}}", n + 1))
            .collect();
        let chain = chain.concat();
        for used in ["...F1", "__typename"] {
            let query = format!("{{{used}}}{chain} fragment F{length} on Query{{{last}}}");
            for response in over_each_transport(&server, &query).await {
                let code = &response["errors"][0]["extensions"]["code"];
                assert_eq!(code, "BAD_REQUEST", "{length} {is_circular} {used}");
            }
        }
    }
}

/// The close code of a socket that received this text, or 0 if it sent a message instead.
async fn outcome(mut socket: Socket, text: String) -> u16 {
    socket.send_frame(Message::text(text)).await;
    socket.next_message_or_close().await
}

#[tokio::test]
async fn json_that_is_nested_too_deeply_is_rejected_over_each_transport() {
    let server = start_without_limits().await;
    for (depth, is_accepted) in [(100, true), (1_000, false), (500_000, false)] {
        let list = nest("[", "", "]", depth);
        for value in [
            format!(r#"{{"a":{list}}}"#),
            nest("{\"a\":", "1", "}", depth),
        ] {
            for entry in ["variables", "extensions", "other"] {
                let query = "query($a: ID) { user(mobile: $a) { id } }";
                let body = format!(r#"{{"query":"{query}","{entry}":{value}}}"#);
                let post = server
                    .post("/graphql")
                    .header("content-type", "application/json")
                    .body(body.clone());
                let status = within_deadline(post.send()).await.unwrap().status();
                // An unknown entry is skipped, which needs no stack.
                let is_skipped = entry == "other";
                let is_ok = status == StatusCode::OK;
                assert_eq!(is_ok, is_accepted || is_skipped, "{depth} {entry}");

                let socket = Socket::open(server.address, None).await;
                let text = format!(r#"{{"type":"subscribe","id":"1","payload":{body}}}"#);
                let expected = if is_accepted { 0 } else { 4400 };
                assert_eq!(outcome(socket, text).await, expected, "{depth} {entry}");
            }
            let init = format!(r#"{{"type":"connection_init","payload":{{"context":{value}}}}}"#);
            let socket = Socket::connect(server.address).await;
            let expected = if is_accepted { 0 } else { 4400 };
            assert_eq!(outcome(socket, init).await, expected, "{depth}");
            if value.len() > 10_000 {
                continue; // too long for a URL
            }
            for name in ["variables", "extensions"] {
                let parameters = [("query", "{__typename}"), (name, &value)];
                let get = server.get("/graphql").query(&parameters);
                let status = within_deadline(get.send()).await.unwrap().status();
                assert_eq!(status == StatusCode::OK, is_accepted, "{depth} {name}");
            }
        }
    }
}
