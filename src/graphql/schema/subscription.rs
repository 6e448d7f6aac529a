//! The subscriptions.

use std::sync::Arc;

use async_graphql::{Context, ID, Subscription as SubscriptionObject};
use futures_util::Stream;

use super::{
    super::errors::{ForClient, invalid},
    alert::SessionAlert,
    check_scopes,
    event::SessionEvent,
    feed::{FeedSlot, NextItem, RunningFeed, at_most},
    service,
};
use crate::{
    access::Scope,
    domain::{AlertId, InputRule, TypedMobile},
};

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
        if let Some(next) = context.data_opt::<NextItem<SessionAlert>>() {
            return Ok(at_most(next.take()));
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
        let slot: &Arc<FeedSlot> = context.data()?;
        slot.set(RunningFeed::Alerts { owner, alerts });
        Ok(at_most(None))
    }

    /// Sends which sessions of all users become active and which end. The events of one user are
    /// sent in their order, and each event at least once: an event may be sent again after a
    /// reconnection. Only sessions that were active have events, not those that wait for approval.
    ///
    /// To know every active session, read `eventCursor`, then all pages of `activeSessions`, and
    /// then subscribe with the cursor as `after`. Fails with `CURSOR_EXPIRED` if `after` is too old
    /// or from another database: begin anew. Only the service may use this subscription. Scope of a
    /// service key: `check` or `read`. If the key is removed, expires or loses a scope, its streams
    /// end.
    async fn session_events(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The `cursor` of the last event that was processed, or `eventCursor`. Default: \
                    the stream starts with the next event."
        )]
        after: Option<ID>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<SessionEvent>> + use<>>
    {
        if let Some(next) = context.data_opt::<NextItem<SessionEvent>>() {
            return Ok(at_most(next.take()));
        }
        let after = after.as_ref().map(|cursor| cursor.as_str());
        let events = service(context)
            .session_events(context.data()?, after)
            .await
            .for_client()?;
        let slot: &Arc<FeedSlot> = context.data()?;
        slot.set(RunningFeed::Events(events));
        Ok(at_most(None))
    }
}
