//! Opens the store, or migrates its database.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    Migration, MongoStore, Tasks,
    archiver::Archiver,
    changes::Watcher,
    collections::Collections,
    feed,
    layout::{self, Layout},
    open,
    presence::Announcer,
    recent_users::RecentUsers,
    timeouts::CLOSE_TIMEOUT,
};
use crate::store::{OpenError, changes::ChangeNotifier};

impl MongoStore {
    /// Connects to the database that `uri` names (`sessiond` if it names none), migrates a database
    /// of the former layout, creates missing collections and indexes, and opens a change stream.
    /// From then on, the server deletes sessions that ended and alerts that were created more than
    /// `retention` ago, by its own clock. The last node to open the database sets the retention for
    /// all nodes.
    ///
    /// # Errors
    /// [`OpenError`] if the URI cannot be parsed, no server responds, the credentials are wrong,
    /// the server is a standalone one, or the database was written by a newer version. The error
    /// never quotes the URI.
    pub async fn open(uri: &str, retention: Duration) -> Result<Self, OpenError> {
        let (collections, layout) = connect(uri, retention).await?;
        if layout == Layout::Former {
            open::migrate(&collections).await?;
        }
        Self::start(collections).await
    }

    /// Opens a database as [`MongoStore::open`] does, but does not migrate it.
    ///
    /// # Errors
    /// [`OpenError`] as for [`MongoStore::open`], and if the database has the former layout.
    pub async fn open_migrated(uri: &str, retention: Duration) -> Result<Self, OpenError> {
        let (collections, layout) = connect(uri, retention).await?;
        if layout == Layout::Former {
            return Err(OpenError(format!(
                "the database {} has the layout of an earlier version of sessiond; stop the nodes \
                 of that version, and then run `sessiond migrate` or start this version",
                collections.database.name()
            )));
        }
        Self::start(collections).await
    }

    /// Migrates a database of the former layout. Returns `None` if it has the present one.
    ///
    /// # Errors
    /// [`OpenError`] as for [`MongoStore::open`], or if the connection is lost. Another migration
    /// continues an interrupted one.
    pub async fn migrate(uri: &str, retention: Duration) -> Result<Option<Migration>, OpenError> {
        let (collections, layout) = connect(uri, retention).await?;
        let migration = match layout {
            Layout::Former => Some(open::migrate(&collections).await?),
            Layout::Current => None,
        };
        end_sessions(&collections).await;
        Ok(migration)
    }

    /// Returns what [`MongoStore::migrate`] would do, and writes nothing.
    ///
    /// # Errors
    /// [`OpenError`] as for [`MongoStore::open`].
    pub async fn migration_plan(
        uri: &str,
        retention: Duration,
    ) -> Result<MigrationPlan, OpenError> {
        open::within_timeout(async {
            let collections = open::connect(uri, retention).await?;
            let plan = match layout::find(&collections).await? {
                None => MigrationPlan::New,
                Some(Layout::Current) => MigrationPlan::Current,
                Some(Layout::Former) => MigrationPlan::Former {
                    users: open::count_former_users(&collections).await?,
                },
            };
            end_sessions(&collections).await;
            Ok(plan)
        })
        .await
    }

    async fn start(collections: Collections) -> Result<Self, OpenError> {
        open::within_timeout(async {
            open::create(&collections).await?;
            let notifier = ChangeNotifier::new();
            let stop = CancellationToken::new();
            let recent_users = Arc::new(RecentUsers::new());
            let watcher = Watcher {
                users: collections.users.clone(),
                notifier: notifier.clone(),
                recent_users: Arc::clone(&recent_users),
            };
            let watcher = watcher
                .start(stop.clone())
                .await
                .map_err(|error| open::cannot_watch(&error))?;
            let (archiver, archiving) = Archiver::start(&collections, &stop);
            let tasks = Mutex::new(Some(Tasks {
                running: [watcher, archiving],
                stop: stop.drop_guard(),
            }));
            Ok(Self {
                collections,
                notifier,
                archiver,
                recent_users,
                announcer: Announcer::default(),
                feed_readers: Arc::new(Semaphore::new(feed::MAX_READERS)),
                tasks,
            })
        })
        .await
    }
}

/// Ends the driver's sessions on the server. Without the time, the server ends them itself.
async fn end_sessions(collections: &Collections) {
    let shutdown = collections.client.clone().shutdown().immediate(true);
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, shutdown).await;
}

/// What a migration would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationPlan {
    /// The database is new. A start creates the present layout.
    New,
    /// The database has the present layout.
    Current,
    /// The database has the former layout, or its migration was interrupted.
    Former {
        /// The number of users whose documents have to be converted.
        users: u64,
    },
}

/// Connects, and reads the layout.
async fn connect(uri: &str, retention: Duration) -> Result<(Collections, Layout), OpenError> {
    open::within_timeout(async {
        let collections = open::connect(uri, retention).await?;
        let layout = layout::read(&collections).await?;
        Ok((collections, layout))
    })
    .await
}
