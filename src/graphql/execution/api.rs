//! Executes operations as the caller that their credentials belong to.

use std::{fmt, future, sync::Arc};

use async_graphql::{Response, ValidationMode, parser::types::OperationType};
use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        cookies::CookieSlot,
        direct::{Request, Written},
        errors::{self, RequestError},
        schema::{self, CompletedLogin},
    },
    authenticated::AuthenticatedOperation,
    cache::DocumentCache,
    delivery::Delivery,
    document::Document,
    executor::{Executor, Schemas},
    persisted::QueryHash,
    request::{OperationRequest, PreparedOperation},
    response::{with_codes, with_request_id},
    subscription::RunningSubscription,
};
use crate::{
    access::{Caller, ServiceKey},
    config::OperationLimits,
    domain::UserId,
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
    /// The session's cookie. `None` over a transport that cannot set it.
    pub cookie: Option<Arc<CookieSlot>>,
    /// The id of the request. The errors of an operation that failed internally have it.
    pub request_id: RequestId,
}

/// The response to a query or a mutation.
#[derive(Debug)]
pub enum SingleResponse {
    /// The body as JSON. It has no errors.
    Json(Vec<u8>),
    /// The response of the resolvers, or errors.
    Resolved(Box<Response>),
}

/// An item in the stream of an operation's results.
#[derive(Debug)]
pub enum StreamItem {
    /// A response. A query or a mutation has one. A subscription has one for each event.
    Response(Box<Response>),
    /// A response that has no errors, as JSON in one line.
    Json(String),
    /// The operation has ended. It is the last item.
    Complete,
}

