//! Webhooks: sends each alert to the receivers of the settings, as the Standard Webhooks
//! specification says.
//!
//! Each receiver has a [`Sender`], which follows the feed from a position in the store. It delivers
//! the alerts of one user in order, and those of several users at the same time. A user whose alert
//! cannot be delivered is *parked*: its alerts wait in a bounded table of the store, and the position
//! moves on. If the table is full, the sender reads no further until there is room.
//!
//! One node at a time sends to a receiver: it has a lease. Each message may be sent more than once,
//! with the same id.

mod lease;
mod message;
mod parked;
mod request;
mod retry;
mod secrets;
mod sender;
mod shared;
mod turn;
mod url;
mod work;

use std::time::Duration;

pub use self::{
    message::Message,
    request::{DeliveryError, deliver},
    secrets::{SecretsError, WebhookSecrets},
    sender::{Dependencies, Sender},
    url::WebhookUrl,
};

/// The maximum number of receivers, which are the values of a metric's label.
pub const MAX_RECEIVERS: usize = 8;

/// The age of an alert from which a failed try to deliver it is the last one.
pub const MAX_AGE: Duration = Duration::from_hours(72);

/// The time limits of a sender. The default is what a server uses.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// The time of one try.
    pub request: Duration,
    /// The time for which a lease lasts. It must be longer than a try.
    pub lease: Duration,
    /// The pause after the first failed try. Each further pause is twice as long.
    pub min_retry: Duration,
    /// The longest pause between two tries.
    pub max_retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(10),
            lease: Duration::from_secs(30),
            min_retry: Duration::from_secs(5),
            max_retry: Duration::from_mins(10),
        }
    }
}
