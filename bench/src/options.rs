//! The settings of a run.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{ceilings::Ceiling, profile::Target};

/// Measure sessiond beside the ceilings of its frameworks and beside its peers.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    /// The command to run. `None` runs the benchmark.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The settings of the benchmark.
    #[command(flatten)]
    pub options: Options,
}

/// A command of the binary.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Serve a ceiling on a free port, until the process is killed
    Ceiling {
        /// The ceiling to serve
        ceiling: Ceiling,
    },
    /// Count the instructions of a request, and show where they are (needs valgrind)
    Profile(Profile),
    /// Measure how costs grow with users, sessions, subscribers and alerts
    Growth(Growth),
    /// Print the table of saved results, and draw their chart
    Render {
        /// The results in JSON
        results: PathBuf,
        /// The file for the chart in SVG
        #[arg(long)]
        chart: Option<PathBuf>,
    },
}

/// The measured programs, and the place for their data.
#[derive(Debug, Clone, Args)]
pub struct Programs {
    /// The sessiond binary
    #[arg(long, default_value = "target/release/sessiond")]
    pub sessiond: PathBuf,

    /// This binary, which serves the ceilings
    #[arg(long, default_value = "target/release/sessiond-bench")]
    pub ceilings: PathBuf,

    /// The folder for the databases. They are deleted at the end. The figures of logins depend on
    /// its file system
    #[arg(long, default_value = "target/bench")]
    pub data_folder: PathBuf,
}

/// The settings of a run. `--quick` changes several of them.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The measured programs, and the place for their data.
    #[command(flatten)]
    pub programs: Programs,

    /// The folder of the peers, with their installed packages. Without it, no peer is measured
    #[arg(long)]
    pub peers: Option<PathBuf>,

    /// The number of users in the database. Each has two sessions, of which one is active
    #[arg(long, default_value_t = 100_000)]
    pub users: u32,

    /// The number of rounds. Each round measures every server once
    #[arg(long, default_value_t = 5)]
    pub rounds: u32,

    /// How long each operation is measured
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    pub window: Duration,

    /// How long each operation is performed before it is measured; three times as long for peers,
    /// which compile their code while they run
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,

    /// The number of connections for requests that read
    #[arg(long, default_value_t = 32)]
    pub connections: u32,

    /// The number of subscribers to hold
    #[arg(long, default_value_t = 10_000)]
    pub subscribers: u32,

    /// The number of alerts to raise in a second while their delay is measured
    #[arg(long, default_value_t = 1_000)]
    pub alert_rate: u32,

    /// The file for the results in JSON
    #[arg(long)]
    pub json: Option<PathBuf>,

    /// The file for the chart in SVG
    #[arg(long)]
    pub chart: Option<PathBuf>,

    /// One short round with 10,000 users and 1,000 subscribers, within three minutes
    #[arg(long)]
    pub quick: bool,
}

/// The settings of a profile.
#[derive(Debug, Clone, Args)]
pub struct Profile {
    /// The operations to profile. All of them by default
    pub targets: Vec<Target>,

    /// The measured programs, and the place for their data.
    #[command(flatten)]
    pub programs: Programs,

    /// The number of users in the database
    #[arg(long, default_value_t = 10_000)]
    pub users: u32,

    /// The number of requests to count
    #[arg(long, default_value_t = 2_000)]
    pub requests: u32,

    /// The number of connections that send at the same time. 32 by default, and 64 for logins
    #[arg(long)]
    pub connections: Option<u32>,

    /// The number of crates and functions to show in each table
    #[arg(long, default_value_t = 15)]
    pub top: usize,

    /// The file for the profiles in JSON
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// The settings of a growth run.
#[derive(Debug, Clone, Args)]
pub struct Growth {
    /// The measured programs, and the place for their data.
    #[command(flatten)]
    pub programs: Programs,

    /// The numbers of users in the files. Each has two sessions and one alert. A file takes about
    /// 1.4 GB for a million users
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "10000,100000,1000000,5000000"
    )]
    pub users: Vec<u32>,

    /// The number of users in the file that the other files are compared with
    #[arg(long, default_value_t = 100_000)]
    pub reference: u32,

    /// The number of users that send requests, spread evenly over each file
    #[arg(long, default_value_t = 5_000)]
    pub active_users: u32,

    /// The numbers of idle subscribers
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000")]
    pub subscribers: Vec<u32>,

    /// The numbers of alerts in a user's log
    #[arg(long, value_delimiter = ',', default_value = "1,1000,100000")]
    pub alerts: Vec<u32>,

    /// The number of rounds. Each round measures every number once
    #[arg(long, default_value_t = 3)]
    pub rounds: u32,

    /// How long each operation is measured
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub window: Duration,

    /// How long each operation is performed before it is measured
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,

    /// The file for the results in JSON
    #[arg(long)]
    pub json: Option<PathBuf>,
}

impl Options {
    /// Applies `--quick`.
    #[must_use]
    pub fn resolved(mut self) -> Self {
        if self.quick {
            self.users = 10_000;
            self.rounds = 1;
            self.window = Duration::from_secs(1);
            self.warm_up = Duration::from_millis(500);
            self.subscribers = 1_000;
            self.alert_rate = 200;
        }
        self
    }
}
