//! The work of a sender while it has the lease: follows the feed, delivers, and writes its position.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    lease::Lease,
    parked::ParkedUsers,
    sender::Sender,
    shared::Shared,
    turn::{TurnEnd, take_turn},
};
use crate::{
    domain::UserId,
    store::{
        Feed, FeedChangeKind, FeedError, FeedItem, FeedPosition, ParkedUser, StoreError,
        WebhookState,
    },
};

/// The maximum number of changes, and of parked users, in one round. The next one begins when all of
/// their turns have ended.
const MAX_ROUND: usize = 64;

/// The maximum number of requests to a receiver at the same time.
const MAX_CONCURRENT: usize = 16;

/// The longest time after which a new position is written, if nobody is parked. It bounds the
/// messages that are sent again after a crash.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// The time after which the position of a feed without alerts is written, so that it does not become
/// too old.
const QUIET_SAVE_INTERVAL: Duration = Duration::from_mins(1);

/// The interval at which a sender with parked users looks at the clock.
const CLOCK_INTERVAL: Duration = Duration::from_secs(1);

/// Why the work has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkEnd {
    /// The server stops.
    Stopped,
    /// The receiver wants no more messages.
    Gone,
    /// Another sender has the lease, or the store failed. Begin again with a new lease.
    Lost,
}

/// Works until the server stops, the receiver is gone, or the lease is lost.
pub(super) async fn work(
    sender: &Sender,
    state: WebhookState,
    lease: &Lease,
    stop: &CancellationToken,
) -> WorkEnd {
    let shared = Shared::new(sender, lease, stop);
    let ended = match Worker::start(&shared, state).await {
        Ok(mut worker) => worker.run().await,
        Err(error) => Err(error),
    };
    ended.unwrap_or_else(|error| {
        sender.log_failure(&error);
        WorkEnd::Lost
    })
}

/// The state of a sender that has the lease.
struct Worker<'a> {
    shared: &'a Shared<'a>,
    feed: Feed,
    position: FeedPosition,
    parked: ParkedUsers,
    /// When the position was last written.
    saved_at: Instant,
    /// Whether alerts were delivered since then.
    has_delivered: bool,
}

/// Why a worker continues.
enum Wake {
    /// An item of the feed. `None` if the store is closed.
    Item(Option<Result<FeedItem, FeedError>>),
    /// A user is due, or the position is to be written.
    Time,
    Stop,
}

impl<'a> Worker<'a> {
    /// Continues at the position of the store, or at the start of a new receiver.
    async fn start(shared: &'a Shared<'a>, state: WebhookState) -> Result<Self, StoreError> {
        let store = &shared.sender.store;
        let is_new = state.position.is_none();
        let start = || shared.sender.start.clone();
        let position = state.position.unwrap_or_else(start);
        let mut worker = Self {
            shared,
            feed: store.feed(position.clone()),
            position,
            parked: ParkedUsers::new(state.parked),
            saved_at: Instant::now(),
            has_delivered: false,
        };
        if is_new {
            worker.save().await?;
        }
        Ok(worker)
    }

    async fn run(&mut self) -> Result<WorkEnd, StoreError> {
        loop {
            self.record_waiting();
            let item = match self.wait().await {
                Wake::Stop => {
                    self.save().await?;
                    return Ok(WorkEnd::Stopped);
                }
                Wake::Item(item) => Some(item),
                // Users who are always due must not keep the others waiting.
                Wake::Time if self.may_read() => self.feed.next().now_or_never(),
                Wake::Time => None,
            };
            let mut jobs = match item {
                None => Vec::new(),
                Some(None) => return Ok(WorkEnd::Lost),
                Some(Some(first)) => match self.read(first) {
                    Ok(jobs) => jobs,
                    Err(FeedError::Store(error)) => return Err(error),
                    Err(FeedError::Expired) => {
                        self.skip_gap().await?;
                        continue;
                    }
                },
            };
            if self.shared.paused_until().is_none() {
                let now = self.shared.sender.clock.now();
                jobs.extend(self.parked.due(now, MAX_ROUND));
            }
            let is_gone = self.deliver(jobs).await;
            if (is_gone || self.is_save_due()) && !self.save().await? {
                return Ok(WorkEnd::Lost);
            }
            if is_gone {
                return Ok(WorkEnd::Gone);
            }
        }
    }

