//! Metrics for Prometheus. Nothing is recorded unless [`start`] was called, which the setting
//! `--metrics-listen` does: each call then costs one load and one branch.
//!
//! The value of a label is a variant of an enum or a constant, never a text that a client has sent,
//! so the number of series is bounded.

mod families;
mod labels;
mod register;
mod server;

use std::{sync::OnceLock, time::Instant};

use prometheus::{Error, Histogram, IntGauge};

pub use self::{
    families::Metrics,
    labels::{
        Answer, CacheResult, CheckResult, Label, LoginPolicy, LoginResult, OperationKind,
        RateLimit, RejectedBy, SocketKind, WebhookResult,
    },
    register::Counters,
    server::serve,
};

/// The metrics of the process. Empty if they are off.
static METRICS: OnceLock<Metrics> = OnceLock::new();

/// Turns the metrics on for the rest of the process. Does nothing if they are on.
///
/// # Errors
/// The error of the library if two metrics have the same name.
pub fn start() -> Result<(), Error> {
    if METRICS.get().is_none() {
        let metrics = Metrics::new()?;
        METRICS.get_or_init(|| metrics);
    }
    Ok(())
}

/// Calls `record` if the metrics are on.
#[inline]
pub fn record(record: impl FnOnce(&'static Metrics)) {
    if let Some(metrics) = METRICS.get() {
        record(metrics);
    }
}

/// Measures a duration, if the metrics are on.
#[derive(Debug)]
#[must_use]
pub struct Timer(Option<Instant>);

impl Timer {
    /// Starts to measure.
    #[inline]
    pub fn start() -> Self {
        Self(METRICS.get().map(|_| Instant::now()))
    }

    /// Adds the duration since the start to a histogram.
    #[inline]
    pub fn observe(self, histogram: impl FnOnce(&'static Metrics) -> &'static Histogram) {
        if let Some(started) = self.0 {
            record(|metrics| histogram(metrics).observe(started.elapsed().as_secs_f64()));
        }
    }
}

/// Counts as one in a gauge until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct InUse(Option<&'static IntGauge>);

impl InUse {
    /// Adds one to a gauge.
    pub fn of(gauge: impl FnOnce(&'static Metrics) -> &'static IntGauge) -> Self {
        let gauge = METRICS.get().map(gauge);
        if let Some(gauge) = gauge {
            gauge.inc();
        }
        Self(gauge)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if let Some(gauge) = self.0 {
            gauge.dec();
        }
    }
}
