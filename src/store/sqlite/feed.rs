//! Reads the feed. Every reader reads the file itself, a batch at a time: the notifications after a
//! commit only wake it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{
    read::sql_limit,
    reader_pool::ReaderPool,
    records::damaged,
    write::feed::{COMMITTED, DELETED},
};
use crate::{
    backoff::Backoff,
    domain::{
        ActivatedSession, ActiveChange, Ended, EndedSession, SessionKey, Timestamp, UserId,
        base64url,
    },
    store::{
        ChangeNotification, Committed, Feed, FeedChange, FeedChangeKind, FeedError, FeedItem,
        FeedPosition, StoreError, feed::CAUGHT_UP_INTERVAL, names::end_reason_from_name,
    },
};

/// The number of changes that a reader reads at once: few, because a reader that has caught up
/// reads on its own thread, and more if it is behind.
const SMALL_BATCH: usize = 16;
const LARGE_BATCH: usize = 256;

/// The pauses while the file cannot be read.
const FIRST_RETRY_INTERVAL: Duration = Duration::from_millis(50);
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// A row's number and its mark. The number is 0 before the first row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    number: i64,
    mark: i64,
}

impl Place {
    fn parse(position: &FeedPosition) -> Option<Self> {
        let bytes: [u8; 16] = base64url::decode(position.as_str())?;
        let (number, mark) = Uuid::from_bytes(bytes).as_u64_pair();
        let place = Self {
            number: number.cast_signed(),
            mark: mark.cast_signed(),
        };
        (place.number >= 0).then_some(place)
    }

    fn position(self) -> FeedPosition {
        let pair = Uuid::from_u64_pair(self.number.cast_unsigned(), self.mark.cast_unsigned());
        FeedPosition::of_store(base64url::encode(pair.as_bytes()))
    }
}

/// Returns the position after the last change.
pub(super) fn end(connection: &Connection) -> rusqlite::Result<FeedPosition> {
    let last = connection
        .prepare_cached("SELECT number, mark FROM feed ORDER BY number DESC LIMIT 1")?
        .query_row([], |row| {
            Ok(Place {
                number: row.get(0)?,
                mark: row.get(1)?,
            })
        })
        .optional()?;
    Ok(last.unwrap_or_default().position())
}

