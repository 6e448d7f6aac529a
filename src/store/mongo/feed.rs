//! Follows the feed: one change stream for each reader, which the server resumes from a token. A
//! reader that is slow only asks for the next batch later.

use std::time::Duration;

use bson::{Bson, DateTime, RawDocument, RawDocumentBuf, doc};
use futures_util::{StreamExt, stream};
use mongodb::{
    Collection,
    change_stream::event::ResumeToken,
    error::{Error, ErrorKind},
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout},
};

use super::{
    change_event::ChangeEvent,
    changes::{OPEN_TIMEOUT, SILENCE_TIMEOUT, Stream, open},
    errors::{code, describe, unavailable},
    records::{DELETED, committed_of},
};
use crate::{
    backoff::Backoff,
    domain::Timestamp,
    store::{
        Feed, FeedChange, FeedChangeKind, FeedError, FeedItem, FeedPosition, StoreError,
        feed::CAUGHT_UP_INTERVAL,
    },
};

/// The maximum number of readers of a node. Each uses one connection of the driver's pool, which has
/// 100 by default.
pub(super) const MAX_READERS: usize = 32;

/// The pauses while the server cannot be reached.
const FIRST_RETRY_INTERVAL: Duration = Duration::from_millis(100);
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// The server's error codes for a position that it cannot resume from: the oplog no longer has it
/// (286, 280), or it is not a token of this server (2, 9, 14, 260, 40647, 40649, 50811).
const EXPIRED: [i32; 9] = [2, 9, 14, 260, 280, 286, 40647, 40649, 50811];

/// Returns the position of a new change stream.
pub(super) async fn end(users: &Collection<RawDocumentBuf>) -> Result<FeedPosition, StoreError> {
    let stream = open(users, None)
        .await
        .map_err(|error| unavailable(&error))?;
    stream
        .resume_token()
        .and_then(|token| position_of(&token))
        .ok_or_else(|| StoreError::Unavailable("the server gave no resume token".into()))
}

/// Returns the position that a token stands for. All servers write tokens as `{ _data: <text> }`.
fn position_of(token: &ResumeToken) -> Option<FeedPosition> {
    let token = bson::serialize_to_bson(token).ok()?;
    FeedPosition::parse(token.as_document()?.get_str("_data").ok()?)
}

fn token_of(position: &FeedPosition) -> Option<ResumeToken> {
    let token = Bson::Document(doc! { "_data": position.as_str() });
    bson::deserialize_from_bson(token).ok()
}

/// Follows the feed from this position. `permit` is one of [`MAX_READERS`].
pub(super) fn follow(
    users: Collection<RawDocumentBuf>,
    after: &FeedPosition,
    permit: Option<OwnedSemaphorePermit>,
) -> Feed {
    let failed = |error: FeedError| -> Feed { stream::once(async move { Err(error) }).boxed() };
    let Some(permit) = permit else {
        let error = StoreError::Unavailable("too many readers follow the feed on this node".into());
        return failed(error.into());
    };
    let Some(token) = token_of(after) else {
        return failed(FeedError::Expired);
    };
    let reader = FeedReader {
        users,
        stream: None,
        token,
        is_behind: true,
        next_caught_up: Instant::now(),
        has_ended: false,
        backoff: new_backoff(),
        _permit: permit,
    };
    stream::unfold(reader, async |mut reader| {
        if reader.has_ended {
            return None;
        }
        let item = reader.next().await;
        reader.has_ended = item.is_err();
        Some((item, reader))
    })
    .boxed()
}

const fn new_backoff() -> Backoff {
    Backoff::new(FIRST_RETRY_INTERVAL, MAX_RETRY_INTERVAL)
}

/// One reader of the feed. The driver holds one batch of changes for it.
struct FeedReader {
    users: Collection<RawDocumentBuf>,
    /// `None` before it is opened, and while the server cannot be reached.
    stream: Option<Stream>,
    /// The token of the last change that was read, or of the last empty batch.
    token: ResumeToken,
    /// Whether changes from before the last opening may still come.
    is_behind: bool,
    /// When the reader is next told that it has caught up.
    next_caught_up: Instant,
    has_ended: bool,
    backoff: Backoff,
    _permit: OwnedSemaphorePermit,
}

