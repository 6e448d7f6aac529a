//! The application behind a gateway. It describes each request that it receives.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        FromRequestParts, Request, State,
        ws::{WebSocket, WebSocketUpgrade},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// An application that any request reaches. It stops when it is dropped.
pub struct Application {
    pub address: SocketAddr,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Application {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<AtomicUsize>::default();
        let routes = Router::new()
            .fallback(respond)
            .with_state(Arc::clone(&requests));
        let task = tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        Self {
            address,
            requests,
            task,
        }
    }

    /// The number of requests that passed the gateway.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns the request as JSON. Echoes the messages of a WebSocket.
async fn respond(State(requests): State<Arc<AtomicUsize>>, request: Request) -> Response {
    requests.fetch_add(1, Ordering::SeqCst);
    let (mut parts, body) = request.into_parts();
    if let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        return upgrade.on_upgrade(echo).into_response();
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let description = json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": headers(&parts.headers),
        "body": text(&body),
    });
    let method = [("x-received-method", parts.method.to_string())];
    (method, Json(description)).into_response()
}

/// The values of each header, by name.
fn headers(headers: &HeaderMap) -> BTreeMap<&str, Vec<Value>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.as_str()).or_default().push(json!(value));
    }
    all
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}
