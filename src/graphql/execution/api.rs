//! Executes operations as the caller that their credentials belong to.

use std::{fmt, future, sync::Arc};

use async_graphql::{Data, Response, Value, parser::types::OperationType};
use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        errors::{self, ErrorCode, RequestError},
        schema,
    },
    cache::DocumentCache,
    delivery::Delivery,
    document::Document,
    executor::Executor,
    persisted::QueryHash,
    request::{CheckedOperation, OperationRequest, PreparedOperation},
    subscription::RunningSubscription,
};
use crate::{
    access::Caller,
    config::OperationLimits,
    metrics::{OperationKind, Timer},
    request_id::RequestId,
    service::{Client, Error, Service},
    traces::{self, OpenSpan},
};

/// The GraphQL API over the use cases, ready to execute operations. Clones share one API.
#[derive(Clone)]
pub struct Api {
    executor: Arc<Executor>,
    service: Arc<Service>,
    documents: Arc<DocumentCache>,
}

/// The sender of an operation.
#[derive(Debug)]
pub struct Sender {
    /// The origin of the request.
    pub client: Client,
    /// The text after `Bearer`, if the request has one.
    pub credentials: Option<String>,
    /// The id of the request. The errors of an operation that failed internally have it.
    pub request_id: RequestId,
}

/// An item in the stream of an operation's results.
#[derive(Debug)]
pub enum StreamItem {
    /// A response. A query or a mutation has one. A subscription has one for each event.
    Response(Box<Response>),
    /// The operation has ended. It is the last item.
    Complete,
}

impl Api {
    /// Builds the schema over `service`. If `suggestions` is set, the error for a misspelled name
    /// lists similar names. This helps in development, but reveals names of the schema to anyone.
    #[must_use]
    pub fn new(service: Arc<Service>, limits: OperationLimits, suggestions: bool) -> Self {
        let executor = Executor::new(|validation| {
            schema::build(Arc::clone(&service), &limits, suggestions, validation)
        });
        Self {
            executor: Arc::new(executor),
            service,
            documents: Arc::new(DocumentCache::new(limits)),
        }
    }

    /// Returns whether clients may read the schema.
    #[must_use]
    pub fn allows_introspection(&self) -> bool {
        self.documents.limits().introspection
    }

    /// Returns whether anyone without credentials is the service, as in development mode.
    #[must_use]
    pub fn trusts_anyone(&self) -> bool {
        self.service.config().service_keys.is_development_mode()
    }

    /// Returns the caller that the credentials belong to.
    ///
    /// # Errors
    /// [`Error::Store`] if a token cannot be looked up.
    pub async fn authenticate(&self, credentials: Option<&str>) -> Result<Caller, Error> {
        self.service.authenticate(credentials).await
    }

