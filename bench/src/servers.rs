//! The measured servers. Each runs in a process of its own, alone, on a free port of the loopback
//! address.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::{ValueEnum, builder::PossibleValue};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    ceilings::Ceiling,
    cpu_clock::ProcessCpu,
    data::Data,
    operations::Operation,
    options::{Options, Programs},
};

/// How long a server may take to start.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// A measured server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerKind {
    /// A ceiling of the frameworks.
    Ceiling(Ceiling),
    /// The server of this repository.
    Sessiond,
    /// Mercurius with its JIT, on sessiond's database.
    Mercurius,
    /// GraphQL Yoga, on sessiond's database.
    Yoga,
    /// better-auth, on a database of its own.
    BetterAuth,
}

impl ServerKind {
    /// The servers that do the same job as sessiond.
    pub(crate) const PEERS: [Self; 3] = [Self::Mercurius, Self::Yoga, Self::BetterAuth];

    /// The servers of a run, in the order of a round. sessiond is the last one, so that more than a
    /// minute passes between its measurements of the same sessions.
    pub(crate) fn all(options: &Options) -> Vec<Self> {
        let ceilings = Ceiling::value_variants().iter().copied().map(Self::Ceiling);
        ceilings
            .chain(Self::PEERS.into_iter().filter(|_| options.peers.is_some()))
            .chain([Self::Sessiond])
            .collect()
    }

    /// The name in the results.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ceiling(Ceiling::Axum) => "bare axum",
            Self::Ceiling(Ceiling::Stock) => "async-graphql, stock",
            Self::Ceiling(Ceiling::Cached) => "async-graphql, cached documents",
            Self::Ceiling(Ceiling::Fast) => "async-graphql, cached, fast validation",
            Self::Sessiond => "sessiond",
            Self::Mercurius => "mercurius with JIT",
            Self::Yoga => "GraphQL Yoga",
            Self::BetterAuth => "better-auth",
        }
    }

    /// Whether the server compiles its code while it runs, and so needs a longer warm-up.
    pub(crate) fn is_peer(self) -> bool {
        Self::PEERS.contains(&self)
    }

    /// The operations to measure that read, in this order.
    pub(crate) const fn reads(self) -> &'static [Operation] {
        match self {
            Self::Ceiling(Ceiling::Axum) => &[Operation::Nothing],
            Self::Ceiling(_) | Self::Mercurius | Self::Yoga => {
                &[Operation::CurrentSession, Operation::User]
            }
            // The first check of each session comes first. The later ones then find sessions that
            // were used within the last minute. So does the first query of each user.
            Self::Sessiond => &[
                Operation::FirstVerify,
                Operation::Health,
                Operation::Verify,
                Operation::CurrentSession,
                Operation::FirstUser,
                Operation::User,
            ],
            Self::BetterAuth => &[Operation::GetSession],
        }
    }
}

/// How to start servers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launcher<'a> {
    /// The programs to start.
    pub(crate) programs: &'a Programs,
    /// The folder of the peers.
    pub(crate) peers: Option<&'a Path>,
    /// The databases.
    pub(crate) data: &'a Data,
    /// A command, with its arguments, that runs the server. Empty if the server runs by itself.
    pub(crate) under: &'a [OsString],
}

impl Launcher<'_> {
    fn command(&self, kind: ServerKind) -> Command {
        let arguments = self.arguments(kind);
        let mut words = self.under.iter().chain(&arguments);
        let mut command = Command::new(words.next().map_or_else(OsString::new, Clone::clone));
        command.args(words);
        command
    }

    /// The program and its arguments.
    fn arguments(&self, kind: ServerKind) -> Vec<OsString> {
        let data = self.data;
        let node = |script: &str, database: &Path| {
            let script = self.peers.unwrap_or(Path::new("")).join(script);
            vec!["node".into(), script.into(), database.into()]
        };
        match kind {
            ServerKind::Ceiling(ceiling) => {
                let value = ceiling.to_possible_value();
                let name = value.as_ref().map_or("", PossibleValue::get_name);
                vec![
                    self.programs.ceilings.clone().into(),
                    "ceiling".into(),
                    name.into(),
                ]
            }
            ServerKind::Sessiond => vec![
                self.programs.sessiond.clone().into(),
                "--listen=127.0.0.1:0".into(),
                format!("--database=sqlite:{}", data.database.display()).into(),
                "--service-key-file".into(),
                data.service_key_file.clone().into(),
                // All clients of the benchmark have one address.
                "--max-connections-per-address=1000000".into(),
                "--max-sockets-per-address=1000000".into(),
            ],
            ServerKind::Mercurius => node("mercurius.mjs", &data.database),
            ServerKind::Yoga => node("yoga.mjs", &data.database),
            ServerKind::BetterAuth => node("better-auth.mjs", &data.better_auth_database),
        }
    }

    /// Starts a server, and waits until it accepts requests.
    pub(crate) async fn start(&self, kind: ServerKind) -> Result<Server> {
        Server::start(kind, self.command(kind)).await
    }
}

/// A running server. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    kind: ServerKind,
    process: Child,
    address: SocketAddr,
}

impl Server {
    async fn start(kind: ServerKind, mut command: Command) -> Result<Self> {
        // Neither the settings of sessiond nor those of Node come from the caller's environment.
        command
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
            .env("NODE_ENV", "production")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command
            .spawn()
            .with_context(|| format!("cannot start {}: {command:?}", kind.name()))?;
        let (sender, address) = oneshot::channel();
        let startup = Arc::new(Mutex::new(Startup {
            address: Some(sender),
            log: String::new(),
        }));
        drain(process.stdout.take(), Arc::clone(&startup));
        drain(process.stderr.take(), Arc::clone(&startup));
        let mut server = Self {
            kind,
            process,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        match tokio::time::timeout(START_TIMEOUT, address).await {
            Ok(Ok(address)) => server.address = address,
            _ => bail!("{} did not start\n{}", kind.name(), startup.lock().log),
        }
        Ok(server)
    }

    /// The kind of the server.
    pub(crate) const fn kind(&self) -> ServerKind {
        self.kind
    }

    /// The address that the server listens on.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of the process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The CPU time that the process has used.
    pub(crate) fn cpu_time(&self) -> Result<ProcessCpu> {
        ProcessCpu::read(self.process.id())
    }

    /// The resident memory of the process in bytes (proc(5)).
    pub(crate) fn resident_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|value| value.trim().strip_suffix(" kB"))
            .context("the resident memory is unknown")?;
        Ok(kilobytes.parse::<u64>()? * 1024)
    }

    /// Kills the process, and waits until it has exited.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It fails only if the process has exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a server has written before its address.
struct Startup {
    address: Option<oneshot::Sender<SocketAddr>>,
    /// It explains why a server does not start.
    log: String,
}

/// Reads the output of a server until it ends, and sends the address that it contains. Without a
/// reader the pipe would fill up and block the server.
fn drain(output: Option<impl Read + Send + 'static>, startup: Arc<Mutex<Startup>>) {
    std::thread::spawn(move || {
        let lines = output
            .into_iter()
            .flat_map(|output| BufReader::new(output).lines());
        for line in lines.map_while(Result::ok) {
            let mut startup = startup.lock();
            if let Some(found) = line.split("listening on http://").nth(1) {
                let text = found.split_whitespace().next().unwrap_or_default();
                if let (Some(sender), Ok(found)) = (startup.address.take(), text.parse()) {
                    let _ = sender.send(found);
                }
            } else if startup.address.is_some() {
                startup.log += &line;
                startup.log.push('\n');
            }
        }
    });
}
