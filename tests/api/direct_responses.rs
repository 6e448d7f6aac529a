//! A query of users and sessions has the same response whether it is written directly, which
//! happens if the document is known, or by the resolvers.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, SERVICE_KEY, TestServer, within_deadline};

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