    /// Returns a future that completes when the service key of `credentials` is revoked: see
    /// [`Service::key_revoked`].
    #[must_use]
    pub fn key_revoked(&self, credentials: Option<&str>) -> Option<BoxFuture<'static, ()>> {
        self.service.key_revoked(credentials)
    }

    /// Takes the document of an operation from the cache, or parses it. An error is reported when
    /// the operation is executed.
    #[must_use]
    pub fn prepare(&self, request: OperationRequest) -> PreparedOperation {
        let document = self.documents.find(&request.document);
        PreparedOperation::new(request, document)
    }

    /// Executes a query or a mutation. A subscription is rejected, because it needs a stream.
    pub async fn execute(&self, operation: PreparedOperation, sender: Sender) -> Response {
        let kind = operation.kind();
        if kind == Some(OperationType::Subscription) {
            return RequestError::SubscriptionWithoutStream.into();
        }
        let timer = Timer::start();
        let id = sender.request_id.clone();
        let span = span(&operation, kind);
        let response = async {
            match self.authenticated(operation, sender).await {
                Ok((operation, data)) => self.run(operation, data).await,
                Err(response) => *response,
            }
        };
        let response = span.of(response).await;
        timer.observe(|metrics| metrics.operation_duration(label(kind)));
        with_request_id(response, &id)
    }

    /// Executes a query or a mutation of an authenticated caller.
    async fn run(&self, operation: CheckedOperation, data: Data) -> Response {
        let to_persist = operation.to_persist();
        let response = self.executor.execute(operation, data).await;
        self.persist(to_persist);
        with_codes(response)
    }

    fn persist(&self, to_persist: Option<(QueryHash, Arc<Document>)>) {
        if let Some((hash, document)) = to_persist {
            self.documents.persist(hash, &document);
        }
    }

    /// Executes an operation of any kind. The caller is authenticated when the stream is first
    /// polled, for each operation on a socket. A session that has ended since the socket was opened
    /// no longer has access, and a session that was approved in the meantime has full access.
    ///
    /// When `stop` is canceled, a subscription ends without [`StreamItem::Complete`]. Queries and
    /// mutations run to their end.
    #[must_use]
    pub fn execute_stream(
        &self,
        operation: PreparedOperation,
        sender: Sender,
        stop: CancellationToken,
    ) -> BoxStream<'static, StreamItem> {
        let api = self.clone();
        let items = async move {
            let kind = operation.kind();
            if kind != Some(OperationType::Subscription) {
                return and_complete([api.execute(operation, sender).await]);
            }
            let id = sender.request_id.clone();
            let span = span(&operation, kind);
            let authenticated = span.of(api.authenticated(operation, sender)).await;
            let (operation, data) = match authenticated {
                Ok(authenticated) => authenticated,
                Err(response) => return and_complete([with_request_id(*response, &id)]),
            };
            let delivery = Delivery::start(&api.service);
            let to_persist = operation.to_persist();
            let started = RunningSubscription::start(Arc::clone(&api.executor), operation, data);
            let started = stop.run_until_cancelled(started).await;
            api.persist(to_persist);
            match started {
                None => stream::empty().boxed(),
                Some(Err(responses)) => and_complete(
                    responses
                        .into_iter()
                        .map(move |response| with_request_id(with_codes(response), &id)),
                ),
                Some(Ok(subscription)) => subscription
                    .responses()
                    .map(move |(response, raised_at)| {
                        delivery.record(raised_at);
                        StreamItem::Response(with_request_id(with_codes(response), &id).into())
                    })
                    .chain(stream::once(future::ready(StreamItem::Complete)))
                    .take_until(stop.cancelled_owned())
                    .boxed(),
            }
        };
        // A separate box for this future: its memory is freed when the responses start.
        stream::once(items.boxed()).flatten().boxed()
    }

    /// Executes an operation as [`Api::execute_stream`] does. If the sender has a service key that is
    /// revoked, the stream ends with an error.
    #[must_use]
    pub fn execute_until_revoked(
        &self,
        operation: PreparedOperation,
        sender: Sender,
        stop: CancellationToken,
    ) -> BoxStream<'static, StreamItem> {
        let revoked = self.key_revoked(sender.credentials.as_deref());
        let items = self.execute_stream(operation, sender, stop);
        let Some(revoked) = revoked else {
            return items;
        };
        let items = stream::unfold(Some((items, revoked)), async |state| {
            let (mut items, mut revoked) = state?;
            tokio::select! {
                item = items.next() => {
                    Some((stream::iter(vec![item?]), Some((items, revoked))))
                }
                () = &mut revoked => {
                    let response = errors::to_response(Error::Unauthenticated).into();
                    let last = vec![StreamItem::Response(response), StreamItem::Complete];
                    Some((stream::iter(last), None))
                }
            }
        });
        items.flatten().boxed()
    }

    /// Returns the checked operation, and the data for the resolvers: the client and the caller.
    /// The `Err` is the response to send instead.
    async fn authenticated(
        &self,
        operation: PreparedOperation,
        sender: Sender,
    ) -> Result<(CheckedOperation, Data), Box<Response>> {
        let operation = operation.check().map_err(|error| Box::new(error.into()))?;
        match self.authenticate(sender.credentials.as_deref()).await {
            Ok(caller) => {
                let mut data = Data::default();
                data.insert(sender.client);
                data.insert(caller);
                Ok((operation, data))
            }
            Err(error) => Err(Box::new(errors::to_response(error))),
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// Starts the span of an operation. That of a subscription ends when it begins to follow the log.
fn span(operation: &PreparedOperation, kind: Option<OperationType>) -> OpenSpan {
    let kind = match kind {
        Some(OperationType::Query) => "query",
        Some(OperationType::Mutation) => "mutation",
        Some(OperationType::Subscription) => "subscription",
        None => "rejected",
    };
    traces::operation_span(kind, || operation.name())
}

/// The kind of an operation for the metrics.
const fn label(kind: Option<OperationType>) -> OperationKind {
    match kind {
        Some(OperationType::Query) => OperationKind::Query,
        Some(OperationType::Mutation) => OperationKind::Mutation,
        Some(OperationType::Subscription) | None => OperationKind::Rejected,
    }
}

/// Returns the items of an operation that has ended with these responses.
fn and_complete<I>(responses: I) -> BoxStream<'static, StreamItem>
where
    I: IntoIterator<Item = Response, IntoIter: Send + 'static>,
{
    let responses = responses.into_iter();
    let items = responses.map(|response| StreamItem::Response(response.into()));
    stream::iter(items.chain([StreamItem::Complete])).boxed()
}

/// Returns whether a response is a request error (GraphQL specification, 7.1.2): the operation
/// failed before any field was executed. Parsing, validation and authentication come first, and
/// their errors have no path.
#[must_use]
pub fn is_request_error(response: &Response) -> bool {
    !response.errors.is_empty()
        && response.data == Value::Null
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// The texts in messages of async-graphql 8.0.0-rc.5 that a rejected value follows, and the end of
/// the message without the value.
const TEXTS_BEFORE_VALUES: [(&str, &str); 2] = [
    (", found ", "."),
    (
        " does not contain the value ",
        " does not contain this value.",
    ),
];

/// Adds the code to errors of async-graphql, which have none. If async-graphql rejects a value, its
/// message ends with that value, which may be long or may be a password. So the value is removed.
fn with_codes(mut response: Response) -> Response {
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", ErrorCode::BadRequest.as_str());
            for (text, end) in TEXTS_BEFORE_VALUES {
                if let Some(start) = error.message.find(text) {
                    error.message.replace_range(start.., end);
                }
            }
        }
    }
    response
}

/// Adds the id of the request to internal errors, so that their causes can be found in the log.
fn with_request_id(mut response: Response, id: &RequestId) -> Response {
    let internal = ErrorCode::Internal.as_str().into();
    for error in &mut response.errors {
        if let Some(extensions) = &mut error.extensions
            && extensions.get("code") == Some(&internal)
        {
            extensions.set("requestId", id.to_string());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use async_graphql::ValidationMode;

    use super::*;

    /// The wording is that of async-graphql 8.0.0-rc.5.
    #[tokio::test]
    async fn a_rejected_value_is_removed_from_the_message_of_async_graphql() {
        for (text, end) in [
            (
                "mutation { login(input: \"hunter2\") { message } }",
                "\"LoginInput\".",
            ),
            (
                "mutation { login(input: { mobile: \"\", username: \"\", onConflict: hunter2 }) \
                 { message } }",
                "enumeration type \"OnConflict\" does not contain this value.",
            ),
        ] {
            let response = schema::unlimited(ValidationMode::Strict)
                .execute(text)
                .await;
            let message = &response.errors[0].message;
            assert!(
                message.ends_with("hunter2\".") || message.ends_with("hunter2\""),
                "async-graphql changed its wording: {message}"
            );
            let response = with_codes(response);
            let message = &response.errors[0].message;
            assert!(message.ends_with(end), "{message}");
        }
    }
}
