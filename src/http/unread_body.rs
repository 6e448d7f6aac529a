//! Responses to requests whose body was not read to its end, such as a POST to `/verify` or a body
//! that is too long.
//!
//! The rest of the body stands between this request and the next one, so the connection ends with
//! the response, and the response has `Connection: close` (RFC 9112, section 9.6). After the
//! response is sent, the rest is read and discarded. If the server closed the connection at once,
//! TCP would reset it, and the client could lose a response that it has not read yet.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use futures_util::StreamExt;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use parking_lot::Mutex;

use crate::shutdown::Shutdown;

/// How the rest of a body is discarded.
#[derive(Debug, Clone)]
pub(super) struct DiscardPolicy {
    /// The time in which a client may send the rest. Then the connection is closed.
    pub timeout: Duration,
    /// Ends the discarding.
    pub shutdown: Shutdown,
}

/// Middleware that ends the connection after a response whose request body was not read to its end.
pub(super) async fn close_connection(
    State(policy): State<DiscardPolicy>,
    request: Request,
    next: Next,
) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // Such a client sends the body only if it is asked to, and reading would ask it.
    let waits_for_continue = request.headers().contains_key(header::EXPECT);
    let rest = Rest::default();
    let request = request.map(|body| {
        let rest = Arc::clone(&rest);
        Body::new(ObservedBody { body, rest })
    });
    let mut response = next.run(request).await;
    let unread = rest.lock().take();
    // After a switch of protocols, the connection belongs to the other protocol.
    let is_http = response.status() != StatusCode::SWITCHING_PROTOCOLS;
    if let Some(body) = unread.filter(|_| is_http) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        if !waits_for_continue {
            policy.discard(body);
        }
    }
    response
}

impl DiscardPolicy {
    fn discard(&self, body: Body) {
        let (stop, timeout) = (self.shutdown.token(), self.timeout);
        self.shutdown.spawn(async move {
            let mut chunks = body.into_data_stream();
            let discard = async { while let Some(Ok(_)) = chunks.next().await {} };
            let _ = stop
                .run_until_cancelled(tokio::time::timeout(timeout, discard))
                .await;
        });
    }
}

/// The part of a body that was not read when its reader was dropped.
type Rest = Arc<Mutex<Option<Body>>>;

/// A body that stores itself in `rest` if it is dropped before its end.
struct ObservedBody {
    body: Body,
    rest: Rest,
}

impl HttpBody for ObservedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            // The body is complete, or the connection failed. Nothing is left to read.
            self.body = Body::empty();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ObservedBody {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            let body = mem::replace(&mut self.body, Body::empty());
            *self.rest.lock() = Some(body);
        }
    }
}
