//! A query of users and sessions, and a login, have the same response whether it is written directly,
//! which happens if the document is known, or by the resolvers.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, SERVICE_KEY, TestServer, merge, within_deadline};

/// Every field of a session that is written directly.
const SESSION: &str = "__typename id sessionKey user { __typename id mobile username } userAgent \
     device { __typename label browser operatingSystem } ipAddress isValid status createdAt \
     lastSeenAt expiresAt endedAt endReason endedBy";

/// Every field of a user that is written directly.
const USER: &str = "__typename id mobile username createdAt alertCursor activeSession { SESSION } \
     sessions(first: 9) { __typename totalCount nodes { SESSION } edges { __typename cursor \
     node { SESSION } } pageInfo { __typename hasNextPage hasPreviousPage startCursor endCursor } }";

const ANOTHER: &str = "9012500001";

/// A status, the headers other than those of the connection and the request, and the body.
type WholeResponse = (u16, Vec<(String, String)>, String);

/// Executes a query with these credentials.
async fn execute(server: &TestServer, bearer: Option<&str>, query: &str) -> WholeResponse {
    let uses_mobile = query.contains("$mobile");
    let variables = if uses_mobile {
        json!({ "mobile": MOBILE })
    } else {
        json!({})
    };
    execute_with(server, bearer, query, variables).await
}

async fn execute_with(
    server: &TestServer,
    bearer: Option<&str>,
    query: &str,
    variables: Value,
) -> WholeResponse {
    let mut request = server.post("/graphql");
    if let Some(bearer) = bearer {
        request = request.bearer_auth(bearer);
    }
    let request = request.json(&json!({ "query": query, "variables": variables }));
    let response = within_deadline(request.send()).await.unwrap();
    let status = response.status().as_u16();
    let mut headers: Vec<_> = response
        .headers()
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    let body = within_deadline(response.text()).await.unwrap();
    (status, headers, body)
}

/// Compares the responses to a query that the server knows and to one that it does not know.
struct Comparison<'a> {
    server: &'a TestServer,
    new_documents: u32,
}

impl<'a> Comparison<'a> {
    const fn of(server: &'a TestServer) -> Self {
        Self {
            server,
            new_documents: 0,
        }
    }

    /// Compares the whole responses, and returns the body.
    async fn assert_same(&mut self, bearer: Option<&str>, query: &str) -> Value {
        // The first execution makes the document known.
        execute(self.server, Some(SERVICE_KEY), query).await;
        let direct = execute(self.server, bearer, query).await;
        self.new_documents += 1;
        let new = format!("{query} # {}", self.new_documents);
        let resolved = execute(self.server, bearer, &new).await;
        assert_eq!(direct, resolved, "{query}");
        serde_json::from_str(&direct.2).unwrap()
    }
}

fn queries() -> Vec<String> {
    let user = USER.replace("SESSION", SESSION);
    let with = |fields: &str| {
        format!("query($mobile: String!) {{ user(mobile: $mobile) {{ {fields} }} }}")
    };
    vec![
        with(&user),
        with("sessions { nodes { status } }"),
        with(
            "a: id b: sessions(first: 1) { n: nodes { s: status } pageInfo { hasNextPage endCursor } }",
        ),
        with("... on Node { id } ... on User { username ... { mobile } }"),
        format!("{{ currentSession {{ {SESSION} }} }}"),
        "{ s: currentSession { k: sessionKey ... on Session { isValid } } }".to_owned(),
        // These are left to the resolvers.
        with("id id"),
        with("sessions(first: 0) { nodes { id } totalCount pageInfo { startCursor } }"),
        with("sessions(first: 101) { nodes { id } }"),
        with("sessions(first: -1) { nodes { id } }"),
        with("sessions(first: null) { nodes { id } }"),
        with("sessions(after: null) { nodes { id } }"),
        with("sessions(first: 9) { nodes { replacedBy { id } user { createdAt } } }"),
        with("alerts(first: 1) { nodes { kind } }"),
    ]
}

/// The tokens and keys of sessions, in the order of their logins.
struct Logins<'a> {
    server: &'a TestServer,
    tokens: Vec<String>,
    keys: Vec<String>,
}

