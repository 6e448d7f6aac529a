//! The timer with which hyper limits the time for each request's head.
//!
//! hyper sets a timer for each head, and cancels it when the head has arrived. A timer of tokio
//! takes a lock of the runtime for each of these steps. A busy connection would pay for both with
//! each request, although a head is almost never late. So a connection has one timer of tokio. It is
//! moved only if it fires before hyper's deadline, which is at most once in the time limit.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;

/// A timer of tokio that is moved as seldom as possible. It has none until it is polled for the first
/// time.
#[derive(Debug, Default)]
pub(super) struct MovableSleep(Option<Pin<Box<tokio::time::Sleep>>>);

impl MovableSleep {
    /// Waits until `deadline`. Only the last deadline that it was polled with counts.
    pub(super) fn poll_until(
        &mut self,
        deadline: tokio::time::Instant,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        loop {
            // An earlier time is left in place: most deadlines are canceled before it.
            if sleep.deadline() > deadline {
                sleep.as_mut().reset(deadline);
            }
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() == deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

/// A timer for one connection. Only the last deadline counts.
#[derive(Debug, Default)]
pub(super) struct ConnectionTimer {
    shared: Arc<Mutex<MovableSleep>>,
}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Deadline {
            deadline: deadline.into(),
            shared: Arc::clone(&self.shared),
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

/// Waits until its deadline. Dropping it leaves the timer of the connection running.
struct Deadline {
    deadline: tokio::time::Instant,
    shared: Arc<Mutex<MovableSleep>>,
}

impl Sleep for Deadline {}

impl Future for Deadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.shared.lock().poll_until(self.deadline, context)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_at_its_time_although_an_earlier_one_was_canceled() {
        let timer = ConnectionTimer::default();
        let start = timer.now();
        let mut canceled = timer.sleep_until(start + SECOND);
        assert_eq!(canceled.as_mut().now_or_never(), None);
        drop(canceled);

        timer.sleep_until(start + 5 * SECOND).await;

        assert_eq!(timer.now() - start, 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_at_its_time_although_a_later_one_was_canceled() {
        let timer = ConnectionTimer::default();
        let start = timer.now();
        assert_eq!(timer.sleep(5 * SECOND).as_mut().now_or_never(), None);

        timer.sleep(SECOND).await;

        assert_eq!(timer.now() - start, SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_in_the_past_has_passed() {
        let timer = ConnectionTimer::default();
        let start = timer.now();
        timer.sleep(SECOND).await;
        for past in [start + SECOND, start] {
            assert_eq!(timer.sleep_until(past).as_mut().now_or_never(), Some(()));
        }
    }
}