    /// Waits for a change, for the time of a parked user, or for the time to write the position.
    async fn wait(&mut self) -> Wake {
        let next_time = self.next_time();
        let may_read = self.may_read();
        tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => Wake::Stop,
            () = sleep_until(next_time) => Wake::Time,
            item = self.feed.next(), if may_read => Wake::Item(item),
        }
    }

    fn may_read(&self) -> bool {
        !self.parked.is_full() && self.shared.paused_until().is_none()
    }

    fn next_time(&self) -> Instant {
        let sender = self.shared.sender;
        let save_at = self.saved_at + self.save_interval();
        let due = self.shared.paused_until().max(self.parked.next_due());
        let Some(due) = due else {
            return save_at;
        };
        let pause = due.since(sender.clock.now()).min(CLOCK_INTERVAL);
        save_at.min(Instant::now() + pause)
    }

    const fn save_interval(&self) -> Duration {
        if self.has_delivered {
            SAVE_INTERVAL
        } else {
            QUIET_SAVE_INTERVAL
        }
    }

    fn is_save_due(&self) -> bool {
        self.parked.has_changed() || self.saved_at.elapsed() >= self.save_interval()
    }

    /// Reads the changes that are there already, at most [`MAX_ROUND`]. Returns the users with new
    /// alerts who are not parked.
    fn read(&mut self, first: Result<FeedItem, FeedError>) -> Result<Vec<ParkedUser>, FeedError> {
        let mut jobs = BTreeMap::new();
        self.add(first?, &mut jobs);
        for _ in 1..MAX_ROUND {
            match self.feed.next().now_or_never() {
                Some(Some(Ok(item))) => self.add(item, &mut jobs),
                // After an error the feed ends. The next sender finds it again, after these jobs.
                Some(Some(Err(_)) | None) | None => break,
            }
        }
        Ok(jobs.into_values().collect())
    }

    fn add(&mut self, item: FeedItem, jobs: &mut BTreeMap<UserId, ParkedUser>) {
        let change = match item {
            FeedItem::Change(change) => *change,
            FeedItem::CaughtUp(position) => {
                self.position = position;
                return;
            }
        };
        let user = change.user;
        self.position = change.position;
        let committed = match change.kind {
            FeedChangeKind::Committed(committed) => committed,
            // The alerts of the user are deleted too.
            FeedChangeKind::Deleted(_) => {
                jobs.remove(&user);
                return self.parked.remove(user);
            }
        };
        let alerts = committed.alerts;
        if alerts.is_empty() || self.parked.extend(user, alerts.end - 1) {
            return;
        }
        let now = self.shared.sender.clock.now();
        let job = jobs.entry(user).or_insert(ParkedUser {
            user,
            next: alerts.start,
            last: alerts.end - 1,
            failures: 0,
            retry_at: now,
            waiting_since: now,
        });
        job.last = job.last.max(alerts.end - 1);
    }

    /// Gives each of these users a turn. Returns true if the receiver wants no more messages.
    async fn deliver(&mut self, jobs: Vec<ParkedUser>) -> bool {
        self.has_delivered |= !jobs.is_empty();
        let shared = self.shared;
        let turns = jobs.into_iter().map(|job| async move {
            let end = take_turn(shared, job).await;
            (job.user, end)
        });
        let ends: Vec<_> = stream::iter(turns)
            .buffer_unordered(MAX_CONCURRENT)
            .collect()
            .await;
        let mut is_gone = false;
        for (user, end) in ends {
            match end {
                TurnEnd::Done => self.parked.remove(user),
                TurnEnd::Waits(parked) => self.parked.put(parked),
                TurnEnd::Gone(parked) => {
                    is_gone = true;
                    self.parked.put(parked);
                }
            }
        }
        is_gone
    }

    /// Writes the position and the parked users. Returns false if another sender has the lease.
    async fn save(&mut self) -> Result<bool, StoreError> {
        let progress = self.parked.progress(self.position.clone());
        let (sender, lease) = (self.shared.sender, self.shared.lease);
        let saved = sender
            .store
            .save_webhook_progress(sender.url.receiver(), lease.epoch, &progress)
            .await?;
        self.parked.written();
        self.saved_at = Instant::now();
        self.has_delivered = false;
        Ok(saved)
    }

    /// Continues at the end of the feed, because the changes after the position are gone.
    async fn skip_gap(&mut self) -> Result<(), StoreError> {
        let sender = self.shared.sender;
        tracing::error!(
            receiver = %sender.url,
            "the store no longer has all changes since the last webhook: alerts may have been \
             missed; read the logs of the users that matter"
        );
        self.position = sender.store.feed_end().await?;
        self.feed = sender.store.feed(self.position.clone());
        self.save().await.map(drop)
    }

    fn record_waiting(&self) {
        let sender = self.shared.sender;
        let now = sender.clock.now();
        let oldest = self.parked.oldest();
        let age = oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
        sender.record_waiting(self.parked.len(), age);
    }
}
