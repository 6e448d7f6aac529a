//! Watches the collection `users` with one change stream per node, and sends change notifications.
//!
//! The stream passes commits and deletions, which write the field `event`. It does not pass the
//! updates that touch a session, archive a tail or set a bound, which do not write it.
//!
//! The stream uses one connection of the driver's pool. If the stream breaks, it resumes from its
//! last resume token. If the token is no longer in the server's oplog, a new stream starts. In both
//! cases, subscribers receive [`ChangeNotification::Resync`], and read the alerts that they missed
//! from the log.

use std::{sync::Arc, time::Duration};

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
    recent_users::RecentUsers,
    records::{last_alert_of, version_of},
};
use crate::{
    backoff::Backoff,
    domain::UserId,
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

/// Follows the stream of a node.
pub(super) struct Watcher {
    pub users: Collection<RawDocumentBuf>,
    pub notifier: ChangeNotifier,
    pub recent_users: Arc<RecentUsers>,
}

impl Watcher {
    /// Opens the stream, and starts a task that follows it until `stop` is canceled. The task sends
    /// a notification for every commit that happens after this function returns.
    pub(super) async fn start(self, stop: CancellationToken) -> Result<JoinHandle<()>, Error> {
        let stream = open(&self.users, None).await?;
        let task = async move {
            let _ = stop.run_until_cancelled(self.run(stream)).await;
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the store stops the task, and waits for it when it is closed"
        )]
        Ok(tokio::spawn(task))
    }

    async fn run(&self, mut stream: Stream) {
        loop {
            metrics::record(|metrics| metrics.change_stream(true));
            let token = self.follow(&mut stream).await;
            metrics::record(|metrics| metrics.change_stream(false));
            stream = self.reopen(token).await;
            self.resync();
        }
    }

    fn resync(&self) {
        self.recent_users.clear();
        self.notifier.send(ChangeNotification::Resync);
    }

    /// Sends notifications until the stream breaks. Returns the token to resume from, or `None` if
    /// the stream cannot be resumed.
    async fn follow(&self, stream: &mut Stream) -> Option<ResumeToken> {
        loop {
            match timeout(SILENCE_TIMEOUT, stream.next_if_any()).await {
                Ok(Ok(Some(event))) => match parse(&event) {
                    Event::Changed {
                        user,
                        sequence,
                        version,
                    } => {
                        self.recent_users.changed(user, version);
                        let notification = ChangeNotification::Changed { user, sequence };
                        self.notifier.send(notification);
                    }
                    Event::Unknown => self.resync(),
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
    /// A commit made this version of the user. There is no version after a deletion.
    Changed {
        user: UserId,
        sequence: u64,
        version: Option<u64>,
    },
    /// It cannot be parsed, or does not come from a commit.
    Unknown,
    End,
}

fn parse(event: &RawDocument) -> Event {
    let Ok(event) = bson::deserialize_from_slice::<ChangeEvent<'_>>(event.as_bytes()) else {
        return Event::Unknown;
    };
    let user = event.user();
    let text = event.fields().and_then(|fields| fields.event);
    match (event.operation_type, user, text.and_then(last_alert_of)) {
        ("insert" | "update" | "replace", Some(user), Some(sequence)) => Event::Changed {
            user,
            sequence,
            version: text.and_then(version_of),
        },
        // A tombstone goes an hour after the notification of the deletion.
        ("delete", Some(user), _) => Event::Changed {
            user,
            sequence: 0,
            version: None,
        },
        ("drop" | "rename" | "dropDatabase" | "invalidate", ..) => Event::End,
        _ => Event::Unknown,
    }
}
