//! The credentials in the payload of `connection_init`.

use serde_json::{Map, Value};

use super::super::{client::parse_bearer, misplaced_credentials};

/// The reason for the close frame if a message contains credentials that the server does not read.
pub(super) const MISPLACED: &str =
    "Send the credentials as `authorization` in the payload of connection_init";

/// Takes the credentials out of a payload: `authorization` in the payload itself or in its
/// `headers`, in any case, with or without `Bearer`. Returns `None` if it contains none.
///
/// # Errors
/// The reason for the close frame if the payload contains credentials that the server does not
/// read, or two different ones.
pub(super) fn take_credentials(
    payload: &mut Map<String, Value>,
) -> Result<Option<String>, &'static str> {
    let own = take_authorization(payload)?;
    let in_headers = match payload.iter_mut().find(|(name, _)| *name == "headers") {
        Some((_, Value::Object(headers))) => take_authorization(headers)?,
        _ => None,
    };
    if misplaced_credentials::in_object(payload) {
        return Err(MISPLACED);
    }
    match (own, in_headers) {
        (Some(own), Some(other)) if own != other => {
            Err("The payload of connection_init has two different credentials")
        }
        (own, in_headers) => Ok(own.or(in_headers)),
    }
}

/// Takes each `authorization` out of an object.
fn take_authorization(object: &mut Map<String, Value>) -> Result<Option<String>, &'static str> {
    let is_authorization = |name: &String| name.eq_ignore_ascii_case("authorization");
    let names: Vec<String> = object
        .keys()
        .filter(|name| is_authorization(name))
        .cloned()
        .collect();
    let mut credentials = None;
    for name in names {
        let found = match object.remove(&name) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => parse_authorization(&text),
            Some(_) => return Err("`authorization` must be a string"),
        };
        if credentials.is_some_and(|earlier: String| earlier != found) {
            return Err("The payload of connection_init has two different credentials");
        }
        credentials = Some(found);
    }
    Ok(credentials)
}

/// Returns the text after `Bearer`, or the whole text if it is one word. A text with another scheme
/// becomes empty, which is never a valid credential.
fn parse_authorization(text: &str) -> String {
    let text = text.trim();
    if text.contains(' ') {
        parse_bearer(text).to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn take(payload: &Value) -> Result<Option<String>, &'static str> {
        take_credentials(&mut payload.as_object().unwrap().clone())
    }

    #[test]
    fn credentials_are_read_from_the_payload_and_from_its_headers() {
        for (payload, expected) in [
            (json!({}), None),
            (
                json!({ "lang": "en", "headers": { "x-request-id": "1" } }),
                None,
            ),
            (json!({ "headers": null, "authorization": null }), None),
            (json!({ "authorization": "Bearer a" }), Some("a")),
            (json!({ "Authorization": "bearer  a " }), Some("a")),
            (json!({ "AUTHORIZATION": "a" }), Some("a")),
            (
                json!({ "headers": { "Authorization": "Bearer a" } }),
                Some("a"),
            ),
            (json!({ "headers": { "authorization": "a" } }), Some("a")),
            (
                json!({ "authorization": "a", "headers": { "Authorization": "Bearer a" } }),
                Some("a"),
            ),
            (
                json!({ "authorization": null, "Authorization": "a" }),
                Some("a"),
            ),
            // None of these is ever valid.
            (json!({ "authorization": "" }), Some("")),
            (json!({ "authorization": "Basic YTpi" }), Some("")),
            (json!({ "authorization": "Bearer" }), Some("Bearer")),
        ] {
            assert_eq!(take(&payload), Ok(expected.map(str::to_owned)), "{payload}");
        }
    }

    #[test]
    fn credentials_that_are_not_read_are_rejected() {
        let two = "The payload of connection_init has two different credentials";
        let place = "Send the credentials as `authorization` in the payload of connection_init";
        for (payload, reason) in [
            (
                json!({ "authorization": 7 }),
                "`authorization` must be a string",
            ),
            (
                json!({ "headers": { "authorization": ["a"] } }),
                "`authorization` must be a string",
            ),
            (json!({ "authorization": "a", "Authorization": "b" }), two),
            (
                json!({ "authorization": "a", "headers": { "authorization": "b" } }),
                two,
            ),
            (json!({ "authToken": "a" }), place),
            (json!({ "authorization": "a", "token": "b" }), place),
            (json!({ "headers": { "x-api-key": "a" } }), place),
            (json!({ "headers": [{ "Authorization": "a" }] }), place),
            (
                json!({ "context": { "headers": { "Authorization": "a" } } }),
                place,
            ),
        ] {
            assert_eq!(take(&payload), Err(reason), "{payload}");
        }
    }
}
