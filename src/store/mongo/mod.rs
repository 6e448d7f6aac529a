//! The store for many nodes: one MongoDB, a replica set or a sharded cluster.
//!
//! Every write is acknowledged by a majority and journalled, every read is of what a majority has, from the primary:
//! what has been answered outlives a failover, and what one node has committed any other reads.
//! Nothing waits without end: each operation has a limit, and where the database is away answers that it is.

mod changes;
mod collections;
mod commit;
mod documents;
mod errors;
mod open;
mod reading;
mod report;
mod transaction;
mod upkeep;

use std::{
    fmt,
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bson::{Binary, Document, RawDocumentBuf, doc};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use mongodb::Collection;
use tokio::{sync::broadcast, task::JoinHandle};
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::report::{CollectionReport, IndexReport, Report};
use self::{
    collections::Collections,
    documents::{AlertDocument, SessionDocument, Stored, binary, id, integer, read, user_id},
    errors::{damaged, unavailable},
    upkeep::at_most,
};
use super::{
    ChangeNotification, Commit, CommitError, OpenError, Page, Purged, Slice, Store, StoreError,
    Touch,
};
use crate::domain::{
    Alert, AlertId, Mobile, Session, SessionKey, Timestamp, TokenHash, UserId, UserState,
};

/// Hints that a slow listener may fall behind by, before it is told to look at everything.
const HINTS: usize = 1024;

/// How long an operation may take, its looking for a server and its second try included.
const OPERATION_LIMIT: Duration = Duration::from_secs(10);

/// How long a transaction may take, its further attempts included.
const TRANSACTION_LIMIT: Duration = Duration::from_secs(15);

/// How long saying good-bye to the server may take.
const CLOSING_LIMIT: Duration = Duration::from_secs(2);

/// How long the server may take for one write, and for its way to a majority.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// The store in one MongoDB database. Any number of handles, in any number of processes, may have it open.
pub struct MongoStore {
    collections: Collections,
    hints: broadcast::Sender<ChangeNotification>,
    watcher: Mutex<Option<Watcher>>,
}

/// The task that follows the change stream. Dropped, it stops.
struct Watcher {
    task: JoinHandle<()>,
    stop: DropGuard,
}

impl fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoStore")
            .field("database", &self.collections.database.name())
            .finish_non_exhaustive()
    }
}

impl MongoStore {
    /// Connects to the database that `uri` names (`sessiond` where it names none), makes its indexes where they are
    /// missing, and watches it from then on. By its own clock the server removes sessions that ended and alerts that
    /// were raised longer than `retention` ago, as it was last given.
    ///
    /// # Errors
    /// [`OpenError`] where the URI cannot be read, no server answers, the credentials are wrong, the server is a
    /// standalone one, or the database is of a newer version. It never quotes the URI.
    pub async fn open(uri: &str, retention: Duration) -> Result<Self, OpenError> {
        open::in_time(async {
            let collections = open::open(uri, retention).await?;
            let (hints, _) = broadcast::channel(HINTS);
            let stop = CancellationToken::new();
            let task = changes::start(collections.users.clone(), hints.clone(), stop.clone())
                .await
                .map_err(|error| open::cannot_watch(&error))?;
            let watcher = Mutex::new(Some(Watcher {
                task,
                stop: stop.drop_guard(),
            }));
            Ok(Self {
                collections,
                hints,
                watcher,
            })
        })
        .await
    }

    async fn one<D: Stored>(
        &self,
        collection: &Collection<RawDocumentBuf>,
        filter: Document,
    ) -> Result<Option<D::Value>, StoreError> {
        within(OPERATION_LIMIT, async {
            let found = collection
                .find_one(filter)
                .await
                .map_err(|error| unavailable(&error))?;
            found.map(|document| read::<D>(&document)).transpose()
        })
        .await
    }

    async fn many<D: Stored>(
        &self,
        collection: &Collection<RawDocumentBuf>,
        filter: Document,
        sort: Document,
        limit: usize,
    ) -> Result<Vec<D::Value>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        within(OPERATION_LIMIT, async {
            let found = async {
                collection
                    .find(filter)
                    .sort(sort)
                    .limit(at_most(limit))
                    .await?
                    .try_collect()
                    .await
            };
            let found: Vec<RawDocumentBuf> = found.await.map_err(|error| unavailable(&error))?;
            found.iter().map(|document| read::<D>(document)).collect()
        })
        .await
    }
}

async fn within<T, E: From<StoreError>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let error = format!("the database did not answer within {} s", limit.as_secs());
        Err(StoreError::Unavailable(error.into()).into())
    })
}

/// Those of a user whose `number` is below the page's bound.
fn of_page(user: UserId, number: &str, page: Page) -> Document {
    let mut filter = doc! { "user": id(user.as_uuid()) };
    if let Some(before) = page.before {
        filter.insert(number, doc! { "$lt": integer(before) });
    }
    filter
}

