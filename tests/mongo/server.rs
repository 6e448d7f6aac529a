//! The server that the tests run against: the one at `MONGODB_URI`, or one of a test's own, started from the executable
//! at `SECANTUSD` (a MongoDB-compatible server) on a free port and a new_ids path.

use std::{
    env,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{self, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use sessiond::store::mongo::MongoStore;
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::support::DEADLINE;

/// A retention that nothing here is old enough for: most clocks of the tests stand still, and the server's does not.
pub const FOREVER: Duration = Duration::from_secs(i32::MAX as u64);

/// How often a server is started on one port after another.
const ATTEMPTS: usize = 5;

/// Where a test's database is.
pub struct Database {
    pub uri: String,
    pub name: String,
    _server: Option<Server>,
}

impl Database {
    /// A database of the test's own.
    pub async fn new() -> Self {
        let name = format!("sessiond-test-{}", bson::oid::ObjectId::new());
        if let Ok(base) = env::var("MONGODB_URI") {
            return Self {
                uri: with_database(&base, &name),
                name,
                _server: None,
            };
        }
        let server = Server::start(&[]).await;
        Self {
            uri: server.uri(&name),
            name,
            _server: Some(server),
        }
    }

    /// Where the server listens: the first of the URI's hosts.
    pub fn address(&self) -> String {
        self.parts().1.split(',').next().unwrap().to_owned()
    }

    /// The database by way of another address.
    pub fn uri_by(&self, address: SocketAddr) -> String {
        let (credentials, _) = self.parts();
        format!(
            "mongodb://{credentials}{address}/{}?directConnection=true&authSource=admin",
            self.name
        )
    }

    /// What stands before the hosts, and the hosts.
    fn parts(&self) -> (String, &str) {
        let (authority, _) = self
            .uri
            .strip_prefix("mongodb://")
            .unwrap()
            .split_once('/')
            .unwrap();
        match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
            None => (String::new(), authority),
        }
    }

    pub async fn open(&self) -> MongoStore {
        MongoStore::open(&self.uri, FOREVER).await.unwrap()
    }

    /// The same database, past the store.
    pub async fn raw(&self) -> mongodb::Database {
        mongodb::Client::with_uri_str(&self.uri)
            .await
            .unwrap()
            .default_database()
            .unwrap()
    }
}

fn with_database(base: &str, name: &str) -> String {
    let (hosts, options) = base.split_once('?').unwrap_or((base, ""));
    format!("{}/{name}?{options}", hosts.trim_end_matches('/'))
}

/// A server that a test may stop and start again.
pub struct Server {
    executable: PathBuf,
    arguments: Vec<String>,
    path: TempDir,
    port: u16,
    process: Child,
}

impl Server {
    /// A server of the test's own. `None` where there is but the one at `MONGODB_URI`, which is not the test's to stop.
    pub async fn own(arguments: &[&str]) -> Option<Self> {
        if env::var_os("SECANTUSD").is_none() && env::var_os("MONGODB_URI").is_some() {
            eprintln!(
                "left out: this test stops its server, or starts one of another kind; set SECANTUSD as well"
            );
            return None;
        }
        Some(Self::start(arguments).await)
    }

    async fn start(arguments: &[&str]) -> Self {
        let executable = PathBuf::from(env::var_os("SECANTUSD").unwrap_or_else(|| {
            panic!(
                "set MONGODB_URI to the URI of a MongoDB replica set, or SECANTUSD to the executable of a \
                 MongoDB-compatible server (pip install secantusdb==0.7.0b3, then .../bin/secantusd-py)"
            )
        }));
        let arguments: Vec<_> = arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        let mut ended = Vec::new();
        while ended.len() < ATTEMPTS {
            let (path, port) = (TempDir::new().unwrap(), free_port());
            let process = spawn(&executable, path.path(), port, &arguments);
            let mut server = Self {
                executable: executable.clone(),
                arguments: arguments.clone(),
                path,
                port,
                process,
            };
            match server.wait().await {
                Ok(()) => return server,
                // Another process may have been faster.
                Err(status) => ended.push(status),
            }
        }
        panic!("{} ends at once: {ended:?}", executable.display());
    }

    pub fn uri(&self, name: &str) -> String {
        Self::uri_by(self.address(), name)
    }

    pub fn uri_by(address: SocketAddr, name: &str) -> String {
        format!("mongodb://{address}/{name}?directConnection=true")
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Ends it as a power cut would.
    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Starts it again on the same path and port.
    pub async fn start_again(&mut self) {
        self.process = spawn(
            &self.executable,
            self.path.path(),
            self.port,
            &self.arguments,
        );
        self.wait().await.expect("the server starts again");
    }

    pub async fn start_again_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        self.start_again().await;
    }

    /// Until it listens. The error is how it ended instead.
    async fn wait(&mut self) -> Result<(), ExitStatus> {
        let address = self.address();
        let answers = async {
            loop {
                let is_reached = TcpStream::connect(address).await.is_ok();
                // Where the process has ended, it was another that answered.
                if let Some(status) = self.process.try_wait().unwrap() {
                    return Err(status);
                }
                if is_reached {
                    return Ok(());
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE * 4, answers)
            .await
            .expect("the server listens")
    }
}

/// A port that nothing listens at, and that nothing in this process is given again. It is below those that systems
/// hand out to whoever asks for any, so that it stays free until it is used, and while its server is stopped.
pub fn free_port() -> u16 {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 18_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Other processes, which may run the same tests, begin elsewhere.
    let begin = process::id().wrapping_mul(101);
    loop {
        let next = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + next % COUNT).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

fn spawn(executable: &Path, path: &Path, port: u16, arguments: &[String]) -> Child {
    Command::new(executable)
        .args([
            "--host",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--sync-on-commit",
            "--storage-path",
        ])
        .arg(path)
        .args(arguments)
        .current_dir(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}
