use std::sync::Arc;

use async_graphql::{Pos, Request, Response, Value};
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};

use super::{
    OperationLimits, Schema, errors,
    request::{Bounds, prepare},
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
    bounds: Bounds,
}

/// An operation, and who sent it.
#[derive(Debug)]
pub struct Operation {
    pub request: Request,
    pub client: Client,
    /// The text after `Bearer`, where there is one.
    pub credentials: Option<String>,
}

impl Api {
    #[must_use]
    pub fn new(service: Arc<Service>, limits: &OperationLimits) -> Self {
        let bounds = Bounds { tokens: limits.tokens, introspection: limits.introspection };
        Self { schema: schema(Arc::clone(&service), limits), service, bounds }
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

    /// The answers to any operation: one to a query or a mutation, one an event to a subscription. The caller is
    /// looked up once the stream is polled: a session that has ended since its socket was opened opens nothing any
    /// more, and one that was approved since may do what an active one may.
    #[must_use]
    pub fn execute_stream(&self, operation: Operation) -> BoxStream<'static, Response> {
        let api = self.clone();
        let responses = async move {
            match api.prepare(operation).await {
                Ok(request) => api.schema.execute_stream(request),
                Err(response) => stream::iter([*response]).boxed(),
            }
        };
        // In a box of its own, which is gone while the stream goes on.
        stream::once(responses.boxed()).flatten().map(with_codes).boxed()
    }

    async fn prepare(&self, operation: Operation) -> Result<Request, Box<Response>> {
        let Operation { request, client, credentials } = operation;
        let request = prepare(request, self.bounds)?;
        match self.authenticate(credentials.as_deref()).await {
            Ok(caller) => Ok(request.data(client).data(caller)),
            Err(error) => Err(Box::new(failure(error))),
        }
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("service", &self.service).finish_non_exhaustive()
    }
}

/// Whether any field was reached. Parsing, validation and authentication fail before, so no error has a path.
#[must_use]
pub fn was_executed(response: &Response) -> bool {
    response.errors.is_empty()
        || response.data != Value::Null
        || response.errors.iter().any(|error| !error.path.is_empty())
}

/// What async-graphql refused itself has no code yet.
fn with_codes(mut response: Response) -> Response {
    if !was_executed(&response) {
        for error in &mut response.errors {
            let extensions = error.extensions.get_or_insert_default();
            if extensions.get("code").is_none() {
                extensions.set("code", "BAD_REQUEST");
            }
        }
    }
    response
}

/// The answer to an operation that failed before any field was reached.
fn failure(error: Error) -> Response {
    Response::from_errors(vec![errors::to_client(error).into_server_error(Pos::default())])
}
