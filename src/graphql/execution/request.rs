//! An operation as a client sends it, and as the executor receives it.

use std::{fmt, sync::Arc};

use async_graphql::{
    Name, Value, Variables,
    parser::types::{BaseType, OperationType, VariableDefinition},
};
use serde_json::Map;

use super::{
    super::errors::RequestError,
    document::{ChosenOperation, Document},
    persisted::{PersistedQuery, QueryHash},
};

/// An operation as POST, GET and WebSocket carry it (GraphQL over HTTP, 5.1).
#[derive(Default)]
pub struct OperationRequest {
    /// The document.
    pub document: DocumentSource,
    /// The name of the operation to execute. It is optional if the document has only one operation.
    pub operation_name: Option<String>,
    /// The values of the operation's variables.
    pub variables: Variables,
    /// The entries of `extensions`. The executor gets none of them.
    pub extensions: Map<String, serde_json::Value>,
}

/// How a request names its document.
pub enum DocumentSource {
    /// By its text.
    Text(String),
    /// By its text, to be kept as a persisted query.
    TextToPersist(String, PersistedQuery),
    /// As a persisted query.
    Persisted(PersistedQuery),
}

impl DocumentSource {
    /// Returns the text, if the request has it.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::TextToPersist(text, _) => Some(text),
            Self::Persisted(_) => None,
        }
    }
}

impl Default for DocumentSource {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// Shows no text: it may contain a password.
impl fmt::Debug for DocumentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentSource").finish_non_exhaustive()
    }
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
    pub(super) fn new(
        mut request: OperationRequest,
        document: Result<Arc<Document>, RequestError>,
    ) -> Self {
        let known = document.as_ref().ok();
        let operation = known.and_then(|known| known.operation(request.operation_name.as_deref()));
        drop_undeclared(&mut request.variables, operation);
        Self { request, document }
    }

    /// Returns whether the operation that will be executed is a query, a mutation or a
    /// subscription. Returns `None` if no operation will be executed. The response then contains
    /// the error.
    #[must_use]
    pub fn kind(&self) -> Option<OperationType> {
        let document = self.document.as_ref().ok()?;
        let operation = document.operation(self.request.operation_name.as_deref());
        operation.map(ChosenOperation::kind)
    }

    /// Returns the name of the operation that will be executed, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let document = self.document.as_ref().ok()?;
        let chosen = self.request.operation_name.as_deref();
        document.operation(chosen)?;
        chosen.or_else(|| document.only_name())
    }

    /// Returns whether the request could mean an operation of this kind, even if the executor would
    /// reject it, for example because the document has several operations and the request has no
    /// name. A document that is rejected could mean anything.
    #[must_use]
    pub fn could_be(&self, kind: OperationType) -> bool {
        let name = self.request.operation_name.as_deref();
        self.document
            .as_ref()
            .map_or(true, |document| document.could_mean(name, kind))
    }

    /// Returns whether the document is rejected, so that nothing will be executed. The response
    /// reports why.
    #[must_use]
    pub const fn is_rejected(&self) -> bool {
        self.document.is_err()
    }

    /// Chooses the operation, gives a value to each of its variables, and checks the shapes of the
    /// values.
    ///
    /// # Errors
    /// [`RequestError`] if the document was rejected, if no operation is chosen, or if the operation
    /// uses large variables too often, and the errors of [`complete`].
    pub(super) fn check(self) -> Result<CheckedOperation, RequestError> {
        let document = self.document?;
        let OperationRequest {
            document: source,
            operation_name: name,
            mut variables,
            extensions: _,
        } = self.request;
        let Some(operation) = document.operation(name.as_deref()) else {
            return Err(RequestError::NoOperation { name });
        };
        let absent = complete(&mut variables, operation)?;
        document.check_copies(name.as_deref(), &variables)?;
        let hash_to_persist = match source {
            DocumentSource::TextToPersist(_, persisted) => Some(*persisted.hash()?),
            DocumentSource::Text(_) | DocumentSource::Persisted(_) => None,
        };
        Ok(CheckedOperation {
            document,
            name,
            variables,
            absent,
            hash_to_persist,
        })
    }
}

