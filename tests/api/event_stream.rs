//! Server-sent events, distinct connections mode.

use std::cell::Cell;

use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{SERVICE_KEY, Server, Users, soon};

const STREAM: &str = "text/event-stream";

/// An event stream that is read only when it is asked to.
struct Events {
    response: Response,
    read: String,
}

impl Events {
    fn of(response: Response) -> Self {
        assert_eq!(
            (
                response.status().as_u16(),
                &response.headers()["content-type"]
            ),
            (200, &STREAM.parse().unwrap())
        );
        Self {
            response,
            read: String::new(),
        }
    }

    /// What stands before the next blank line: an event, or a comment. `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.read = rest;
                return Some(block);
            }
            let chunk = soon(self.response.chunk()).await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event's name and data; comments are passed over.
    async fn event(&mut self) -> Option<(String, Value)> {
        let block = loop {
            match self.block().await? {
                comment if comment.starts_with(':') => {}
                event => break event,
            }
        };
        let (name, data) = block
            .strip_prefix("event: ")
            .unwrap()
            .split_once("\ndata:")
            .unwrap();
        let data = if name == "complete" {
            Value::Null
        } else {
            serde_json::from_str(data).unwrap()
        };
        Some((name.to_owned(), data))
    }

    async fn next(&mut self) -> Value {
        let (name, data) = self.event().await.unwrap();
        assert_eq!(name, "next");
        data
    }

    async fn completes(&mut self) {
        assert_eq!(
            self.event().await,
            Some(("complete".to_owned(), Value::Null))
        );
        assert_eq!(self.event().await, None);
    }
}

async fn open(server: &Server, bearer: Option<&str>, query: &str) -> Events {
    let request = server
        .post("/graphql")
        .header("accept", STREAM)
        .json(&json!({ "query": query }));
    let request = bearer
        .into_iter()
        .fold(request, reqwest::RequestBuilder::bearer_auth);
    Events::of(request.send().await.unwrap())
}

#[tokio::test]
async fn a_subscription_is_streamed_and_completes_after_its_sessions_end() {
    let server = Server::secured().await;
    let user = server.register("9012345678").await;
    let listen = "subscription { sessionAlerts { id kind } }";
    let mut events = open(&server, Some(&user.token), listen).await;
    // When the stream joins is not said: others log in until it hears of one. Each is another device, and so another
    // alert.
    let is_heard = Cell::new(false);
    let hear = async {
        let next = events.next().await;
        is_heard.set(true);
        next["data"]["sessionAlerts"].clone()
    };
    let log_in = async {
        let mut round = 0;
        while !is_heard.get() {
            server
                .login(
                    &user.mobile,
                    json!({ "userAgent": format!("device {round}") }),
                )
                .await;
            round += 1;
        }
    };
    let (first, ()) = tokio::join!(hear, log_in);
    assert_eq!(first["kind"], "LOGIN_REFUSED");
    drop(events);

    server
        .login(&user.mobile, json!({ "userAgent": "meanwhile" }))
        .await;
    let again = format!(
        "subscription {{ sessionAlerts(after: {}) {{ kind attempt {{ userAgent }} }} }}",
        first["id"]
    );
    let mut events = open(&server, Some(&user.token), &again).await;
    while events.next().await["data"]["sessionAlerts"]["attempt"]["userAgent"] != "meanwhile" {}
    server
        .login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    assert_eq!(
        events.next().await["data"]["sessionAlerts"]["kind"],
        "SESSION_REPLACED"
    );
    events.completes().await;
}

#[tokio::test]
async fn a_query_is_one_event_and_an_error_is_an_event_too() {
    let server = Server::secured().await;
    let mut events = open(&server, Some(SERVICE_KEY), "{ __typename }").await;
    assert_eq!(
        events.next().await,
        json!({ "data": { "__typename": "Query" } })
    );
    events.completes().await;
    let listen = "subscription { sessionAlerts { id } }";
    for (bearer, query, code) in [
        (None, "{ nope }", "BAD_REQUEST"),
        (None, listen, "UNAUTHENTICATED"),
        (Some("sd1_nonsense"), listen, "UNAUTHENTICATED"),
    ] {
        let mut events = open(&server, bearer, query).await;
        let next = events.next().await;
        assert_eq!(next["errors"][0]["extensions"]["code"], code);
        assert_eq!(next.get("data").is_some(), code != "BAD_REQUEST", "{next}");
        events.completes().await;
    }
    // What is no GraphQL request has the status that it has everywhere.
    let request = server
        .post("/graphql")
        .header("accept", STREAM)
        .json(&json!({ "query": "" }));
    assert_eq!(request.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_get_streams_subscriptions_and_runs_no_mutation() {
    let server = Server::start().await;
    let get = |query: &'static str| {
        server
            .get("/graphql")
            .header("accept", STREAM)
            .query(&[("query", query)])
            .send()
    };
    let mut events = Events::of(
        get("subscription { sessionAlerts(mobile: \"9012345678\") { id } }")
            .await
            .unwrap(),
    );
    assert_eq!(
        events.next().await["errors"][0]["extensions"]["code"],
        "NOT_FOUND"
    );
    events.completes().await;
    let mutation = "mutation { deleteUser(input: { mobile: \"9012345678\" }) { message } }";
    assert_eq!(get(mutation).await.unwrap().status(), 405);
}

#[tokio::test]
async fn an_idle_stream_is_sent_comments_and_a_shutdown_ends_it_without_a_complete() {
    let mut server = Server::with(&["--keep-alive=1s"]).await;
    server.register("9012345678").await;
    let listen = "subscription { sessionAlerts(mobile: \"9012345678\") { kind } }";
    let mut events = open(&server, None, listen).await;
    for _ in 0..2 {
        assert_eq!(events.block().await.as_deref(), Some(":"));
    }
    server.stop().await;
    while let Some(block) = events.block().await {
        assert_eq!(block, ":");
    }
}
