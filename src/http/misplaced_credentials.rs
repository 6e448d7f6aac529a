//! Finds credentials in places that the server does not read.
//!
//! Clients send tokens in many places, and a server that ignores one treats its sender as a caller
//! without credentials. In development mode that is the service, whatever the token was.

use axum::http::{HeaderMap, Uri, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// The error message for a request with credentials in another header, in the URL or in
/// `extensions`.
pub(super) const IN_REQUEST: &str = "The server reads credentials only from the header \
     `Authorization: Bearer <key or token>`. Remove them from other headers, from the URL and from \
     `extensions`.";

/// Returns whether another header than `Authorization` or the query string contains credentials.
pub(super) fn in_request(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut other_headers = headers
        .iter()
        .filter(|(name, _)| ![header::AUTHORIZATION, header::PROXY_AUTHORIZATION].contains(*name));
    let mut parameters = uri.query().unwrap_or_default().split('&').map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        [name, value].map(|text| percent_decode_str(text).decode_utf8_lossy())
    });
    other_headers.any(|(name, value)| {
        names_credentials(name.as_str())
            || are_credentials(&String::from_utf8_lossy(value.as_bytes()))
    }) || parameters.any(|[name, value]| names_credentials(&name) || are_credentials(&value))
}

/// Returns whether an entry of `object`, at any depth, contains credentials. Some clients send
/// headers as a text or a list, so a text that begins with `Authorization` counts too.
pub(super) fn in_object(object: &Map<String, Value>) -> bool {
    object
        .iter()
        .any(|(name, value)| !value.is_null() && (names_credentials(name) || in_value(value)))
}

fn in_value(value: &Value) -> bool {
    match value {
        Value::Object(object) => in_object(object),
        Value::Array(items) => items.iter().any(in_value),
        Value::String(text) => has_prefix(text, "authorization") || are_credentials(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Returns whether a text is a bearer token or contains a session's token, whatever its name is.
fn are_credentials(text: &str) -> bool {
    has_prefix(text, "bearer ") || text.contains("sd1_")
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    let start = text.trim_start().get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Returns whether a header, parameter or entry with this name usually contains credentials, for
/// example `X-Access-Token`, `authToken` or `api_key`.
fn names_credentials(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "auth",
        "authentication",
        "authorisation",
        "bearer",
        "credential",
        "credentials",
        "jwt",
        "password",
    ];
    const ENDINGS: [&str; 7] = [
        "authorization",
        "token",
        "tokens",
        "apikey",
        "servicekey",
        "secret",
        "jwt",
    ];
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect();
    // A token against cross-site request forgery identifies a page, and not a caller.
    let is_against_forgery = name.contains("csrf") || name.contains("xsrf");
    let is_credential =
        NAMES.contains(&name.as_str()) || ENDINGS.iter().any(|end| name.ends_with(end));
    is_credential && !is_against_forgery
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_are_recognized_by_the_name_of_a_header_or_parameter() {
        for (name, expected) in [
            ("x-authorization", true),
            ("x-auth-token", true),
            ("token", true),
            ("x-api-key", true),
            ("x-hasura-admin-secret", true),
            ("authorization", false),
            ("proxy-authorization", false),
            ("x-csrf-token", false),
            ("x-request-id", false),
            ("idempotency-key", false),
            ("sec-websocket-key", false),
            ("cookie", false),
            ("traceparent", false),
        ] {
            let name = HeaderName::from_static(name);
            let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static("x"))]);
            let is_found = in_request(&headers, &Uri::from_static("/graphql"));
            assert_eq!(is_found, expected, "{name}");
        }
        for (name, value, expected) in [
            ("x-any", "Bearer x", true),
            ("cookie", "theme=dark; session=sd1_x", true),
            (
                "sec-websocket-protocol",
                "graphql-transport-ws, sd1_x",
                true,
            ),
            ("cookie", "theme=dark", false),
            ("sec-websocket-protocol", "graphql-transport-ws", false),
            ("authorization", "Bearer sd1_x", false),
        ] {
            let (header, value) = (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
            let headers = HeaderMap::from_iter([(header, value)]);
            let is_found = in_request(&headers, &Uri::from_static("/graphql"));
            assert_eq!(is_found, expected, "{name}");
        }
        for (uri, expected) in [
            ("/graphql?access_token=x", true),
            ("/graphql?query={a}&token=x", true),
            ("/graphql?Authorization=x", true),
            ("/graphql?apiKey", true),
            ("/graphql?access%5Ft%6Fken=x", true),
            ("/graphql?any=Bearer%20x", true),
            ("/graphql?any=sd1_x", true),
            ("/graphql?query={token}&variables={}", false),
            ("/graphql?operationName=token", false),
            ("/graphql", false),
        ] {
            let uri = Uri::from_static(uri);
            assert_eq!(in_request(&HeaderMap::new(), &uri), expected, "{uri}");
        }
    }

    #[test]
    fn credentials_are_found_at_any_depth_of_an_object() {
        for (object, expected) in [
            (json!({ "authToken": "x" }), true),
            (json!({ "token": 7 }), true),
            (json!({ "jwt": "" }), true),
            (
                json!({ "context": { "headers": { "authorization": "x" } } }),
                true,
            ),
            (json!({ "headers": [{ "Authorization": "x" }] }), true),
            (json!({ "headers": "Authorization: Bearer x" }), true),
            (json!({ "headers": ["authorization", "x"] }), true),
            (
                json!({ "headers": [{ "name": "Authorization", "value": "x" }] }),
                true,
            ),
            (json!({ "any": "bearer x" }), true),
            (json!({ "any": ["sd1_x"] }), true),
            (json!({ "headers": { "cookie": "a=b; c=sd1_x" } }), true),
            (json!({ "token": null }), false),
            (
                json!({ "lang": "en", "headers": { "x-request-id": "1" } }),
                false,
            ),
            (json!({ "values": ["token"] }), false),
        ] {
            let found = in_object(object.as_object().unwrap());
            assert_eq!(found, expected, "{object}");
        }
    }
}
