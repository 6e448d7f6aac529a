//! The commands of the writer, and the replies to their callers.

use super::{
    super::{
        cache::Batch, clock_mark, delete, errors::classify, failed_logins, feed, maintenance,
        prepared::Prepared, purge, webhooks, write,
    },
    Reply,
};
use crate::{
    domain::{Timestamp, UserId},
    store::{
        ChangeNotification, ClockMark, Commit, CommitError, FailedLogin, Purged, ReceiverId,
        StoreError, Touch, WebhookProgress, WebhookState,
    },
};

/// A write, and where to send its result.
pub(in super::super) enum Command {
    Commit {
        commit: Box<Commit>,
        reply: Reply<(), CommitError>,
    },
    DeleteUser {
        user: UserId,
        reply: Reply<bool, StoreError>,
    },
    Touch {
        touches: Vec<Touch>,
        reply: Reply<(), StoreError>,
    },
    MoveExpiryChecks {
        users: Vec<UserId>,
        reply: Reply<(), StoreError>,
    },
    Purge {
        before: Timestamp,
        limit: usize,
        reply: Reply<Purged, StoreError>,
    },
    PurgeFeed {
        before: Timestamp,
        limit: usize,
        reply: Reply<u64, StoreError>,
    },
    RecordFailedLogin {
        failure: FailedLogin,
        now: Timestamp,
        reply: Reply<(), StoreError>,
    },
    SaveClockMark {
        mark: ClockMark,
        reply: Reply<(), StoreError>,
    },
    TakeWebhookLease {
        receiver: ReceiverId,
        reply: Reply<WebhookState, StoreError>,
    },
    SaveWebhookProgress {
        receiver: ReceiverId,
        epoch: u64,
        progress: Box<WebhookProgress>,
        reply: Reply<bool, StoreError>,
    },
    /// Detects that another program has written the file, which every batch does. If the batch has
    /// no other command, it begins no transaction.
    DetectOtherWriters,
}

impl Command {
    /// Performs the command inside the batch's transaction, keeps its result, and notes the
    /// `changes` for the cache. An `Err` means that the transaction is lost, because a part of the
    /// command may have been written.
    pub(super) fn perform(
        &mut self,
        statements: &Prepared<'_>,
        changes: &mut Batch<'_>,
    ) -> Result<(), StoreError> {
        let connection = statements.connection;
        match self {
            Self::Commit { commit, reply } => {
                let user = commit.user.owner.id;
                changes.take_out(user);
                let rows_before = connection.total_changes();
                let result = write::commit(statements, commit)?;
                match &result {
                    // A commit that was applied before changes no row.
                    Ok(()) if connection.total_changes() == rows_before => {}
                    Ok(()) => changes.apply(commit),
                    // The next decision must be made on the state in the file.
                    Err(_) => changes.forget(user),
                }
                reply.result = Some(result);
            }
            Self::DeleteUser { user, reply } => {
                changes.forget(*user);
                let deleted = delete::erase(connection, |connection| {
                    delete::delete_user(connection, *user)
                });
                let deleted = deleted.map_err(classify("user"))?;
                reply.result = Some(Ok(deleted));
            }
            Self::Touch { touches, reply } => {
                for touch in touches.iter() {
                    changes.take_out(touch.user);
                }
                maintenance::touch(connection, touches).map_err(classify("session"))?;
                changes.touch(touches);
                reply.result = Some(Ok(()));
            }
            // It changes nothing that the cache has.
            Self::MoveExpiryChecks { users, reply } => {
                maintenance::move_expiry_checks(connection, users).map_err(classify("user"))?;
                reply.result = Some(Ok(()));
            }
            Self::Purge {
                before,
                limit,
                reply,
            } => {
                let purged = delete::erase(connection, |connection| {
                    purge::purge(connection, *before, *limit)
                });
                let (purged, users) = purged.map_err(classify("session"))?;
                for user in users {
                    changes.forget_ended(user);
                }
                reply.result = Some(Ok(purged));
            }
            // Nor has it any of these.
            Self::PurgeFeed {
                before,
                limit,
                reply,
            } => {
                let purged = feed::purge(connection, *before, *limit);
                reply.result = Some(Ok(purged.map_err(classify("change"))?));
            }
            Self::RecordFailedLogin {
                failure,
                now,
                reply,
            } => {
                let saved = failed_logins::save(connection, failure, *now);
                reply.result = Some(Ok(saved.map_err(classify("failed login"))?));
            }
            Self::SaveClockMark { mark, reply } => {
                let saved = clock_mark::save(connection, *mark);
                reply.result = Some(Ok(saved.map_err(classify("clock mark"))?));
            }
            Self::TakeWebhookLease { receiver, reply } => {
                let taken = webhooks::take(connection, *receiver);
                reply.result = Some(Ok(taken.map_err(classify("webhook receiver"))?));
            }
            Self::SaveWebhookProgress {
                receiver,
                epoch,
                progress,
                reply,
            } => {
                let saved = webhooks::save(connection, *receiver, *epoch, progress);
                reply.result = Some(Ok(saved.map_err(classify("webhook receiver"))?));
            }
            Self::DetectOtherWriters => {}
        }
        Ok(())
    }

    /// Sends the command's result to its caller. Returns the notification to send to subscribers.
    pub(super) fn complete(self, durable: Result<(), StoreError>) -> Option<ChangeNotification> {
        match self {
            Self::Commit { commit, reply } => {
                reply.send(durable).then_some(ChangeNotification::Changed {
                    user: commit.user.owner.id,
                    sequence: commit.user.last_alert,
                })
            }
            Self::DeleteUser { user, reply } => {
                let existed = matches!(reply.result, Some(Ok(true)));
                (reply.send(durable) && existed)
                    .then_some(ChangeNotification::Changed { user, sequence: 0 })
            }
            Self::Touch { reply, .. }
            | Self::MoveExpiryChecks { reply, .. }
            | Self::RecordFailedLogin { reply, .. }
            | Self::SaveClockMark { reply, .. } => {
                reply.send(durable);
                None
            }
            Self::Purge { reply, .. } => {
                reply.send(durable);
                None
            }
            Self::PurgeFeed { reply, .. } => {
                reply.send(durable);
                None
            }
            Self::TakeWebhookLease { reply, .. } => {
                reply.send(durable);
                None
            }
            Self::SaveWebhookProgress { reply, .. } => {
                reply.send(durable);
                None
            }
            Self::DetectOtherWriters => None,
        }
    }
}
