//! The operations of the API that many tests need.

use serde_json::{Value, json};

use crate::{ApiClient, GraphQlResponse, Socket, merge};

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) {
    outcome message token matchNumber session { sessionKey status matchNumber }
    user { activeSession { sessionKey userAgent } } } }";

/// The flag of a server for tests that raise many alerts of one user in one minute.
pub const UNBOUNDED_ALERTS: &str = "--max-alerts-per-minute=4294967295";

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

impl ApiClient {
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

    /// Logs in as the service. The fields of `input` are added to the input of the login.
    pub async fn login(&self, mobile: &str, input: Value) -> GraphQlResponse {
        self.try_login(mobile, input).await.unwrap()
    }

    /// Logs in as the service. An error is an error of the connection.
    pub async fn try_login(
        &self,
        mobile: &str,
        input: Value,
    ) -> Result<GraphQlResponse, reqwest::Error> {
        let mut all = json!({ "mobile": mobile, "username": "SavingsBank" });
        merge(&mut all, input);
        let login = self
            .try_run_as(self.service_key, LOGIN, json!({ "input": all }))
            .await?;
        self.remember_match_number(login.0["data"]["login"]["matchNumber"].as_u64());
        Ok(login)
    }

    /// Logs in as the service, and retries while the server is too busy to report the outcome.
    pub async fn login_with_retries(&self, mobile: &str, input: Value) -> GraphQlResponse {
        loop {
            let login = self.login(mobile, input.clone()).await;
            if !login.is_unavailable() {
                return login;
            }
        }
    }

    /// Raises one alert: a login with this user agent is refused. Use a new user agent for each
    /// alert, because a device raises only one during the alert cooldown.
    pub async fn raise_alert(&self, mobile: &str, user_agent: &str) {
        let input = json!({ "userAgent": user_agent });
        let login = self.login(mobile, input).await;
        assert_eq!(login.data("/login/outcome"), "REFUSED");
    }

    /// Raises `count` alerts, each by a refused login from another device. For more than 20 in one
    /// minute, start the server with [`UNBOUNDED_ALERTS`].
    pub async fn raise_alerts(&self, mobile: &str, count: usize) {
        for device in 0..count {
            self.raise_alert(mobile, &format!("device {device}")).await;
        }
    }

    /// Approves or denies a pending login with these credentials. A session approves it with the
    /// number that the last waiting login of this client showed.
    pub async fn decide_login_as(
        &self,
        bearer: Option<&str>,
        attempt_id: &str,
        decision: &str,
    ) -> GraphQlResponse {
        let query = "mutation($input: DecideLoginInput!) { decideLogin(input: $input) {
            message session { sessionKey status endReason } } }";
        let is_service = bearer == self.service_key;
        let number = self.match_number().filter(|_| !is_service);
        let input = json!({
            "attemptId": attempt_id, "decision": decision, "matchNumber": number,
        });
        self.run_as(bearer, query, json!({ "input": input })).await
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

    /// Reads these fields of the user as the service. Returns null if the user does not exist.
    pub async fn user(&self, mobile: &str, fields: &str) -> Value {
        let query = format!("query($mobile: String!) {{ user(mobile: $mobile) {{ {fields} }} }}");
        self.run_as_service(&query, json!({ "mobile": mobile }))
            .await
            .data("/user")
            .clone()
    }

    /// The id of the user's last alert, or of the start of an empty log.
    pub async fn alert_cursor(&self, mobile: &str) -> String {
        let user = self.user(mobile, "alertCursor").await;
        user["alertCursor"].as_str().unwrap().to_owned()
    }

    /// The id of the login attempt that raised the user's last alert.
    pub async fn last_attempt_id(&self, mobile: &str) -> String {
        let fields = "alerts(first: 1) { nodes { attempt { id } } }";
        let user = self.user(mobile, fields).await;
        let id = &user["alerts"]["nodes"][0]["attempt"]["id"];
        id.as_str().unwrap().to_owned()
    }

    /// The sequences and kinds of all alerts of the user, oldest first.
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

    /// Those of the keys whose sessions are valid. Panics if one of the sessions does not exist.
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
    pub async fn all_nodes(&self, mobile: &str, connection: &str, fields: &str) -> Vec<Value> {
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
