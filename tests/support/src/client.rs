//! An HTTP client of one server, with the operations that many tests need.

use std::net::SocketAddr;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::{GraphQlResponse, Socket, within_deadline};

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) {
    outcome message token session { sessionKey status }
    user { activeSession { sessionKey userAgent } } } }";

/// A user, and the first session of that user.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user's mobile number.
    pub mobile: String,
    /// The key of the session.
    pub session: String,
    /// The token of the session.
    pub token: String,
}

/// An HTTP client of one server.
#[derive(Debug, Clone)]
pub struct ApiClient {
    /// The address that the server listens on.
    pub address: SocketAddr,
    http: Client,
    service_key: Option<&'static str>,
}

impl ApiClient {
    /// A client of the server at `address`. A server without a service key is in development mode
    /// and treats every caller as the service.
    pub fn new(address: SocketAddr, service_key: Option<&'static str>) -> Self {
        let http = Client::builder().user_agent("api-test/1").build().unwrap();
        Self {
            address,
            http,
            service_key,
        }
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A GET request of `path`.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.url(path))
    }

    /// A POST request to `path`.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.url(path))
    }

    /// The status of a GET request of `path`.
    pub async fn get_status(&self, path: &str) -> StatusCode {
        within_deadline(self.get(path).send())
            .await
            .unwrap()
            .status()
    }

    /// The status of `/verify` for `token`.
    pub async fn verify_status(&self, token: &str) -> StatusCode {
        let request = self.get("/verify").bearer_auth(token);
        within_deadline(request.send()).await.unwrap().status()
    }

    /// Executes an operation with these credentials. The error is the one of the connection.
    pub async fn try_run_as(
        &self,
        bearer: Option<&str>,
        query: &str,
        variables: Value,
    ) -> Result<GraphQlResponse, reqwest::Error> {
        let request = self.post("/graphql");
        let request = match bearer {
            Some(bearer) => request.bearer_auth(bearer),
            None => request,
        };
        let body = json!({ "query": query, "variables": variables });
        within_deadline(async {
            let response = request.json(&body).send().await?;
            response.json().await.map(GraphQlResponse)
        })
        .await
    }

    /// Executes an operation with these credentials.
    pub async fn run_as(
        &self,
        bearer: Option<&str>,
        query: &str,
        variables: Value,
    ) -> GraphQlResponse {
        self.try_run_as(bearer, query, variables).await.unwrap()
    }

    /// Executes an operation without credentials.
    pub async fn run(&self, query: &str, variables: Value) -> GraphQlResponse {
        self.run_as(None, query, variables).await
    }

    /// Executes an operation as the service.
    pub async fn run_as_service(&self, query: &str, variables: Value) -> GraphQlResponse {
        self.run_as(self.service_key, query, variables).await
    }

    /// Creates a user named "SavingsBank", as the service.
    pub async fn create_user(&self, mobile: &str) -> Account {
        let query = "mutation($input: CreateUserInput!) { createUser(input: $input) {
            token session { sessionKey } } }";
        let input = json!({ "mobile": mobile, "username": "SavingsBank" });
        let response = self.run_as_service(query, json!({ "input": input })).await;
        Account {
            mobile: mobile.to_owned(),
            session: response.data_str("/createUser/session/sessionKey"),
            token: response.data_str("/createUser/token"),
        }
    }

    /// Logs in as the service. `input` is added to the login's input.
    pub async fn login(&self, mobile: &str, input: Value) -> GraphQlResponse {
        self.try_login(mobile, input).await.unwrap()
    }

    /// Logs in as the service. The error is the one of the connection.
    pub async fn try_login(
        &self,
        mobile: &str,
        input: Value,
    ) -> Result<GraphQlResponse, reqwest::Error> {
        let mut all = json!({ "mobile": mobile, "username": "SavingsBank" });
        merge(&mut all, input);
        self.try_run_as(self.service_key, LOGIN, json!({ "input": all }))
            .await
    }

    /// Raises `count` alerts, each by a refused login from another device.
    pub async fn raise_alerts(&self, mobile: &str, count: usize) {
        for device in 0..count {
            let device = json!({ "userAgent": format!("device {device}") });
            let login = self.login(mobile, device).await;
            assert_eq!(login.data("/login/outcome"), "REFUSED");
        }
    }

    /// Ends a session as the service.
    pub async fn invalidate_session(&self, session_key: &str) {
        self.invalidate_session_as(self.service_key, session_key)
            .await
            .data_str("/invalidateSession/message");
    }

    /// Ends a session with these credentials.
    pub async fn invalidate_session_as(
        &self,
        bearer: Option<&str>,
        session_key: &str,
    ) -> GraphQlResponse {
        let query =
            "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }";
        self.run_as(bearer, query, json!({ "key": session_key }))
            .await
    }

    /// Deletes a user as the service.
    pub async fn delete_user(&self, mobile: &str) {
        let query =
            "mutation($mobile: String!) { deleteUser(input: { mobile: $mobile }) { message } }";
        self.run_as_service(query, json!({ "mobile": mobile }))
            .await
            .data_str("/deleteUser/message");
    }

    /// The status of the session that `token` belongs to.
    pub async fn session_status(&self, token: &str) -> String {
        self.run_as(Some(token), "{ currentSession { status } }", json!({}))
            .await
            .data_str("/currentSession/status")
    }

    /// These fields of the user, read as the service: null if there is no such user.
    pub async fn user(&self, mobile: &str, fields: &str) -> Value {
        let query = format!("query($mobile: String!) {{ user(mobile: $mobile) {{ {fields} }} }}");
        self.run_as_service(&query, json!({ "mobile": mobile }))
            .await
            .data("/user")
            .clone()
    }

    /// The id of the user's newest alert.
    pub async fn newest_alert_id(&self, mobile: &str) -> Value {
        let user = self.user(mobile, "alerts(first: 1) { nodes { id } }").await;
        user["alerts"]["nodes"][0]["id"].clone()
    }

    /// The user's whole alert log, oldest first, as sequences and kinds.
    pub async fn alert_log(&self, mobile: &str) -> Vec<(u64, String)> {
        let alerts = self.all_nodes(mobile, "alerts", "sequence kind").await;
        let entry = |alert: &Value| {
            (
                alert["sequence"].as_u64().unwrap(),
                alert["kind"].as_str().unwrap().to_owned(),
            )
        };
        alerts.iter().rev().map(entry).collect()
    }

    /// Panics if the user's alert log has a gap or a duplicate. Returns the length of the log.
    pub async fn assert_gapless_log(&self, mobile: &str) -> u64 {
        let log = self.alert_log(mobile).await;
        let length = log.len() as u64;
        let sequences = log.iter().map(|(sequence, _)| *sequence);
        assert!(
            sequences.eq(1..=length),
            "the alert log of {mobile} has a gap: {log:?}"
        );
        length
    }

    /// The keys of all valid sessions of the user.
    pub async fn valid_sessions_of(&self, mobile: &str) -> Vec<String> {
        let sessions = self
            .all_nodes(mobile, "sessions", "sessionKey isValid")
            .await;
        valid_keys(&sessions)
    }

    /// The keys of those sessions that are valid. Panics if one of the sessions does not exist.
    pub async fn valid_sessions(&self, keys: &[String]) -> Vec<String> {
        let query =
            "query($keys: [ID!]!) { sessionsByKey(sessionKeys: $keys) { sessionKey isValid } }";
        let mut valid = Vec::new();
        for keys in keys.chunks(100) {
            let found = self.run_as_service(query, json!({ "keys": keys })).await;
            let sessions = found.data_array("/sessionsByKey");
            for (key, session) in keys.iter().zip(sessions) {
                assert_eq!(session["sessionKey"], *key);
            }
            valid.extend(valid_keys(sessions));
        }
        valid
    }

    /// Opens an initialized WebSocket with these credentials.
    pub async fn socket(&self, bearer: Option<&str>) -> Socket {
        Socket::open(self.address, bearer).await
    }

    /// Opens an initialized WebSocket of the service.
    pub async fn service_socket(&self) -> Socket {
        self.socket(self.service_key).await
    }

    /// All nodes of one of the user's connections, page by page.
    async fn all_nodes(&self, mobile: &str, connection: &str, fields: &str) -> Vec<Value> {
        let query = format!(
            "query($mobile: String!, $after: String) {{ user(mobile: $mobile) {{
                {connection}(first: 100, after: $after) {{
                nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
        );
        let (mut after, mut all) = (Value::Null, Vec::new());
        loop {
            let variables = json!({ "mobile": mobile, "after": after });
            let response = self.run_as_service(&query, variables).await;
            let page = response.data(&format!("/user/{connection}"));
            all.extend(page["nodes"].as_array().unwrap().iter().cloned());
            if page["pageInfo"]["hasNextPage"] == false {
                return all;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }
}

fn valid_keys(sessions: &[Value]) -> Vec<String> {
    sessions
        .iter()
        .filter(|session| session["isValid"] == true)
        .map(|session| session["sessionKey"].as_str().unwrap().to_owned())
        .collect()
}

/// Adds the fields of `additions` to `object`. Existing fields are replaced.
pub fn merge(object: &mut Value, additions: Value) {
    let Value::Object(additions) = additions else {
        panic!("not an object: {additions}")
    };
    object.as_object_mut().unwrap().extend(additions);
}
