//! Responses to requests whose body was not read to its end, such as a POST to `/verify` or a body
//! that is too long.
//!
//! The rest of the body stands between this request and the next one, so the connection ends with
//! the response, and the response has `Connection: close` (RFC 9112, section 9.6). After the
//! response is sent, the rest is read and discarded. If the server closed the connection at once,
//! TCP would reset it, and the client could lose a response that it has not read yet.

use std::{future::poll_fn, pin::Pin, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use hyper::body::{Body, Incoming};

use crate::shutdown::Shutdown;

/// How the rest of a body is discarded.
#[derive(Debug)]
pub(super) struct DiscardPolicy {
    /// The time in which a client may send the rest. Then the connection is closed.
    pub timeout: Duration,
    /// Ends the discarding.
    pub shutdown: Shutdown,
}

/// Ends the connection after a response to a request whose body was not read to its end.
/// `expects_continue` says that the client sends the body only if it is asked to, and reading would
/// ask it.
pub(super) fn close_connection(
    unread: Incoming,
    expects_continue: bool,
    response: &mut Response,
    policy: &DiscardPolicy,
) {
    // After a switch of protocols, the connection belongs to the other protocol.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    if !expects_continue {
        policy.discard(unread);
    }
}

/// Discards the rest of a body of HTTP/2, where the connection stays usable. If the server reset the
/// stream instead, as RFC 9113, section 8.1 permits after a complete response, curl 7.88 would not show
/// the response.
pub(super) fn discard(unread: Incoming, expects_continue: bool, policy: &DiscardPolicy) {
    if !expects_continue {
        policy.discard(unread);
    }
}

impl DiscardPolicy {
    fn discard(&self, mut body: Incoming) {
        let (stop, timeout) = (self.shutdown.token(), self.timeout);
        self.shutdown.spawn(async move {
            let mut next =
                async || poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
            let discard = async { while let Some(Ok(_)) = next().await {} };
            let _ = stop
                .run_until_cancelled(tokio::time::timeout(timeout, discard))
                .await;
        });
    }
}
