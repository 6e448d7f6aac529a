//! An HTTP client of one server.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::{GraphQlResponse, within_deadline};

/// An HTTP client of one server.
#[derive(Debug, Clone)]
pub struct ApiClient {
    /// The address that the server listens on.
    pub address: SocketAddr,
    http: Client,
    pub(crate) service_key: Option<&'static str>,
    /// The number that the last waiting login showed. 0 if there was none.
    match_number: Arc<AtomicU64>,
}

impl ApiClient {
    /// A client of the server at `address`. A server without a service key is in development mode
    /// and treats every caller as the service.
    pub fn new(address: SocketAddr, service_key: Option<&'static str>) -> Self {
        let http = Client::builder()
            .user_agent("api-test/1")
            // Less than `--connection-idle-timeout` (120 s): the server must not close a connection
            // at the moment at which a request is sent on it.
            .pool_idle_timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        Self {
            address,
            http,
            service_key,
            match_number: Arc::default(),
        }
    }

    /// The number that the last waiting login of this client showed.
    pub fn match_number(&self) -> Option<u64> {
        Some(self.match_number.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }

    /// Remembers the number of a waiting login.
    pub(crate) fn remember_match_number(&self, number: Option<u64>) {
        if let Some(number) = number {
            self.match_number.store(number, Ordering::Relaxed);
        }
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A GET request of `path`.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.url(path))
    }

    /// A POST request to `path`.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.url(path))
    }

    /// The status of a GET request of `path`.
    pub async fn get_status(&self, path: &str) -> StatusCode {
        within_deadline(self.get(path).send())
            .await
            .unwrap()
            .status()
    }

    /// The status of `/verify` for `token`.
    pub async fn verify_status(&self, token: &str) -> StatusCode {
        let request = self.get("/verify").bearer_auth(token);
        within_deadline(request.send()).await.unwrap().status()
    }

    /// Executes an operation with these credentials. An error is an error of the connection.
    pub async fn try_run_as(
        &self,
        bearer: Option<&str>,
        query: &str,
        variables: Value,
    ) -> Result<GraphQlResponse, reqwest::Error> {
        let request = self.post("/graphql");
        let request = match bearer {
            Some(bearer) => request.bearer_auth(bearer),
            None => request,
        };
        let body = json!({ "query": query, "variables": variables });
        within_deadline(async {
            let response = request.json(&body).send().await?;
            response.json().await.map(GraphQlResponse)
        })
        .await
    }

    /// Executes an operation with these credentials.
    pub async fn run_as(
        &self,
        bearer: Option<&str>,
        query: &str,
        variables: Value,
    ) -> GraphQlResponse {
        self.try_run_as(bearer, query, variables).await.unwrap()
    }

    /// Executes an operation without credentials.
    pub async fn run(&self, query: &str, variables: Value) -> GraphQlResponse {
        self.run_as(None, query, variables).await
    }

    /// Executes an operation as the service.
    pub async fn run_as_service(&self, query: &str, variables: Value) -> GraphQlResponse {
        self.run_as(self.service_key, query, variables).await
    }
}

/// Adds the fields of `additions` to `object`. Existing fields are replaced.
pub fn merge(object: &mut Value, additions: Value) {
    let Value::Object(additions) = additions else {
        panic!("not an object: {additions}")
    };
    object.as_object_mut().unwrap().extend(additions);
}
