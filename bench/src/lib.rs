//! The benchmark of sessiond: the CPU time of a request, throughput and latency, beside the
//! ceilings of the frameworks and beside servers that do the same job. `docs/performance.md`
//! explains how to run it and what each figure means.
//!
//! - [`options`] has the settings, and [`run`] performs a whole run.
//! - `data` creates the database, and knows the token of each user in it.
//! - `users` are groups of its users.
//! - `servers` starts the measured servers, one at a time, and [`ceilings`] are some of them.
//! - `operations` has the measured requests, and `load` sends them.
//! - `requests`, `logins` and `subscribers` measure one server in one round, and `commits` measures
//!   SQLite alone.
//! - [`growth`] measures how costs grow.
//! - [`profile`] counts the instructions of a request.
//! - [`results`] combines the rounds. `table` and `chart` print them.
//!
//! Each server runs in a process of its own, so that its CPU time can be read. The load generator
//! is one thread of the benchmark's process.

pub mod ceilings;
mod chart;
mod commits;
mod cpu_clock;
mod data;
pub mod growth;
mod load;
mod logins;
mod machine;
mod operations;
pub mod options;
pub mod profile;
mod requests;
pub mod results;
mod round;
mod servers;
mod sizing;
mod sockets;
mod spread;
mod subscribers;
mod table;
mod users;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use self::{
    data::Data,
    options::Options,
    results::Results,
    round::Round,
    servers::{Launcher, ServerKind},
};

/// Performs all rounds, prints the table, and writes the results and the chart.
///
/// # Errors
/// If a server does not start or sends a wrong response, or if a file cannot be written.
pub async fn run(options: &Options) -> Result<Results> {
    let folder = RunFolder::create(&options.programs.data_folder)?;
    let mut machine = machine::describe(&options.programs, options.peers.as_deref())?;
    eprintln!("creating {} users", options.users);
    let data = Data::create(&folder.0, options.users, options.peers.as_deref()).await?;
    let mut rounds = Vec::new();
    for number in 1..=options.rounds {
        rounds.push(round(number, &folder.0, &data, options).await?);
    }
    machine.load_after = machine::load();
    let results = Results::new(machine, options, &data, &rounds);
    if let Some(path) = &options.json {
        write(path, &serde_json::to_string_pretty(&results)?)?;
    }
    report(&results, options.chart.as_deref())?;
    Ok(results)
}

/// Prints the tables, and draws the chart.
///
/// # Errors
/// If the chart cannot be written.
pub fn report(results: &Results, chart: Option<&Path>) -> Result<()> {
    print!("{}", table::render(results));
    match chart {
        Some(path) => write(path, &chart::render(results)),
        None => Ok(()),
    }
}

/// Measures every server once, one after the other.
async fn round(number: u32, folder: &Path, data: &Data, options: &Options) -> Result<Round> {
    let mut round = Round::default();
    let launcher = Launcher {
        programs: &options.programs,
        peers: options.peers.as_deref(),
        data,
        under: &[],
    };
    for kind in ServerKind::all(options) {
        eprintln!("round {number} of {}: {}", options.rounds, kind.name());
        let server = launcher.start(kind).await?;
        requests::measure(&server, data, options, &mut round).await?;
        if kind == ServerKind::Sessiond {
            logins::measure(&server, data, options, &mut round).await?;
        }
        server.stop();
    }
    eprintln!("round {number} of {}: commits", options.rounds);
    commits::measure(folder, data, options, &mut round).await?;
    eprintln!("round {number} of {}: subscribers", options.rounds);
    let server = launcher.start(ServerKind::Sessiond).await?;
    subscribers::measure(&server, data, options, &mut round).await?;
    server.stop();
    Ok(round)
}

/// The folder of a run's databases. It is deleted when this is dropped.
struct RunFolder(PathBuf);

impl RunFolder {
    fn create(parent: &Path) -> Result<Self> {
        let path = parent.join(format!("run-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // If it fails, files remain in a folder of build artifacts.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, format!("{text}\n")).with_context(|| format!("cannot write {}", path.display()))
}
