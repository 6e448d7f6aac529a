//! The one thread that writes. It takes every command that is queued into one transaction, syncs once, and then
//! answers all of them (group commit): under load the cost of a sync is shared.

use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::{apply, failed, unavailable};
use crate::{
    domain::{Timestamp, UserId},
    error_chain::ErrorChain,
    store::{ChangeNotification, Commit, CommitError, Purged, StoreError, Touch},
};

/// Commands that wait for the writer. Past that a caller waits for a place, which holds back its request.
const QUEUE: usize = 1024;

/// Commands in one transaction: enough to share a sync, few enough to answer the first one soon.
const BATCH: usize = 256;

pub(super) enum Command {
    Commit(Box<Commit>, Answer<Result<(), CommitError>>),
    DeleteUser(UserId, Answer<Result<bool, StoreError>>),
    Touch(Vec<Touch>, Answer<Result<(), StoreError>>),
    Purge {
        before: Timestamp,
        limit: usize,
        answer: Answer<Result<Purged, StoreError>>,
    },
}

impl Command {
    /// Answers a command that was not performed. An error says that the caller has gone.
    fn refuse(self, error: StoreError) {
        match self {
            Self::Commit(_, answer) => drop(answer.send(Err(error.into()))),
            Self::DeleteUser(_, answer) => drop(answer.send(Err(error))),
            Self::Touch(_, answer) => drop(answer.send(Err(error))),
            Self::Purge { answer, .. } => drop(answer.send(Err(error))),
        }
    }
}

type Answer<T> = oneshot::Sender<T>;

/// What is to be said once the transaction is durable, or has failed.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) -> Option<ChangeNotification>>;

/// Starts the thread; it ends when the last sender is gone and the queue is empty.
pub(super) fn start(
    connection: Connection,
    hints: broadcast::Sender<ChangeNotification>,
) -> std::io::Result<(mpsc::Sender<Command>, JoinHandle<()>)> {
    let (sender, commands) = mpsc::channel(QUEUE);
    let thread = std::thread::Builder::new()
        .name("sqlite-writer".into())
        .spawn(move || run(connection, commands, &hints))?;
    Ok((sender, thread))
}

fn run(
    mut connection: Connection,
    mut commands: mpsc::Receiver<Command>,
    hints: &broadcast::Sender<ChangeNotification>,
) {
    while let Some(first) = commands.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = commands.try_recv()
        {
            batch.push(next);
        }
        write(&mut connection, batch, hints);
    }
}

fn write(
    connection: &mut Connection,
    batch: Vec<Command>,
    hints: &broadcast::Sender<ChangeNotification>,
) {
    let mut replies = Vec::with_capacity(batch.len());
    let mut batch = batch.into_iter();
    let written = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .and_then(|mut transaction| {
            for command in batch.by_ref() {
                replies.push(perform(&mut transaction, command)?);
            }
            transaction.commit()
        });
    if let Err(error) = &written {
        let error = unavailable(error);
        tracing::error!(error = %ErrorChain(&error), "a transaction failed");
    }
    for reply in replies {
        let outcome = written.as_ref().copied().map_err(unavailable);
        if let Some(hint) = reply(outcome) {
            // An error says that nobody listens.
            let _ = hints.send(hint);
        }
    }
    // What was not come to is lost with the rest.
    if let Err(error) = &written {
        batch.for_each(|command| command.refuse(unavailable(error)));
    }
}

/// Performs one command inside the batch's transaction. It undoes itself where it fails; an `Err` here
/// says that the whole batch is lost, and has been answered to this one's caller.
fn perform(
    transaction: &mut rusqlite::Transaction<'_>,
    command: Command,
) -> rusqlite::Result<Reply> {
    let savepoint = match transaction.savepoint() {
        Ok(savepoint) => savepoint,
        Err(error) => {
            command.refuse(unavailable(&error));
            return Err(error);
        }
    };
    match command {
        Command::Commit(commit, answer) => {
            let done = settle(savepoint, |connection| apply::commit(connection, &commit));
            let hint = ChangeNotification::Changed {
                user: commit.user.owner.id,
                sequence: commit.user.last_alert,
            };
            reply(answer, done, move |()| Some(hint))
        }
        Command::DeleteUser(user, answer) => {
            let done = settle(savepoint, |connection| {
                apply::delete_user(connection, user).map_err(failed("user"))
            });
            reply(answer, done, move |deleted| {
                deleted.then_some(ChangeNotification::Changed { user, sequence: 0 })
            })
        }
        Command::Touch(touches, answer) => {
            let done = settle(savepoint, |connection| {
                apply::touch(connection, &touches).map_err(failed("session"))
            });
            reply(answer, done, |()| None)
        }
        Command::Purge {
            before,
            limit,
            answer,
        } => {
            let done = settle(savepoint, |connection| {
                apply::purge(connection, before, limit).map_err(failed("session"))
            });
            reply(answer, done, |_| None)
        }
    }
}

fn settle<T, E>(
    mut savepoint: rusqlite::Savepoint<'_>,
    work: impl FnOnce(&Connection) -> Result<T, E>,
) -> rusqlite::Result<Result<T, E>> {
    let done = work(&savepoint);
    if done.is_err() {
        savepoint.rollback()?;
    }
    savepoint.commit()?;
    Ok(done)
}

fn reply<T, E>(
    answer: Answer<Result<T, E>>,
    settled: rusqlite::Result<Result<T, E>>,
    hint: impl FnOnce(&T) -> Option<ChangeNotification> + 'static,
) -> rusqlite::Result<Reply>
where
    T: 'static,
    E: From<StoreError> + 'static,
{
    let done = match settled {
        Ok(done) => done,
        Err(error) => {
            drop(answer.send(Err(unavailable(&error).into())));
            return Err(error);
        }
    };
    Ok(Box::new(move |durable| {
        let result = match durable {
            Ok(()) => done,
            Err(error) => done.and(Err(error.into())),
        };
        let hint = result.as_ref().ok().and_then(hint);
        // An error says that the caller has gone; what it asked for stands.
        let _ = answer.send(result);
        hint
    }))
}
