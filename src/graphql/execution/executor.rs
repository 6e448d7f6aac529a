//! Executes operations, and validates each document once.

use std::sync::Arc;

use async_graphql::{Data, Request, Response, ValidationMode, parser::types::ExecutableDocument};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use super::{
    super::schema::{Environment, Resolvable, Schema, SchemaSettings},
    api::is_request_error,
    document::Document,
    request::CheckedOperation,
    resolvable::ResolvableOperation,
    validated::ComplexFields,
};

/// The message with which async-graphql 8.0.0-rc.5 rejects a valid subscription that is not executed
/// as a stream.
const NOT_A_STREAM: &str = "Subscriptions are not supported on this transport.";

/// Executes operations in one of three ways, which have the same result. See [`Way`].
pub(super) struct Executor {
    strict: Schema,
    fast: Schema,
    /// `None` if async-graphql does not give it away. Each request is then validated.
    known: Option<Known>,
}

/// What is known of the schema.
struct Known {
    environment: Environment,
    complex_fields: ComplexFields,
}

/// The way in which an operation is executed.
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
    pub(super) fn new(settings: &SchemaSettings<'_>) -> Self {
        let fast = settings.build(ValidationMode::Fast);
        let known = Environment::of(&fast).map(|environment| Known {
            complex_fields: ComplexFields::of(environment.registry()),
            environment,
        });
        Self {
            strict: settings.build(ValidationMode::Strict),
            fast,
            known,
        }
    }

    /// Executes a query or a mutation. `data` is for the resolvers.
    pub(super) async fn execute(&self, operation: CheckedOperation, data: Data) -> Response {
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
            Way::Fast => self.fast.execute(request(operation, data)).await,
            Way::Strict => {
                let response = self.strict.execute(request(operation, data)).await;
                // Otherwise a field was executed, so the document is valid.
                if !is_request_error(&response) {
                    self.set_validated(&document);
                }
                response
            }
        }
    }

    /// Executes a subscription. `data` is for the resolvers.
    pub(super) async fn subscribe(
        &self,
        operation: CheckedOperation,
        data: Data,
    ) -> BoxStream<'static, Response> {
        if matches!(self.way(&operation.document, &operation), Way::Strict) {
            // The first response of the stream would show that the document is valid, but it may
            // come late.
            let to_validate = request(operation.clone(), Data::default());
            let response = self.strict.execute(to_validate).await;
            let is_valid = response
                .errors
                .iter()
                .all(|error| error.message == NOT_A_STREAM);
            if !is_valid {
                return stream::once(async { response }).boxed();
            }
            self.set_validated(&operation.document);
        }
        self.fast.execute_stream(request(operation, data))
    }

    /// Chooses the way for an operation of `document`.
    fn way<'a>(&'a self, document: &'a Document, operation: &CheckedOperation) -> Way<'a> {
        let validated = document.validated(operation.name.as_deref());
        let (Some(known), Some(validated)) = (&self.known, validated) else {
            return Way::Strict;
        };
        let registry = known.environment.registry();
        if !validated.certainly_accepts(&operation.variables, registry) {
            return Way::Strict;
        }
        match &validated.resolvable {
            Some(resolvable) if !validated.has_variable_complexity => {
                Way::Resolve(&known.environment, resolvable)
            }
            _ => Way::Fast,
        }
    }

    fn set_validated(&self, document: &Document) {
        if let Some(known) = &self.known {
            document.set_validated(&known.complex_fields);
        }
    }
}

/// Returns the request for the executor of async-graphql.
fn request(operation: CheckedOperation, data: Data) -> Request {
    let mut request = Request::new("").variables(operation.variables);
    request.operation_name = operation.name;
    request.data = data;
    request.set_parsed_query(ExecutableDocument::clone(operation.document.parsed()));
    request
}
