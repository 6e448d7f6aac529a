//! A server in the process of the test, with a clock that the test controls.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use sessiond::{app::App, clock::Clock, config::Cli, reload::Reload, shutdown::Shutdown};
use tempfile::TempDir;

use crate::{ApiClient, FakeClock, SERVICE_KEY, SeededRandom, TestKey, within_deadline};

/// The name of the file of service keys.
const KEYS_FILE: &str = "keys.toml";

/// A server in this process, on a free port. By default it has a new database file. Dereferences to
/// its client.
pub struct TestServer {
    clock: Arc<FakeClock>,
    random: Arc<SeededRandom>,
    shutdown: Shutdown,
    task: Option<tokio::task::JoinHandle<()>>,
    client: ApiClient,
    folder: Arc<TempDir>,
    flags: Vec<String>,
    reload: Arc<Reload>,
}

impl Deref for TestServer {
    type Target = ApiClient;

    fn deref(&self) -> &ApiClient {
        &self.client
    }
}

impl TestServer {
    /// Starts a server in development mode.
    pub async fn start() -> Self {
        Self::with_flags(&[]).await
    }

    /// Starts a server whose service key is [`SERVICE_KEY`].
    pub async fn with_service_key() -> Self {
        Self::with_service_key_and_flags(&[]).await
    }

    /// Starts a server whose service key is [`SERVICE_KEY`], with these flags.
    pub async fn with_service_key_and_flags(flags: &[&str]) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let key = folder.path().join("key");
        std::fs::write(&key, SERVICE_KEY).unwrap();
        let mut flags: Vec<_> = flags.iter().map(ToString::to_string).collect();
        flags.push(format!("--service-key-file={}", key.display()));
        Self::start_in(folder, flags, Arc::default(), Arc::default()).await
    }

    /// Starts a server whose service keys are [`SERVICE_KEY`], which has every scope, and these.
    pub async fn with_service_keys(keys: &[TestKey<'_>]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (single, several) = (folder.path().join("key"), folder.path().join(KEYS_FILE));
        std::fs::write(&single, SERVICE_KEY).unwrap();
        std::fs::write(&several, TestKey::file_of(keys)).unwrap();
        let flags = vec![
            format!("--service-key-file={}", single.display()),
            format!("--service-keys={}", several.display()),
        ];
        Self::start_in(folder.into(), flags, Arc::default(), Arc::default()).await
    }

    /// Replaces the file of service keys, and lets the server read it again as SIGHUP does.
    pub fn replace_service_keys(&self, content: &str) {
        std::fs::write(self.folder.path().join(KEYS_FILE), content).unwrap();
        self.reload.run();
    }

    /// Lets the server read its files again, as SIGHUP does.
    pub fn reload(&self) {
        self.reload.run();
    }

    /// Starts a server in development mode with these flags.
    pub async fn with_flags(flags: &[&str]) -> Self {
        let flags = flags.iter().map(ToString::to_string).collect();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::start_in(folder, flags, Arc::default(), Arc::default()).await
    }

    async fn start_in(
        folder: Arc<TempDir>,
        flags: Vec<String>,
        clock: Arc<FakeClock>,
        random: Arc<SeededRandom>,
    ) -> Self {
        let has_flag = |name: &str| flags.iter().any(|flag| flag.starts_with(name));
        let mut arguments = vec!["sessiond".to_owned()];
        arguments.extend(flags.clone());
        if !has_flag("--listen") {
            arguments.push("--listen=127.0.0.1:0".to_owned());
        }
        if !has_flag("--database") {
            let file = folder.path().join("test.db");
            arguments.push(format!("--database=sqlite:{}", file.display()));
        }
        let service_key = has_flag("--service-key-file").then_some(SERVICE_KEY);
        assert_no_settings_in_environment();
        let settings = Cli::parse_from(arguments).settings;
        let app = App::start(
            &settings,
            Arc::<FakeClock>::clone(&clock),
            Arc::<SeededRandom>::clone(&random),
        )
        .await
        .unwrap();
        let (client, shutdown) = (ApiClient::new(app.address(), service_key), app.shutdown());
        let reload = app.reload();
        #[expect(clippy::disallowed_methods, reason = "`stop` waits for the task")]
        let task = Some(tokio::spawn(app.run()));
        Self {
            clock,
            random,
            shutdown,
            task,
            client,
            folder,
            flags,
            reload,
        }
    }

    /// Stops the server as SIGTERM does.
    pub async fn stop(&mut self) {
        self.shutdown.begin();
        let task = self.task.take().expect("the server runs");
        within_deadline(task).await.unwrap();
    }

    /// Stops the server and starts another one on its database.
    pub async fn restart(mut self) -> Self {
        self.stop().await;
        self.start_again().await
    }

    /// Starts another server on the database of this one, which must have been stopped.
    pub async fn start_again(self) -> Self {
        Self::start_in(self.folder, self.flags, self.clock, self.random).await
    }

    /// Stops the server, lets `edit` change its database file, and starts it again.
    pub async fn restart_with_database(mut self, edit: impl FnOnce(&Path)) -> Self {
        self.stop().await;
        edit(&self.database_file());
        self.start_again().await
    }

    /// The server's clock.
    pub fn clock(&self) -> Arc<FakeClock> {
        Arc::clone(&self.clock)
    }

    /// The database file, unless a flag names another database.
    pub fn database_file(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// The time of the server's clock, in seconds.
    pub fn now_seconds(&self) -> i64 {
        self.clock.now().as_millis().div_euclid(1000)
    }

    /// Sets the server's clock back.
    pub fn set_back(&self, by: Duration) {
        self.clock.set_back(by);
    }

    /// Moves the server's clock forward.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

/// A server in this process reads the environment, as every server does. A test cannot safely unset
/// a variable, because the other tests of the process may read it at the same time.
fn assert_no_settings_in_environment() {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let set: Vec<_> = names.filter(|name| name.starts_with("SESSIOND_")).collect();
    assert!(
        set.is_empty(),
        "the tests choose every setting themselves: unset {}",
        set.join(", ")
    );
}
