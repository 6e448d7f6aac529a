//! A running subscription. Its operation is executed once to start it, and again for each item,
//! so that an idle subscriber holds nothing of async-graphql.

use std::sync::Arc;

use async_graphql::{Data, Name, Response, Value, Variables};
use futures_util::{Stream, StreamExt, stream};

use super::{
    super::schema::{FeedSlot, RunningFeed},
    document::Document,
    executor::Executor,
    request::CheckedOperation,
};
use crate::{access::Caller, domain::Timestamp};

/// A subscription that has started.
pub(super) struct RunningSubscription {
    executor: Arc<Executor>,
    operation: SavedOperation,
    feed: RunningFeed,
    caller: Caller,
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
        Ok(Self {
            executor,
            operation: saved,
            feed,
            caller,
        })
    }

    /// Returns one response for each item, and when it was raised, if it is an alert that could be
    /// read.
    pub(super) fn responses(self) -> impl Stream<Item = (Response, Option<Timestamp>)> + Send {
        stream::unfold(self, async |mut subscription| {
            let (mut data, raised_at) = subscription.feed.next().await?;
            data.insert(subscription.caller.clone());
            // In a box, so that an idle subscriber does not hold the memory for it.
            let response = Box::pin(async {
                let operation = subscription.operation.checked();
                let response = subscription.executor.send(operation, data).await;
                // A long alert log yields many alerts without a wait, so let other tasks run.
                tokio::task::yield_now().await;
                response
            });
            let response = response.await?;
            Some(((response, raised_at), subscription))
        })
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
