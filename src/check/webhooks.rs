//! Sends a test message to each receiver of webhooks.

use futures_util::future::join_all;

use super::CheckReport;
use crate::{
    clock::Clock,
    config::{ConfigError, Settings},
    webhooks::{DeliveryError, Message, Timing, deliver},
};

/// Sends a signed test message to each receiver of the settings, and reports how it responds. It is
/// the command `webhook test`. If the settings of webhooks have a problem, nothing is sent.
pub async fn test_webhooks(settings: &Settings, clock: &dyn Clock) -> CheckReport {
    let mut report = CheckReport::default();
    if settings.webhooks.webhook_url.is_empty() {
        report.fail("there is no receiver of webhooks: name one with --webhook-url");
    }
    for problem in settings.webhook_problems() {
        // It has just been reported.
        if !matches!(problem, ConfigError::NoWebhookUrl) {
            report.fail(problem.to_string());
        }
    }
    if report.failed.is_empty() {
        check_webhooks(settings, clock, &mut report).await;
    }
    report
}

/// Does the same for settings that are valid.
pub(super) async fn check_webhooks(
    settings: &Settings,
    clock: &dyn Clock,
    report: &mut CheckReport,
) {
    let Ok(Some(secrets)) = settings.read_webhook_secrets() else {
        return;
    };
    let receivers = (1..).zip(&settings.webhooks.webhook_url);
    let tests = receivers.map(async |(number, url)| {
        let now = clock.now();
        let (message, limit) = (Message::test(now), Timing::default().request);
        let result = deliver(url, &secrets, &message, now, limit).await;
        (format!("receiver {number} at {url}"), result)
    });
    // All at once, because each may take seconds.
    for (receiver, result) in join_all(tests).await {
        match result {
            Ok(status) => report.pass(format!(
                "The {receiver} accepts a signed test message ({status}).",
            )),
            Err(error) => report.fail(describe(&receiver, &error)),
        }
    }
}

fn describe(receiver: &str, error: &DeliveryError) -> String {
    let advice = match error {
        DeliveryError::NoResponse(_) => "check its URL, and that it runs",
        DeliveryError::Gone => "remove its --webhook-url, or let it accept messages again",
        DeliveryError::Redirect(_) => "name the URL to which it redirects",
        DeliveryError::Rejected { status, .. } if status.is_server_error() => {
            "look at the log of the receiver"
        }
        DeliveryError::Rejected { .. } => {
            "check its URL, and that it verifies the signature with the same secret"
        }
    };
    format!("the test message to {receiver} was not accepted: {error}; {advice}")
}
