//! Decodes the requests of POST, GET and WebSocket to operations, with the same checks and the same
//! sentences for each of them.

use std::fmt;

use async_graphql::Variables;
use serde::Deserialize;
use serde_json::{Map, Value, error::Category};

use super::{super::messages, request::OperationRequest};

/// The entry of `extensions` with the hash of a persisted query (Apollo's protocol).
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
        match &self.query {
            Some(query) if query.trim().is_empty() => Err(DecodeError::EmptyQuery),
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
        let is_persisted = extensions
            .get(PERSISTED_QUERY)
            .is_some_and(|persisted| !persisted.is_null());
        let query = match query {
            Some(query) if !query.is_empty() => Some(query),
            _ if is_persisted => None,
            None => return Err(DecodeError::MissingQuery),
            empty => empty,
        };
        let operation_name = string(request.operation_name, "operationName")?;
        let variables = match request.variables {
            variables @ (Value::Null | Value::Object(_)) => Variables::from_json(variables),
            other => return Err(wrong_type("variables", "an object", &other)),
        };
        Ok(Self {
            query,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(body: &[u8]) -> String {
        OperationRequest::from_body(body).unwrap_err().to_string()
    }

    /// The wording of the reasons is that of serde_json 1.
    #[test]
    fn each_problem_of_a_body_has_its_own_sentence() {
        for (body, expected) in [
            ("", "The body is empty."),
            (" \n", "The body is empty."),
            (
                "[]",
                "Batches are not supported. Send one operation in each request.",
            ),
            (
                r#"[{"query":"{ a }"}]"#,
                "Batches are not supported. Send one operation in each request.",
            ),
            ("7", "The body must be a JSON object."),
            (r#""{ a }""#, "The body must be a JSON object."),
            ("null", "The body must be a JSON object."),
            (
                "query={a}",
                "The body is not valid JSON: expected value at line 1 column 1.",
            ),
            (
                "{",
                "The body is not valid JSON: EOF while parsing an object at line 1 column 1.",
            ),
            (
                r#"{"query":"{ a }"} x"#,
                "The body is not valid JSON: trailing characters at line 1 column 19.",
            ),
            (
                r#"{"query":"{ a }","variables":{"b":"\ud83d"}}"#,
                "The body is not valid JSON: one half of a surrogate pair in a string at line 1 \
                 column 42.",
            ),
            (
                r#"{"query":"{ a }","variables":{"b":"\ude00"}}"#,
                "The body is not valid JSON: one half of a surrogate pair in a string at line 1 \
                 column 41.",
            ),
            (
                r#"{"query":"{ a }","query":"{ b }"}"#,
                "Send each of `query`, `operationName`, `variables` and `extensions` only once.",
            ),
            ("{}", "The request has no `query`."),
            (r#"{"query":null}"#, "The request has no `query`."),
            (
                r#"{"extensions":{"persistedQuery":null}}"#,
                "The request has no `query`.",
            ),
            (r#"{"query":""}"#, "`query` must not be empty."),
            (r#"{"query":" \n"}"#, "`query` must not be empty."),
            (
                r#"{"query":1}"#,
                "`query` must be a string, but you sent a number.",
            ),
            (
                r#"{"query":"{ a }","operationName":1}"#,
                "`operationName` must be a string, but you sent a number.",
            ),
            (
                r#"{"query":"{ a }","variables":"{}"}"#,
                "`variables` must be an object, but you sent a string.",
            ),
            (
                r#"{"query":"{ a }","variables":[]}"#,
                "`variables` must be an object, but you sent a list.",
            ),
            (
                r#"{"query":"{ a }","extensions":true}"#,
                "`extensions` must be an object, but you sent a boolean.",
            ),
        ] {
            assert_eq!(sentence(body.as_bytes()), expected, "{body}");
        }
        assert_eq!(sentence(b"{\"query\":\"\xFF\"}"), "The body is not UTF-8.");
        let nested = format!(
            r#"{{"query":"{{ a }}","variables":{{"a":{}"#,
            "[".repeat(200)
        );
        assert_eq!(
            sentence(nested.as_bytes()),
            "The body is not valid JSON: recursion limit exceeded at line 1 column 160."
        );
    }

    #[test]
    fn odd_bodies_are_decoded() {
        for (body, query) in [
            ("\u{FEFF} {\"query\":\"{ a }\"}\n", Some("{ a }")),
            (
                r#"{"query":"{ a }","variables":null,"operationName":null}"#,
                Some("{ a }"),
            ),
            (
                r#"{"query":"{ a }","operationName":"","extensions":{"x":[1]}}"#,
                Some("{ a }"),
            ),
            (r#"{"query":"{ a }","more":"is ignored"}"#, Some("{ a }")),
            (r#"{"extensions":{"persistedQuery":{"version":1}}}"#, None),
            (r#"{"query":"","extensions":{"persistedQuery":{}}}"#, None),
            (
                r#"{"query":"{ a }","extensions":{"persistedQuery":{}}}"#,
                Some("{ a }"),
            ),
        ] {
            let request = OperationRequest::from_body(body.as_bytes()).unwrap();
            assert_eq!(request.query.as_deref(), query, "{body}");
            assert_eq!(request.operation_name, None, "{body}");
        }
    }

    #[test]
    fn an_empty_parameter_is_an_absent_one() {
        let some = |text: &str| Some(text.to_owned());
        let request = OperationRequest::from_parameters(Parameters {
            query: some("{ a }"),
            operation_name: some(""),
            variables: some(""),
            extensions: some(""),
        });
        let request = request.unwrap();
        assert_eq!(request.query.as_deref(), Some("{ a }"));
        assert_eq!(request.operation_name, None);

        let empty = Parameters {
            query: some(""),
            ..Parameters::default()
        };
        let error = OperationRequest::from_parameters(empty).unwrap_err();
        assert_eq!(error, DecodeError::MissingQuery);
        for (text, sentence) in [
            ("7", "`variables` must be an object, but you sent a number."),
            (
                "{",
                "The parameter `variables` is not valid JSON: EOF while parsing an object at line \
                 1 column 1.",
            ),
        ] {
            let parameters = Parameters {
                query: some("{ a }"),
                variables: some(text),
                ..Parameters::default()
            };
            let error = OperationRequest::from_parameters(parameters).unwrap_err();
            assert_eq!(error.to_string(), sentence);
        }
    }
}