/// Deletes the oldest rows. A row is deleted only together with all rows before it, so that no
/// reader misses one between others.
pub(super) fn purge(
    connection: &Connection,
    before: Timestamp,
    limit: usize,
) -> rusqlite::Result<u64> {
    // One more than is deleted, which is never the last row.
    let oldest: Vec<(i64, i64)> = connection
        .prepare_cached("SELECT number, at FROM feed ORDER BY number LIMIT ?")?
        .query_map([sql_limit(limit.saturating_add(1))], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    let deletable = oldest.len().saturating_sub(1);
    let last = oldest[..deletable]
        .iter()
        .take_while(|(_, at)| *at < before.as_millis())
        .last();
    let Some((number, _)) = last else {
        return Ok(0);
    };
    let deleted = connection
        .prepare_cached("DELETE FROM feed WHERE number <= ?")?
        .execute([number])?;
    Ok(deleted as u64)
}

/// Reads the rows after a place. `None` if the place is not one of this file, or if rows after it
/// were deleted.
fn read(
    connection: &Connection,
    after: Place,
    limit: usize,
) -> rusqlite::Result<Option<Vec<(Place, FeedChange)>>> {
    // The row of the place itself is read too, except before the first one.
    let first = after.number.max(1);
    let mut rows = connection
        .prepare_cached("SELECT * FROM feed WHERE number >= ? ORDER BY number LIMIT ?")?
        .query_map(params![first, sql_limit(limit + 1)], change)?
        .collect::<Result<VecDeque<_>, _>>()?;
    if after.number == 0 {
        let is_complete = rows.front().is_none_or(|(place, _)| place.number == 1);
        rows.truncate(limit);
        return Ok((is_complete && after.mark == 0).then(|| rows.into()));
    }
    let own = rows.pop_front();
    Ok(own
        .is_some_and(|(place, _)| place == after)
        .then(|| rows.into()))
}

fn change(row: &Row<'_>) -> rusqlite::Result<(Place, FeedChange)> {
    let place = Place {
        number: row.get("number")?,
        mark: row.get("mark")?,
    };
    let at = Timestamp::from_millis(row.get("at")?);
    let kind: String = row.get("kind")?;
    let kind = match kind.as_str() {
        COMMITTED => FeedChangeKind::Committed(committed(row, at)?),
        DELETED => FeedChangeKind::Deleted(at),
        _ => return Err(damaged("the kind of a change is unknown")),
    };
    let change = FeedChange {
        position: place.position(),
        user: UserId::new(row.get("user").map(Uuid::from_bytes)?),
        kind,
    };
    Ok((place, change))
}

fn committed(row: &Row<'_>, at: Timestamp) -> rusqlite::Result<Committed> {
    let key = |column| -> rusqlite::Result<Option<SessionKey>> {
        let bytes: Option<[u8; 16]> = row.get(column)?;
        Ok(bytes.map(|bytes| SessionKey::new(Uuid::from_bytes(bytes))))
    };
    let ended = match key("ended")? {
        None => None,
        Some(key_of_ended) => {
            let reason: String = row.get("end_reason")?;
            Some(EndedSession {
                key: key_of_ended,
                end: Ended {
                    at: Timestamp::from_millis(row.get("ended_at")?),
                    reason: end_reason_from_name(&reason).map_err(damaged)?,
                    replaced_by: key("replaced_by")?,
                },
            })
        }
    };
    let activated = match key("activated")? {
        None => None,
        Some(key) => Some(ActivatedSession {
            key,
            at,
            expires_at: Timestamp::from_millis(row.get("expires_at")?),
        }),
    };
    let (first, alerts): (u64, u64) = (row.get("first_alert")?, row.get("alerts")?);
    Ok(Committed {
        active_change: ActiveChange { ended, activated },
        alerts: first..first.saturating_add(alerts),
    })
}

/// Follows the feed. `notifications` must come from a subscription that is older than this call.
pub(super) fn follow(
    readers: Arc<ReaderPool>,
    notifications: BoxStream<'static, ChangeNotification>,
    after: &FeedPosition,
) -> Feed {
    let Some(place) = Place::parse(after) else {
        return stream::once(async { Err(FeedError::Expired) }).boxed();
    };
    let reader = FeedReader {
        readers,
        notifications,
        place,
        batch: VecDeque::new(),
        next: Next::Read,
        next_caught_up: Instant::now(),
        is_behind: true,
    };
    stream::unfold(reader, async |mut reader| {
        let item = reader.next().await?;
        Some((item, reader))
    })
    .boxed()
}

/// One reader of the feed. Holds at most one batch.
struct FeedReader {
    readers: Arc<ReaderPool>,
    notifications: BoxStream<'static, ChangeNotification>,
    /// The place of the last row that was read.
    place: Place,
    batch: VecDeque<FeedChange>,
    next: Next,
    /// When the reader is next told that it has caught up.
    next_caught_up: Instant,
    /// Whether there may be more changes than those that were read.
    is_behind: bool,
}

/// The next step of a reader whose batch is empty.
enum Next {
    Read,
    Wait,
    End,
}

impl FeedReader {
    async fn next(&mut self) -> Option<Result<FeedItem, FeedError>> {
        loop {
            if let Some(change) = self.batch.pop_front() {
                self.next_caught_up = Instant::now() + CAUGHT_UP_INTERVAL;
                return Some(Ok(FeedItem::Change(Box::new(change))));
            }
            match self.next {
                Next::End => return None,
                Next::Read => match self.read_with_retries().await {
                    Ok(true) => return Some(Ok(FeedItem::CaughtUp(self.place.position()))),
                    Ok(false) => {}
                    Err(error) => {
                        self.next = Next::End;
                        return Some(Err(error));
                    }
                },
                Next::Wait => {
                    match timeout_at(self.next_caught_up, self.notifications.next()).await {
                        Ok(Some(_)) => {
                            // One read serves all of them.
                            while let Some(Some(_)) = self.notifications.next().now_or_never() {}
                        }
                        Ok(None) => return None,
                        Err(_) => {}
                    }
                    self.next = Next::Read;
                }
            }
        }
    }

    async fn read_with_retries(&mut self) -> Result<bool, FeedError> {
        let mut backoff = Backoff::new(FIRST_RETRY_INTERVAL, MAX_RETRY_INTERVAL);
        loop {
            match self.read().await {
                Err(FeedError::Store(StoreError::Unavailable(_))) => backoff.wait().await,
                result => return result,
            }
        }
    }

    /// Reads the next batch. Returns true if there is none, and the reader is to be told so.
    async fn read(&mut self) -> Result<bool, FeedError> {
        let place = self.place;
        let limit = if self.is_behind {
            LARGE_BATCH
        } else {
            SMALL_BATCH
        };
        let rows = self
            .readers
            .rows("change", limit, move |connection| {
                read(connection, place, limit)
            })
            .await?
            .ok_or(FeedError::Expired)?;
        if let Some((last, _)) = rows.last() {
            self.place = *last;
            self.is_behind |= rows.len() == limit;
            self.next = if self.is_behind {
                Next::Read
            } else {
                Next::Wait
            };
            self.batch = rows.into_iter().map(|(_, change)| change).collect();
            return Ok(false);
        }
        let now = Instant::now();
        let is_due = self.is_behind || now >= self.next_caught_up;
        if is_due {
            self.next_caught_up = now + CAUGHT_UP_INTERVAL;
        }
        self.is_behind = false;
        self.next = Next::Wait;
        Ok(is_due)
    }
}