impl Logins<'_> {
    async fn log_in(&mut self, input: Value) {
        let login = self.server.login(MOBILE, input).await;
        self.tokens.push(login.data_str("/login/token"));
        self.keys.push(login.data_str("/login/session/sessionKey"));
    }

    /// Ends the newest session with the token of the session `by`, or as the service.
    async fn end_newest(&self, by: Option<usize>) {
        let bearer = by.map_or(SERVICE_KEY, |by| &self.tokens[by]);
        let key = self.keys.last().unwrap();
        let response = self.server.invalidate_session_as(Some(bearer), key).await;
        response.data_str("/invalidateSession/message");
    }

    async fn set_password(&self) {
        let query =
            "mutation($input: SetPasswordInput!) { setPassword(input: $input) { message } }";
        let input = json!({ "mobile": MOBILE, "newPassword": "grave lantern 7" });
        let response = self.server.run_as_service(query, json!({ "input": input }));
        response.await.data_str("/setPassword/message");
    }
}

#[tokio::test]
async fn sessions_in_every_state_are_written_as_the_resolvers_show_them() {
    let server = TestServer::with_service_key_and_flags(&["--idle-timeout=10m"]).await;
    let (first, other) = (
        server.create_user(MOBILE).await,
        server.create_user(ANOTHER).await,
    );
    let mut logins = Logins {
        server: &server,
        tokens: vec![first.token],
        keys: vec![first.session],
    };
    let iphone = "\"A\" \\ Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
                  (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";
    logins.end_newest(Some(0)).await;
    logins.log_in(json!({ "userAgent": iphone })).await;
    logins.end_newest(None).await;
    logins
        .log_in(json!({ "userAgent": "BänkApp/3 日本", "ipAddress": "2001:db8::1" }))
        .await;
    logins
        .log_in(json!({ "onConflict": "ASK", "userAgent": "second" }))
        .await;
    logins.end_newest(Some(2)).await;
    logins
        .log_in(json!({ "onConflict": "ASK", "userAgent": "third" }))
        .await;
    server.advance(Duration::from_mins(5));
    logins.log_in(json!({ "onConflict": "TAKE_OVER" })).await;
    logins.set_password().await;
    logins.log_in(json!({})).await;
    server.advance(Duration::from_mins(11));
    logins.log_in(json!({})).await;
    logins
        .log_in(json!({ "onConflict": "ASK", "userAgent": "fourth" }))
        .await;

    let mut comparison = Comparison::of(&server);
    let whole = comparison
        .assert_same(Some(SERVICE_KEY), &queries()[0])
        .await;
    let shown = whole["data"]["user"].to_string();
    for value in [
        "PENDING",
        "ACTIVE",
        "ENDED",
        "INVALIDATED",
        "REPLACED",
        "EXPIRED",
        "NOT_APPROVED",
        "PASSWORD_CHANGED",
        "ITSELF",
        "OTHER_DEVICE",
        "SERVICE",
    ] {
        assert!(
            shown.contains(&format!("\"{value}\"")),
            "no {value} in {whole}"
        );
    }
    let tokens = logins.tokens.iter().map(|token| Some(token.as_str()));
    let others = [
        Some(SERVICE_KEY),
        Some(&*other.token),
        Some("sd1_unknown"),
        None,
    ];
    for bearer in tokens.chain(others) {
        for query in queries() {
            comparison.assert_same(bearer, &query).await;
        }
    }
}

#[tokio::test]
async fn a_user_who_does_not_exist_is_null() {
    let server = TestServer::with_service_key().await;
    let mut comparison = Comparison::of(&server);
    let query = &queries()[0];
    let none = comparison.assert_same(Some(SERVICE_KEY), query).await;
    assert_eq!(none, json!({ "data": { "user": null } }));
}

/// Every field of the payload of a login.
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { __typename outcome message \
     token matchNumber retryAfterSeconds holder { device { label } } session { SESSION } \
     user { __typename id mobile username createdAt alertCursor activeSession { SESSION } } } }";

/// A user who logs in, and the values in the responses that no other login has.
struct LoggingIn {
    mobile: &'static str,
    own_values: Vec<String>,
}

