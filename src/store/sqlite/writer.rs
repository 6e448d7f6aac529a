//! The only thread that writes. It performs all queued commands in one transaction, syncs once, and
//! then replies to all of them (group commit), so that they share the cost of the sync under load.
//!
//! A command has no savepoint of its own. After a savepoint, SQLite copies each page before it
//! changes, and writes the copies of a large batch to a temporary file: 23 of the 25 writes of a
//! login, if 64 share a transaction. A command is therefore refused (stale, or a number that is
//! taken) before it writes anything, and an error after that loses the whole transaction. Its
//! commands are then performed again, each in a transaction of its own, so that only the one that
//! fails gets the error.

mod command;
mod replies;
mod reply;

use std::{thread::JoinHandle, time::Instant};

use rusqlite::Connection;
use tokio::sync::mpsc;

pub(super) use self::{command::Command, replies::Replies, reply::Reply};
use super::{
    checkpoints::Checkpoints,
    errors::unavailable,
    log_size::LogFile,
    misplaced_log::MisplacedLog,
    page_cache,
    placement::{Misplaced, Placement},
    prepared::Prepared,
    publisher::Publisher,
};
use crate::{
    error_chain::ErrorChain,
    log_limit::LogLimit,
    metrics,
    store::{OpenError, StoreError},
};

/// The maximum number of commands that wait for the writer. If the queue is full, callers wait, and
/// their requests take longer.
const QUEUE_CAPACITY: usize = 1024;

/// The maximum number of commands in one transaction: enough to share the cost of a sync, and few
/// enough to reply to the first one soon.
const MAX_BATCH_SIZE: usize = 256;

/// Starts the writer thread of a database. It ends when all senders are dropped and
/// the queue is empty.
pub(super) fn start(
    connection: Connection,
    placement: Placement,
    publisher: Publisher,
) -> Result<(mpsc::Sender<Command>, JoinHandle<()>), OpenError> {
    let (sender, commands) = mpsc::channel(QUEUE_CAPACITY);
    let mut log = LogFile::of(placement.path());
    let checkpoints = Checkpoints::start(&connection, &placement)?;
    let thread = std::thread::Builder::new()
        .name("sqlite-writer".into())
        .spawn(move || {
            run(
                &connection,
                &placement,
                &mut log,
                checkpoints,
                commands,
                publisher,
            );
        })
        .map_err(|error| OpenError(format!("cannot start the writer thread: {error}")))?;
    Ok((sender, thread))
}

fn run(
    connection: &Connection,
    placement: &Placement,
    log: &mut LogFile,
    mut checkpoints: Checkpoints,
    mut commands: mpsc::Receiver<Command>,
    mut publisher: Publisher,
) {
    let statements = Prepared::new(connection);
    let mut misplaced_log = MisplacedLog::default();
    while let Some(first) = commands.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH_SIZE
            && let Ok(next) = commands.try_recv()
        {
            batch.push(next);
        }
        if batch
            .iter()
            .any(|command| matches!(command, Command::DeleteUser { .. }))
        {
            log.must_forget_users();
        }
        let is_maintenance = batch
            .iter()
            .any(|command| matches!(command, Command::Purge { .. }));
        let placed = placement.check();
        match &placed {
            Ok(()) => misplaced_log.is_back(),
            Err(Misplaced::Log(_)) => misplaced_log.save(connection, placement),
            Err(_) => {}
        }
        if let [Command::DetectOtherWriters] = batch[..] {
            if let Err(misplaced) = placed {
                log_lost(&misplaced.into());
            }
            if let Err(error) = publisher.detect_other_writers(connection) {
                tracing::warn!(%error, "could not find out whether the database has changed");
            }
        } else if let Err(misplaced) = placed {
            reject_batch(batch, &misplaced, &publisher);
        } else {
            write_batch(&statements, batch, &mut publisher);
            checkpoints.after_batch(connection);
        }
        if is_maintenance {
            log.limit_size(connection);
            if let Err(error) = page_cache::fit(connection) {
                tracing::warn!(%error, "could not fit the page cache to the size of the database");
            }
        }
    }
    // Nobody asks for anything any more, and the log may have lost its name since the last command.
    if let Err(Misplaced::Log(_)) = placement.check() {
        misplaced_log.save_at_the_end(connection, placement);
    }
    checkpoints.stop();
}

/// Rejects all commands of a batch, because a file was moved, removed or replaced.
fn reject_batch(batch: Vec<Command>, misplaced: &Misplaced, publisher: &Publisher) {
    log_lost(&misplaced.clone().into());
    for command in batch {
        complete(command, Err(misplaced.clone().into()), publisher);
    }
}

/// The reason why a transaction was lost.
enum Lost {
    /// A command has failed.
    Command(StoreError),
    /// The transaction could not begin, or could not be made durable.
    Transaction(rusqlite::Error),
}

fn write_batch(statements: &Prepared<'_>, mut batch: Vec<Command>, publisher: &mut Publisher) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a batch has at most 256 commands"
    )]
    metrics::record(|metrics| metrics.commit_batch_size.observe(batch.len() as f64));
    match perform_all(statements, &mut batch, publisher) {
        Ok(()) => publisher.send_results(batch),
        Err(Lost::Command(_)) => {
            for command in batch {
                write_alone(statements, command, publisher);
            }
        }
        Err(Lost::Transaction(error)) => {
            log_lost(&unavailable(&error));
            for command in batch {
                complete(command, Err(unavailable(&error)), publisher);
            }
        }
    }
}

/// Performs a command of a batch that was lost because of one of its commands.
fn write_alone(statements: &Prepared<'_>, mut command: Command, publisher: &mut Publisher) {
    let batch = std::slice::from_mut(&mut command);
    let durable = perform_all(statements, batch, publisher).map_err(|lost| {
        let error = match lost {
            Lost::Command(error) => error,
            Lost::Transaction(error) => unavailable(&error),
        };
        log_lost(&error);
        error
    });
    complete(command, durable, publisher);
}

/// The lost transactions. While the disk is full, every transaction is lost.
static LOST: LogLimit = LogLimit::new();

fn log_lost(error: &StoreError) {
    let error = ErrorChain(error);
    if let Some(count) = LOST.record(Instant::now()) {
        tracing::error!(%error, count, "write transaction failed");
    } else {
        tracing::debug!(%error, "write transaction failed again");
    }
}

fn complete(command: Command, durable: Result<(), StoreError>, publisher: &Publisher) {
    if let Some(notification) = command.complete(durable) {
        publisher.notify(notification);
    }
}

/// Performs all commands in one transaction, and makes it durable. The cache then has the new states
/// of the users, before a caller gets a result. If the transaction is lost, the users leave the
/// cache.
fn perform_all(
    statements: &Prepared<'_>,
    batch: &mut [Command],
    publisher: &mut Publisher,
) -> Result<(), Lost> {
    let transaction = statements.begin().map_err(Lost::Transaction)?;
    publisher
        .detect_other_writers(statements.connection)
        .map_err(Lost::Transaction)?;
    let mut changes = publisher.batch();
    for command in batch {
        command
            .perform(statements, &mut changes)
            .map_err(Lost::Command)?;
    }
    transaction.commit().map_err(Lost::Transaction)?;
    changes.publish();
    Ok(())
}

#[cfg(test)]
mod tests;
