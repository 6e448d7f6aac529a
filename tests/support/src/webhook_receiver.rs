//! A receiver of webhooks, whose responses a test chooses.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, StatusCode},
};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::Value;
use sessiond::webhooks::WebhookSecrets;
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::mpsc,
    task::JoinHandle,
};

use crate::within_deadline;

/// The secret of each server that sends webhooks.
pub const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The path of the URL of each receiver, which no log may show.
pub const WEBHOOK_PATH: &str = "/hooks-under-a-secret-path";

/// One request that a receiver got.
#[derive(Debug, Clone)]
pub struct WebhookRequest {
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl WebhookRequest {
    /// The value of a header.
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// The id of the message.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// The time of the try, in seconds.
    pub fn timestamp(&self) -> i64 {
        self.header("webhook-timestamp").parse().unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The number of the alert in the log of its user.
    pub fn sequence(&self) -> u64 {
        self.json()["data"]["sequence"].as_u64().unwrap()
    }

    /// The id of the user.
    pub fn user(&self) -> String {
        let json = self.json();
        json["data"]["userId"].as_str().unwrap().to_owned()
    }

    /// Whether the message has a signature of this secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let secret = WebhookSecrets::parse(secret).unwrap();
        let expected = secret.sign(self.id(), self.timestamp(), &self.body);
        let mut signatures = self.header("webhook-signature").split(' ');
        signatures.any(|signature| signature == expected)
    }
}

type Answer = Arc<dyn Fn(&WebhookRequest) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

#[derive(Clone)]
struct Shared {
    requests: mpsc::UnboundedSender<WebhookRequest>,
    answer: Arc<Mutex<Answer>>,
}

/// A receiver. It accepts every message with 204, unless a test chooses another answer. Its port is
/// closed when it is dropped.
pub struct WebhookReceiver {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<WebhookRequest>,
    answer: Arc<Mutex<Answer>>,
    server: JoinHandle<()>,
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl WebhookReceiver {
    /// Starts a receiver on a free port.
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap())
    }

    /// Starts a receiver at this address, whose port is free.
    pub fn start_at(address: SocketAddr) -> Self {
        let listener = listen(address);
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        let accept: Answer = Arc::new(|_| ready(StatusCode::NO_CONTENT));
        let answer = Arc::new(Mutex::new(accept));
        let shared = Shared {
            requests: sender,
            answer: Arc::clone(&answer),
        };
        let app = Router::new().fallback(receive).with_state(shared);
        #[expect(clippy::disallowed_methods, reason = "the task ends with the receiver")]
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            requests,
            answer,
            server,
        }
    }

    /// The address, which another receiver can have after this one.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of this receiver.
    pub fn url(&self) -> String {
        url_at(self.address)
    }

    /// Closes the port.
    pub async fn stop(mut self) {
        self.server.abort();
        let _ = within_deadline(&mut self.server).await;
    }

    /// Answers each request from now on with the status that `answer` returns for it.
    pub fn answer(&self, answer: impl Fn(&WebhookRequest) -> u16 + Send + Sync + 'static) {
        let status = move |request: &_| StatusCode::from_u16(answer(request)).unwrap();
        self.respond(move |request| ready(status(request)));
    }

    /// Answers each request from now on with the response that `respond` returns for it.
    pub fn respond(
        &self,
        respond: impl Fn(&WebhookRequest) -> BoxFuture<'static, Response<Body>> + Send + Sync + 'static,
    ) {
        *self.answer.lock() = Arc::new(respond);
    }

    /// The next request.
    pub async fn next(&mut self) -> WebhookRequest {
        let next = within_deadline(self.requests.recv()).await;
        next.expect("the receiver runs")
    }

    /// The next request that this holds for. Others are skipped.
    pub async fn next_with(&mut self, holds: impl Fn(&WebhookRequest) -> bool) -> WebhookRequest {
        loop {
            let request = self.next().await;
            if holds(&request) {
                return request;
            }
        }
    }

    /// The requests that have arrived and were not returned yet.
    pub fn arrived(&mut self) -> Vec<WebhookRequest> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

/// The URL of the receiver at this address.
pub fn url_at(address: SocketAddr) -> String {
    format!("http://{address}{WEBHOOK_PATH}")
}

/// Listens again on a port whose connections were just closed.
fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(64).unwrap()
}

async fn receive(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let request = WebhookRequest { headers, body };
    let answer = Arc::clone(&*shared.answer.lock());
    let response = answer(&request);
    let _ = shared.requests.send(request);
    response.await
}

/// A response with this status and no body.
fn ready(status: StatusCode) -> BoxFuture<'static, Response<Body>> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    Box::pin(std::future::ready(response))
}

/// A file of secrets, and the flags of a server that sends to receivers.
pub struct WebhookFlags {
    folder: TempDir,
    /// The flags.
    pub flags: Vec<String>,
}

impl WebhookFlags {
    /// The flags of a server that sends to these URLs with [`WEBHOOK_SECRET`].
    pub fn to(urls: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut all = Self {
            folder,
            flags: urls
                .iter()
                .map(|url| format!("--webhook-url={url}"))
                .collect(),
        };
        all.replace_secrets(WEBHOOK_SECRET);
        let file = format!("--webhook-secret-file={}", all.file().display());
        all.flags.push(file);
        all
    }

    /// The flags as the starters of servers take them.
    pub fn as_flags(&self) -> Vec<&str> {
        self.flags.iter().map(String::as_str).collect()
    }

    /// Writes other secrets to the file.
    pub fn replace_secrets(&mut self, secrets: &str) {
        std::fs::write(self.file(), secrets).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("webhook-secrets")
    }
}
