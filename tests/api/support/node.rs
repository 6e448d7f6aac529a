use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread::JoinHandle,
};

use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_sessiond");

/// The binary, serving; ended with the test.
pub struct Node {
    pub process: Child,
    pub address: SocketAddr,
    /// Ends with the process.
    reader: Option<JoinHandle<()>>,
}

impl Node {
    pub fn start(database: &Path) -> Self {
        Self::with(database, &[])
    }

    pub fn with(database: &Path, flags: &[&str]) -> Self {
        let mut command = command(&["--listen", "127.0.0.1:0"]);
        Self::spawn(database, command.args(flags), std::io::sink())
    }

    /// Starts it with every log line there is, into a file.
    pub fn logging(database: &Path, log: &Path) -> Self {
        let mut command = command(&["--listen", "127.0.0.1:0"]);
        Self::spawn(
            database,
            command.env("RUST_LOG", "trace"),
            std::fs::File::create(log).unwrap(),
        )
    }

    /// Starts it, and waits for the line that says where it serves.
    pub fn spawn(
        database: &Path,
        command: &mut Command,
        mut log: impl Write + Send + 'static,
    ) -> Self {
        let mut process = command
            .arg(format!("--database=sqlite:{}", database.display()))
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("it says where it serves").unwrap();
            if let Some((_, url)) = line.split_once("serving on http://") {
                break url
                    .trim_end_matches(|c: char| !c.is_ascii_digit())
                    .parse()
                    .unwrap();
            }
        };
        // Read on, or the pipe fills.
        let reader = std::thread::spawn(move || {
            lines.for_each(|line| writeln!(log, "{}", line.unwrap()).unwrap());
        });
        Self {
            process,
            address,
            reader: Some(reader),
        }
    }

    pub async fn run(&self, query: String) -> Option<Value> {
        let request = reqwest::Client::new()
            .post(format!("http://{}/graphql", self.address))
            .json(&json!({ "query": query }));
        request.send().await.ok()?.json().await.ok()
    }

    pub fn signal(&self, name: &str) {
        let killed = Command::new("kill")
            .args([name, &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
    }
}

impl Node {
    /// Resident memory, in bytes, as Linux tells it.
    pub fn memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

/// The binary with these arguments, in development mode. Nothing of the environment reaches it.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The same by way of a shell that sets a limit first.
pub fn limited(limit: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    command
        .args(["-c", &script, BINARY])
        .args(arguments)
        .env_clear()
        .stderr(Stdio::piped());
    command
}