/// An operation whose document is within the limits and whose variables have values.
#[derive(Clone)]
pub(super) struct CheckedOperation {
    pub document: Arc<Document>,
    /// The name of the operation, if the client sent one.
    pub name: Option<String>,
    /// The values of all variables that the operation declares.
    pub variables: Variables,
    /// The variables that became null because the request has no value for them.
    pub absent: Vec<Name>,
    /// The hash under which the document is kept if it is valid.
    pub hash_to_persist: Option<QueryHash>,
}

impl CheckedOperation {
    /// Returns the document and its hash if the client wants the server to keep it.
    pub(super) fn to_persist(&self) -> Option<(QueryHash, Arc<Document>)> {
        let hash = self.hash_to_persist?;
        Some((hash, Arc::clone(&self.document)))
    }
}

/// Gives a value to each variable that the operation declares. Returns the variables that have neither
/// a value nor a default.
///
/// A variable without a value gets its default, because async-graphql 8.0.0-rc.5 ignores the default
/// in the conditions of `@skip` and `@include`. A nullable variable without a default becomes null,
/// because async-graphql rejects an absent variable in an argument that the complexity depends on,
/// such as `first: $first`. In this API, null and an absent value have the same meaning where null is
/// allowed. For the other places, see [`super::argument_defaults`].
///
/// # Errors
/// [`RequestError`] if a variable that must not be null has no value, or if a variable is not of the
/// shape that its type needs. async-graphql would report such a variable as the failure of a field.
fn complete(
    variables: &mut Variables,
    operation: ChosenOperation<'_>,
) -> Result<Vec<Name>, RequestError> {
    let mut absent = Vec::new();
    for definition in operation.variables() {
        let name = &definition.name.node;
        let value = if let Some(value) = variables.get(&**name) {
            value
        } else {
            let default = definition.default_value.as_ref();
            if default.is_none() {
                absent.push(name.clone());
            }
            let default = default.map(|value| value.node.clone());
            variables
                .entry(name.clone())
                .or_insert(default.unwrap_or_default())
        };
        if *value == Value::Null && !definition.var_type.node.nullable {
            return Err(RequestError::MissingVariable(name.clone()));
        }
        if let Some(expected) = expected_instead_of(value, definition) {
            let name = name.clone();
            return Err(RequestError::WrongVariable { name, expected });
        }
    }
    Ok(absent)
}

/// Drops the variables that the operation does not declare. Otherwise a subscription would hold them as
/// long as it runs, and a login while it waits: a list of 64 kB takes 2.4 MB.
fn drop_undeclared(variables: &mut Variables, operation: Option<ChosenOperation<'_>>) {
    let declared = || operation.iter().flat_map(|operation| operation.variables());
    let is_sent = |definition: &&VariableDefinition| variables.contains_key(&definition.name.node);
    if declared().filter(is_sent).count() >= variables.len() {
        return;
    }
    let mut sent = std::mem::take(variables);
    variables.extend(declared().filter_map(|definition| sent.remove_entry(&definition.name.node)));
}

/// Returns the shape that a variable must have, as the end of a sentence, if `value` has another
/// one. async-graphql 8.0.0-rc.5 would report some of these values as the failure of a field. It
/// checks everything else about the types.
fn expected_instead_of(value: &Value, definition: &VariableDefinition) -> Option<&'static str> {
    let BaseType::Named(name) = &definition.var_type.node.base else {
        return None;
    };
    // Each input object of the schema has such a name, and no other type.
    let is_input_object = name.ends_with("Input");
    match value {
        Value::Null => None,
        Value::Object(_) if is_input_object => None,
        _ if is_input_object => Some("an object"),
        Value::List(_) => Some("one value, and not a list"),
        _ => None,
    }
}
