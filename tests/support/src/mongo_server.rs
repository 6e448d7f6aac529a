//! The MongoDB server of the tests: the server at `MONGODB_URI`, or a server that each test starts
//! from the executable at `SECANTUSD` (a MongoDB-compatible server).

use std::{
    env,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{self, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sessiond::store::{Store, mongo::MongoStore};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::sleep,
};

use crate::{DEADLINE, contract::StoreFactory, within};

/// The longest retention of a TTL index, in whole seconds (about 68 years). The tests use it so
/// that the database deletes no data, even if its clock is years ahead of the clock of a test.
pub const MAX_RETENTION: Duration = Duration::from_secs(i32::MAX as u64);

/// The number of ports to try when a server starts.
const MAX_START_ATTEMPTS: usize = 5;

/// An empty database for one test.
pub struct MongoDatabase {
    /// The connection string, which names the database.
    pub uri: String,
    /// The name of the database.
    pub name: String,
    _server: Option<MongoServer>,
}

#[async_trait]
impl StoreFactory for MongoDatabase {
    async fn create() -> Self {
        Self::new().await
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.open_store().await)
    }
}

impl MongoDatabase {
    /// Creates a database on the server at `MONGODB_URI`, or on a new server.
    pub async fn new() -> Self {
        let name = format!("sessiond-test-{}", bson::oid::ObjectId::new());
        if let Ok(base) = env::var("MONGODB_URI") {
            return Self {
                uri: with_database(&base, &name),
                name,
                _server: None,
            };
        }
        let server = MongoServer::start(&[]).await;
        Self {
            uri: server.uri(&name),
            name,
            _server: Some(server),
        }
    }

    /// The address of the server: the first host of the connection string.
    pub fn address(&self) -> String {
        self.credentials_and_hosts()
            .1
            .split(',')
            .next()
            .unwrap()
            .to_owned()
    }

    /// A connection string of the database at another address.
    pub fn uri_via(&self, address: SocketAddr) -> String {
        let (credentials, _) = self.credentials_and_hosts();
        format!(
            "mongodb://{credentials}{address}/{}?directConnection=true&authSource=admin",
            self.name
        )
    }

    /// The credentials (with the `@`) and the hosts of the connection string.
    fn credentials_and_hosts(&self) -> (String, &str) {
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

    /// Opens the database as a store.
    pub async fn open_store(&self) -> MongoStore {
        MongoStore::open(&self.uri, MAX_RETENTION).await.unwrap()
    }

    /// Opens the database as a store, through another address.
    pub async fn open_store_via(&self, address: SocketAddr) -> MongoStore {
        MongoStore::open(&self.uri_via(address), MAX_RETENTION)
            .await
            .unwrap()
    }

    /// The database, accessed through the driver and not through the store.
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

/// A server that a test may stop and restart.
pub struct MongoServer {
    executable: PathBuf,
    arguments: Vec<String>,
    folder: TempDir,
    port: u16,
    process: Child,
}

impl MongoServer {
    /// Starts a server for one test. Returns `None` if only the server at `MONGODB_URI` is
    /// available, because a test must not stop that one.
    pub async fn start_own(arguments: &[&str]) -> Option<Self> {
        if env::var_os("SECANTUSD").is_none() && env::var_os("MONGODB_URI").is_some() {
            eprintln!("skipped: this test starts its own MongoDB server; set SECANTUSD as well");
            return None;
        }
        Some(Self::start(arguments).await)
    }

    async fn start(arguments: &[&str]) -> Self {
        let executable = PathBuf::from(env::var_os("SECANTUSD").unwrap_or_else(|| {
            panic!(
                "set MONGODB_URI to the URI of a MongoDB replica set, or SECANTUSD to the \
                 executable of a MongoDB-compatible server (pip install secantusdb==0.7.0b3, then \
                 .../bin/secantusd-py)"
            )
        }));
        let arguments = to_strings(arguments);
        let mut failures = Vec::new();
        while failures.len() < MAX_START_ATTEMPTS {
            let (folder, port) = (TempDir::new().unwrap(), free_port());
            let process = spawn(&executable, folder.path(), port, &arguments);
            let mut server = Self {
                executable: executable.clone(),
                arguments: arguments.clone(),
                folder,
                port,
                process,
            };
            match server.wait_until_listening().await {
                Ok(()) => return server,
                // Another process may have taken the port first.
                Err(status) => failures.push(status),
            }
        }
        panic!("{} exits at startup: {failures:?}", executable.display());
    }

    /// The connection string of a database.
    pub fn uri(&self, database: &str) -> String {
        Self::uri_at(self.address(), database)
    }

    /// The connection string of a database on the server at `address`.
    pub fn uri_at(address: SocketAddr, database: &str) -> String {
        format!("mongodb://{address}/{database}?directConnection=true")
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Opens a database as a store.
    pub async fn open_store(&self, database: &str) -> MongoStore {
        MongoStore::open(&self.uri(database), MAX_RETENTION)
            .await
            .unwrap()
    }

    /// A database, accessed through the driver and not through a store.
    pub async fn database(&self, name: &str) -> mongodb::Database {
        mongodb::Client::with_uri_str(self.uri(name))
            .await
            .unwrap()
            .database(name)
    }

    /// Creates an administrator and restarts the server with authentication.
    pub async fn require_password(&mut self, user: &str, password: &str) {
        let admin = self.database("admin").await;
        let roles = ["root"].as_slice();
        admin
            .run_command(bson::doc! { "createUser": user, "pwd": password, "roles": roles })
            .await
            .unwrap();
        self.kill().await;
        self.arguments = to_strings(&["--auth"]);
        self.start_again().await;
    }

    /// Kills the process with SIGKILL.
    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Sends a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let id = self.process.id().expect("the server runs").to_string();
        let sent = process::Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Starts the server again on the same data and port.
    pub async fn start_again(&mut self) {
        self.process = spawn(
            &self.executable,
            self.folder.path(),
            self.port,
            &self.arguments,
        );
        self.wait_until_listening()
            .await
            .expect("the server starts again");
    }

    /// Waits until the server listens. The error is its exit status.
    async fn wait_until_listening(&mut self) -> Result<(), ExitStatus> {
        let address = self.address();
        within(DEADLINE * 4, async {
            loop {
                let is_connected = TcpStream::connect(address).await.is_ok();
                // If the process has ended, another process accepted the connection.
                if let Some(status) = self.process.try_wait().unwrap() {
                    return Err(status);
                }
                if is_connected {
                    return Ok(());
                }
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }
}

fn to_strings(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(ToString::to_string).collect()
}

/// A free port, which this function returns only once in a process. The port is below the ephemeral
/// ports, so that it stays free until its server starts, and while its server is stopped.
pub fn free_port() -> u16 {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 18_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Other processes may run the same tests, so each process starts at another port.
    let start = process::id().wrapping_mul(101);
    loop {
        let next = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + next % COUNT).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

fn spawn(executable: &Path, folder: &Path, port: u16, arguments: &[String]) -> Child {
    Command::new(executable)
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--sync-on-commit", "--storage-path"])
        .arg(folder)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}
