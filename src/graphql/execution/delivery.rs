//! Measures how long alerts take from their decision to their subscriber.

use std::sync::Arc;

use crate::{domain::Timestamp, metrics, service::Service};

/// The alerts of one subscription.
pub(super) struct Delivery {
    service: Arc<Service>,
    started_at: Timestamp,
}

impl Delivery {
    /// The subscription starts now.
    pub(super) fn start(service: &Arc<Service>) -> Self {
        Self {
            service: Arc::clone(service),
            started_at: service.now(),
        }
    }

    /// Records that the response for an alert is ready to be sent. An alert that was raised before
    /// the subscription started is only counted: its age shows how long the client was away.
    pub(super) fn record(&self, raised_at: Option<Timestamp>) {
        metrics::record(|metrics| match raised_at {
            Some(raised_at) if raised_at >= self.started_at => {
                let duration = self.service.now().since(raised_at);
                metrics.alert_delivery.observe(duration.as_secs_f64());
            }
            Some(_) => metrics.alerts_replayed.inc(),
            None => {}
        });
    }
}
