//! A client of server-sent events in the "distinct connections" mode of GraphQL over SSE.

use reqwest::Response;
use serde_json::{Value, json};

use crate::{ApiClient, within_deadline};

/// The media type of an event stream.
pub const EVENT_STREAM: &str = "text/event-stream";

/// An event stream. It reads only when a method that reads is called.
pub struct EventStream {
    response: Response,
    read: String,
}

impl EventStream {
    /// Executes an operation and requests an event stream as its response.
    pub async fn open(
        client: &ApiClient,
        bearer: Option<&str>,
        query: &str,
        variables: Value,
    ) -> Self {
        let mut request = client
            .post("/graphql")
            .header("accept", EVENT_STREAM)
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        Self::new(request.send().await.unwrap())
    }

    /// The event stream of a response.
    pub fn new(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], EVENT_STREAM);
        Self {
            response,
            read: String::new(),
        }
    }

    /// The text before the next blank line: an event or a comment. `None` at the end.
    pub async fn next_block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.read = rest;
                return Some(block);
            }
            let chunk = within_deadline(self.response.chunk()).await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The data of the next event, which must be named `next`.
    pub async fn next(&mut self) -> Value {
        let (name, data) = self.next_event().await.unwrap();
        assert_eq!(name, "next");
        data
    }

    /// Panics if the stream does not end with the event `complete`.
    pub async fn assert_completed(&mut self) {
        let complete = Some(("complete".to_owned(), Value::Null));
        assert_eq!(self.next_event().await, complete);
        assert_eq!(self.next_event().await, None);
    }

    /// The name and the data of the next event. Comments are skipped.
    async fn next_event(&mut self) -> Option<(String, Value)> {
        let mut block = self.next_block().await?;
        while block.starts_with(':') {
            block = self.next_block().await?;
        }
        let (name, data) = block
            .strip_prefix("event: ")
            .unwrap()
            .split_once("\ndata:")
            .unwrap();
        let data = match name {
            "complete" => Value::Null,
            _ => serde_json::from_str(data).unwrap(),
        };
        Some((name.to_owned(), data))
    }
}
