//! Running subscriptions: what they send, and how a resolver hands it over.

use async_graphql::Data;
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;

use super::{super::errors::ForClient, alert::SessionAlert, event::SessionEvent};
use crate::{
    access::Visibility,
    alerts::AlertStreamError,
    domain::{Alert, Owner, Timestamp},
    service::SessionEvents,
};

/// The items of a running subscription.
pub(in crate::graphql) enum RunningFeed {
    /// The alerts of one user.
    Alerts {
        owner: Owner,
        alerts: BoxStream<'static, Result<(Alert, Visibility), AlertStreamError>>,
    },
    /// The events of all users.
    Events(SessionEvents),
}

/// What a running subscription sends next.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once, and a box would cost each alert an allocation"
)]
pub(in crate::graphql) enum FeedItem {
    Alert(async_graphql::Result<SessionAlert>),
    Event(async_graphql::Result<SessionEvent>),
}

impl RunningFeed {
    /// Waits for the next item. Returns it, and when the alert was raised, if it is one that could
    /// be read. Returns `None` if the subscription has ended.
    pub(in crate::graphql) async fn next(&mut self) -> Option<(FeedItem, Option<Timestamp>)> {
        match self {
            Self::Alerts { owner, alerts } => {
                let alert = alerts.next().await?.for_client();
                let raised_at = alert.as_ref().ok().map(|(alert, _)| alert.created_at);
                let alert = alert.map(|(alert, visibility)| {
                    SessionAlert::new(alert, owner.clone(), visibility).for_subscriber()
                });
                Some((FeedItem::Alert(alert), raised_at))
            }
            Self::Events(events) => {
                let event = events.next().await?.for_client();
                Some((FeedItem::Event(event.map(SessionEvent::from)), None))
            }
        }
    }
}

impl FeedItem {
    /// The data of the request that sends the item.
    pub(in crate::graphql) fn into_data(self) -> Data {
        match self {
            Self::Alert(alert) => data_of(alert),
            Self::Event(event) => data_of(event),
        }
    }
}

/// An entry in the data of the request that starts a subscription. The resolver puts the feed here,
/// and ends its own stream.
///
/// As long as a stream of the resolver is open, async-graphql holds a copy of the document and of
/// the variables, and several nested streams: 14 kB. Most subscribers wait for an alert for hours.
#[derive(Default)]
pub(in crate::graphql) struct FeedSlot(Mutex<Option<RunningFeed>>);

impl FeedSlot {
    /// Takes the feed of the subscription, if it has started.
    pub(in crate::graphql) fn take(&self) -> Option<RunningFeed> {
        self.0.lock().take()
    }

    pub(super) fn set(&self, feed: RunningFeed) {
        *self.0.lock() = Some(feed);
    }
}

/// An entry in the data of a request that sends one item of a running subscription. The resolver's
/// stream contains just this item.
pub(super) struct NextItem<T>(Mutex<Option<async_graphql::Result<T>>>);

impl<T> NextItem<T> {
    fn new(item: async_graphql::Result<T>) -> Self {
        Self(Mutex::new(Some(item)))
    }

    pub(super) fn take(&self) -> Option<async_graphql::Result<T>> {
        self.0.lock().take()
    }
}

/// The data of the request that sends an item.
fn data_of<T: Send + 'static>(item: async_graphql::Result<T>) -> Data {
    let mut data = Data::default();
    data.insert(NextItem::new(item));
    data
}

/// The stream of a resolver. It has at most one item: see [`FeedSlot`].
pub(super) fn at_most<T: Send + 'static>(
    item: Option<async_graphql::Result<T>>,
) -> impl Stream<Item = async_graphql::Result<T>> + Send + 'static {
    stream::iter(item)
}