#[async_trait]
impl Store for MongoStore {
    async fn user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        within(OPERATION_LIMIT, reading::user(&self.collections, id)).await
    }

    async fn user_by_mobile(&self, mobile: &Mobile) -> Result<Option<UserState>, StoreError> {
        within(OPERATION_LIMIT, async {
            let claim = self
                .collections
                .mobiles
                .find_one(doc! { "_id": mobile.as_str() });
            let Some(claim) = claim.await.map_err(|error| unavailable(&error))? else {
                return Ok(None);
            };
            let owner = claim
                .get_binary("user")
                .map_err(|error| damaged("mobile number", error))?;
            let owner = Binary {
                subtype: owner.subtype,
                bytes: owner.bytes.to_vec(),
            }
            .to_uuid();
            let owner = owner.map_err(|error| damaged("mobile number", error))?;
            reading::user(&self.collections, user_id(owner)).await
        })
        .await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        within(
            TRANSACTION_LIMIT,
            commit::commit(&self.collections, &commit),
        )
        .await
    }

    async fn delete_user(&self, id: UserId) -> Result<bool, StoreError> {
        within(
            TRANSACTION_LIMIT,
            commit::delete_user(&self.collections, id),
        )
        .await
    }

    async fn session_by_token(
        &self,
        user: UserId,
        hash: &TokenHash,
    ) -> Result<Option<Session>, StoreError> {
        let filter = doc! { "user": id(user.as_uuid()), "token_hash": binary(hash.as_bytes()) };
        self.one::<SessionDocument>(&self.collections.sessions, filter)
            .await
    }

    async fn session(&self, user: UserId, key: SessionKey) -> Result<Option<Session>, StoreError> {
        let filter = doc! { "_id": id(key.as_uuid()), "user": id(user.as_uuid()) };
        self.one::<SessionDocument>(&self.collections.sessions, filter)
            .await
    }

    async fn sessions_by_key(
        &self,
        keys: &[SessionKey],
    ) -> Result<Vec<Option<Session>>, StoreError> {
        let ids: Vec<_> = keys.iter().map(|key| id(key.as_uuid())).collect();
        let filter = doc! { "_id": { "$in": ids } };
        let found = self
            .many::<SessionDocument>(
                &self.collections.sessions,
                filter,
                doc! { "_id": 1 },
                keys.len(),
            )
            .await?;
        Ok(keys
            .iter()
            .map(|key| found.iter().find(|session| session.key == *key).cloned())
            .collect())
    }

    async fn sessions(&self, user: UserId, page: Page) -> Result<Slice<Session>, StoreError> {
        let (filter, newest_first) = (of_page(user, "number", page), doc! { "number": -1 });
        let limit = page.limit.saturating_add(1);
        let items = self
            .many::<SessionDocument>(&self.collections.sessions, filter, newest_first, limit)
            .await?;
        Ok(Slice::of_one_more(items, page))
    }

    async fn count_sessions(&self, user: UserId) -> Result<u64, StoreError> {
        within(OPERATION_LIMIT, async {
            let count = self
                .collections
                .sessions
                .count_documents(doc! { "user": id(user.as_uuid()) });
            count.await.map_err(|error| unavailable(&error))
        })
        .await
    }

    async fn alerts(&self, user: UserId, page: Page) -> Result<Slice<Alert>, StoreError> {
        let (filter, newest_first) = (of_page(user, "sequence", page), doc! { "sequence": -1 });
        let limit = page.limit.saturating_add(1);
        let items = self
            .many::<AlertDocument>(&self.collections.alerts, filter, newest_first, limit)
            .await?;
        Ok(Slice::of_one_more(items, page))
    }

    async fn alerts_after(
        &self,
        user: UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError> {
        let filter = doc! { "user": id(user.as_uuid()), "sequence": { "$gt": integer(after) } };
        self.many::<AlertDocument>(
            &self.collections.alerts,
            filter,
            doc! { "sequence": 1 },
            limit,
        )
        .await
    }

    async fn alert(&self, alert: AlertId) -> Result<Option<Alert>, StoreError> {
        let Ok(sequence) = i64::try_from(alert.sequence) else {
            return Ok(None);
        };
        let filter = doc! { "user": id(alert.user.as_uuid()), "sequence": sequence };
        self.one::<AlertDocument>(&self.collections.alerts, filter)
            .await
    }

    async fn touch(&self, touches: &[Touch]) -> Result<(), StoreError> {
        within(OPERATION_LIMIT, upkeep::touch(&self.collections, touches)).await
    }

    async fn overdue(&self, now: Timestamp, limit: usize) -> Result<Vec<UserId>, StoreError> {
        within(
            OPERATION_LIMIT,
            upkeep::overdue(&self.collections, now, limit),
        )
        .await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        within(
            OPERATION_LIMIT,
            upkeep::purge(&self.collections, before, limit),
        )
        .await
    }

    fn changes(&self) -> BoxStream<'static, ChangeNotification> {
        BroadcastStream::new(self.hints.subscribe())
            .map(|hint| hint.unwrap_or(ChangeNotification::Resync))
            .boxed()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        within(OPERATION_LIMIT, async {
            let answer = self
                .collections
                .database
                .run_command(doc! { "ping": 1 })
                .await;
            answer.map(drop).map_err(|error| unavailable(&error))
        })
        .await
    }

    async fn close(&self) {
        let watcher = self
            .watcher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(Watcher { task, stop }) = watcher else {
            return;
        };
        drop(stop);
        if task.await.is_err() {
            tracing::error!("the task that watches the database panicked");
        }
        // At once: every write that was accepted has been answered.
        let closing = self.collections.client.clone().shutdown().immediate(true);
        if tokio::time::timeout(CLOSING_LIMIT, closing).await.is_err() {
            tracing::warn!(
                "the database could not be told that its sessions are over; it finds out by itself"
            );
        }
    }
}
