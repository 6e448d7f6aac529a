//! The figures of one round.

use crate::{
    load::{Measured, percentile},
    operations::Operation,
};

/// The figures of one round.
#[derive(Debug, Default)]
pub(crate) struct Round {
    requests: Vec<RequestFigures>,
    /// The figures of subscribers. `None` until they are measured.
    pub(crate) subscribers: Option<SubscriberFigures>,
}

/// The figures of one operation of one server in one round.
#[derive(Debug)]
pub(crate) struct RequestFigures {
    /// What was measured.
    pub(crate) name: Name,
    /// The CPU time of the server's process a request, in microseconds.
    pub(crate) cpu: f64,
    /// Responses in a second.
    pub(crate) per_second: f64,
    /// The median time of a response in milliseconds.
    pub(crate) p50: f64,
    /// The 99th percentile of the time of a response in milliseconds.
    pub(crate) p99: f64,
    /// The CPU time of the load generator in percent of a core.
    pub(crate) generator_cpu_percent: f64,
}

/// An operation of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    /// The name of the server.
    pub(crate) server: &'static str,
    /// The name of the operation.
    pub(crate) operation: &'static str,
    /// The number of connections.
    pub(crate) connections: u32,
}

/// The figures of subscribers in one round.
#[derive(Debug)]
pub(crate) struct SubscriberFigures {
    /// The number of idle subscribers in the measurement with few.
    pub(crate) few: u32,
    /// The number of idle subscribers in the measurement with many.
    pub(crate) many: u32,
    /// The resident memory of one idle subscriber in bytes.
    pub(crate) bytes: f64,
    /// The CPU time that the server uses for all idle subscribers, in percent of a core.
    pub(crate) idle_cpu_percent: f64,
    /// The CPU time of a login with its alert in microseconds.
    pub(crate) alert_with_few: f64,
    /// The same with many idle subscribers.
    pub(crate) alert_with_many: f64,
    /// The CPU time of a login whose alert nobody receives, with many idle subscribers.
    pub(crate) login_without_alert: f64,
    /// The number of alerts in a second while their delay was measured.
    pub(crate) alerts_per_second: f64,
    /// The time from a login's response to its alert in milliseconds, median.
    pub(crate) delay_p50: f64,
    /// The same at the 99th percentile.
    pub(crate) delay_p99: f64,
}

impl Round {
    /// Adds the figures of an operation.
    pub(crate) fn add(&mut self, name: Name, measured: &Measured) {
        #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
        let requests = measured.requests as f64;
        let elapsed = measured.elapsed.as_secs_f64();
        let milliseconds = |share| percentile(&measured.latencies, share).as_secs_f64() * 1e3;
        self.requests.push(RequestFigures {
            name,
            cpu: measured.server_cpu.as_secs_f64() * 1e6 / requests,
            per_second: requests / elapsed,
            p50: milliseconds(0.5),
            p99: milliseconds(0.99),
            generator_cpu_percent: measured.generator_cpu.as_secs_f64() / elapsed * 100.0,
        });
    }

    /// All figures of requests, in the order of their measurement.
    pub(crate) fn requests(&self) -> &[RequestFigures] {
        &self.requests
    }

    /// The figures of the same operation in this round.
    pub(crate) fn find(&self, name: Name) -> Option<&RequestFigures> {
        self.requests.iter().find(|row| row.name == name)
    }

    /// The CPU time of a request to bare axum.
    pub(crate) fn bare_cpu(&self) -> Option<f64> {
        let name = Operation::Nothing.name();
        let bare = self
            .requests
            .iter()
            .find(|row| row.name.operation == name)?;
        Some(bare.cpu)
    }
}
