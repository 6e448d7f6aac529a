//! The metrics of a server process, and what is written about them.

use std::{
    collections::BTreeSet,
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
};

use reqwest::StatusCode;
use serde_json::json;
use sessiond_test_support::{
    AlertSubscription, ApiClient, Binary, EventStream, MOBILE, ServerProcess, Socket,
    UNKNOWN_MOBILE, WebhookFlags, WebhookReceiver, within_deadline,
};

use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::SESSIOND;

/// A server with metrics.
pub(crate) struct Measured {
    pub(crate) server: ServerProcess,
    metrics: ApiClient,
}

impl Measured {
    async fn start() -> Self {
        Self::with_flags(&[]).await
    }

    async fn with_flags(flags: &[&str]) -> Self {
        Self::with_binary(SESSIOND, flags).await
    }

    pub(crate) async fn with_binary(binary: Binary, flags: &[&str]) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let server = binary
            .server()
            .flags(&["--metrics-listen=127.0.0.1:0"])
            .flags(flags)
            .log_to(log.path())
            .start()
            .await;
        // The line follows the one that the node listens.
        let address = within_deadline(async {
            loop {
                let log = std::fs::read_to_string(log.path()).unwrap();
                if let Some((_, url)) = log.split_once("metrics at http://")
                    && let Some((address, _)) = url.split_once('/')
                {
                    break address.parse::<SocketAddr>().unwrap();
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        let metrics = ApiClient::new(address, None);
        Self { server, metrics }
    }

    pub(crate) async fn scrape(&self) -> String {
        let response = self.metrics.get("/metrics").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.headers()["content-type"],
            "text/plain; version=0.0.4"
        );
        response.text().await.unwrap()
    }

    /// The value of one series, written as in the text format.
    async fn value(&self, series: &str) -> f64 {
        let text = self.scrape().await;
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        let value = line.unwrap_or_else(|| panic!("no series {series} in {text}"));
        value.trim().parse().unwrap()
    }

    async fn assert_values(&self, expected: &[(&str, f64)]) {
        for (series, value) in expected {
            let found = self.value(series).await;
            assert!((found - value).abs() < 1e-9, "{series} is {found}");
        }
    }

    /// Waits until a series has a value that another task sets.
    async fn wait_for(&self, series: &str, value: f64) {
        within_deadline(async {
            while (self.value(series).await - value).abs() > 1e-9 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn token_checks_and_logins_are_counted_by_their_results() {
    let measured = Measured::start().await;
    let server = &measured.server;
    let account = server.create_user(MOBILE).await;
    for _ in 0..2 {
        assert_eq!(server.verify_status(&account.token).await, 200);
    }
    assert_eq!(server.verify_status("sd1_nothing").await, 401);
    assert_eq!(server.get_status("/verify").await, 401);
    for policy in ["REJECT", "TAKE_OVER", "ASK"] {
        let input = json!({ "onConflict": policy, "userAgent": policy });
        server.login(MOBILE, input).await;
    }
    let attempt = server.last_attempt_id(MOBILE).await;
    server.decide_login_as(None, &attempt, "DENY").await;
    server.login(UNKNOWN_MOBILE, json!({})).await;
    measured
        .assert_values(&[
            (r#"sessiond_checks_total{result="valid"}"#, 2.0),
            (r#"sessiond_checks_total{result="invalid"}"#, 1.0),
            (r#"sessiond_checks_total{result="missing"}"#, 1.0),
            (r#"sessiond_checks_total{result="error"}"#, 0.0),
            ("sessiond_check_duration_seconds_count", 3.0),
            (
                r#"sessiond_logins_total{outcome="refused",policy="reject"}"#,
                1.0,
            ),
            (
                r#"sessiond_logins_total{outcome="logged_in",policy="take_over"}"#,
                1.0,
            ),
            (
                r#"sessiond_logins_total{outcome="awaiting_approval",policy="ask"}"#,
                1.0,
            ),
            (
                r#"sessiond_logins_total{outcome="invalid_credentials",policy="reject"}"#,
                1.0,
            ),
            (r#"sessiond_approvals_total{answer="not_approved"}"#, 1.0),
            (r#"sessiond_errors_total{code="INVALID_CREDENTIALS"}"#, 1.0),
            // The registration, three logins and the decision.
            ("sessiond_commit_duration_seconds_count", 5.0),
            (
                r#"sessiond_operation_duration_seconds_count{operation="mutation"}"#,
                6.0,
            ),
        ])
        .await;
    let hits = r#"sessiond_cache_reads_total{result="hit"}"#;
    let before = measured.value(hits).await;
    server.verify_status(&account.token).await;
    // The replaced session is read from the file, and a current one from memory.
    measured.assert_values(&[(hits, before)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_and_subscribers_are_counted_until_they_close() {
    let measured = Measured::start().await;
    let server = &measured.server;
    let account = server.create_user(MOBILE).await;
    server.raise_alert(MOBILE, "an earlier device").await;
    let socket = Socket::open(server.address, Some(&account.token)).await;
    let mut alerts = AlertSubscription::start(socket, MOBILE).await;
    let query = format!("subscription {{ sessionAlerts(mobile: \"{MOBILE}\") {{ id }} }}");
    let stream = EventStream::open(server, None, &query, json!({})).await;
    measured.wait_for("sessiond_subscribers", 2.0).await;
    measured
        .assert_values(&[
            (r#"sessiond_sockets{kind="websocket"}"#, 1.0),
            (r#"sessiond_sockets{kind="event_stream"}"#, 1.0),
        ])
        .await;
    server.raise_alert(MOBILE, "another device").await;
    alerts.next_alert().await;
    measured
        .wait_for("sessiond_alert_delivery_seconds_count", 2.0)
        .await;
    drop(alerts);
    drop(stream);
    measured.wait_for("sessiond_subscribers", 0.0).await;
    measured
        .wait_for(r#"sessiond_sockets{kind="event_stream"}"#, 0.0)
        .await;
    measured
        .wait_for(r#"sessiond_sockets_closed_total{code="peer"}"#, 1.0)
        .await;
    let rejected = Socket::rejected_init(server.address, json!("Bearer sd1_x")).await;
    assert_eq!(rejected, 4403);
    measured
        .wait_for(r#"sessiond_sockets_closed_total{code="4403"}"#, 1.0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_from_before_a_subscription_are_counted_as_replayed() {
    let measured = Measured::start().await;
    let server = &measured.server;
    let account = server.create_user(MOBILE).await;
    let start = server.alert_cursor(MOBILE).await;
    server.raise_alerts(MOBILE, 3).await;
    let query = format!("subscription {{ sessionAlerts(after: \"{start}\") {{ id }} }}");
    let mut socket = Socket::open(server.address, Some(&account.token)).await;
    socket.start("alerts", &query).await;
    for _ in 0..3 {
        socket.receive().await;
    }
    measured
        .assert_values(&[
            ("sessiond_alerts_replayed_total", 3.0),
            ("sessiond_alert_delivery_seconds_count", 0.0),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_counted_by_result_and_waiting_users_are_shown() {
    let mut receiver = WebhookReceiver::start();
    receiver.answer(|_| 500);
    let webhooks = WebhookFlags::to(&[receiver.url()]);
    let measured = Measured::with_flags(&webhooks.as_flags()).await;
    measured.server.create_user(MOBILE).await;
    measured.server.raise_alert(MOBILE, "a device").await;
    receiver.next().await;
    let parked = r#"sessiond_webhook_parked_users{receiver="1"}"#;
    measured.wait_for(parked, 1.0).await;
    let deliveries = |result| format!("sessiond_webhook_deliveries_total{{result=\"{result}\"}}");
    assert!(measured.value(&deliveries("failed")).await >= 1.0);
    receiver.answer(|_| 204);
    measured.wait_for(parked, 0.0).await;
    measured.wait_for(&deliveries("delivered"), 1.0).await;
    let oldest = r#"sessiond_webhook_oldest_seconds{receiver="1"}"#;
    measured.wait_for(oldest, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listener_serves_the_metrics_only_and_the_api_does_not() {
    let measured = Measured::start().await;
    assert_eq!(measured.server.get_status("/metrics").await, 404);
    for path in ["/", "/graphql", "/verify", "/healthz", "/metrics/x"] {
        assert_eq!(measured.metrics.get_status(path).await, 404, "{path}");
    }
    let post = measured.metrics.post("/metrics").send().await.unwrap();
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_do_not_delay_a_scrape() {
    let measured = Measured::start().await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(measured.metrics.address).await.unwrap());
    }
    measured.scrape().await;
    // The scrape ended the oldest connection instead of waiting for its timeout.
    let mut end = [0];
    let read = within_deadline(silent[0].read(&mut end)).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_client_sends_becomes_a_label() {
    let measured = Measured::start().await;
    let server = &measured.server;
    let account = server.create_user(MOBILE).await;
    let count = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    server.run("{ telltale }", json!({})).await;
    server.verify_status(&account.token).await;
    let before = measured.scrape().await;
    for text in ["telltale1", "telltale2"] {
        let path = format!("/verify/{text}?{text}=1");
        let request = server.get(&path).header("user-agent", text);
        let method = text.to_uppercase().parse().unwrap();
        let request = request.bearer_auth(text).build().unwrap();
        let mut request_with_method = request.try_clone().unwrap();
        *request_with_method.method_mut() = method;
        for request in [request, request_with_method] {
            reqwest::Client::new().execute(request).await.unwrap();
        }
        server.run(&format!("{{ {text} }}"), json!({})).await;
        server.login(MOBILE, json!({ "userAgent": text })).await;
    }
    let after = measured.scrape().await;
    assert!(!after.contains("telltale"), "{after}");
    assert_eq!(count(&before), count(&after));
}

/// The names of metrics in a text, without the endings of the series of a histogram.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    text.split(|c: char| !is_name(c))
        // A package has the name `sessiond_` and its version.
        .filter(|word| word.starts_with("sessiond_") && !word.ends_with('_'))
        .map(|word| {
            let endings = ["_bucket", "_count", "_sum"];
            let ending = endings.iter().find_map(|ending| word.strip_suffix(ending));
            ending.unwrap_or(word).to_owned()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_name_every_metric_and_no_other() {
    let measured = Measured::start().await;
    let scraped = measured.scrape().await;
    let mut exported = metrics_in(&scraped);
    // Only a store that has a change stream exports this one.
    exported.insert("sessiond_change_stream_up".to_owned());
    // Only a server with webhooks exports these.
    for name in ["oldest_seconds", "parked_users"] {
        exported.insert(format!("sessiond_webhook_{name}"));
    }
    let documented = metrics_in(include_str!("../../docs/operations.md"));
    assert_eq!(exported, documented);
    let dashboard = metrics_in(include_str!("../../deploy/grafana/sessiond.json"));
    let alerts = metrics_in(include_str!("../../deploy/prometheus/alerts.yml"));
    for name in dashboard.union(&alerts) {
        assert!(exported.contains(name), "{name} does not exist");
    }
}

#[test]
fn every_alert_rule_has_a_section_in_the_handbook() {
    let rules = include_str!("../../deploy/prometheus/alerts.yml");
    let handbook = include_str!("../../docs/operations.md");
    let names = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for name in names {
        let link = format!("docs/operations.md#{}", name.to_lowercase());
        assert!(rules.contains(&link), "{name} has no runbook");
        assert!(handbook.contains(&format!("#### {name}\n")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs promtool: run `make prometheus`"]
async fn promtool_accepts_the_metrics() {
    let measured = Measured::start().await;
    let account = measured.server.create_user(MOBILE).await;
    measured.server.verify_status(&account.token).await;
    let promtool = std::env::var("PROMTOOL").unwrap_or("promtool".to_owned());
    let mut check = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = measured.scrape().await;
    let mut stdin = check.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = check.wait_with_output().unwrap();
    let problems = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && problems.is_empty(), "{problems}");
}
