//! The figures of a run: of each round, and of all rounds together.

use serde::{Deserialize, Serialize};

pub use crate::machine::Machine;
use crate::{
    load::{Measured, percentile},
    operations::Operation,
    options::Options,
    servers::ServerKind,
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
struct RequestFigures {
    server: &'static str,
    operation: &'static str,
    connections: u32,
    cpu: f64,
    per_second: f64,
    p50: f64,
    p99: f64,
    generator_cpu_percent: f64,
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
    pub(crate) fn add(
        &mut self,
        server: &'static str,
        operation: &'static str,
        connections: u32,
        measured: &Measured,
    ) {
        #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
        let requests = measured.requests as f64;
        let elapsed = measured.elapsed.as_secs_f64();
        let milliseconds = |share| percentile(&measured.latencies, share).as_secs_f64() * 1e3;
        self.requests.push(RequestFigures {
            server,
            operation,
            connections,
            cpu: measured.server_cpu.as_secs_f64() * 1e6 / requests,
            per_second: requests / elapsed,
            p50: milliseconds(0.5),
            p99: milliseconds(0.99),
            generator_cpu_percent: measured.generator_cpu.as_secs_f64() / elapsed * 100.0,
        });
    }

    fn find(&self, row: &RequestFigures) -> Option<&RequestFigures> {
        self.requests.iter().find(|found| {
            (found.server, found.operation, found.connections)
                == (row.server, row.operation, row.connections)
        })
    }

    /// The CPU time of a request to bare axum.
    fn bare_cpu(&self) -> Option<f64> {
        let name = Operation::Nothing.name();
        let bare = self.requests.iter().find(|row| row.operation == name)?;
        Some(bare.cpu)
    }
}

/// The figures of a run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Results {
    /// The machine and the versions.
    pub machine: Machine,
    /// The number of rounds.
    pub rounds: u32,
    /// The number of users in the database.
    pub users: u32,
    /// How long each operation was measured in each round, in seconds.
    pub window_seconds: f64,
    /// The figures of requests.
    pub requests: Vec<RequestRow>,
    /// The figures of subscribers.
    pub subscribers: Vec<SubscriberRow>,
}

/// The figures of one operation of one server.
#[derive(Debug, Serialize, Deserialize)]
pub struct RequestRow {
    /// The name of the server.
    pub server: String,
    /// The name of the operation.
    pub operation: String,
    /// The number of connections.
    pub connections: u32,
    /// The CPU time of the server's process a request, in microseconds.
    pub cpu_microseconds: Spread,
    /// The CPU time as a multiple of that of bare axum in the same round.
    pub cpu_ratio: Spread,
    /// Responses in a second.
    pub per_second: Spread,
    /// The median time of a response in milliseconds.
    pub p50_milliseconds: Spread,
    /// The 99th percentile of the time of a response in milliseconds.
    pub p99_milliseconds: Spread,
    /// The CPU time of the load generator, which is one thread, in percent of a core. Near 100, the
    /// generator limits the throughput.
    pub generator_cpu_percent: Spread,
}

/// A figure of subscribers.
#[derive(Debug, Serialize, Deserialize)]
pub struct SubscriberRow {
    /// What was measured.
    pub name: String,
    /// The unit.
    pub unit: String,
    /// The figure.
    pub value: Spread,
}

/// A figure over the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The median. The mean of the two in the middle if the number of rounds is even.
    pub median: f64,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
}

impl Spread {
    /// Returns `None` without a value.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        let (first, last) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self {
            median,
            min: *first,
            max: *last,
        })
    }
}

impl Results {
    /// Combines the rounds, which have the same rows.
    pub(crate) fn new(machine: Machine, options: &Options, rounds: &[Round]) -> Self {
        let rows = rounds.first().map_or(&[][..], |round| &round.requests);
        let mut requests: Vec<_> = rows
            .iter()
            .filter_map(|row| request_row(rounds, row))
            .collect();
        // sessiond is measured last and shown first.
        requests.sort_by_key(|row| row.server != ServerKind::Sessiond.name());
        Self {
            machine,
            rounds: options.rounds,
            users: options.users,
            window_seconds: options.window.as_secs_f64(),
            requests,
            subscribers: subscriber_rows(rounds),
        }
    }
}

fn request_row(rounds: &[Round], row: &RequestFigures) -> Option<RequestRow> {
    let spread = |value: fn(&Round, &RequestFigures) -> Option<f64>| {
        let values = rounds
            .iter()
            .filter_map(|round| value(round, round.find(row)?));
        Spread::of(values)
    };
    Some(RequestRow {
        server: row.server.to_owned(),
        operation: row.operation.to_owned(),
        connections: row.connections,
        cpu_microseconds: spread(|_, row| Some(row.cpu))?,
        cpu_ratio: spread(|round, row| Some(row.cpu / round.bare_cpu()?))?,
        per_second: spread(|_, row| Some(row.per_second))?,
        p50_milliseconds: spread(|_, row| Some(row.p50))?,
        p99_milliseconds: spread(|_, row| Some(row.p99))?,
        generator_cpu_percent: spread(|_, row| Some(row.generator_cpu_percent))?,
    })
}

fn subscriber_rows(rounds: &[Round]) -> Vec<SubscriberRow> {
    let figures = || rounds.iter().filter_map(|round| round.subscribers.as_ref());
    let Some(SubscriberFigures { few, many, .. }) = figures().next() else {
        return Vec::new();
    };
    let row = |name: String, unit: &str, value: fn(&SubscriberFigures) -> f64| {
        let value = Spread::of(figures().map(value))?;
        let unit = unit.to_owned();
        Some(SubscriberRow { name, unit, value })
    };
    [
        row(
            format!("resident memory of one of {many} idle subscribers"),
            "kB",
            |figures| figures.bytes / 1e3,
        ),
        row(
            format!("CPU time for {many} idle subscribers"),
            "% of a core",
            |figures| figures.idle_cpu_percent,
        ),
        row(
            format!("CPU time of a login with its alert, {few} other subscribers"),
            "µs",
            |figures| figures.alert_with_few,
        ),
        row(
            format!("CPU time of a login with its alert, {many} other subscribers"),
            "µs",
            |figures| figures.alert_with_many,
        ),
        row("their ratio".to_owned(), "×", |figures| {
            figures.alert_with_many / figures.alert_with_few
        }),
        row(
            format!("CPU time of a login without its alert, {many} other subscribers"),
            "µs",
            |figures| figures.login_without_alert,
        ),
        row(
            "alerts while their delay was measured".to_owned(),
            "a second",
            |figures| figures.alerts_per_second,
        ),
        row(
            "from a login's response to its alert, median".to_owned(),
            "ms",
            |figures| figures.delay_p50,
        ),
        row(
            "from a login's response to its alert, 99th percentile".to_owned(),
            "ms",
            |figures| figures.delay_p99,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_median_and_the_extremes() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        let expected = |median, min, max| Some(Spread { median, min, max });
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0]), expected(3.0, 3.0, 3.0));
        assert_eq!(spread(&[9.0, 1.0, 2.0]), expected(2.0, 1.0, 9.0));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 9.0]), expected(3.0, 1.0, 9.0));
    }
}
