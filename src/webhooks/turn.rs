//! One turn of one user: delivers the user's next alerts in order.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    MAX_AGE, Message,
    request::{DeliveryError, deliver},
    retry,
    shared::Shared,
};
use crate::{
    domain::{Alert, Timestamp},
    metrics::{self, WebhookResult},
    store::{ParkedUser, Snapshot},
};

/// The maximum number of alerts in a turn. The others of the user follow in the next one, so that a
/// user with many alerts does not delay the others.
const MAX_ALERTS: usize = 16;

/// The time after which a turn begins no further try, for the same reason.
const MAX_LENGTH: Duration = Duration::from_secs(10);

/// How the turn of a user has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TurnEnd {
    /// None of the user's alerts waits any longer.
    Done,
    /// The alerts of this user wait.
    Waits(ParkedUser),
    /// The receiver wants no more messages. The alerts of this user wait.
    Gone(ParkedUser),
}

/// How the try of one alert has ended.
enum TryEnd {
    /// Delivered, or dropped because of its age.
    Finished,
    Failed {
        retry_after: Option<Duration>,
    },
    /// The server stops.
    Interrupted,
    Gone,
}

/// Delivers the alerts of a user from `next` to `last`, until one of them fails.
pub(super) async fn take_turn(shared: &Shared<'_>, mut user: ParkedUser) -> TurnEnd {
    let begun = Instant::now();
    let store = &shared.sender.store;
    let (snapshot, after) = (Snapshot::default(), user.next.saturating_sub(1));
    let alerts = store.alerts_after_of(user.user, &snapshot, after, MAX_ALERTS);
    let alerts = match alerts.await {
        Ok(alerts) => alerts,
        Err(error) => {
            shared.sender.log_failure(&error);
            return if is_too_old(shared, user.waiting_since) {
                shared.sender.log_drop(user.user, user.next);
                TurnEnd::Done
            } else {
                TurnEnd::Waits(failed(shared, user, None))
            };
        }
    };
    // Alerts that are missing were purged, or the user was deleted.
    let is_last_page = alerts.len() < MAX_ALERTS;
    for alert in alerts {
        if alert.sequence > user.last {
            return TurnEnd::Done;
        }
        user.next = alert.sequence;
        user.waiting_since = alert.created_at;
        if begun.elapsed() >= MAX_LENGTH {
            return TurnEnd::Waits(due_at(user, shared.sender.clock.now()));
        }
        if let Some(until) = shared.paused_until() {
            return TurnEnd::Waits(due_at(user, until));
        }
        match try_alert(shared, &alert).await {
            TryEnd::Finished => user.failures = 0,
            TryEnd::Failed { retry_after } => {
                return TurnEnd::Waits(failed(shared, user, retry_after));
            }
            TryEnd::Interrupted => {
                return TurnEnd::Waits(due_at(user, shared.sender.clock.now()));
            }
            TryEnd::Gone => return TurnEnd::Gone(due_at(user, shared.sender.clock.now())),
        }
        user.next += 1;
    }
    if is_last_page || user.next > user.last {
        TurnEnd::Done
    } else {
        TurnEnd::Waits(due_at(user, shared.sender.clock.now()))
    }
}

fn is_too_old(shared: &Shared<'_>, since: Timestamp) -> bool {
    shared.sender.clock.now().since(since) >= MAX_AGE
}

const fn due_at(user: ParkedUser, retry_at: Timestamp) -> ParkedUser {
    ParkedUser { retry_at, ..user }
}

/// The user after one more failure of its next alert.
fn failed(shared: &Shared<'_>, user: ParkedUser, retry_after: Option<Duration>) -> ParkedUser {
    let failures = user.failures.saturating_add(1);
    let sender = shared.sender;
    let pause = retry::pause(&sender.timing, failures, sender.ids.jitter());
    let pause = pause.max(retry_after.unwrap_or_default());
    ParkedUser {
        failures,
        retry_at: sender.clock.now().plus(pause),
        ..user
    }
}

/// Tries to deliver an alert once.
async fn try_alert(shared: &Shared<'_>, alert: &Alert) -> TryEnd {
    let sender = shared.sender;
    let message = Message::of_alert(alert);
    let attempt = async {
        shared.lease.permit(sender.timing.request).await;
        let secrets = Arc::clone(&*sender.secrets.read());
        let (now, limit) = (sender.clock.now(), sender.timing.request);
        deliver(&sender.url, &secrets, &message, now, limit).await
    };
    if shared.stop.is_cancelled() {
        return TryEnd::Interrupted;
    }
    let result = tokio::select! {
        result = attempt => result,
        () = shared.stop_grace() => return TryEnd::Interrupted,
    };
    let count = |result| metrics::record(|metrics| metrics.webhook_deliveries.increment(result));
    let error = match result {
        Ok(_) => {
            count(WebhookResult::Delivered);
            return TryEnd::Finished;
        }
        Err(DeliveryError::Gone) => {
            count(WebhookResult::Gone);
            return TryEnd::Gone;
        }
        Err(error) => error,
    };
    count(WebhookResult::Failed);
    sender.log_failure(&error);
    if is_too_old(shared, alert.created_at) {
        sender.log_drop(alert.user, alert.sequence);
        return TryEnd::Finished;
    }
    if let Some(pause) = error.overloaded_for() {
        shared.pause_for(pause);
    }
    TryEnd::Failed {
        retry_after: error.retry_after(),
    }
}
