//! The timer with which hyper limits the time until the next request, and the time for its head.
//!
//! hyper has one limit for both, which begins when it waits for a head. It gets
//! `--connection-idle-timeout`. As soon as bytes of the head arrive, the timer replaces it by
//! `--request-timeout` ([decision 64](../../docs/decisions/0064-idle-connections.md)).
//!
//! hyper sets a timer for each head, and cancels it when the head has arrived. A timer of tokio
//! takes a lock of the runtime for each of these steps. A busy connection would pay for both with
//! each request, although a head is almost never late. So a connection has one timer of tokio. It is
//! moved only if it fires before hyper's deadline, which is at most once in the time limit.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
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

/// Whether bytes have arrived on a connection since hyper began to wait for a head.
///
/// Bytes that arrived together with the request before do not count, because hyper has them before
/// it begins to wait. A head that begins so has the time of an idle connection, until more of it
/// arrives.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals(Arc<AtomicBool>);

impl Arrivals {
    /// The task of the connection reads and polls the timer, so the order needs no more than this.
    const ORDER: Ordering = Ordering::Relaxed;

    pub(super) fn record(&self) {
        self.0.store(true, Self::ORDER);
    }

    fn clear(&self) {
        self.0.store(false, Self::ORDER);
    }

    fn is_any(&self) -> bool {
        self.0.load(Self::ORDER)
    }
}

/// A timer for one connection. Only the last deadline counts.
#[derive(Debug)]
pub(super) struct ConnectionTimer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    sleep: Mutex<MovableSleep>,
    arrivals: Arrivals,
    head_timeout: Duration,
}

impl ConnectionTimer {
    /// A deadline of this timer counts until bytes arrive. They begin a head, which must be complete
    /// within `head_timeout`.
    pub(super) fn new(arrivals: Arrivals, head_timeout: Duration) -> Self {
        Self(Arc::new(Shared {
            sleep: Mutex::default(),
            arrivals,
            head_timeout,
        }))
    }
}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.arrivals.clear();
        Box::pin(Deadline {
            instant: deadline.into(),
            has_head_begun: false,
            shared: Arc::clone(&self.0),
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

/// Waits until its deadline. Dropping it leaves the timer of the connection running.
struct Deadline {
    instant: tokio::time::Instant,
    has_head_begun: bool,
    shared: Arc<Shared>,
}

impl Sleep for Deadline {}

impl Future for Deadline {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // hyper polls the timer after each read that did not complete the head.
        if !self.has_head_begun && self.shared.arrivals.is_any() {
            self.has_head_begun = true;
            self.instant = tokio::time::Instant::now() + self.shared.head_timeout;
        }
        self.shared.sleep.lock().poll_until(self.instant, context)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A timer whose heads must be complete within three seconds.
    fn timer_and_arrivals() -> (ConnectionTimer, Arrivals) {
        let arrivals = Arrivals::default();
        let timer = ConnectionTimer::new(arrivals.clone(), 3 * SECOND);
        (timer, arrivals)
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_at_its_time_although_an_earlier_one_was_canceled() {
        let (timer, _) = timer_and_arrivals();
        let start = timer.now();
        let mut canceled = timer.sleep_until(start + SECOND);
        assert_eq!(canceled.as_mut().now_or_never(), None);
        drop(canceled);

        timer.sleep_until(start + 5 * SECOND).await;

        assert_eq!(timer.now() - start, 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_at_its_time_although_a_later_one_was_canceled() {
        let (timer, _) = timer_and_arrivals();
        let start = timer.now();
        assert_eq!(timer.sleep(5 * SECOND).as_mut().now_or_never(), None);

        timer.sleep(SECOND).await;

        assert_eq!(timer.now() - start, SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_in_the_past_has_passed() {
        let (timer, _) = timer_and_arrivals();
        let start = timer.now();
        timer.sleep(SECOND).await;
        for past in [start + SECOND, start] {
            assert_eq!(timer.sleep_until(past).as_mut().now_or_never(), Some(()));
        }
    }
    #[tokio::test(start_paused = true)]
    async fn the_first_bytes_replace_the_deadline_by_that_of_a_head() {
        for idle in [2 * SECOND, 60 * SECOND] {
            let (timer, arrivals) = timer_and_arrivals();
            let start = timer.now();
            let mut deadline = timer.sleep(idle);
            tokio::time::advance(SECOND).await;
            assert_eq!(deadline.as_mut().now_or_never(), None);
            for _ in 0..2 {
                arrivals.record();
                assert_eq!(deadline.as_mut().now_or_never(), None);
                tokio::time::advance(SECOND).await;
            }

            deadline.await;

            assert_eq!(timer.now() - start, 4 * SECOND, "{idle:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_of_the_request_before_begin_no_head() {
        let (timer, arrivals) = timer_and_arrivals();
        let start = timer.now();
        arrivals.record();

        timer.sleep(5 * SECOND).await;

        assert_eq!(timer.now() - start, 5 * SECOND);
    }
}
