//! The requests of one connection and the progress of their responses.
//!
//! HTTP/2 has flow control for each response. A client that lets none of it arrive keeps the
//! connection itself busy, so the limit on unread data of the connection does not notice it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;

use super::super::connection_limits::ConnectionPermit;
use crate::config::ConnectionLimits;

/// The requests of one connection that have no complete response yet.
#[derive(Debug)]
pub(super) struct Exchanges(Mutex<Running>);

#[derive(Debug)]
struct Running {
    /// One entry for each request, at most one for each stream of the connection.
    exchanges: Vec<Arc<Mutex<Progress>>>,
    /// The last time at which a request ended, or the start of the connection.
    last_end: Instant,
    has_served: bool,
}

/// When a part of the response was handed over and the next one was not asked for. `None` while the
/// server has nothing to send.
type Progress = Option<Instant>;

impl Default for Exchanges {
    fn default() -> Self {
        Self(Mutex::new(Running {
            exchanges: Vec::new(),
            last_end: Instant::now(),
            has_served: false,
        }))
    }
}

impl Exchanges {
    /// Adds a request. It ends when the exchange, or the body that it was turned into, is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Exchange {
        let progress = Arc::default();
        self.0.lock().exchanges.push(Arc::clone(&progress));
        Exchange {
            exchanges: Arc::clone(self),
            progress,
        }
    }

    /// Returns whether no request was running for longer than allowed. A new connection has the time
    /// of a request's head until its first request. A head of which a part has arrived is no request,
    /// so on a later one it has the time of an idle connection. A connection that ends, and whose peer
    /// does not close it, has the time of a head too.
    pub(super) fn are_idle(&self, limits: &ConnectionLimits, is_ending: bool) -> bool {
        let running = self.0.lock();
        let allowed = if running.has_served && !is_ending {
            limits.connection_idle_timeout
        } else {
            limits.request_timeout
        };
        running.exchanges.is_empty() && running.last_end.elapsed() >= allowed
    }

    /// Returns whether the client has not read a response for this time.
    pub(super) fn are_stalled(&self, duration: Duration) -> bool {
        let is_stalled = |progress: &Arc<Mutex<Progress>>| {
            progress
                .lock()
                .is_some_and(|since| since.elapsed() >= duration)
        };
        self.0.lock().exchanges.iter().any(is_stalled)
    }
}

/// One request and its response.
pub(super) struct Exchange {
    exchanges: Arc<Exchanges>,
    progress: Arc<Mutex<Progress>>,
}

impl Exchange {
    /// Returns the body of the response, which lasts as long as the exchange.
    pub(super) fn body(self, body: Body, permit: ConnectionPermit) -> Body {
        *self.progress.lock() = Some(Instant::now());
        Body::new(ExchangeBody {
            body,
            exchange: self,
            _permit: permit,
        })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut running = self.exchanges.0.lock();
        running
            .exchanges
            .retain(|other| !Arc::ptr_eq(other, &self.progress));
        running.last_end = Instant::now();
        running.has_served = true;
    }
}

struct ExchangeBody {
    body: Body,
    exchange: Exchange,
    _permit: ConnectionPermit,
}

impl HttpBody for ExchangeBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        *self.exchange.progress.lock() = polled.is_ready().then(Instant::now);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
