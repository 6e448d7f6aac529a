//! Requests to the server.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, StatusCode, header};
use reqwest::{Client, Response, redirect};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{CheckedSession, Error, endpoints::Endpoints, event_stream::EventStream};

/// The media types of a GraphQL response (GraphQL over HTTP).
const GRAPHQL_RESPONSE: &str = "application/graphql-response+json, application/json;q=0.9";

/// Requests to one server.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client,
    endpoints: Endpoints,
    /// The time for a response.
    timeout: Duration,
}

impl HttpClient {
    pub fn new(address: &str, timeout: Duration) -> Result<Self, Error> {
        let endpoints = Endpoints::parse(address)?;
        let client = Client::builder()
            .user_agent(concat!("sessiond-client/", env!("CARGO_PKG_VERSION")))
            // A token must not be sent to another address.
            .redirect(redirect::Policy::none())
            .connect_timeout(timeout)
            // Less than `--connection-idle-timeout` of the server (120 s), which could otherwise close
            // a connection at the moment at which a request is sent on it.
            .pool_idle_timeout(Duration::from_mins(1))
            .build()
            .map_err(|error| Error::Setting(format!("no HTTP client can be created: {error}")))?;
        Ok(Self {
            client,
            endpoints,
            timeout,
        })
    }

    /// Asks the server. Returns `None` if the token opens no valid session.
    pub async fn verify(&self, token: &str) -> Result<Option<Arc<CheckedSession>>, Error> {
        let request = self.client.get(self.endpoints.verify.clone());
        let request = request.bearer_auth(token).timeout(self.timeout);
        let response = request.send().await.map_err(Error::unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        // The body is empty. Reading it frees the connection for the next check.
        response.bytes().await.map_err(Error::unreachable)?;
        match status {
            StatusCode::UNAUTHORIZED => Ok(None),
            StatusCode::OK => CheckedSession::from_headers(&headers)
                .map(|session| Some(Arc::new(session)))
                .ok_or_else(|| Error::BadResponse("/verify returned no session".to_owned())),
            _ => Err(unexpected(status, &headers)),
        }
    }

    /// Sends a query or a mutation, and returns its data.
    pub async fn post(
        &self,
        key: &str,
        query: &str,
        variables: impl Serialize,
    ) -> Result<Value, Error> {
        let response = self
            .client
            .post(self.endpoints.graphql.clone())
            .bearer_auth(key)
            .header(header::ACCEPT, GRAPHQL_RESPONSE)
            .timeout(self.timeout)
            .json(&json!({ "query": query, "variables": to_value(variables)? }))
            .send()
            .await
            .map_err(Error::unreachable)?;
        data_of(response).await
    }

    /// Starts a subscription.
    pub async fn subscribe(
        &self,
        key: &str,
        query: &str,
        variables: Value,
    ) -> Result<EventStream, Error> {
        let request = self
            .client
            .post(self.endpoints.graphql.clone())
            .bearer_auth(key)
            .header(header::ACCEPT, "text/event-stream")
            .json(&json!({ "query": query, "variables": variables }));
        let response = tokio::time::timeout(self.timeout, request.send())
            .await
            .map_err(|_elapsed| Error::Silent)?
            .map_err(Error::unreachable)?;
        let media_type = response.headers().get(header::CONTENT_TYPE);
        let is_stream =
            media_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
        if response.status().is_success() && is_stream {
            return Ok(EventStream::new(response));
        }
        let status = response.status();
        let refusal = tokio::time::timeout(self.timeout, data_of(response)).await;
        Err(match refusal {
            Ok(Err(error)) => error,
            _ => Error::BadResponse(format!("status {status} without an event stream")),
        })
    }
}

fn to_value(variables: impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(variables)
        .map_err(|error| Error::Setting(format!("the variables are not JSON: {error}")))
}

async fn data_of(response: Response) -> Result<Value, Error> {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await.map_err(Error::unreachable)?;
    let Ok(mut body) = serde_json::from_slice::<Value>(&body) else {
        return Err(unexpected(status, &headers));
    };
    if body["errors"].is_array() {
        return Err(Error::from_graphql(&body["errors"]));
    }
    match body["data"].take() {
        data @ Value::Object(_) => Ok(data),
        _ => Err(unexpected(status, &headers)),
    }
}

/// The error of a response that is not one of sessiond, or that has no body.
fn unexpected(status: StatusCode, headers: &HeaderMap) -> Error {
    let busy = [
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    if !busy.contains(&status) {
        return Error::BadResponse(format!("unexpected response with status {status}"));
    }
    let seconds = headers.get(header::RETRY_AFTER);
    let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
    Error::Busy {
        status: status.as_u16(),
        retry_after: seconds.map(Duration::from_secs),
    }
}
