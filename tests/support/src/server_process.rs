//! A server in a separate process, which a test can signal, kill and measure.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    ops::Deref,
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::{ApiClient, SERVICE_KEY, within_deadline};

/// The path of the binary. Cargo sets it only when it compiles an integration test or a benchmark,
/// so use [`sessiond_binary!`](crate::sessiond_binary) there.
#[derive(Debug, Clone, Copy)]
pub struct Binary(&'static str);

/// The [`Binary`] that Cargo built for the integration test or benchmark that calls this macro.
#[macro_export]
macro_rules! sessiond_binary {
    () => {
        $crate::Binary::new(env!("CARGO_BIN_EXE_sessiond"))
    };
}

impl Binary {
    /// The binary at `path`.
    pub const fn new(path: &'static str) -> Self {
        Self(path)
    }

    /// The folder of the binary.
    pub fn folder(self) -> &'static Path {
        Path::new(self.0).parent().expect("the binary is a file")
    }

    /// A command that runs the binary with these arguments and an empty environment.
    pub fn command(self, arguments: &[&str]) -> Command {
        isolated(Command::new(self.0), arguments)
    }

    /// A command that sets a limit with `ulimit` and then runs the binary.
    fn command_with_limit(self, limit: &str) -> Command {
        let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
        isolated(Command::new("/bin/sh"), &["-c", &script, self.0])
    }

    /// A server to configure and start.
    pub fn server(self) -> ServerBuilder {
        ServerBuilder {
            command: self.command(&[]),
            binary: self,
            database: None,
            service_key: None,
            log: None,
        }
    }
}

fn isolated(mut command: Command, arguments: &[&str]) -> Command {
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command until it exits. Returns true if it succeeded, and its output followed by its
/// errors.
pub fn run_to_exit(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), text)
}

/// The settings of a [`ServerProcess`]. By default it is in development mode and has a new database
/// file.
#[derive(Debug)]
pub struct ServerBuilder {
    command: Command,
    binary: Binary,
    database: Option<String>,
    service_key: Option<&'static str>,
    log: Option<File>,
}

impl ServerBuilder {
    /// Limits a resource with the arguments of `ulimit`. Must come before other settings.
    #[must_use]
    pub fn limit(mut self, limit: &str) -> Self {
        self.command = self.binary.command_with_limit(limit);
        self
    }

    /// Adds command-line flags.
    #[must_use]
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.command.args(flags);
        self
    }

    /// Uses the database with this connection string.
    #[must_use]
    pub fn database(mut self, database: &str) -> Self {
        self.database = Some(database.to_owned());
        self
    }

    /// Uses this SQLite file.
    #[must_use]
    pub fn database_file(self, path: &Path) -> Self {
        self.database(&format!("sqlite:{}", path.display()))
    }

    /// Sets the service key to [`SERVICE_KEY`].
    #[must_use]
    pub fn service_key(mut self) -> Self {
        self.service_key = Some(SERVICE_KEY);
        self.command.env("SESSIOND_SERVICE_KEY", SERVICE_KEY);
        self
    }

    /// Writes the log to this file. Without it the log is discarded.
    #[must_use]
    pub fn log_to(mut self, path: &Path) -> Self {
        self.log = Some(File::create(path).unwrap());
        self
    }

    /// Logs at every level.
    #[must_use]
    pub fn trace(mut self) -> Self {
        self.command.env(
            "RUST_LOG",
            "trace,tungstenite::protocol=trace,h2::server=trace",
        );
        self
    }

    /// Starts the server and waits until it accepts requests.
    pub async fn start(mut self) -> ServerProcess {
        let folder = tempfile::tempdir().unwrap();
        let database = self
            .database
            .unwrap_or_else(|| format!("sqlite:{}", folder.path().join("test.db").display()));
        let mut process = self
            .command
            .arg("--listen=127.0.0.1:0")
            .env("SESSIOND_DATABASE", database)
            .spawn()
            .unwrap();
        let stderr = process.stderr.take().unwrap();
        let (serving, address) = oneshot::channel();
        let log_reader = std::thread::spawn(move || read_log(stderr, self.log, serving));
        let mut server = ServerProcess {
            client: None,
            process: Mutex::new(process),
            log_reader: Some(log_reader),
            _folder: folder,
        };
        let address = within_deadline(address)
            .await
            .expect("the server wrote its address to its log");
        server.client = Some(ApiClient::new(address, self.service_key));
        server
    }
}

/// Copies the log until the process ends. Without a reader the pipe would fill up and block the
/// server.
fn read_log(stderr: ChildStderr, mut log: Option<File>, serving: oneshot::Sender<SocketAddr>) {
    let mut serving = Some(serving);
    for line in BufReader::new(stderr).lines() {
        let line = line.unwrap();
        if let Some((_, url)) = line.split_once("listening on http") {
            // With or without TLS. Fields follow the address, after a space or, in JSON, after a
            // quotation mark.
            let address = url
                .trim_start_matches(['s', ':', '/'])
                .split([' ', '"'])
                .next();
            if let Some(serving) = serving.take() {
                let _ = serving.send(address.unwrap().parse().unwrap());
            }
        } else if serving.is_some() {
            eprintln!("{line}");
        }
        if let Some(log) = &mut log {
            writeln!(log, "{line}").unwrap();
        }
    }
}

/// A server in a separate process. It is killed when it is dropped. Dereferences to its client.
pub struct ServerProcess {
    /// Set when the server has logged its address.
    client: Option<ApiClient>,
    process: Mutex<Child>,
    /// The thread that copies the log. It ends with the process.
    log_reader: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl Deref for ServerProcess {
    type Target = ApiClient;

    fn deref(&self) -> &ApiClient {
        self.client.as_ref().expect("the server has started")
    }
}

impl ServerProcess {
    /// Kills the process with SIGKILL.
    pub fn kill(&self) {
        let mut process = self.process.lock();
        let _ = process.kill();
        let _ = process.wait();
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Limits the file descriptors of the running process to those that it has now and `more`.
    pub fn limit_open_files(&self, more: usize) {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap();
        let limit = open.count() + more;
        let status = Command::new("prlimit")
            .args([format!("--pid={}", self.id()), format!("--nofile={limit}:")])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits until the process exits.
    pub async fn exit(&self) -> ExitStatus {
        within_deadline(async {
            loop {
                if let Some(status) = self.process.lock().try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
    }

    /// The resident memory in bytes, from Linux's `/proc` (proc(5)).
    pub fn resident_memory(&self) -> u64 {
        let status = self.proc("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// The CPU time that the process has used, in steps of 10 ms, from Linux's `/proc` (proc(5)).
    pub fn cpu_time(&self) -> Duration {
        let stat = self.proc("stat");
        let after_name = stat.rsplit_once(") ").unwrap().1;
        let ticks = after_name
            .split(' ')
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().unwrap());
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.id())).unwrap()
    }

    fn id(&self) -> u32 {
        self.process.lock().id()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
        let _ = self.log_reader.take().map(JoinHandle::join);
    }
}
