//! A running subscription. Its operation is executed once to start it, and again for each item that
//! cannot be written without the resolvers, so that an idle subscriber holds nothing of
//! async-graphql.

use std::sync::Arc;

use async_graphql::{Data, Name, Response, Value, Variables};
use futures_util::{Stream, StreamExt, stream};

use super::{
    super::{
        direct::AlertPlan,
        schema::{FeedItem, FeedSlot, RunningFeed},
    },
    api::StreamItem,
    document::Document,
    executor::Executor,
    request::CheckedOperation,
    response::{with_codes, with_request_id},
};
use crate::{access::Caller, domain::Timestamp, request_id::RequestId, service::Service};

/// A subscription that has started.
pub(super) struct RunningSubscription {
    feed: RunningFeed,
    responder: Responder,
}

/// Produces the response for each item of a subscription.
struct Responder {
    executor: Arc<Executor>,
    service: Arc<Service>,
    operation: SavedOperation,
    caller: Caller,
}

/// The response for an item.
pub(super) enum ItemResponse {
    /// The body as JSON. It has no errors.
    Json(String),
    /// The response of the resolvers.
    Resolved(Response),
}

impl ItemResponse {
    /// The item that is sent. An internal error has the id of the request.
    pub(super) fn into_item(self, id: &RequestId) -> StreamItem {
        match self {
            Self::Json(json) => StreamItem::Json(json),
            Self::Resolved(response) => {
                StreamItem::Response(with_request_id(with_codes(response), id).into())
            }
        }
    }
}

/// A [`CheckedOperation`] in less memory: a map of variables would take 1 kB.
struct SavedOperation {
    document: Arc<Document>,
    name: Option<Box<str>>,
    variables: Box<[(Name, Value)]>,
}

impl RunningSubscription {
    /// Starts a subscription of `caller`. `data` is for the resolvers.
    ///
    /// # Errors
    /// The responses of a subscription that has not started, which may be none: async-graphql
    /// executes no field that is skipped, or that is in a fragment of the root.
    pub(super) async fn start(
        executor: Arc<Executor>,
        service: Arc<Service>,
        mut operation: CheckedOperation,
        mut data: Data,
        caller: Caller,
    ) -> Result<Self, Vec<Response>> {
        let slot = Arc::new(FeedSlot::default());
        data.insert(Arc::clone(&slot));
        let responses = executor.subscribe(&mut operation, data).await;
        let saved = SavedOperation::new(&operation);
        let responses = responses.collect().await;
        let Some(feed) = slot.take() else {
            return Err(responses);
        };
        let responder = Responder {
            executor,
            service,
            operation: saved,
            caller,
        };
        Ok(Self { feed, responder })
    }

    /// Returns one response for each item, and when it was raised, if it is an alert that could be
    /// read.
    pub(super) fn responses(self) -> impl Stream<Item = (ItemResponse, Option<Timestamp>)> + Send {
        stream::unfold(self, async |mut subscription| {
            let (item, raised_at) = subscription.feed.next().await?;
            // In a box, so that an idle subscriber does not hold the memory for it.
            let response = Box::pin(async {
                let response = subscription.responder.respond(item).await;
                // A long alert log yields many alerts without a wait, so let other tasks run.
                tokio::task::yield_now().await;
                response
            });
            let response = response.await?;
            Some(((response, raised_at), subscription))
        })
    }
}

impl Responder {
    async fn respond(&self, item: FeedItem) -> Option<ItemResponse> {
        if let FeedItem::Alert(Ok(alert)) = &item
            && let Some(plan) = self.operation.alert_plan()
            && let Some(json) = plan.write(&self.service, &self.caller, alert).await
        {
            return Some(ItemResponse::Json(json));
        }
        let mut data = item.into_data();
        data.insert(self.caller.clone());
        let response = self.executor.send(self.operation.checked(), data).await;
        response.map(ItemResponse::Resolved)
    }
}

impl SavedOperation {
    fn new(operation: &CheckedOperation) -> Self {
        let variables = operation.variables.iter();
        Self {
            document: Arc::clone(&operation.document),
            name: operation.name.as_deref().map(Into::into),
            variables: variables
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    fn alert_plan(&self) -> Option<&AlertPlan> {
        let validated = self.document.validated(self.name.as_deref())?;
        validated.alert_plan.as_ref()
    }

    fn checked(&self) -> CheckedOperation {
        let mut variables = Variables::default();
        variables.extend(self.variables.iter().cloned());
        CheckedOperation {
            document: Arc::clone(&self.document),
            name: self.name.as_deref().map(str::to_owned),
            variables,
            absent: Vec::new(),
            hash_to_persist: None,
        }
    }
}