impl LoggingIn {
    /// Logs in. Returns the response without the values of this user.
    async fn log_in(
        &mut self,
        server: &TestServer,
        bearer: Option<&str>,
        document: &str,
        input: &Value,
    ) -> (u16, Vec<String>, String) {
        let mut whole = json!({ "mobile": self.mobile, "username": "SavingsBank" });
        merge(&mut whole, input.clone());
        let variables = json!({ "input": whole });
        let (status, headers, body) = execute_with(server, bearer, document, variables).await;
        let parsed: Value = serde_json::from_str(&body).unwrap();
        let login = &parsed["data"]["login"];
        for pointer in [
            "/token",
            "/session/id",
            "/user/id",
            "/user/activeSession/id",
        ] {
            self.own_values.extend(
                login
                    .pointer(pointer)
                    .and_then(Value::as_str)
                    .map(Into::into),
            );
        }
        let number = login["matchNumber"].as_u64();
        self.own_values
            .extend(number.map(|number| format!("\"matchNumber\":{number}")));
        // A cursor begins with the id of the user.
        let cursor = login.pointer("/user/alertCursor").and_then(Value::as_str);
        self.own_values
            .extend(cursor.map(|cursor| cursor[..22].to_owned()));
        // The longest first: a token contains the id of the user, with which a cursor begins.
        self.own_values
            .sort_by_key(|value| std::cmp::Reverse(value.len()));
        let anonymous = |mut text: String| {
            for value in &self.own_values {
                text = text.replace(value, "_");
            }
            text.replace(self.mobile, "_")
        };
        let names = headers.into_iter().map(|(name, _)| name).collect();
        (status, names, anonymous(body))
    }
}

#[tokio::test]
async fn a_login_with_any_outcome_is_written_as_the_resolvers_show_it() {
    let server = TestServer::with_service_key().await;
    let third = server.create_user("9012500003").await;
    let mut users = Vec::new();
    for mobile in ["9012500001", "9012500002"] {
        server.create_user(mobile).await;
        users.push(LoggingIn {
            mobile,
            own_values: Vec::new(),
        });
    }
    let [known, new] = &mut users[..] else {
        panic!("two users")
    };
    let document = LOGIN.replace("SESSION", SESSION);
    // Makes the document known.
    let nobody = json!({ "input": { "mobile": "9012500009", "username": "Nobody" } });
    execute_with(&server, Some(SERVICE_KEY), &document, nobody).await;

    let service = Some(SERVICE_KEY);
    let take_over = json!({ "onConflict": "TAKE_OVER" });
    let cases = [
        (service, json!({}), "REFUSED"),
        (service, take_over.clone(), "LOGGED_IN"),
        (
            service,
            json!({
                "onConflict": "TAKE_OVER", "ipAddress": "2001:db8::1", "userAgent": "Bänk\"App/3",
                "deviceId": "4f9d5d5e-6b8a-4f0c-9a55-1f6d2f4d8c11",
            }),
            "LOGGED_IN",
        ),
        (
            service,
            json!({ "deviceId": "4f9d5d5e-6b8a-4f0c-9a55-1f6d2f4d8c11", "password": null }),
            "LOGGED_IN",
        ),
        (service, json!({ "onConflict": "ASK" }), "AWAITING_APPROVAL"),
        (
            service,
            json!({ "onConflict": "REJECT", "ifAway": "TAKE_OVER", "userAgent": "another" }),
            "REFUSED",
        ),
        (
            service,
            json!({ "onConflict": "TAKE_OVER", "cookie": true }),
            "LOGGED_IN",
        ),
        (
            service,
            json!({ "username": "Wrong" }),
            "INVALID_CREDENTIALS",
        ),
        (service, json!({ "username": "" }), "INVALID_INPUT"),
        (
            service,
            json!({ "deviceId": "x".repeat(129) }),
            "INVALID_INPUT",
        ),
        (service, json!({ "onConflict": "NEVER" }), "BAD_REQUEST"),
        (service, json!({ "nothing": 1 }), "BAD_REQUEST"),
        (None, json!({ "password": "wrong" }), "INVALID_CREDENTIALS"),
        (None, json!({ "ipAddress": "192.0.2.1" }), "FORBIDDEN"),
        (Some(&*third.token), take_over, "FORBIDDEN"),
    ];
    for (number, (bearer, input, expected)) in cases.iter().enumerate() {
        let direct = known.log_in(&server, *bearer, &document, input).await;
        let unknown = format!("{document} # {number}");
        let resolved = new.log_in(&server, *bearer, &unknown, input).await;
        assert!(direct.2.contains(expected), "{input}: {}", direct.2);
        assert_eq!(direct, resolved, "{input}");
    }
    let logs = [
        server.alert_log(known.mobile).await,
        server.alert_log(new.mobile).await,
    ];
    assert_eq!(logs[0], logs[1], "each login was carried out once");
}
