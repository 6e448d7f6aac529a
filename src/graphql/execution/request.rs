//! An operation as a client sends it, and as the executor receives it.

use std::{fmt, sync::Arc};

use async_graphql::{
    Request, Value, Variables,
    parser::types::{ExecutableDocument, OperationType},
};

use super::{
    super::errors::RequestError,
    document::{ChosenOperation, Document},
};

/// An operation as POST, GET and WebSocket carry it (GraphQL over HTTP, 5.1). The server uses no
/// protocol extension, so it drops `extensions`.
#[derive(Default)]
pub struct OperationRequest {
    /// The text of the document. `None` if the client sent the hash of a persisted query instead.
    pub query: Option<String>,
    /// The name of the operation to execute. It is optional if the document has only one operation.
    pub operation_name: Option<String>,
    /// The values of the operation's variables.
    pub variables: Variables,
}

/// Shows neither the text nor the variables: both may contain a password.
impl fmt::Debug for OperationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationRequest")
            .field("operation_name", &self.operation_name)
            .finish_non_exhaustive()
    }
}

/// An operation with its document, ready to execute.
#[derive(Debug)]
pub struct PreparedOperation {
    request: OperationRequest,
    document: Result<Arc<Document>, RequestError>,
}

impl PreparedOperation {
    pub(super) const fn new(
        request: OperationRequest,
        document: Result<Arc<Document>, RequestError>,
    ) -> Self {
        Self { request, document }
    }

    /// Returns whether the operation that will be executed is a query, a mutation or a
    /// subscription. Returns `None` if no operation will be executed. The response then contains
    /// the error.
    #[must_use]
    pub fn kind(&self) -> Option<OperationType> {
        let document = self.document.as_ref().ok()?;
        let operation = document.operation(self.request.operation_name.as_deref())?;
        Some(operation.kind())
    }

    /// Returns whether the request could mean an operation of this kind, even if the executor would
    /// reject it, for example because the document has several operations and the request has no
    /// name. Returns false if the document is rejected: the response reports why.
    #[must_use]
    pub fn could_be(&self, kind: OperationType) -> bool {
        let name = self.request.operation_name.as_deref();
        self.document
            .as_ref()
            .is_ok_and(|document| document.could_mean(name, kind))
    }

    /// Builds the request for the executor.
    ///
    /// A variable without a value gets its default, because async-graphql 8.0.0-rc.5 ignores the
    /// default in the conditions of `@skip` and `@include`. A nullable variable without a default
    /// becomes null, because async-graphql rejects an absent variable in an argument that the
    /// complexity depends on, such as `first: $first`. In this API, null and an absent value have
    /// the same meaning.
    ///
    /// # Errors
    /// [`RequestError`] if the document was rejected, or if a variable that must not be null has no
    /// value, or if a variable is not of the shape that its type needs. async-graphql would report
    /// such a variable as the failure of a field.
    pub(super) fn into_executor_request(self) -> Result<Request, RequestError> {
        let document = self.document?;
        let OperationRequest {
            query,
            operation_name,
            mut variables,
        } = self.request;
        let operation = document.operation(operation_name.as_deref());
        for variable in operation.into_iter().flat_map(ChosenOperation::variables) {
            let value = variables
                .entry(variable.name.clone())
                .or_insert_with(|| variable.default.clone());
            if *value == Value::Null && !variable.is_nullable {
                return Err(RequestError::MissingVariable(variable.name.clone()));
            }
            if let Some(expected) = variable.expected_instead_of(value) {
                let name = variable.name.clone();
                return Err(RequestError::WrongVariable { name, expected });
            }
        }
        let mut request = Request::new(query.unwrap_or_default()).variables(variables);
        request.operation_name = operation_name;
        request.set_parsed_query(ExecutableDocument::clone(document.parsed()));
        Ok(request)
    }
}
