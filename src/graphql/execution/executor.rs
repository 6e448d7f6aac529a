//! Executes operations, and validates each document once.

use std::sync::Arc;

use async_graphql::{Data, Request, Response, ValidationMode, parser::types::ExecutableDocument};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use super::{
    super::{
        direct::{Request as DirectRequest, Written},
        errors::RequestError,
        schema::{Environment, Resolvable, Schema},
    },
    arguments,
    document::Document,
    request::CheckedOperation,
    resolvable::ResolvableOperation,
    response::is_request_error,
};
/// The message with which async-graphql 8.0.0-rc.5 rejects a valid subscription that is not executed
/// as a stream.
const NOT_A_STREAM: &str = "Subscriptions are not supported on this transport.";

/// Executes operations in one of three ways, which have the same result. See [`Way`].
pub(super) struct Executor {
    strict: Schema,
    fast: Schema,
    /// `None` if async-graphql does not give it away. Each request is then validated.
    environment: Option<Environment>,
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
    /// Creates an executor of the schema that `build` returns for each mode of validation.
    pub(super) fn new(build: impl Fn(ValidationMode) -> Schema) -> Self {
        let fast = build(ValidationMode::Fast);
        Self {
            environment: Environment::of(&fast),
            strict: build(ValidationMode::Strict),
            fast,
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
            // In boxes, because these futures are wider than that of the usual way.
            Way::Fast => Box::pin(self.fast.execute(request(operation, data))).await,
            Way::Strict => {
                if let Err(error) = self.check_arguments(&operation) {
                    return error.into();
                }
                let response = Box::pin(self.strict.execute(request(operation, data))).await;
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

    /// Executes a subscription. `data` is for the resolvers.
    pub(super) async fn subscribe(
        &self,
        operation: CheckedOperation,
        data: Data,
    ) -> BoxStream<'static, Response> {
        if matches!(self.way(&operation.document, &operation), Way::Strict) {
            if let Err(error) = self.check_arguments(&operation) {
                return stream::once(async { error.into() }).boxed();
            }
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

    /// Executes a subscription that has been accepted once more, for one alert in `data`. Returns
    /// the first response of its stream.
    pub(super) async fn send(&self, operation: CheckedOperation, data: Data) -> Option<Response> {
        let mut responses = self.fast.execute_stream(request(operation, data));
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

    /// Rejects values that async-graphql would reject only after it has executed other fields.
    fn check_arguments(&self, operation: &CheckedOperation) -> Result<(), RequestError> {
        match &self.environment {
            Some(environment) => arguments::check(operation, environment.registry()),
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
    let mut request = Request::new("").variables(operation.variables);
    request.operation_name = operation.name;
    request.data = data;
    request.set_parsed_query(ExecutableDocument::clone(operation.document.parsed()));
    request
}

#[cfg(test)]
mod tests {
    use async_graphql::Variables;
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::{config::Cli, graphql::schema};

    fn executor() -> Executor {
        Executor::new(schema::unlimited)
    }

    fn operation(text: &str, variables: serde_json::Value) -> CheckedOperation {
        let limits = Cli::parse_from(["sessiond"]).settings.operation_limits;
        CheckedOperation {
            document: Arc::new(Document::parse(text, &limits).unwrap()),
            name: None,
            variables: Variables::from_json(variables),
            hash_to_persist: None,
        }
    }

    /// The way of an operation after its document has been accepted.
    fn way_of(text: &str, variables: serde_json::Value) -> String {
        let (executor, operation) = (executor(), operation(text, variables));
        let way = executor.way(&operation.document, &operation);
        assert!(matches!(way, Way::Strict), "{text}");
        executor.set_validated(&operation.document);
        match executor.way(&operation.document, &operation) {
            Way::Strict => "strict",
            Way::Fast => "fast",
            Way::Resolve(_, ResolvableOperation { plan: None, .. }) => "resolve",
            Way::Resolve(_, ResolvableOperation { plan: Some(_), .. }) => "write",
        }
        .to_owned()
    }

    #[test]
    fn a_validated_operation_goes_to_the_resolvers_unless_something_depends_on_its_variables() {
        let (user, none) = (json!({ "m": "1" }), json!({}));
        for (text, variables, way) in [
            ("{ currentSession { id } }", &none, "write"),
            ("query Q { currentSession { id } }", &none, "write"),
            ("{ currentSession { id } __typename }", &none, "resolve"),
            (
                "query($m: String!) { user(mobile: $m) { id } }",
                &user,
                "write",
            ),
            (
                "query($m: String!) { user(mobile: $m) { sessions(first: 2) { totalCount } } }",
                &user,
                "write",
            ),
            (
                "query($m: String!) { user(mobile: $m) { ...F } } fragment F on User { id }",
                &user,
                "write",
            ),
            // The specification merges the two.
            (
                "query($m: String!) { user(mobile: $m) { id id } }",
                &user,
                "resolve",
            ),
            (
                "query($m: String!) { user(mobile: $m) { alerts(first: 1) { nodes { id } } } }",
                &user,
                "resolve",
            ),
            // Nothing depends on them, but async-graphql lists the types for each request.
            ("{ __schema { queryType { name } } }", &none, "fast"),
            (
                "query($m: String!) { user(mobile: $m) { id @skip(if: false) } }",
                &user,
                "fast",
            ),
            (
                "query($m: String!, $first: Int) { user(mobile: $m) { sessions(first: $first) { totalCount } } }",
                &json!({ "m": "1", "first": 5 }),
                "fast",
            ),
            (
                "subscription($m: String!) { sessionAlerts(mobile: $m) { id } }",
                &user,
                "fast",
            ),
            (
                "mutation($key: ID!) { invalidateSession(input: { sessionKey: $key }) { message } }",
                &json!({ "key": "1" }),
                "strict",
            ),
            (
                "query A { currentSession { id } } query B { currentSession { id } }",
                &none,
                "strict",
            ),
            // A document with a string is not kept.
            ("{ user(mobile: \"1\") { id } }", &none, "strict"),
            (
                "mutation($i: LoginInput!) { login(input: $i) { outcome token session { id } } }",
                &json!({ "i": { "mobile": "1", "username": "A", "onConflict": "TAKE_OVER" } }),
                "write",
            ),
            (
                "mutation($i: LoginInput!) { login(input: $i) { user { sessions { totalCount } } } }",
                &json!({ "i": { "mobile": "1", "username": "A" } }),
                "resolve",
            ),
            // Of the wrong type.
            (
                "query($m: String!) { user(mobile: $m) { id } }",
                &json!({ "m": 1 }),
                "strict",
            ),
        ] {
            assert_eq!(way_of(text, variables.clone()), way, "{text}");
        }
    }

    #[test]
    fn an_operation_that_a_fragment_would_multiply_is_prepared_by_async_graphql() {
        let fields = "id username createdAt ".repeat(20);
        let user = |spreads: usize| {
            let spreads = "...F ".repeat(spreads);
            format!(
                "query($m: String!) {{ user(mobile: $m) {{ {spreads} }} }} \
                 fragment F on User {{ {fields} }}"
            )
        };
        let variables = json!({ "m": "1" });
        assert_eq!(way_of(&user(1), variables.clone()), "resolve");
        assert_eq!(way_of(&user(50), variables), "fast");
    }

    #[tokio::test]
    async fn only_an_accepted_document_counts_as_validated() {
        let executor = executor();
        for (text, is_valid) in [("{ __typename }", true), ("{ nope }", false)] {
            let operation = operation(text, json!({}));
            let document = Arc::clone(&operation.document);
            let response = executor.execute(operation, Data::default()).await;
            assert_eq!(response.is_ok(), is_valid);
            assert_eq!(document.is_validated(), is_valid, "{text}");
        }
    }

    /// The message is that of async-graphql 8.0.0-rc.5.
    #[tokio::test]
    async fn a_subscription_is_validated_before_its_stream_starts() {
        let executor = executor();
        let valid = operation("subscription { sessionAlerts { id } }", json!({}));
        let response = executor
            .strict
            .execute(request(valid.clone(), Data::default()))
            .await;
        assert_eq!(response.errors[0].message, NOT_A_STREAM);
        drop(executor.subscribe(valid.clone(), Data::default()).await);
        assert!(valid.document.is_validated());

        let invalid = operation("subscription { sessionAlerts { nope } }", json!({}));
        let responses = executor.subscribe(invalid.clone(), Data::default()).await;
        let responses: Vec<_> = responses.collect().await;
        assert_eq!(responses.len(), 1);
        assert!(is_request_error(&responses[0]));
        assert!(!invalid.document.is_validated());
    }
}
