//! An alert has the same response whether it is written directly, which happens if no field of the
//! subscription depends on the request, or by the resolvers.

use std::time::Duration;

use serde_json::{Value, json};
use sessiond_test_support::{EventStream, MOBILE, SERVICE_KEY, TestServer, merge, mmdb_file};

/// Every field of an alert that is written directly.
const ALERT: &str = "__typename id sequence kind message createdAt mobile foldedCount \
     session { __typename id sessionKey user { id mobile username } userAgent device { label } \
     ipAddress isValid status createdAt lastSeenAt expiresAt endedAt endReason endedBy } \
     attempt { __typename id userAgent device { __typename label browser operatingSystem } ipAddress \
     place { __typename countryCode country city network } isNewPlace isNewDevice matchChoices \
     createdAt }";

/// The same with a directive, which only the resolvers understand.
fn resolved() -> String {
    ALERT.replace("foldedCount", "foldedCount @include(if: true)")
}

fn document(fields: &str) -> String {
    format!(
        "subscription($mobile: String, $after: ID) {{ news: sessionAlerts(mobile: $mobile, \
         after: $after) {{ {fields} }} }}"
    )
}

/// The same subscription twice, once written directly and once by the resolvers.
struct Pair([EventStream; 2]);

impl Pair {
    async fn open(server: &TestServer, bearer: &str, after: &str) -> Self {
        let variables = json!({ "mobile": MOBILE, "after": after });
        let open = |fields: String| {
            let (document, variables) = (document(&fields), variables.clone());
            async move { EventStream::open(server, Some(bearer), &document, variables).await }
        };
        Self([open(ALERT.to_owned()).await, open(resolved()).await])
    }

    /// The next alert, whose events must be the same to the byte.
    async fn next(&mut self) -> Value {
        let [direct, resolved] = &mut self.0;
        let direct = next_block(direct).await;
        assert_eq!(direct, next_block(resolved).await);
        let (_, data) = direct.split_once("data: ").unwrap();
        let response: Value = serde_json::from_str(data).unwrap();
        response["data"]["news"].clone()
    }

    async fn assert_completed(&mut self) {
        for stream in &mut self.0 {
            stream.assert_completed().await;
        }
    }
}

/// The next block that is not a comment.
async fn next_block(stream: &mut EventStream) -> String {
    loop {
        let block = stream.next_block().await.unwrap();
        if !block.starts_with(':') {
            return block;
        }
    }
}

fn places() -> Vec<u8> {
    mmdb_file(&[(
        "192.0.2.0/24",
        json!({
            "country": { "iso_code": "DE", "names": { "en": "Germany" } },
            "city": { "names": { "en": "Cologne \"west\"" } },
        }),
    )])
}

