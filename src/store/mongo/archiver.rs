//! The task that archives tails after commits, outside the time of a request.

use futures_util::StreamExt;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::{archive, collections::Collections};
use crate::{domain::UserId, error_chain::ErrorChain};

/// The maximum number of users who wait for this node to archive their tails. Further users are
/// dropped from the queue: their next commits queue them again, and maintenance finds tails that
/// are a minute old.
const QUEUE_CAPACITY: usize = 1024;

/// The number of tails that a node archives at the same time.
const CONCURRENCY: usize = 4;

/// Queues users whose tails are to be archived.
#[derive(Debug, Clone)]
pub(super) struct Archiver(mpsc::Sender<UserId>);

impl Archiver {
    /// Starts the task, which runs until `stop` is canceled.
    pub(super) fn start(
        collections: &Collections,
        stop: &CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
        let (collections, stop) = (collections.clone(), stop.clone());
        let task = async move {
            let all = ReceiverStream::new(receiver).for_each_concurrent(CONCURRENCY, |user| {
                let collections = collections.clone();
                async move { archive_or_log(&collections, user).await }
            });
            let _ = stop.run_until_cancelled(all).await;
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the store stops the task, and waits for it when it is closed"
        )]
        let task = tokio::spawn(task);
        (Self(sender), task)
    }

    /// Queues a user. Does nothing if the queue is full.
    pub(super) fn queue(&self, user: UserId) {
        let _ = self.0.try_send(user);
    }
}

/// Archives the tail of a user. After a failure, the tail waits for the user's next commits or for
/// maintenance.
async fn archive_or_log(collections: &Collections, user: UserId) {
    if let Err(error) = archive::archive(collections, user).await {
        let error = ErrorChain(&error);
        tracing::debug!(%user, %error, "could not archive the user's tail, will retry");
    }
}
