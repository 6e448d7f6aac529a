//! The subscriptions.

use std::sync::Arc;

use async_graphql::{Context, ID, Subscription as SubscriptionObject};
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;

use super::{
    super::errors::{ForClient, invalid},
    alert::SessionAlert,
    check_scopes, service,
};
use crate::{
    access::{Scope, Visibility},
    alerts::AlertStreamError,
    domain::{Alert, AlertId, InputRule, Owner, Timestamp, TypedMobile},
};

/// The alerts of a running subscription.
pub(in crate::graphql) struct AlertFeed {
    owner: Owner,
    alerts: BoxStream<'static, Result<(Alert, Visibility), AlertStreamError>>,
}

impl AlertFeed {
    /// Waits for the next alert. Returns `None` if the subscription has ended.
    pub(in crate::graphql) async fn next(&mut self) -> Option<NextAlert> {
        let alert = self.alerts.next().await?.for_client();
        let raised_at = alert.as_ref().ok().map(|(alert, _)| alert.created_at);
        let alert = alert.map(|(alert, visibility)| {
            SessionAlert::new(alert, self.owner.clone(), visibility).for_subscriber()
        });
        Some(NextAlert {
            alert: Mutex::new(Some(alert)),
            raised_at,
        })
    }
}

/// An entry in the data of the request that starts a subscription. The resolver puts the feed here,
/// and ends its own stream.
///
/// As long as a stream of the resolver is open, async-graphql holds a copy of the document and of
/// the variables, and several nested streams: 14 kB. Most subscribers wait for an alert for hours.
#[derive(Default)]
pub(in crate::graphql) struct FeedSlot(Mutex<Option<AlertFeed>>);

impl FeedSlot {
    /// Takes the feed of the subscription, if it has started.
    pub(in crate::graphql) fn take(&self) -> Option<AlertFeed> {
        self.0.lock().take()
    }
}

/// An entry in the data of a request that sends one alert of a running subscription. The resolver's
/// stream contains just this alert.
pub(in crate::graphql) struct NextAlert {
    alert: Mutex<Option<async_graphql::Result<SessionAlert>>>,
    /// When the alert was raised. `None` if it could not be read.
    pub raised_at: Option<Timestamp>,
}

/// Subscriptions of the sessiond API.
#[derive(Debug)]
pub(in crate::graphql) struct Subscription;

/// Subscriptions of the sessiond API.
#[SubscriptionObject]
impl Subscription {
    /// Sends the alerts of one user in order and without gaps: first the logged alerts that follow
    /// `after`, then each new alert when it is raised. While the caller's session waits for
    /// approval, the stream contains only the alerts about that session. The stream completes after
    /// the alert about the end of the caller's session. The stream of a waiting session also
    /// completes if its device asks again, because the session then has a new token. Fails with
    /// `UNAUTHENTICATED` if the caller has neither a valid session nor one that waits for approval,
    /// and with `NOT_FOUND` if there is no user with this `mobile`, or if the caller may not see
    /// it. Fails with `CURSOR_EXPIRED` if an alert after `after` was deleted, because it is older
    /// than the retention time of the server: read `alerts` and `alertCursor` again. Scope of a
    /// service key: `read`. If the key is removed, expires or loses a scope, its streams end.
    async fn session_alerts(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The mobile number of the user, written in any form that `createUser` accepts. \
                    Required if the caller is the service. Default: the user of the caller's \
                    session."
        )]
        mobile: Option<String>,
        #[graphql(
            desc = "The `id` of the last alert received, or the user's `alertCursor`. \
                    Default: the stream starts with the next new alert."
        )]
        after: Option<ID>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<SessionAlert>> + use<>>
    {
        if let Some(next) = context.data_opt::<NextAlert>() {
            return Ok(stream::iter(next.alert.lock().take()));
        }
        check_scopes(context, &[Scope::Read])?;
        let mobile = mobile
            .map(|text| TypedMobile::parse(&text))
            .transpose()
            .for_client()?;
        let after = after
            .map(|id| AlertId::parse(&id).ok_or_else(|| invalid("after", InputRule::AlertId)))
            .transpose()?;
        let (owner, alerts) = service(context)
            .subscribe_to_alerts(context.data()?, mobile, after)
            .await
            .for_client()?;
        let feed = AlertFeed { owner, alerts };
        *context.data::<Arc<FeedSlot>>()?.0.lock() = Some(feed);
        Ok(stream::iter(None))
    }
}
