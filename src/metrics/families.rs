//! The families of metrics: the name, the help text and the buckets of each.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus::{
    Encoder, Error, Gauge, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder,
};
use tokio::runtime::Handle;

use super::{
    labels::{
        Answer, CacheResult, CheckResult, Label, LoginPolicy, LoginResult, OperationKind,
        RateLimit, RejectedBy, SocketKind, WebhookResult,
    },
    register::{Counters, Families},
};

/// The bounds of the buckets of a token check, in seconds.
const CHECK_BUCKETS: [f64; 10] = [
    0.000_01, 0.000_025, 0.000_1, 0.000_25, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5,
];

/// The bounds of the buckets of everything that waits for a database, in seconds.
const STORE_BUCKETS: [f64; 13] = [
    0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0,
];

/// The bounds of the buckets of the number of commands in a transaction.
const BATCH_BUCKETS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// The metrics of a process. docs/operations.md has what each of them is for.
#[derive(Debug)]
#[expect(missing_docs, reason = "the help text of each metric is in `new`")]
pub struct Metrics {
    registry: Registry,
    pub checks: Counters<CheckResult>,
    pub check_duration: Histogram,
    /// By policy, in the order of [`LoginPolicy`].
    logins: Vec<Counters<LoginResult>>,
    pub approvals: Counters<Answer>,
    /// By kind, in the order of [`OperationKind`].
    operation_duration: Vec<Histogram>,
    errors: IntCounterVec,
    pub rate_limited: Counters<RateLimit>,
    pub hashes_waiting: IntGauge,
    pub commit_duration: Histogram,
    pub commit_conflicts: IntCounter,
    pub commit_batch_size: Histogram,
    pub cache_reads: Counters<CacheResult>,
    /// Has no series unless the store has a change stream.
    change_stream_up: IntGaugeVec,
    pub connections: IntGauge,
    pub connections_rejected: Counters<RejectedBy>,
    /// By kind, in the order of [`SocketKind`].
    sockets: Vec<IntGauge>,
    sockets_closed: IntCounterVec,
    pub subscribers: IntGauge,
    pub alert_delivery: Histogram,
    pub alerts_replayed: IntCounter,
    pub webhook_deliveries: Counters<WebhookResult>,
    /// Have no series unless webhooks are on.
    webhook_oldest: IntGaugeVec,
    webhook_parked: IntGaugeVec,
    pub log_lines_dropped: IntCounter,
    maintenance_lag: Gauge,
    last_maintenance: Mutex<Instant>,
    runtime_tasks: IntGauge,
    runtime_queue_depth: IntGauge,
}

