//! Watches the collection `users` with one change stream per node, and sends change notifications.
//!
//! The stream passes commits and deletions, which write the field `event`. It does not pass the
//! updates that touch a session, archive a tail or set a bound, which do not write it.
//!
//! The stream uses one connection of the driver's pool. If the stream breaks, it resumes from its
//! last resume token. If the token is no longer in the server's oplog, a new stream starts. In both
//! cases, subscribers receive [`ChangeNotification::Resync`], and read the alerts that they missed
//! from the log.

use std::time::Duration;

use bson::{RawDocument, RawDocumentBuf, doc};
use mongodb::{
    Collection,
    change_stream::{ChangeStream, event::ResumeToken},
    error::Error,
};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    change_event::ChangeEvent,
    errors::{describe, is_connection},
    records::last_alert_of,
};
use crate::{
    backoff::Backoff,
    metrics,
    store::{ChangeNotification, changes::ChangeNotifier},
};

/// How long the server waits for a change before it returns an empty batch.
const SERVER_WAIT_TIMEOUT: Duration = Duration::from_secs(1);

/// A stream that has returned no batch, not even an empty one, for this long counts as lost.
pub(super) const SILENCE_TIMEOUT: Duration = Duration::from_secs(15);

/// The time limit for opening a stream.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// The first pause before an attempt to reopen a lost stream. Each further pause is twice as long,
/// up to [`MAX_REOPEN_INTERVAL`].
const FIRST_REOPEN_INTERVAL: Duration = Duration::from_millis(100);
const MAX_REOPEN_INTERVAL: Duration = Duration::from_secs(5);

pub(super) type Stream = ChangeStream<RawDocumentBuf>;

/// Opens the stream, and starts a task that follows it until `stop` is canceled. The task sends a
/// notification for every commit that happens after this function returns.
pub(super) async fn start(
    users: Collection<RawDocumentBuf>,
    notifier: ChangeNotifier,
    stop: CancellationToken,
) -> Result<JoinHandle<()>, Error> {
    let stream = open(&users, None).await?;
    let watcher = Watcher { users, notifier };
    let task = async move {
        let _ = stop.run_until_cancelled(watcher.run(stream)).await;
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the store stops the task, and waits for it when it is closed"
    )]
    Ok(tokio::spawn(task))
}

/// Opens a stream of what [`parse`] and the feed read.
pub(super) async fn open(
    users: &Collection<RawDocumentBuf>,
    token: Option<ResumeToken>,
) -> Result<Stream, Error> {
    // Everything that is not an update passes, so that the end of the collection is not missed.
    let events = doc! { "$match": { "$or": [
        { "operationType": { "$ne": "update" } },
        { "updateDescription.updatedFields.event": { "$exists": true } },
    ] } };
    // Requests only these fields, because whole events contain password hashes.
    let projection = doc! { "$project": {
        "operationType": 1,
        "ns": 1,
        "documentKey": 1,
        "fullDocument.event": 1,
        "fullDocument.deleted_at": 1,
        "updateDescription.updatedFields.event": 1,
        "updateDescription.updatedFields.deleted_at": 1,
    } };
    let stream = users
        .watch()
        .pipeline([events, projection])
        .max_await_time(SERVER_WAIT_TIMEOUT)
        .resume_after(token)
        .await?;
    Ok(stream.with_type())
}

struct Watcher {
    users: Collection<RawDocumentBuf>,
    notifier: ChangeNotifier,
}

impl Watcher {
    async fn run(&self, mut stream: Stream) {
        loop {
            metrics::record(|metrics| metrics.change_stream(true));
            let token = self.follow(&mut stream).await;
            metrics::record(|metrics| metrics.change_stream(false));
            stream = self.reopen(token).await;
            self.notifier.send(ChangeNotification::Resync);
        }
    }

    /// Sends notifications until the stream breaks. Returns the token to resume from, or `None` if
    /// the stream cannot be resumed.
    async fn follow(&self, stream: &mut Stream) -> Option<ResumeToken> {
        loop {
            match timeout(SILENCE_TIMEOUT, stream.next_if_any()).await {
                Ok(Ok(Some(event))) => match parse(&event) {
                    Event::Notification(notification) => self.notifier.send(notification),
                    Event::End => {
                        tracing::warn!("the collection `users` was dropped or renamed");
                        return None;
                    }
                },
                Ok(Ok(None)) if stream.is_alive() => {}
                Ok(Ok(None)) => return None,
                Ok(Err(error)) => {
                    tracing::warn!(error = describe(&error), "the change stream broke");
                    return stream.resume_token().filter(|_| is_connection(&error));
                }
                Err(_) => {
                    tracing::warn!(
                        seconds = SILENCE_TIMEOUT.as_secs(),
                        "the change stream did not respond in time"
                    );
                    return stream.resume_token();
                }
            }
        }
    }

    async fn reopen(&self, mut token: Option<ResumeToken>) -> Stream {
        let mut backoff = Backoff::new(FIRST_REOPEN_INTERVAL, MAX_REOPEN_INTERVAL);
        loop {
            backoff.wait().await;
            match timeout(OPEN_TIMEOUT, open(&self.users, token.clone())).await {
                Ok(Ok(stream)) => {
                    tracing::info!(resumed = token.is_some(), "the change stream is open again");
                    return stream;
                }
                Ok(Err(error)) => {
                    tracing::warn!(
                        error = describe(&error),
                        "could not open the change stream, will retry"
                    );
                    // The server rejects the token, for example because the oplog no longer has it
                    // (error 286).
                    if !is_connection(&error) {
                        token = None;
                    }
                }
                Err(_) => tracing::warn!(
                    seconds = OPEN_TIMEOUT.as_secs(),
                    "could not open the change stream in time, will retry"
                ),
            }
        }
    }
}

/// The meaning of an event.
enum Event {
    Notification(ChangeNotification),
    End,
}

/// Parses an event. An event that cannot be parsed, or that does not come from a commit, makes all
/// subscribers read their logs.
fn parse(event: &RawDocument) -> Event {
    let Ok(event) = bson::deserialize_from_slice::<ChangeEvent<'_>>(event.as_bytes()) else {
        return Event::Notification(ChangeNotification::Resync);
    };
    let user = event.user();
    let sequence = event
        .fields()
        .and_then(|fields| last_alert_of(fields.event?));
    Event::Notification(match (event.operation_type, user, sequence) {
        ("insert" | "update" | "replace", Some(user), Some(sequence)) => {
            ChangeNotification::Changed { user, sequence }
        }
        // A tombstone goes an hour after the notification of the deletion.
        ("delete", Some(user), _) => ChangeNotification::Changed { user, sequence: 0 },
        ("drop" | "rename" | "dropDatabase" | "invalidate", ..) => return Event::End,
        _ => ChangeNotification::Resync,
    })
}
