//! The embedded store: one SQLite file (WAL, `synchronous=FULL`), one writer thread with group commit, readers on
//! connections of their own. One process, and in it one handle, has the file open: see `file::Lock`.

mod apply;
mod file;
mod readers;
mod rows;
mod writer;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params, types::ToSql};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_stream::wrappers::BroadcastStream;

use self::readers::Readers;
use super::{
    ChangeNotification, Commit, CommitError, OpenError, Page, Purged, Slice, Store, StoreError,
    Touch,
};
use crate::domain::{
    Alert, AlertId, Mobile, Session, SessionKey, Timestamp, TokenHash, UserId, UserState,
};

/// Hints that a slow listener may fall behind by, before it is told to look at everything.
const HINTS: usize = 1024;

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    readers: Arc<Readers>,
    hints: broadcast::Sender<ChangeNotification>,
    /// Taken by closing.
    writer: Mutex<Option<Writer>>,
}

#[derive(Debug)]
struct Writer {
    commands: mpsc::Sender<writer::Command>,
    thread: JoinHandle<()>,
    lock: file::Lock,
}

impl SqliteStore {
    /// Opens the file, and makes it where it is missing.
    ///
    /// # Errors
    /// [`OpenError`] where the file cannot be used, is in use, is another program's, or is of a newer version.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let path = file::resolve(path)?;
        let lock = file::Lock::take(&path)?;
        let connection = file::open_writer(&path, &lock)?;
        let (hints, _) = broadcast::channel(HINTS);
        let (commands, thread) = writer::start(connection, hints.clone())
            .map_err(|error| OpenError(format!("cannot start the writer thread: {error}")))?;
        Ok(Self {
            readers: Arc::new(Readers::new(path)),
            hints,
            writer: Mutex::new(Some(Writer {
                commands,
                thread,
                lock,
            })),
        })
    }

    async fn write<T, E: From<StoreError>>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, E>>) -> writer::Command,
    ) -> Result<T, E> {
        let gone = || StoreError::Unavailable("the writer has stopped".into());
        let commands = {
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.as_ref().ok_or_else(gone)?.commands.clone()
        };
        let (answer, answered) = oneshot::channel();
        commands.send(command(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Tells a damaged record from a store that cannot be reached.
fn failed(what: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        | rusqlite::Error::InvalidColumnType(..) => StoreError::Damaged {
            what,
            source: error.into(),
        },
        error => unavailable(&error),
    }
}

/// Says who is at fault where SQLite only says that the file is locked.
fn unavailable(error: &rusqlite::Error) -> StoreError {
    StoreError::Unavailable(match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another program holds the file locked ({error})").into()
        }
        _ => error.to_string().into(),
    })
}

fn user_where(
    connection: &Connection,
    condition: &str,
    value: &dyn ToSql,
) -> rusqlite::Result<Option<UserState>> {
    // One snapshot for the user and its sessions: a commit between the reads would tear them apart.
    let snapshot = connection.unchecked_transaction()?;
    let row = snapshot
        .prepare_cached(&format!(
            "SELECT {} FROM users WHERE {condition} = ?",
            rows::USER
        ))?
        .query_row([value], rows::user)
        .optional()?;
    let Some(rows::UserRow {
        mut user,
        active,
        pending,
    }) = row
    else {
        return Ok(None);
    };
    let current = |key: Option<SessionKey>| {
        let Some(key) = key else { return Ok(None) };
        // Taken for none, it would let a second session in.
        session_by_key(&snapshot, key)?
            .map(Some)
            .ok_or_else(|| rows::damaged("a current session is missing"))
    };
    user.active = current(active)?;
    user.pending = current(pending)?;
    Ok(Some(user))
}

fn session_by_key(connection: &Connection, key: SessionKey) -> rusqlite::Result<Option<Session>> {
    connection
        .prepare_cached(&format!(
            "SELECT {} FROM sessions WHERE key = ?",
            rows::SESSION
        ))?
        .query_row([key.as_uuid().as_bytes()], rows::session)
        .optional()
}

/// The bounds of a page as SQL takes them, with one entry more to see whether there is one.
fn bounds(page: Page) -> (i64, i64) {
    let before = page
        .before
        .and_then(|before| i64::try_from(before).ok())
        .unwrap_or(i64::MAX);
    (
        before,
        i64::try_from(page.limit)
            .unwrap_or(i64::MAX)
            .saturating_add(1),
    )
}

#[async_trait]
impl Store for SqliteStore {
    async fn user(&self, id: UserId) -> Result<Option<UserState>, StoreError> {
        self.readers.read("user", |connection| {
            user_where(connection, "id", id.as_uuid().as_bytes())
        })
    }

    async fn user_by_mobile(&self, mobile: &Mobile) -> Result<Option<UserState>, StoreError> {
        self.readers.read("user", |connection| {
            user_where(connection, "mobile", &mobile.as_str())
        })
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.write(|answer| writer::Command::Commit(Box::new(commit), answer))
            .await
    }

