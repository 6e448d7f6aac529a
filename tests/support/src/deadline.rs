//! Time limits for awaited events, so that a test fails instead of hanging.

use std::time::Duration;

/// Time limit for one awaited event. It is long enough for a busy machine, and does not measure
/// speed.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for `event` for up to [`DEADLINE`].
pub async fn within_deadline<F: Future>(event: F) -> F::Output {
    within(DEADLINE, event).await
}

/// Waits for `event` for up to `limit`.
pub async fn within<F: Future>(limit: Duration, event: F) -> F::Output {
    tokio::time::timeout(limit, event)
        .await
        .unwrap_or_else(|_| panic!("the awaited event did not happen within {limit:?}"))
}
