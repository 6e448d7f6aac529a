//! Follows the sessions of all users, and removes from the memory what has ended. It adds nothing.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    Error,
    backoff::{self, Backoff},
    cache::Cache,
    http_client::HttpClient,
};

const EVENT_CURSOR: &str = "{ eventCursor }";
const EVENTS: &str = "subscription Events($after: ID) {
    sessionEvents(after: $after) { cursor kind sessionKey userId } }";

/// The state of the feed, for a log or a metric.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FeedState {
    /// The checker has no service key, or a staleness of zero: it has no feed.
    Off,
    /// The checker connects, or reads what it has missed.
    Connecting,
    /// The checker knows every session that has ended.
    CaughtUp,
    /// The connection is lost, and the next attempt follows after this time.
    Waiting(Duration, Error),
    /// The server has no feed or refuses it, for example because the key is not valid yet. The checker
    /// asks `/verify` more often instead, and tries again after pauses that grow to a minute.
    Refused(Error),
}

/// One event of the feed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionEvent {
    cursor: String,
    kind: String,
    session_key: Option<Uuid>,
    user_id: Option<Uuid>,
}

/// The task that follows the feed.
#[derive(Debug)]
pub struct Feed {
    pub http: HttpClient,
    pub key: String,
    pub cache: Arc<Cache>,
    pub state: watch::Sender<FeedState>,
    pub backoff: Backoff,
    /// The delays after the server refused the feed.
    pub refusals: Backoff,
    /// The server has refused the feed, and has not sent an event since then.
    pub is_refused: bool,
    /// The cursor of the last event.
    pub cursor: Option<String>,
}

impl Feed {
    /// Follows the feed for as long as the checker lives.
    pub async fn run(mut self) {
        loop {
            let error = match self.follow().await {
                // For example because the key has lost a scope: the next attempt learns it.
                Ok(()) => Error::Silent,
                Err(error) => error,
            };
            if !error.is_temporary() {
                self.cursor = None;
                self.cache.clear();
            }
            let delay = if error.is_temporary() || error.code() == "CURSOR_EXPIRED" {
                let delay = self.backoff.next(backoff::random(), error.retry_after());
                self.state.send_replace(FeedState::Waiting(delay, error));
                delay
            } else {
                self.refused(error)
            };
            tokio::time::sleep(delay).await;
        }
    }

    /// Reports a refusal, and returns the time until the next attempt.
    fn refused(&mut self, error: Error) -> Duration {
        if !self.is_refused {
            tracing::warn!(%error, "sessiond refused the feed of sessions");
        }
        self.is_refused = true;
        let delay = self.refusals.next(backoff::random(), error.retry_after());
        self.state.send_replace(FeedState::Refused(error));
        delay
    }

    /// Follows one connection. Returns `Ok` if the server completed the subscription.
    async fn follow(&mut self) -> Result<(), Error> {
        self.state.send_replace(FeedState::Connecting);
        let after = match &self.cursor {
            Some(cursor) => cursor.clone(),
            None => self.start().await?,
        };
        self.cursor = Some(after.clone());
        let variables = json!({ "after": after });
        let mut events = self.http.subscribe(&self.key, EVENTS, variables).await?;
        let mut is_caught_up = false;
        while let Some(mut response) = events.next().await? {
            if response["errors"].is_array() {
                return Err(Error::from_graphql(&response["errors"]));
            }
            self.backoff.reset();
            self.refusals.reset();
            self.is_refused = false;
            let event = read(response["data"]["sessionEvents"].take())?;
            is_caught_up |= event.kind == "CAUGHT_UP";
            self.receive(event);
            if is_caught_up {
                self.cache.caught_up();
                self.state.send_if_modified(|state| {
                    let is_new = !matches!(state, FeedState::CaughtUp);
                    *state = FeedState::CaughtUp;
                    is_new
                });
            }
        }
        Ok(())
    }

    /// Reads the end of the feed. Every later check is covered.
    async fn start(&self) -> Result<String, Error> {
        let since = self.cache.now();
        let data = self.http.post(&self.key, EVENT_CURSOR, json!({})).await?;
        let cursor = data["eventCursor"].as_str();
        let cursor = cursor.ok_or_else(|| malformed("eventCursor is missing"))?;
        self.cache.covered_since(since);
        Ok(cursor.to_owned())
    }

    fn receive(&mut self, event: SessionEvent) {
        self.cursor = Some(event.cursor);
        match (event.kind.as_str(), event.session_key, event.user_id) {
            ("SESSION_ENDED", Some(key), _) => self.cache.remove_session(key),
            ("USER_DELETED", _, Some(id)) => self.cache.remove_user(id),
            _ => {}
        }
    }
}

fn read(event: Value) -> Result<SessionEvent, Error> {
    serde_json::from_value(event).map_err(|error| malformed(&error.to_string()))
}

fn malformed(reason: &str) -> Error {
    Error::BadResponse(format!("an event of the feed cannot be read: {reason}"))
}
