use std::{net::SocketAddr, sync::Arc, time::Duration};

use clap::Parser;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use sessiond::{app::App, config::Cli, shutdown::Shutdown};
use tempfile::TempDir;

use super::{Answer, FakeClock, SERVICE_KEY, SeededRandom, Socket, soon};

/// A node on a port of its own, over a file of its own.
pub struct Server {
    pub address: SocketAddr,
    pub clock: Arc<FakeClock>,
    random: Arc<SeededRandom>,
    shutdown: Shutdown,
    stopped: Option<tokio::task::JoinHandle<()>>,
    http: Client,
    folder: Arc<TempDir>,
    flags: Vec<String>,
}

impl Server {
    /// In development mode.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With a service key.
    pub async fn secured() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let key = folder.path().join("key");
        std::fs::write(&key, SERVICE_KEY).unwrap();
        let flags = vec![
            "--service-key-file".to_owned(),
            key.to_str().unwrap().to_owned(),
        ];
        Self::on(folder, flags, Arc::default(), Arc::default()).await
    }

    pub async fn with(flags: &[&str]) -> Self {
        let flags = flags.iter().map(ToString::to_string).collect();
        Self::on(
            Arc::new(tempfile::tempdir().unwrap()),
            flags,
            Arc::default(),
            Arc::default(),
        )
        .await
    }

    async fn on(
        folder: Arc<TempDir>,
        flags: Vec<String>,
        clock: Arc<FakeClock>,
        random: Arc<SeededRandom>,
    ) -> Self {
        let mut arguments = vec!["sessiond".to_owned(), "--listen=127.0.0.1:0".to_owned()];
        arguments.extend(flags.clone());
        if !flags.iter().any(|flag| flag.starts_with("--database")) {
            arguments.push(format!(
                "--database=sqlite:{}",
                folder.path().join("test.db").display()
            ));
        }
        assert_plain_environment();
        let settings = Cli::parse_from(arguments).settings;
        let app = App::start(
            &settings,
            Arc::<FakeClock>::clone(&clock),
            Arc::<SeededRandom>::clone(&random),
        )
        .await
        .unwrap();
        let (address, shutdown) = (app.address(), app.shutdown());
        #[expect(clippy::disallowed_methods, reason = "the test ends the server itself")]
        let stopped = Some(tokio::spawn(app.run()));
        Self {
            address,
            clock,
            random,
            shutdown,
            stopped,
            http: Client::new(),
            folder,
            flags,
        }
    }

    /// Ends the node as SIGTERM would.
    pub async fn stop(&mut self) {
        self.shutdown.begin();
        soon(self.stopped.take().expect("stopped once"))
            .await
            .unwrap();
    }

    /// Ends the node, and starts another on its file.
    pub async fn restart(mut self) -> Self {
        self.stop().await;
        self.restart_stopped().await
    }

    /// Starts another node on the file of one that was stopped.
    pub async fn restart_stopped(self) -> Self {
        Self::on(self.folder, self.flags, self.clock, self.random).await
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.url(path))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.url(path))
    }

    /// Runs an operation as whoever `bearer` makes the caller.
    pub async fn run_as(&self, bearer: Option<&str>, query: &str, variables: Value) -> Answer {
        let request = self.post("/graphql").header("user-agent", "api-test/1");
        let request = match bearer {
            Some(bearer) => request.bearer_auth(bearer),
            None => request,
        };
        let body = json!({ "query": query, "variables": variables });
        let response: Response = soon(request.json(&body).send()).await.unwrap();
        Answer(soon(response.json()).await.unwrap())
    }

    /// Runs an operation without credentials.
    pub async fn run(&self, query: &str, variables: Value) -> Answer {
        self.run_as(None, query, variables).await
    }

    pub async fn socket(&self, bearer: Option<&str>) -> Socket {
        Socket::open(self.address, bearer).await
    }
}

/// The server in this process reads the environment as any does, and a test cannot safely take from it what the other
/// tests of its process may be reading.
fn assert_plain_environment() {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let set: Vec<_> = names.filter(|name| name.starts_with("SESSIOND_")).collect();
    assert!(
        set.is_empty(),
        "the tests set every setting themselves: unset {}",
        set.join(", ")
    );
}

/// A user, and the token of its first session.
#[derive(Debug, Clone)]
pub struct Account {
    pub mobile: String,
    pub session: String,
    pub token: String,
}

pub trait Users {
    /// Registers `mobile` as "SavingsBank", by the service.
    async fn register(&self, mobile: &str) -> Account;

    /// Logs in by the service; `input` is added to the login's input.
    async fn login(&self, mobile: &str, input: Value) -> Answer;

    /// The state of the session that `token` belongs to.
    async fn status(&self, token: &str) -> String;
}

impl Users for Server {
    async fn register(&self, mobile: &str) -> Account {
        let answer = self
            .run_as(
                self.service(),
                "mutation($mobile: String!) { createUser(input: { mobile: $mobile, username: \"SavingsBank\" }) \
                 { token session { sessionKey } } }",
                json!({ "mobile": mobile }),
            )
            .await;
        Account {
            mobile: mobile.to_owned(),
            session: answer.text("/createUser/session/sessionKey"),
            token: answer.text("/createUser/token"),
        }
    }

    async fn login(&self, mobile: &str, input: Value) -> Answer {
        let mut variables = json!({ "mobile": mobile, "username": "SavingsBank" });
        variables
            .as_object_mut()
            .unwrap()
            .extend(input.as_object().unwrap().clone());
        self.run_as(
            self.service(),
            "mutation($input: LoginInput!) { login(input: $input) { outcome message token session { sessionKey status } \
             user { activeSession { sessionKey userAgent } } } }",
            json!({ "input": variables }),
        )
        .await
    }

    async fn status(&self, token: &str) -> String {
        self.run_as(Some(token), "{ currentSession { status } }", json!({}))
            .await
            .text("/currentSession/status")
    }
}

impl Server {
    /// What makes the caller the service: nothing in development mode.
    pub fn service(&self) -> Option<&'static str> {
        (self.flags.iter().any(|flag| flag == "--service-key-file")).then_some(SERVICE_KEY)
    }
}
