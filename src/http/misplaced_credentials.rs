//! Finds credentials in places that the server does not read.
//!
//! Clients send tokens in many places, and a server that ignores one treats its sender as a caller
//! without credentials. In development mode that is the service, whatever the token was.

use axum::http::{HeaderMap, Uri, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// The error message for a request with credentials in another header or in the URL.
pub(super) const IN_REQUEST: &str = "The server reads credentials only from the header \
     `Authorization: Bearer <key or token>`. Remove them from other headers and from the URL.";

/// Returns whether another header than `Authorization` or the query string contains credentials.
pub(super) fn in_request(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut other_headers = headers
        .keys()
        .filter(|name| ![header::AUTHORIZATION, header::PROXY_AUTHORIZATION].contains(*name));
    let mut parameters = uri.query().unwrap_or_default().split('&').map(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        percent_decode_str(name).decode_utf8_lossy()
    });
    other_headers.any(|name| names_credentials(name.as_str()))
        || parameters.any(|name| names_credentials(&name))
}

/// Returns whether an entry of `object`, at any depth, contains credentials.
pub(super) fn in_object(object: &Map<String, Value>) -> bool {
    object
        .iter()
        .any(|(name, value)| !value.is_null() && (names_credentials(name) || in_value(value)))
}

fn in_value(value: &Value) -> bool {
    match value {
        Value::Object(object) => in_object(object),
        Value::Array(items) => items.iter().any(in_value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Returns whether a header, parameter or entry with this name usually contains credentials, for
/// example `X-Access-Token`, `authToken` or `api_key`.
fn names_credentials(name: &str) -> bool {
    const NAMES: [&str; 6] = [
        "auth",
        "bearer",
        "credential",
        "credentials",
        "jwt",
        "password",
    ];
    const ENDINGS: [&str; 6] = [
        "authorization",
        "token",
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
        for (uri, expected) in [
            ("/graphql?access_token=x", true),
            ("/graphql?query={a}&token=x", true),
            ("/graphql?Authorization=x", true),
            ("/graphql?apiKey", true),
            ("/graphql?access%5Ft%6Fken=x", true),
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