#[tokio::test]
async fn alerts_of_every_kind_are_written_as_the_resolvers_show_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("places.mmdb");
    std::fs::write(&file, places()).unwrap();
    let places = format!("--geoip-file={}", file.display());
    let flags = [&*places, "--idle-timeout=10m", "--max-alerts-per-minute=4"];
    let server = TestServer::with_service_key_and_flags(&flags).await;
    let user = server.create_user(MOBILE).await;
    let after = server.alert_cursor(MOBILE).await;
    let mut as_service = Pair::open(&server, SERVICE_KEY, &after).await;
    let mut as_first = Pair::open(&server, &user.token, &after).await;
    let log_in = async |input: Value| {
        let mut whole = json!({ "userAgent": "BänkApp/3 日本 \"x\"", "ipAddress": "192.0.2.7" });
        merge(&mut whole, input);
        server.login(MOBILE, whole).await
    };

    log_in(json!({ "deviceId": "tablet" })).await;
    assert_eq!(as_service.next().await["kind"], "LOGIN_REFUSED");
    as_first.next().await;
    log_in(json!({ "onConflict": "ASK", "deviceId": "tablet" })).await;
    let asked = as_service.next().await;
    assert_eq!(asked["kind"], "LOGIN_PENDING");
    assert_eq!(asked["attempt"]["place"]["city"], "Cologne \"west\"");
    let asked = as_first.next().await;
    assert_eq!(
        asked["attempt"]["matchChoices"].as_array().map(Vec::len),
        Some(3)
    );
    let attempt = asked["attempt"]["id"].as_str().unwrap();
    server
        .decide_login_as(Some(&user.token), attempt, "APPROVE")
        .await
        .data_str("/decideLogin/message");
    assert_eq!(as_service.next().await["kind"], "LOGIN_APPROVED");
    assert_eq!(as_service.next().await["kind"], "SESSION_REPLACED");
    assert_eq!(as_first.next().await["kind"], "LOGIN_APPROVED");
    assert_eq!(as_first.next().await["kind"], "SESSION_REPLACED");
    as_first.assert_completed().await;

    for number in 0..6 {
        log_in(json!({ "deviceId": number.to_string(), "userAgent": "many" })).await;
    }
    server.advance(Duration::from_mins(2));
    log_in(json!({ "deviceId": "later", "ipAddress": "2001:db8::1" })).await;
    let mut reported = 0;
    while reported == 0 {
        reported = as_service.next().await["foldedCount"].as_u64().unwrap();
    }
    log_in(json!({ "onConflict": "ASK", "deviceId": "later still" })).await;
    assert_eq!(as_service.next().await["kind"], "LOGIN_PENDING");
    log_in(json!({ "onConflict": "TAKE_OVER", "deviceId": "thief" })).await;
    let kinds = [as_service.next().await, as_service.next().await];
    let kinds = kinds.map(|alert| alert["kind"].as_str().unwrap().to_owned());
    assert_eq!(kinds, ["LOGIN_NOT_APPROVED", "SESSION_REPLACED"]);

    server.advance(Duration::from_mins(11));
    let newest = log_in(json!({ "deviceId": "phone" })).await;
    assert_eq!(as_service.next().await["kind"], "SESSION_EXPIRED");
    let key = newest.data_str("/login/session/sessionKey");
    server.invalidate_session(&key).await;
    let ended = as_service.next().await;
    assert_eq!(ended["kind"], "SESSION_INVALIDATED");
    assert_eq!(ended["session"]["endedBy"], "SERVICE");
    assert_eq!(ended["attempt"], Value::Null);
    for (mutation, input) in [
        ("freezeUser", json!({ "mobile": MOBILE })),
        ("unfreezeUser", json!({ "mobile": MOBILE })),
    ] {
        let name = format!("{}{}Input", &mutation[..1].to_uppercase(), &mutation[1..]);
        let document =
            format!("mutation($input: {name}!) {{ {mutation}(input: $input) {{ message }} }}");
        let response = server.run_as_service(&document, json!({ "input": input }));
        response.await.data_str(&format!("/{mutation}/message"));
    }
    let frozen = as_service.next().await;
    assert_eq!(frozen["kind"], "ACCOUNT_FROZEN");
    assert_eq!(frozen["session"], Value::Null);
    assert_eq!(as_service.next().await["kind"], "ACCOUNT_UNFROZEN");
}

/// What a waiting device may not see is left out by the resolvers, which therefore write its alerts.
#[tokio::test]
async fn a_waiting_device_gets_its_alerts_from_the_resolvers() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let waiting = server.login(MOBILE, json!({ "onConflict": "ASK" })).await;
    let token = waiting.data_str("/login/token");
    let after = server.alert_cursor(MOBILE).await;
    let mut as_waiting = Pair::open(&server, &token, &after).await;
    let attempt = server.last_attempt_id(MOBILE).await;
    server
        .decide_login_as(Some(&user.token), &attempt, "DENY")
        .await
        .data_str("/decideLogin/message");
    let denied = as_waiting.next().await;
    assert_eq!(denied["kind"], "LOGIN_NOT_APPROVED");
    assert_eq!(denied["foldedCount"], 0);
    as_waiting.assert_completed().await;
}

#[tokio::test]
async fn a_websocket_gets_the_same_responses() {
    let server = TestServer::with_service_key().await;
    server.create_user(MOBILE).await;
    let mut socket = server.service_socket().await;
    // An id that needs escapes in JSON.
    let ids = ["direct \"\\\u{1}", "resolved"];
    for (id, fields) in ids.into_iter().zip([ALERT.to_owned(), resolved()]) {
        let variables = json!({ "mobile": MOBILE, "after": server.alert_cursor(MOBILE).await });
        socket.start_with(id, &document(&fields), variables).await;
    }
    server.raise_alert(MOBILE, "Tablet \"1\"").await;
    let mut messages = [socket.receive().await, socket.receive().await];
    messages.sort_by_key(|message| message["id"] != ids[0]);
    for (message, id) in messages.iter().zip(ids) {
        assert_eq!(
            (&message["type"], &message["id"]),
            (&json!("next"), &json!(id))
        );
    }
    assert_eq!(messages[0]["payload"], messages[1]["payload"]);
    assert_eq!(
        messages[0]["payload"]["data"]["news"]["attempt"]["userAgent"],
        "Tablet \"1\""
    );
}