impl FeedReader {
    async fn next(&mut self) -> Result<FeedItem, FeedError> {
        loop {
            let mut stream = match self.stream.take() {
                Some(stream) => stream,
                None => self.reopen().await?,
            };
            let read = timeout(SILENCE_TIMEOUT, stream.next_if_any()).await;
            match read {
                Ok(Ok(found)) => {
                    self.backoff = new_backoff();
                    let is_alive = stream.is_alive();
                    if let Some(token) = stream.resume_token() {
                        self.token = token;
                    }
                    if is_alive {
                        self.stream = Some(stream);
                    }
                    let item = match found {
                        Some(change) => self.changed(&change)?,
                        None if is_alive => self.caught_up(),
                        None => return Err(FeedError::Expired),
                    };
                    if let Some(item) = item {
                        return Ok(item);
                    }
                }
                Ok(Err(error)) => self.fail(&error).await?,
                // A stream that is silent for so long counts as lost.
                Err(_) => self.backoff.wait().await,
            }
        }
    }

    async fn reopen(&mut self) -> Result<Stream, FeedError> {
        loop {
            let opened = open(&self.users, Some(self.token.clone()));
            match timeout(OPEN_TIMEOUT, opened).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => self.fail(&error).await?,
                Err(_) => self.backoff.wait().await,
            }
        }
    }

    /// Waits before the next attempt. Returns the error if another attempt does not help.
    async fn fail(&mut self, error: &Error) -> Result<(), FeedError> {
        if code(error).is_some_and(|code| EXPIRED.contains(&code)) {
            return Err(FeedError::Expired);
        }
        if matches!(*error.kind, ErrorKind::Shutdown) {
            return Err(unavailable(error).into());
        }
        tracing::debug!(error = describe(error), "a reader of the feed waits");
        self.backoff.wait().await;
        Ok(())
    }

    /// Returns the item of a change. `None` if the feed has nothing of it.
    fn changed(&mut self, change: &RawDocument) -> Result<Option<FeedItem>, FeedError> {
        // A reader that cannot tell what has changed must read everything anew.
        let change = bson::deserialize_from_slice::<ChangeEvent<'_>>(change.as_bytes())
            .map_err(|_| FeedError::Expired)?;
        let Some(kind) = kind_of(&change)? else {
            return Ok(None);
        };
        let user = change.user().ok_or(FeedError::Expired)?;
        self.next_caught_up = Instant::now() + CAUGHT_UP_INTERVAL;
        Ok(Some(FeedItem::Change(Box::new(FeedChange {
            position: position_of(&self.token).ok_or(FeedError::Expired)?,
            user,
            kind,
        }))))
    }

    /// Returns the item after an empty batch, if it is due.
    fn caught_up(&mut self) -> Option<FeedItem> {
        let now = Instant::now();
        if !self.is_behind && now < self.next_caught_up {
            return None;
        }
        self.is_behind = false;
        self.next_caught_up = now + CAUGHT_UP_INTERVAL;
        position_of(&self.token).map(FeedItem::CaughtUp)
    }
}

/// Returns what has changed. `None` if the feed has nothing of it.
fn kind_of(change: &ChangeEvent<'_>) -> Result<Option<FeedChangeKind>, FeedError> {
    let fields = change.fields();
    let event = fields.and_then(|fields| fields.event);
    match (change.operation_type, event) {
        // The tombstone of a number that nobody has registered.
        ("insert", Some(DELETED)) | ("delete", _) => Ok(None),
        ("update" | "replace", Some(DELETED)) => {
            let at = fields.and_then(|fields| fields.deleted_at);
            let at = at.map_or(0, DateTime::timestamp_millis);
            Ok(Some(FeedChangeKind::Deleted(Timestamp::from_millis(at))))
        }
        ("insert" | "update" | "replace", Some(event)) => {
            let committed = committed_of(event).ok_or(FeedError::Expired)?;
            let is_empty = committed.active_change.is_empty() && committed.alerts.is_empty();
            Ok((!is_empty).then_some(FeedChangeKind::Committed(committed)))
        }
        _ => Err(FeedError::Expired),
    }
}
