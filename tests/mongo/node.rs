//! A node as an operator runs it: the binary, in a process of its own, that a test may kill.

use std::{net::SocketAddr, process::Stdio};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    sync::Mutex,
};

use crate::support::{Answer, SERVICE_KEY, Socket, soon};

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome token session { sessionKey } } }";

/// A process of its own. The caller is the service, for whom no password is hashed.
pub struct Node {
    pub address: SocketAddr,
    pub process: Mutex<Child>,
    http: Client,
}

/// The binary, given this database and a service key. Nothing else of the environment reaches it.
pub fn sessiond(database: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessiond"));
    command
        .env_clear()
        .env("SESSIOND_DATABASE", database)
        .env("SESSIOND_SERVICE_KEY", SERVICE_KEY)
        .arg("--listen=127.0.0.1:0")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

impl Node {
    pub async fn start(database: &str, flags: &[&str]) -> Self {
        let mut process = sessiond(database)
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = soon(address(&mut log)).await;
        // A pipe that nobody reads would fill, and hold the node up.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Self {
            address,
            process: Mutex::new(process),
            http: Client::new(),
        }
    }

    /// Ends it as a power cut would.
    pub async fn kill(&self) {
        self.process.lock().await.kill().await.unwrap();
    }

    pub async fn status(&self, path: &str) -> StatusCode {
        soon(
            self.http
                .get(format!("http://{}{path}", self.address))
                .send(),
        )
        .await
        .unwrap()
        .status()
    }

    /// What a gateway is told of the token.
    pub async fn verify(&self, token: &str) -> StatusCode {
        let request = self
            .http
            .get(format!("http://{}/verify", self.address))
            .bearer_auth(token);
        soon(request.send()).await.unwrap().status()
    }

    /// Runs an operation as the service. The error is that of a node that is gone.
    pub async fn try_run(&self, query: &str, variables: Value) -> Result<Answer, reqwest::Error> {
        let request = self
            .http
            .post(format!("http://{}/graphql", self.address))
            .bearer_auth(SERVICE_KEY);
        let body = json!({ "query": query, "variables": variables });
        soon(async { request.json(&body).send().await?.json().await.map(Answer) }).await
    }

    pub async fn run(&self, query: &str, variables: Value) -> Answer {
        self.try_run(query, variables).await.unwrap()
    }

    /// Registers `mobile`. Answers the key of its first session.
    pub async fn register(&self, mobile: &str) -> String {
        let query = "mutation($input: CreateUserInput!) { createUser(input: $input) { session { sessionKey } } }";
        let registered = self
            .run(query, json!({ "input": of(mobile, &json!({})) }))
            .await;
        registered.text("/createUser/session/sessionKey")
    }

    pub async fn try_login(&self, mobile: &str, input: Value) -> Result<Answer, reqwest::Error> {
        self.try_run(LOGIN, json!({ "input": of(mobile, &input) }))
            .await
    }

    pub async fn login(&self, mobile: &str, input: Value) -> Answer {
        self.try_login(mobile, input).await.unwrap()
    }

    pub async fn end(&self, session: &str) {
        let query =
            "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }";
        self.run(query, json!({ "key": session }))
            .await
            .text("/invalidateSession/message");
    }

    /// Of these sessions, those that are valid. Every one of them must be there.
    pub async fn valid(&self, keys: &[String]) -> Vec<String> {
        let query =
            "query($keys: [ID!]!) { sessionsByKey(sessionKeys: $keys) { sessionKey isValid } }";
        let mut valid = Vec::new();
        for keys in keys.chunks(100) {
            let found = self.run(query, json!({ "keys": keys })).await;
            for (key, session) in keys
                .iter()
                .zip(found.at("/sessionsByKey").as_array().unwrap())
            {
                assert_eq!(session["sessionKey"], *key);
                if session["isValid"] == true {
                    valid.push(key.clone());
                }
            }
        }
        valid
    }

    /// The user's whole log, oldest first, as sequences and kinds.
    pub async fn log(&self, mobile: &str) -> Vec<(u64, String)> {
        let query = "query($mobile: String!, $after: String) { user(mobile: $mobile) { alerts(first: 100, after: $after) \
             { nodes { sequence kind } pageInfo { hasNextPage endCursor } } } }";
        let (mut after, mut log) = (json!(null), Vec::new());
        loop {
            let page = self
                .run(query, json!({ "mobile": mobile, "after": after }))
                .await;
            let nodes = page.at("/user/alerts/nodes").as_array().unwrap();
            log.extend(nodes.iter().map(|alert| {
                (
                    alert["sequence"].as_u64().unwrap(),
                    alert["kind"].as_str().unwrap().to_owned(),
                )
            }));
            if page.at("/user/alerts/pageInfo/hasNextPage") == false {
                log.reverse();
                return log;
            }
            after = page.at("/user/alerts/pageInfo/endCursor").clone();
        }
    }

    /// Every session of the user that is valid, whoever opened it.
    pub async fn valid_of(&self, mobile: &str) -> Vec<String> {
        let query = "query($mobile: String!, $after: String) { user(mobile: $mobile) { sessions(first: 100, after: $after) \
             { nodes { sessionKey isValid } pageInfo { hasNextPage endCursor } } } }";
        let (mut after, mut valid) = (json!(null), Vec::new());
        loop {
            let page = self
                .run(query, json!({ "mobile": mobile, "after": after }))
                .await;
            let nodes = page.at("/user/sessions/nodes").as_array().unwrap();
            let is_valid = |session: &&Value| session["isValid"] == true;
            let keys = nodes
                .iter()
                .filter(is_valid)
                .map(|session| session["sessionKey"].as_str().unwrap().to_owned());
            valid.extend(keys);
            if page.at("/user/sessions/pageInfo/hasNextPage") == false {
                return valid;
            }
            after = page.at("/user/sessions/pageInfo/endCursor").clone();
        }
    }

    /// A socket of the service's.
    pub async fn socket(&self) -> Socket {
        Socket::open(self.address, Some(SERVICE_KEY)).await
    }
}

/// Whether the node was too busy, or without its database: a caller tries again.
pub fn is_unavailable(answer: &Answer) -> bool {
    answer.0["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
}

/// What a user is named by, and `input`.
fn of(mobile: &str, input: &Value) -> Value {
    let mut all = json!({ "mobile": mobile, "username": "SavingsBank" });
    all.as_object_mut()
        .unwrap()
        .extend(input.as_object().unwrap().clone());
    all
}

/// The address that the node says that it serves on.
async fn address(log: &mut Lines<BufReader<ChildStderr>>) -> SocketAddr {
    let mut said = Vec::new();
    while let Some(line) = log.next_line().await.unwrap() {
        if let Some((_, address)) = line.rsplit_once("serving on http://") {
            return address.trim().parse().unwrap();
        }
        said.push(line);
    }
    panic!("the node ended: {said:#?}");
}