impl Api {
    /// Builds the schema over `service`. If `suggestions` is set, the error for a misspelled name
    /// lists similar names. This helps in development, but reveals names of the schema to anyone.
    #[must_use]
    pub fn new(service: Arc<Service>, limits: OperationLimits, suggestions: bool) -> Self {
        let build = |limits, validation| {
            schema::build(Arc::clone(&service), limits, suggestions, validation)
        };
        let executor = Executor::new(Schemas {
            strict: build(Some(&limits), ValidationMode::Strict),
            fast: build(Some(&limits), ValidationMode::Fast),
            whole: build(None, ValidationMode::Strict),
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

    /// Returns the limits on operations.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn limits(&self) -> &OperationLimits {
        self.documents.limits()
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

    /// Returns the user of the caller's session, if the session is active now.
    #[must_use]
    pub fn active_user(&self, caller: &Caller) -> Option<UserId> {
        caller.active_user(self.service.now())
    }

    /// Returns a future that completes when this service key is revoked: see
    /// [`Service::key_revoked`].
    #[must_use]
    pub fn key_revoked(&self, key: Arc<ServiceKey>) -> BoxFuture<'static, ()> {
        self.service.key_revoked(key)
    }

    /// Takes the document of an operation from the cache, or parses it. An error is reported when
    /// the operation is executed.
    #[must_use]
    pub fn prepare(&self, request: OperationRequest) -> PreparedOperation {
        let document = self.documents.find(&request.document);
        PreparedOperation::new(request, document)
    }

    /// Executes a query or a mutation. A subscription is rejected, because it needs a stream.
    pub async fn execute(&self, operation: PreparedOperation, sender: Sender) -> SingleResponse {
        let timer = Timer::start();
        let kind = operation.kind();
        let id = sender.request_id.clone();
        let span = span(&operation, kind);
        let response = async {
            match self.authenticated_single(operation, sender).await {
                Ok(operation) => match self.write(&operation).await {
                    Written::Json(json) => SingleResponse::Json(json),
                    Written::Not(login) => {
                        SingleResponse::Resolved(Box::new(self.resolve(operation, login).await))
                    }
                },
                Err(response) => SingleResponse::Resolved(response),
            }
        };
        let response = span.of(response).await;
        timer.observe(|metrics| metrics.operation_duration(label(kind)));
        match response {
            SingleResponse::Resolved(response) => {
                SingleResponse::Resolved(Box::new(with_request_id(*response, &id)))
            }
            SingleResponse::Json(_) => response,
        }
    }

    /// Executes a query or a mutation with the resolvers.
    async fn execute_resolved(&self, operation: PreparedOperation, sender: Sender) -> Response {
        let timer = Timer::start();
        let kind = operation.kind();
        let id = sender.request_id.clone();
        let span = span(&operation, kind);
        let response = async {
            match self.authenticated_single(operation, sender).await {
                Ok(operation) => self.resolve(operation, None).await,
                Err(response) => *response,
            }
        };
        let response = span.of(response).await;
        timer.observe(|metrics| metrics.operation_duration(label(kind)));
        with_request_id(response, &id)
    }

    /// Checks and authenticates an operation that has one response.
    async fn authenticated_single(
        &self,
        operation: PreparedOperation,
        sender: Sender,
    ) -> Result<AuthenticatedOperation, Box<Response>> {
        if operation.kind() == Some(OperationType::Subscription) {
            return Err(Box::new(RequestError::SubscriptionWithoutStream.into()));
        }
        self.authenticated(operation, sender).await
    }

    /// Writes the response to a query or a login without the resolvers, if that is possible.
    async fn write(&self, operation: &AuthenticatedOperation) -> Written {
        let AuthenticatedOperation {
            operation,
            client,
            caller,
            cookie,
        } = operation;
        let request = Request {
            service: &self.service,
            client,
            caller,
            cookie: cookie.as_deref(),
            variables: &operation.variables,
        };
        let written = self.executor.write(operation, request).await;
        if matches!(written, Written::Json(_)) {
            self.persist(operation.to_persist());
        }
        written
    }

    /// Calls the resolvers of a query or a mutation. `login` is the result of its only field if that
    /// was carried out already.
    async fn resolve(
        &self,
        operation: AuthenticatedOperation,
        login: Option<Box<CompletedLogin>>,
    ) -> Response {
        let to_persist = operation.operation.to_persist();
        let (operation, mut data) = operation.into_parts();
        if let Some(login) = login {
            data.insert(*login);
        }
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
                return and_complete([api.execute_resolved(operation, sender).await]);
            }
            let id = sender.request_id.clone();
            let span = span(&operation, kind);
            let authenticated = span.of(api.authenticated(operation, sender)).await;
            let operation = match authenticated {
                Ok(operation) => operation,
                Err(response) => return and_complete([with_request_id(*response, &id)]),
            };
            let caller = operation.caller.clone();
            let (operation, data) = operation.into_parts();
            let delivery = Delivery::start(&api.service);
            let to_persist = operation.to_persist();
            let executor = Arc::clone(&api.executor);
            let service = Arc::clone(&api.service);
            let started = RunningSubscription::start(executor, service, operation, data, caller);
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
                        response.into_item(&id)
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
        let key = self.service.service_key(sender.credentials.as_deref());
        let items = self.execute_stream(operation, sender, stop);
        let Some(key) = key else {
            return items;
        };
        let revoked = self.key_revoked(key);
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

    /// Checks an operation and authenticates its sender. The `Err` is the response to send instead.
    async fn authenticated(
        &self,
        operation: PreparedOperation,
        sender: Sender,
    ) -> Result<AuthenticatedOperation, Box<Response>> {
        let operation = operation.check().map_err(|error| Box::new(error.into()))?;
        match self.authenticate(sender.credentials.as_deref()).await {
            Ok(caller) => {
                // The cookie is of no use to the browser, which cannot remove it itself.
                if matches!(caller, Caller::InvalidCredentials)
                    && let Some(cookie) = &sender.cookie
                {
                    cookie.session_ended();
                }
                Ok(AuthenticatedOperation {
                    operation,
                    client: sender.client,
                    caller,
                    cookie: sender.cookie,
                })
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
