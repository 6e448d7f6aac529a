use std::sync::Arc;

use async_graphql::{Name, Pos, Request, Response, Value, parser::types::OperationType};
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use tokio_util::sync::CancellationToken;

use super::{
    OperationLimits, Schema,
    documents::{Bounds, Documents},
    errors,
    request::prepare,
    schema,
};
use crate::{
    access::Caller,
    service::{Client, Error, Service},
};

/// The API over the use cases, ready to execute. Clones are the same API.
#[derive(Clone)]
pub struct Api {
    schema: Schema,
    service: Arc<Service>,
    documents: Arc<Documents>,
}

/// An operation, and who sent it.
#[derive(Debug)]
pub struct Operation {
    pub request: Request,
    pub client: Client,
    /// The text after `Bearer`, where there is one.
    pub credentials: Option<String>,
}

/// What an operation comes to, piece by piece.
#[derive(Debug)]
pub enum Event {
    Next(Box<Response>),
    /// Nothing follows.
    Complete,
}

impl Api {
    #[must_use]
    pub fn new(service: Arc<Service>, limits: &OperationLimits) -> Self {
        let bounds = Bounds {
            tokens: limits.tokens,
            directives: limits.directives,
            introspection: limits.introspection,
        };
        Self {
            schema: schema(Arc::clone(&service), limits),
            service,
            documents: Arc::new(Documents::new(bounds)),
        }
    }

    /// Who sends these credentials.
    ///
    /// # Errors
    /// [`Error::Store`] where a token cannot be looked up.
    pub async fn authenticate(&self, credentials: Option<&str>) -> Result<Caller, Error> {
        self.service.authenticate(credentials).await
    }

    /// The answer to a query or a mutation.
    pub async fn execute(&self, operation: Operation) -> Response {
        with_codes(match self.prepare(operation).await {
            Ok(request) => self.schema.execute(request).await,
            Err(response) => *response,
        })
    }

    /// What any operation comes to: one response to a query or a mutation, one an event to a subscription. The caller
    /// is looked up once the stream is polled: a session that has ended since its socket was opened opens nothing any
    /// more, and one that was approved since may do what an active one may.
    ///
    /// A subscription ends with `stop`, and then not with [`Event::Complete`]. What else runs is finished.
    #[must_use]
    pub fn execute_stream(
        &self,
        operation: Operation,
        stop: CancellationToken,
    ) -> BoxStream<'static, Event> {
        let api = self.clone();
        let events = async move {
            let (responses, is_subscription) = match api.prepare(operation).await {
                Ok(mut request) => {
                    let is_subscription = is_subscription(&mut request);
                    (api.schema.execute_stream(request), is_subscription)
                }
                Err(response) => (stream::iter([*response]).boxed(), false),
            };
            let next = responses.map(|response| Event::Next(with_codes(response).into()));
            let events = next.chain(stream::iter([Event::Complete]));
            if is_subscription {
                // A long log is one event after another, without a wait between: others have their turn first.
                let in_turn = events.then(async |event| {
                    tokio::task::yield_now().await;
                    event
                });
                in_turn.take_until(stop.cancelled_owned()).boxed()
            } else {
                events.boxed()
            }
        };
        // In a box of its own, which is gone while the stream goes on.
        stream::once(events.boxed()).flatten().boxed()
    }

    async fn prepare(&self, operation: Operation) -> Result<Request, Box<Response>> {
        let Operation {
            request,
            client,
            credentials,
        } = operation;
        let request = prepare(request, &self.documents)?;
        match self.authenticate(credentials.as_deref()).await {
            Ok(caller) => Ok(request.data(client).data(caller)),
            Err(error) => Err(Box::new(failure(error))),
        }
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// Whether any field was reached. Parsing, validation and authentication fail before, so no error has a path.
#[must_use]
pub fn was_executed(response: &Response) -> bool {
    response.errors.is_empty()
        || response.data != Value::Null
        || response.errors.iter().any(|error| !error.path.is_empty())
}

fn is_subscription(request: &mut Request) -> bool {
    let chosen = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else {
        return false;
    };
    let mut operations = document.operations.iter();
    operations.any(|(name, operation)| {
        operation.node.ty == OperationType::Subscription
            && (chosen.is_none() || name.map(Name::as_str) == chosen.as_deref())
    })
}

/// What async-graphql refused itself has no code yet. Where it refused a value it also shows it, which may be long or
/// a password.
fn with_codes(mut response: Response) -> Response {
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", "BAD_REQUEST");
            if let Some(end) = error.message.find(", found ") {
                error.message.replace_range(end.., ".");
            }
        }
    }
    response
}

/// The answer to an operation that failed before any field was reached.
fn failure(error: Error) -> Response {
    Response::from_errors(vec![
        errors::to_client(error).into_server_error(Pos::default()),
    ])
}
