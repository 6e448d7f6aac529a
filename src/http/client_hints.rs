//! The client hints in the headers of a request (<https://wicg.github.io/ua-client-hints/>).
//!
//! `Sec-CH-UA-Mobile` is not read: it says no more about the device than the platform and the model
//! do, and a browser that asks for desktop pages sends a wrong one.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{Item, List, ListEntry, Parser};

use crate::domain::ClientHints;

const BRANDS: &str = "sec-ch-ua";
const PLATFORM: &str = "sec-ch-ua-platform";
const PLATFORM_VERSION: &str = "sec-ch-ua-platform-version";
const MODEL: &str = "sec-ch-ua-model";

/// The header with which a page asks browsers for the hints that they send only on request. They read
/// it in the response to a page, and then send the hints with the page's requests to the same origin.
pub(super) const ACCEPT_CH: (HeaderName, HeaderValue) = (
    HeaderName::from_static("accept-ch"),
    HeaderValue::from_static("Sec-CH-UA-Platform-Version, Sec-CH-UA-Model"),
);

/// The longest value that is read, in bytes, and the largest number of brands. Browsers send about
/// 100 bytes with three brands.
const MAX_LENGTH: usize = 512;
const MAX_BRANDS: usize = 16;

/// Returns the client hints of a request. `None` if it has none. A value that is not a structured
/// field (RFC 9651) is ignored: a client's header must not prevent its login.
pub(super) fn client_hints(headers: &HeaderMap) -> Option<ClientHints> {
    // Every browser that sends client hints sends the brands.
    let brands = brands(value(headers, BRANDS)?);
    Some(ClientHints {
        brands,
        platform: text(headers, PLATFORM),
        platform_version: text(headers, PLATFORM_VERSION),
        model: text(headers, MODEL),
    })
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let value = headers.get(name)?.as_bytes();
    (value.len() <= MAX_LENGTH).then_some(value)
}

/// `"Chromium";v="128", "Brave";v="128", "Not;A=Brand";v="24"`.
fn brands(value: &[u8]) -> Vec<(String, String)> {
    let list = Parser::new(value).parse::<List>().unwrap_or_default();
    let brand = |entry: ListEntry| {
        let ListEntry::Item(item) = entry else {
            return None;
        };
        let mut parameters = item.params.iter();
        let (_, version) = parameters.find(|(name, _)| name.as_str() == "v")?;
        let version = version.as_string()?.as_str().to_owned();
        Some((item.bare_item.as_string()?.as_str().to_owned(), version))
    };
    list.into_iter()
        .filter_map(brand)
        .take(MAX_BRANDS)
        .collect()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let item = Parser::new(value(headers, name)?).parse::<Item>().ok()?;
    let text = item.bare_item.as_string()?.as_str();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
        let values = values.iter();
        values
            .map(|(name, value)| {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                (HeaderName::from_static(name), value)
            })
            .collect()
    }

    #[test]
    fn hints_are_structured_fields() {
        let hints = client_hints(&headers(&[
            (
                BRANDS,
                r#""Chromium";v="128", "Not;A=Brand";v="24", "Brave";v="128""#,
            ),
            (PLATFORM, r#""Windows""#),
            (PLATFORM_VERSION, r#""15.0.0""#),
            (MODEL, r#""""#),
        ]))
        .unwrap();
        let names: Vec<_> = hints.brands.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["Chromium", "Not;A=Brand", "Brave"]);
        assert_eq!(hints.brands[2].1, "128");
        assert_eq!(hints.platform.as_deref(), Some("Windows"));
        assert_eq!(hints.platform_version.as_deref(), Some("15.0.0"));
        assert_eq!(hints.model, None);
    }

    #[test]
    fn a_value_that_cannot_be_read_is_ignored() {
        assert_eq!(client_hints(&headers(&[])), None);
        let long = format!("\"{}\"", "x".repeat(MAX_LENGTH));
        for value in ["", "\"", "Windows", "?1", "\u{202e}", "(\"a\")", &long] {
            let hints = client_hints(&headers(&[
                (BRANDS, "\"Brave\""),
                (PLATFORM, value),
                (MODEL, value),
            ]));
            assert_eq!(hints, Some(ClientHints::default()), "{value}");
        }
        let many = r#""B";v="1","#.repeat(40) + r#""B";v="1""#;
        let hints = client_hints(&headers(&[(BRANDS, &many)])).unwrap();
        assert_eq!(hints.brands.len(), MAX_BRANDS);
    }
}