    async fn delete_user(&self, id: UserId) -> Result<bool, StoreError> {
        self.write(|answer| writer::Command::DeleteUser(id, answer))
            .await
    }

    async fn session_by_token(
        &self,
        user: UserId,
        hash: &TokenHash,
    ) -> Result<Option<Session>, StoreError> {
        self.readers.read("session", |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {} FROM sessions WHERE user = ? AND token_hash = ?",
                    rows::SESSION
                ))?
                .query_row(
                    params![user.as_uuid().as_bytes(), hash.as_bytes()],
                    rows::session,
                )
                .optional()
        })
    }

    async fn session(&self, user: UserId, key: SessionKey) -> Result<Option<Session>, StoreError> {
        let found = self
            .readers
            .read("session", |connection| session_by_key(connection, key))?;
        Ok(found.filter(|session| session.owner.id == user))
    }

    async fn sessions_by_key(
        &self,
        keys: &[SessionKey],
    ) -> Result<Vec<Option<Session>>, StoreError> {
        let keys = keys.to_vec();
        self.readers
            .scan("session", move |connection| {
                keys.iter()
                    .map(|key| session_by_key(connection, *key))
                    .collect()
            })
            .await
    }

    async fn sessions(&self, user: UserId, page: Page) -> Result<Slice<Session>, StoreError> {
        let (before, limit) = bounds(page);
        self.readers
            .page("session", page, move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {} FROM sessions WHERE user = ? AND number < ? ORDER BY number DESC LIMIT ?",
                        rows::SESSION
                    ))?
                    .query_map(params![user.as_uuid().as_bytes(), before, limit], rows::session)?
                    .collect()
            })
            .await
    }

    async fn count_sessions(&self, user: UserId) -> Result<u64, StoreError> {
        self.readers
            .scan("session", move |connection| {
                connection
                    .prepare_cached("SELECT count(*) FROM sessions WHERE user = ?")?
                    .query_row([user.as_uuid().as_bytes()], |row| row.get(0))
            })
            .await
    }

    async fn alerts(&self, user: UserId, page: Page) -> Result<Slice<Alert>, StoreError> {
        let (before, limit) = bounds(page);
        self.readers
            .page("alert", page, move |connection| {
                connection
                .prepare_cached(&format!(
                    "SELECT {} FROM alerts WHERE user = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
                    rows::ALERT
                ))?
                .query_map(params![user.as_uuid().as_bytes(), before, limit], rows::alert)?
                .collect()
            })
            .await
    }

    async fn alerts_after(
        &self,
        user: UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError> {
        self.readers
            .scan("alert", move |connection| {
                let (after, limit) =
                    (i64::try_from(after).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
                connection
                    .prepare_cached(&format!(
                        "SELECT {} FROM alerts WHERE user = ? AND sequence > ? ORDER BY sequence LIMIT ?",
                        rows::ALERT
                    ))?
                    .query_map(params![user.as_uuid().as_bytes(), after, limit], rows::alert)?
                    .collect()
            })
            .await
    }

    async fn alert(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        let Ok(sequence) = i64::try_from(id.sequence) else {
            return Ok(None);
        };
        self.readers.read("alert", |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {} FROM alerts WHERE user = ? AND sequence = ?",
                    rows::ALERT
                ))?
                .query_row(params![id.user.as_uuid().as_bytes(), sequence], rows::alert)
                .optional()
        })
    }

    async fn touch(&self, touches: &[Touch]) -> Result<(), StoreError> {
        let touches = touches.to_vec();
        self.write(|answer| writer::Command::Touch(touches, answer))
            .await
    }

    async fn overdue(&self, now: Timestamp, limit: usize) -> Result<Vec<UserId>, StoreError> {
        self.readers.scan("session", move |connection| {
            connection
                .prepare_cached(
                    "SELECT user FROM sessions WHERE ended_at IS NULL AND expires_at <= ? ORDER BY expires_at LIMIT ?",
                )?
                .query_map(params![now.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    Ok(UserId::new(uuid::Uuid::from_bytes(row.get(0)?)))
                })?
                .collect()
        })
        .await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        self.write(|answer| writer::Command::Purge {
            before,
            limit,
            answer,
        })
        .await
    }

    fn changes(&self) -> BoxStream<'static, ChangeNotification> {
        BroadcastStream::new(self.hints.subscribe())
            .map(|hint| hint.unwrap_or(ChangeNotification::Resync))
            .boxed()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.readers.read("file", |connection| {
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        })
    }

    async fn close(&self) {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(Writer {
            commands,
            thread,
            lock,
        }) = writer
        else {
            return;
        };
        drop(commands);
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the writer thread panicked");
        }
        self.readers.close();
        drop(lock);
    }
}
