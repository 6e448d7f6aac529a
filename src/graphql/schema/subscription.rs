//! The subscriptions.

use async_graphql::{Context, ID, Subscription as SubscriptionObject};
use futures_util::{Stream, StreamExt};

use super::{
    super::errors::{ForClient, invalid},
    alert::SessionAlert,
    service,
};
use crate::domain::{AlertId, InputRule, TypedMobile};

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
    /// it.
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
        Ok(alerts.map(move |alert| {
            let (alert, visibility) = alert.for_client()?;
            Ok(SessionAlert::new(alert, owner.clone(), visibility).for_subscriber())
        }))
    }
}
