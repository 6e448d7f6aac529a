//! What is added to the responses of async-graphql, and removed from them.

use async_graphql::{Response, Value};

use super::super::errors::ErrorCode;
use crate::request_id::RequestId;

/// Returns whether a response is a request error (GraphQL specification, 7.1.2): the operation
/// failed before any field was executed. Parsing, validation and authentication come first, and
/// their errors have no path.
#[must_use]
pub fn is_request_error(response: &Response) -> bool {
    !response.errors.is_empty()
        && response.data == Value::Null
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// The texts in messages of async-graphql 8.0.0-rc.5 that a rejected value follows, and the end of
/// the message without the value.
const TEXTS_BEFORE_VALUES: [(&str, &str); 2] = [
    (", found ", "."),
    (
        " does not contain the value ",
        " does not contain this value.",
    ),
];

/// Adds the code to errors of async-graphql, which have none. If async-graphql rejects a value, its
/// message ends with that value, which may be long or may be a password. So the value is removed.
pub(super) fn with_codes(mut response: Response) -> Response {
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", ErrorCode::BadRequest.as_str());
            for (text, end) in TEXTS_BEFORE_VALUES {
                if let Some(start) = error.message.find(text) {
                    error.message.replace_range(start.., end);
                }
            }
        }
    }
    response
}

/// Adds the id of the request to internal errors, so that their causes can be found in the log.
pub(super) fn with_request_id(mut response: Response, id: &RequestId) -> Response {
    let internal = ErrorCode::Internal.as_str().into();
    for error in &mut response.errors {
        if let Some(extensions) = &mut error.extensions
            && extensions.get("code") == Some(&internal)
        {
            extensions.set("requestId", id.to_string());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use async_graphql::ValidationMode;

    use super::*;
    use crate::graphql::schema;

    /// The wording is that of async-graphql 8.0.0-rc.5.
    #[tokio::test]
    async fn a_rejected_value_is_removed_from_the_message_of_async_graphql() {
        for (text, end) in [
            (
                "mutation { login(input: \"hunter2\") { message } }",
                "\"LoginInput\".",
            ),
            (
                "mutation { login(input: { mobile: \"\", username: \"\", onConflict: hunter2 }) \
                 { message } }",
                "enumeration type \"OnConflict\" does not contain this value.",
            ),
        ] {
            let response = schema::unlimited(ValidationMode::Strict)
                .execute(text)
                .await;
            let message = &response.errors[0].message;
            assert!(
                message.ends_with("hunter2\".") || message.ends_with("hunter2\""),
                "async-graphql changed its wording: {message}"
            );
            let response = with_codes(response);
            let message = &response.errors[0].message;
            assert!(message.ends_with(end), "{message}");
        }
    }
}
