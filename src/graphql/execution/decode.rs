//! Decodes the requests of POST, GET and WebSocket to operations, with the same checks and the same
//! sentences for each of them.

#[cfg(test)]
mod tests;

use std::fmt;

use async_graphql::Variables;
use serde::Deserialize;
use serde_json::{Map, Value, error::Category};

use super::{
    super::messages,
    persisted::PersistedQuery,
    request::{DocumentSource, OperationRequest},
};

/// The entry of `extensions` with the hash of a persisted query.
const PERSISTED_QUERY: &str = "persistedQuery";

const LONE_SURROGATE: &str = "one half of a surrogate pair in a string";

/// A problem of a request that is not a GraphQL request (GraphQL over HTTP, 5.1). `Display` shows
/// it as a sentence for the client, which contains no value of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// The body is not UTF-8.
    NotUtf8,
    /// The body is empty.
    EmptyBody,
    /// The body is a list of requests.
    Batch,
    /// The body is JSON, but not an object.
    NotAnObject,
    /// A text is not JSON.
    NotJson {
        /// The name of the text, at the start of a sentence.
        text: &'static str,
        /// The reason and the position, in the words of the JSON parser.
        reason: String,
    },
    /// An entry of the request occurs twice.
    RepeatedEntry,
    /// An entry of the request has the wrong type.
    WrongType {
        /// The name of the entry.
        entry: &'static str,
        /// The type that it must have, with an article.
        expected: &'static str,
        /// The type that it has, with an article.
        found: &'static str,
    },
    /// The request has no `query`.
    MissingQuery,
    /// The `query` is empty.
    EmptyQuery,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&messages::decode_error(self))
    }
}

impl std::error::Error for DecodeError {}

/// A request whose entries may have any type.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UncheckedRequest {
    #[serde(default)]
    query: Value,
    #[serde(default)]
    operation_name: Value,
    #[serde(default)]
    variables: Value,
    #[serde(default)]
    extensions: Value,
}

/// Shows nothing: the text and the variables may contain a password.
impl fmt::Debug for UncheckedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UncheckedRequest").finish_non_exhaustive()
    }
}

/// The parameters of a GET. `variables` and `extensions` are JSON.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// Shows nothing: the text and the variables may contain a password.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters").finish_non_exhaustive()
    }
}

impl OperationRequest {
    /// Decodes the body of a POST. A byte order mark at its start is ignored (RFC 8259, 8.1).
    ///
    /// # Errors
    /// [`DecodeError`] if the body is not a GraphQL request.
    pub fn from_body(body: &[u8]) -> Result<Self, DecodeError> {
        let text = str::from_utf8(body).map_err(|_| DecodeError::NotUtf8)?;
        let text = text.trim_start_matches('\u{FEFF}').trim_ascii();
        if text.is_empty() {
            return Err(DecodeError::EmptyBody);
        }
        // A derived `Deserialize` would accept a list of the entries.
        if text.starts_with('[') {
            return Err(DecodeError::Batch);
        }
        let request: UncheckedRequest =
            serde_json::from_str(text).map_err(|error| match error.classify() {
                Category::Data if text.starts_with('{') => DecodeError::RepeatedEntry,
                Category::Data => DecodeError::NotAnObject,
                Category::Io | Category::Syntax | Category::Eof => not_json("The body", &error),
            })?;
        Self::try_from(request)?.with_text()
    }

    /// Decodes the parameters of a GET. An empty parameter has the same meaning as an absent one
    /// (GraphQL over HTTP, 5.2).
    ///
    /// # Errors
    /// [`DecodeError`] if the parameters are not a GraphQL request.
    pub fn from_parameters(parameters: Parameters) -> Result<Self, DecodeError> {
        let text = |parameter: Option<String>| parameter.map_or(Value::Null, Value::String);
        let json = |parameter: Option<String>, name| match parameter.as_deref() {
            None | Some("") => Ok(Value::Null),
            Some(text) => serde_json::from_str(text).map_err(|error| not_json(name, &error)),
        };
        let request = UncheckedRequest {
            query: text(parameters.query.filter(|query| !query.is_empty())),
            operation_name: text(parameters.operation_name),
            variables: json(parameters.variables, "The parameter `variables`")?,
            extensions: json(parameters.extensions, "The parameter `extensions`")?,
        };
        Self::try_from(request)?.with_text()
    }

    /// Rejects a request whose document has no text.
    fn with_text(self) -> Result<Self, DecodeError> {
        match self.document.text() {
            Some(text) if text.trim().is_empty() => Err(DecodeError::EmptyQuery),
            _ => Ok(self),
        }
    }
}

impl TryFrom<UncheckedRequest> for OperationRequest {
    type Error = DecodeError;

    /// Checks the types of the entries. `null` has the same meaning as an absent entry, and so has
    /// an empty operation name, because no operation can have it.
    fn try_from(request: UncheckedRequest) -> Result<Self, DecodeError> {
        let query = string(request.query, "query")?;
        let extensions = match request.extensions {
            Value::Null => Map::new(),
            Value::Object(extensions) => extensions,
            other => return Err(wrong_type("extensions", "an object", &other)),
        };
        let persisted = extensions
            .get(PERSISTED_QUERY)
            .filter(|entry| !entry.is_null())
            .map(PersistedQuery::decode);
        let document = match (query, persisted) {
            (Some(text), Some(persisted)) if !text.is_empty() => {
                DocumentSource::TextToPersist(text, persisted)
            }
            (_, Some(persisted)) => DocumentSource::Persisted(persisted),
            (Some(text), None) => DocumentSource::Text(text),
            (None, None) => return Err(DecodeError::MissingQuery),
        };
        let operation_name = string(request.operation_name, "operationName")?;
        let variables = match request.variables {
            variables @ (Value::Null | Value::Object(_)) => Variables::from_json(variables),
            other => return Err(wrong_type("variables", "an object", &other)),
        };
        Ok(Self {
            document,
            operation_name: operation_name.filter(|name| !name.is_empty()),
            variables,
            extensions,
        })
    }
}

fn not_json(text: &'static str, error: &serde_json::Error) -> DecodeError {
    let reason = json_problem(error);
    DecodeError::NotJson { text, reason }
}

/// Returns the reason and the position of an error in JSON, in the words of serde_json 1. Its words
/// for half a surrogate pair would puzzle a reader, so others replace them.
#[must_use]
pub fn json_problem(error: &serde_json::Error) -> String {
    error
        .to_string()
        .replace("unexpected end of hex escape", LONE_SURROGATE)
        .replace("lone leading surrogate in hex escape", LONE_SURROGATE)
}

fn string(value: Value, entry: &'static str) -> Result<Option<String>, DecodeError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other => Err(wrong_type(entry, "a string", &other)),
    }
}

fn wrong_type(entry: &'static str, expected: &'static str, found: &Value) -> DecodeError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    DecodeError::WrongType {
        entry,
        expected,
        found,
    }
}
