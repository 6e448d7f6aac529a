use async_graphql::{Context, ID, Subscription as SubscriptionObject};
use futures_util::{Stream, StreamExt};

use super::{
    alert::SessionAlert,
    errors::{ForClient, invalid},
    service,
};
use crate::domain::{AlertId, InputRule, Mobile};

/// What there is to hear.
#[derive(Debug)]
pub struct Subscription;

/// What there is to hear.
#[SubscriptionObject]
impl Subscription {
    /// What happens to one user's sessions, as it happens: first whatever came after the alert `after` (nothing is
    /// skipped, nothing comes twice), then live. `mobile` may be left out by a session, which hears of its own user.
    /// The stream completes after the alert that ends the session which opened it.
    async fn session_alerts(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose alerts. Needed where the caller is the service.")] mobile: Option<
            String,
        >,
        #[graphql(
            desc = "The `id` of the last alert received, or a user's `alertCursor`. Without it, the stream starts with the next alert."
        )]
        after: Option<ID>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<SessionAlert>> + use<>>
    {
        let mobile = mobile
            .map(|text| Mobile::parse(&text))
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