impl Metrics {
    #[expect(clippy::too_many_lines, reason = "one entry for each metric")]
    pub(super) fn new() -> Result<Self, Error> {
        let families = Families(Registry::new());
        families.process()?;
        let logins = families.counters(
            "sessiond_logins_total",
            "Logins by outcome and conflict policy.",
            &[LoginPolicy::NAME, LoginResult::NAME],
        )?;
        let logins_of = |policy: &&str| Counters::of(&logins, &[policy]);
        Ok(Self {
            logins: LoginPolicy::VALUES
                .iter()
                .map(logins_of)
                .collect::<Result<_, _>>()?,
            checks: families.counters_by(
                "sessiond_checks_total",
                "Token checks at /verify by result.",
            )?,
            check_duration: families.histogram(
                "sessiond_check_duration_seconds",
                "Time of a token check at /verify in the server.",
                &CHECK_BUCKETS,
            )?,
            approvals: families.counters_by(
                "sessiond_approvals_total",
                "Logins that waited for approval, by answer.",
            )?,
            operation_duration: families.histograms_by::<OperationKind>(
                "sessiond_operation_duration_seconds",
                "Time of a GraphQL query or mutation in the server, by kind of operation.",
                &STORE_BUCKETS,
            )?,
            // A rate counts from the first value of a series, so the codes of alert rules are
            // exported from the start.
            errors: families.counters_with(
                "sessiond_errors_total",
                "GraphQL errors of resolvers by code.",
                ("code", &["INTERNAL", "UNAVAILABLE"]),
            )?,
            rate_limited: families.counters_by(
                "sessiond_rate_limited_total",
                "Requests that were rejected because of a rate limit.",
            )?,
            hashes_waiting: families.gauge(
                "sessiond_hashes_waiting",
                "Requests that wait until a password can be hashed.",
            )?,
            commit_duration: families.histogram(
                "sessiond_commit_duration_seconds",
                "Time of a commit of one user, until it is durable.",
                &STORE_BUCKETS,
            )?,
            commit_conflicts: families.counter(
                "sessiond_commit_conflicts_total",
                "Commits that were decided again because another change of the user came first.",
            )?,
            commit_batch_size: families.histogram(
                "sessiond_commit_batch_size",
                "Commands that shared one transaction and one sync (SQLite).",
                &BATCH_BUCKETS,
            )?,
            cache_reads: families.counters_by(
                "sessiond_cache_reads_total",
                "Reads of users and sessions that the cache in memory served or not (SQLite).",
            )?,
            change_stream_up: families.gauges(
                "sessiond_change_stream_up",
                "1 while the change stream of this node is open (MongoDB).",
                &[],
            )?,
            connections: families.gauge(
                "sessiond_connections",
                "Open connections, sockets included.",
            )?,
            connections_rejected: families.counters_by(
                "sessiond_connections_rejected_total",
                "Connections that were closed because a limit was reached.",
            )?,
            sockets: families.gauges_by::<SocketKind>(
                "sessiond_sockets",
                "Open WebSockets and event streams.",
            )?,
            sockets_closed: families.counters_with(
                "sessiond_sockets_closed_total",
                "Closed WebSockets by close code; `peer` if the client closed it or has gone.",
                ("code", &["peer"]),
            )?,
            subscribers: families.gauge("sessiond_subscribers", "Open subscriptions to alerts.")?,
            alert_delivery: families.histogram(
                "sessiond_alert_delivery_seconds",
                "Time from the decision that raised an alert until it was ready for a socket.",
                &STORE_BUCKETS,
            )?,
            alerts_replayed: families.counter(
                "sessiond_alerts_replayed_total",
                "Alerts that were raised before their subscription started.",
            )?,
            webhook_deliveries: families.counters_by(
                "sessiond_webhook_deliveries_total",
                "Tries to deliver webhooks, by result.",
            )?,
            webhook_oldest: families.gauges(
                "sessiond_webhook_oldest_seconds",
                "Age of the oldest alert that waits for a receiver, on the node that sends to it.",
                &["receiver"],
            )?,
            webhook_parked: families.gauges(
                "sessiond_webhook_parked_users",
                "Users whose alerts wait for a receiver, on the node that sends to it.",
                &["receiver"],
            )?,
            log_lines_dropped: families.counter(
                "sessiond_log_lines_dropped_total",
                "Log lines that were lost because standard error was not read.",
            )?,
            maintenance_lag: families.float_gauge(
                "sessiond_maintenance_lag_seconds",
                "Time since the maintenance of this node last succeeded.",
            )?,
            last_maintenance: Mutex::new(Instant::now()),
            runtime_tasks: families.gauge(
                "sessiond_runtime_tasks",
                "Tasks of the asynchronous runtime that have not ended.",
            )?,
            runtime_queue_depth: families.gauge(
                "sessiond_runtime_queue_depth",
                "Tasks that wait in the global queue of the asynchronous runtime.",
            )?,
            registry: families.0,
        })
    }

    /// Counts a login.
    pub fn login(&self, policy: LoginPolicy, result: LoginResult) {
        if let Some(logins) = self.logins.get(policy.index()) {
            logins.increment(result);
        }
    }

    /// The histogram of the durations of operations of this kind.
    #[must_use]
    pub fn operation_duration(&self, kind: OperationKind) -> &Histogram {
        &self.operation_duration[kind.index()]
    }

    /// The number of open sockets of this kind.
    #[must_use]
    pub fn sockets(&self, kind: SocketKind) -> &IntGauge {
        &self.sockets[kind.index()]
    }

    /// Counts an error with this constant code.
    pub fn error(&self, code: &'static str) {
        if let Ok(counter) = self.errors.get_metric_with_label_values(&[code]) {
            counter.inc();
        }
    }

    /// Counts a closed WebSocket. The code is one of those of the server, or `None` if the peer
    /// closed it.
    pub fn socket_closed(&self, code: Option<u16>) {
        let code = code.map_or_else(|| "peer".to_owned(), |code| code.to_string());
        if let Ok(counter) = self.sockets_closed.get_metric_with_label_values(&[&code]) {
            counter.inc();
        }
    }

    /// Records whether the change stream is open.
    pub fn change_stream(&self, is_open: bool) {
        let none: [&str; 0] = [];
        if let Ok(gauge) = self.change_stream_up.get_metric_with_label_values(&none) {
            gauge.set(is_open.into());
        }
    }

    /// Records what waits for a receiver, which is named by its number in the settings.
    pub fn webhooks_waiting(&self, receiver: usize, parked: usize, oldest: Duration) {
        let receiver = [receiver.to_string()];
        for (gauges, value) in [
            (&self.webhook_parked, i64::try_from(parked)),
            (&self.webhook_oldest, i64::try_from(oldest.as_secs())),
        ] {
            if let Ok(gauge) = gauges.get_metric_with_label_values(&receiver) {
                gauge.set(value.unwrap_or(i64::MAX));
            }
        }
    }

    /// Records that the maintenance has succeeded.
    pub fn maintenance_succeeded(&self) {
        *self.last_maintenance.lock() = Instant::now();
    }

    /// Returns all metrics in the text format of Prometheus. Must be called in a runtime.
    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        let lag = self.last_maintenance.lock().elapsed();
        self.maintenance_lag.set(lag.as_secs_f64());
        let runtime = Handle::current().metrics();
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.runtime_tasks.set(number(runtime.num_alive_tasks()));
        self.runtime_queue_depth
            .set(number(runtime.global_queue_depth()));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
