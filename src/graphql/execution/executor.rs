//! Executes operations, and validates each document once.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_graphql::{Data, Request, Response, Variables, parser::types::ExecutableDocument};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use super::{
    super::{
        direct::{Request as DirectRequest, Written},
        schema::{Environment, Resolvable, Schema},
    },
    argument_defaults, argument_types,
    document::Document,
    request::CheckedOperation,
    resolvable::ResolvableOperation,
    response::is_request_error,
    whole_document,
};

/// The message with which async-graphql 8.0.0-rc.5 rejects a valid subscription that is not executed
/// as a stream.
const NOT_A_STREAM: &str = "Subscriptions are not supported on this transport.";

/// Executes operations in one of three ways, which have the same result. See [`Way`].
pub(super) struct Executor {
    schemas: Schemas,
    /// `None` if async-graphql does not give it away. Each request is then validated.
    environment: Option<Environment>,
}

/// The same schema for different steps.
pub(super) struct Schemas {
    /// Validates and executes a document.
    pub strict: Schema,
    /// Executes a document that has been validated.
    pub fast: Schema,
    /// Validates a document of several operations as a whole. It has no limits: they are for the
    /// operation that is executed.
    pub whole: Schema,
}

/// The way in which an operation is executed. A document that is in doubt is validated.
enum Way<'a> {
    /// async-graphql validates the document and executes it.
    Strict,
    /// The document has been validated. async-graphql only checks its limits, which may depend on
    /// the values of variables, and removes skipped fields.
    Fast,
    /// The document has been validated and is within the limits, whatever the values of its
    /// variables are. The resolvers are called.
    Resolve(&'a Environment, &'a ResolvableOperation),
}

impl Executor {
    /// Creates an executor of these schemas.
    pub(super) fn new(schemas: Schemas) -> Self {
        Self {
            environment: Environment::of(&schemas.fast),
            schemas,
        }
    }

    /// Executes a query or a mutation. `data` is for the resolvers.
    pub(super) async fn execute(&self, mut operation: CheckedOperation, data: Data) -> Response {
        let document = Arc::clone(&operation.document);
        match self.way(&document, &operation) {
            Way::Resolve(environment, resolvable) => {
                let operation = Resolvable {
                    definition: &resolvable.definition,
                    selection_set: &resolvable.selection_set,
                    variables: operation.variables,
                    data,
                };
                environment.resolve(operation).await
            }
            // In boxes, because these futures are wider than that of the usual way.
            Way::Fast => Box::pin(self.schemas.fast.execute(request(operation, data))).await,
            Way::Strict => {
                if let Err(response) = self.check(&mut operation).await {
                    return *response;
                }
                let request = request(operation, data);
                let response = Box::pin(self.schemas.strict.execute(request)).await;
                // Otherwise a field was executed, so the document is valid.
                if !is_request_error(&response) {
                    self.set_validated(&document);
                }
                response
            }
        }
    }

    /// Writes the response to a query or a login as JSON, if it needs no resolver and does not fail.
    pub(super) async fn write(
        &self,
        operation: &CheckedOperation,
        request: DirectRequest<'_>,
    ) -> Written {
        match self.way(&operation.document, operation) {
            Way::Resolve(
                _,
                ResolvableOperation {
                    plan: Some(plan), ..
                },
            ) => plan.write(request).await,
            Way::Resolve(..) | Way::Fast | Way::Strict => Written::Not(None),
        }
    }

    /// Executes a subscription, and completes its variables. `data` is for the resolvers.
    pub(super) async fn subscribe(
        &self,
        operation: &mut CheckedOperation,
        data: Data,
    ) -> BoxStream<'static, Response> {
        if matches!(self.way(&operation.document, operation), Way::Strict) {
            if let Err(response) = self.check(operation).await {
                return stream::once(async { *response }).boxed();
            }
            // The first response of the stream would show that the document is valid, but it may
            // come late.
            let to_validate = request(operation.clone(), Data::default());
            let response = self.schemas.strict.execute(to_validate).await;
            let is_valid = response
                .errors
                .iter()
                .all(|error| error.message == NOT_A_STREAM);
            if !is_valid {
                return stream::once(async { response }).boxed();
            }
            self.set_validated(&operation.document);
        }
        let request = request(operation.clone(), data);
        self.schemas.fast.execute_stream(request)
    }

    /// Executes a subscription that has been accepted once more, for one alert in `data`. Returns
    /// the first response of its stream.
    pub(super) async fn send(&self, operation: CheckedOperation, data: Data) -> Option<Response> {
        let mut responses = self.schemas.fast.execute_stream(request(operation, data));
        responses.next().await
    }

    /// Chooses the way for an operation of `document`.
    fn way<'a>(&'a self, document: &'a Document, operation: &CheckedOperation) -> Way<'a> {
        let validated = document.validated(operation.name.as_deref());
        let (Some(environment), Some(validated)) = (&self.environment, validated) else {
            return Way::Strict;
        };
        if !validated.certainly_accepts(&operation.variables, environment.registry()) {
            return Way::Strict;
        }
        match &validated.resolvable {
            Some(resolvable) if !validated.has_variable_complexity => {
                Way::Resolve(environment, resolvable)
            }
            _ => Way::Fast,
        }
    }

    /// Checks what async-graphql would not check, or only after it has executed other fields, of an
    /// operation whose document is in doubt. Completes its variables. The `Err` is the response to
    /// send instead.
    async fn check(&self, operation: &mut CheckedOperation) -> Result<(), Box<Response>> {
        let CheckedOperation {
            document,
            name,
            variables,
            absent,
            ..
        } = operation;
        if document.has_several_operations() && !document.is_validated() {
            self.check_arguments(document.parsed(), &Variables::default())?;
            whole_document::validate(document.parsed(), &self.schemas.whole).await?;
            self.set_validated(document);
        }
        let executable = document.executable(name.as_deref());
        if let Some(environment) = &self.environment {
            let registry = environment.registry();
            argument_defaults::use_defaults(variables, absent, &executable, registry);
        }
        self.check_arguments(&executable, variables)
    }

    fn check_arguments(
        &self,
        document: &ExecutableDocument,
        variables: &Variables,
    ) -> Result<(), Box<Response>> {
        match &self.environment {
            Some(environment) => argument_types::check(document, variables, environment.registry())
                .map_err(|error| Box::new(error.into())),
            None => Ok(()),
        }
    }

    fn set_validated(&self, document: &Document) {
        if let Some(environment) = &self.environment {
            document.set_validated(environment.registry());
        }
    }
}

/// Returns the request for the executor of async-graphql.
fn request(operation: CheckedOperation, data: Data) -> Request {
    let document = operation.document.executable(operation.name.as_deref());
    let document = document.into_owned();
    let mut request = Request::new("").variables(operation.variables);
    request.operation_name = operation.name;
    request.data = data;
    request.set_parsed_query(document);
    request
}
