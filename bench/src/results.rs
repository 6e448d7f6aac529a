//! The figures of a run: those of all rounds together.

mod beside;
mod logins;
mod subscribers;

use serde::{Deserialize, Serialize};

pub use self::beside::BesideRow;
use crate::{
    data::Data,
    options::Options,
    round::{RequestFigures, Round},
    servers::ServerKind,
};
pub use crate::{machine::Machine, spread::Spread};

/// The figures of a run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Results {
    /// The machine and the versions.
    pub machine: Machine,
    /// The number of rounds.
    pub rounds: u32,
    /// The number of users in the database.
    pub users: u32,
    /// The size of the prepared database divided by its sessions. It has one alert for two sessions.
    pub bytes_per_session: u64,
    /// How long each operation was measured in each round, in seconds.
    pub window_seconds: f64,
    /// The figures of requests.
    pub requests: Vec<RequestRow>,
    /// The CPU time of the peers as a multiple of that of sessiond.
    pub beside: Vec<BesideRow>,
    /// The figures of logins.
    pub logins: Vec<FigureRow>,
    /// The figures of subscribers.
    pub subscribers: Vec<FigureRow>,
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

/// A figure with its name.
#[derive(Debug, Serialize, Deserialize)]
pub struct FigureRow {
    /// What was measured.
    pub name: String,
    /// The unit.
    pub unit: String,
    /// The figure.
    pub value: Spread,
}

impl FigureRow {
    /// Returns `None` without a value.
    fn of(name: String, unit: &str, values: impl Iterator<Item = f64>) -> Option<Self> {
        let value = Spread::of(values)?;
        let unit = unit.to_owned();
        Some(Self { name, unit, value })
    }
}

impl Results {
    /// Combines the rounds, which have the same rows.
    pub(crate) fn new(machine: Machine, options: &Options, data: &Data, rounds: &[Round]) -> Self {
        let rows = rounds.first().map_or(&[][..], Round::requests);
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
            bytes_per_session: data.bytes_per_session,
            window_seconds: options.window.as_secs_f64(),
            requests,
            beside: beside::rows(rounds),
            logins: logins::rows(rounds),
            subscribers: subscribers::rows(rounds),
        }
    }
}

fn request_row(rounds: &[Round], row: &RequestFigures) -> Option<RequestRow> {
    let spread = |value: fn(&Round, &RequestFigures) -> Option<f64>| {
        let values = rounds
            .iter()
            .filter_map(|round| value(round, round.find(row.name)?));
        Spread::of(values)
    };
    Some(RequestRow {
        server: row.name.server.to_owned(),
        operation: row.name.operation.to_owned(),
        connections: row.name.connections,
        cpu_microseconds: spread(|_, row| Some(row.cpu))?,
        cpu_ratio: spread(|round, row| Some(row.cpu / round.bare_cpu()?))?,
        per_second: spread(|_, row| Some(row.per_second))?,
        p50_milliseconds: spread(|_, row| Some(row.p50))?,
        p99_milliseconds: spread(|_, row| Some(row.p99))?,
        generator_cpu_percent: spread(|_, row| Some(row.generator_cpu_percent))?,
    })
}
