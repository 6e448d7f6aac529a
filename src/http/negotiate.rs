//! Content negotiation: chooses the media type of a response by `Accept`, and parses the weighted
//! lists of `Accept` and `Accept-Encoding`.

use axum::http::{HeaderMap, HeaderName, header};

use super::header_list;

/// A media type of GraphQL responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status shows whether the operation was executed.
    GraphQL,
    /// `application/json`, for clients that do not name the other type: the status is 200 for every
    /// GraphQL request that the server could process.
    #[default]
    Json,
    /// `text/event-stream`: one event for each response.
    EventStream,
}

impl MediaType {
    /// Returns the media type that `Accept` prefers (RFC 9110, 12.5.1), or `None` if it accepts
    /// none. Without `Accept`, the type is `application/json`.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let ranges = weighted_list(headers, &header::ACCEPT);
        if ranges.is_empty() {
            return Some(Self::default());
        }
        let weight_of = |name: &str| {
            let range = ranges.iter().find(|range| range.names(name));
            range.map(|range| range.weight)
        };
        let wildcard = weight_of("application/*").or_else(|| weight_of("*/*"));
        let preference = |media_type: &str| {
            let named = weight_of(media_type);
            let preference = named.or(wildcard).map(|weight| Preference {
                weight,
                is_named: named.is_some(),
            });
            preference.filter(|preference| preference.weight > 0)
        };
        let graphql = preference("application/graphql-response+json");
        let json = preference("application/json");
        // A stream is sent only if `Accept` names it, and never because a wildcard matches it.
        let stream = preference("text/event-stream").filter(|stream| stream.is_named);
        match (graphql, json) {
            (graphql, json) if stream > graphql.max(json) => Some(Self::EventStream),
            (None, None) => None,
            (Some(graphql), Some(json)) if !graphql.is_named && !json.is_named => Some(Self::Json),
            (graphql, json) if graphql >= json => Some(Self::GraphQL),
            _ => Some(Self::Json),
        }
    }

    /// Returns the value of the `Content-Type` header.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::GraphQL => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream",
        }
    }
}

/// How much a client prefers a media type. At the same weight, a type that `Accept` names precedes
/// a type that a wildcard matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    weight: u16,
    is_named: bool,
}

/// An item of a weighted list (RFC 9110, 12.4.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WeightedItem<'a> {
    /// The value without its parameters.
    value: &'a str,
    /// The weight `q` in thousandths. 0 means "not acceptable".
    pub weight: u16,
}

/// Parses all headers with this name as one list of weighted items. Skips empty items.
pub(super) fn weighted_list<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Vec<WeightedItem<'a>> {
    header_list::texts(headers, name)
        .map(WeightedItem::parse)
        .collect()
}

impl<'a> WeightedItem<'a> {
    /// Returns whether the item names this value, in any case.
    pub(super) fn names(&self, value: &str) -> bool {
        self.value.eq_ignore_ascii_case(value)
    }

    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let value = parts.next().unwrap_or_default();
        let weight =
            parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Self {
            value,
            weight: weight.map_or(1000, parse_weight),
        }
    }
}

/// Parses a weight to thousandths. A malformed weight is 0.
fn parse_weight(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    format!("{whole}{digits}")
        .parse::<u16>()
        .unwrap_or(0)
        .min(1000)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepted(accept: &'static str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        MediaType::accepted(&headers)
    }

    #[test]
    fn the_preferred_type_is_chosen() {
        assert_eq!(
            MediaType::accepted(&HeaderMap::new()),
            Some(MediaType::Json)
        );
        for accept in [
            "*/*, application/graphql-response+json",
            "application/graphql-response+json, application/json;q=0.9",
            "application/json;q=0.1, application/graphql-response+json;q=0.25",
            "application/json;q=0, */*",
        ] {
            assert_eq!(accepted(accept), Some(MediaType::GraphQL), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "application/*",
            "application/json",
            "application/json, */*",
            "Application/JSON; charset=utf-8",
        ] {
            assert_eq!(accepted(accept), Some(MediaType::Json), "{accept}");
        }
        for accept in [
            "text/event-stream",
            "text/event-stream, application/json;q=0.9",
            "application/json;q=0.5, text/event-stream;q=0.8, */*;q=0.1",
        ] {
            assert_eq!(accepted(accept), Some(MediaType::EventStream), "{accept}");
        }
        assert_eq!(
            accepted("application/json, text/event-stream"),
            Some(MediaType::Json)
        );
        for accept in [
            "text/html",
            "application/json;q=0",
            "text/*, image/png",
            "text/event-stream;q=0",
        ] {
            assert_eq!(accepted(accept), None, "{accept}");
        }
    }

    #[test]
    fn a_weighted_list_spans_headers_and_has_weights_in_thousandths() {
        let mut headers = HeaderMap::new();
        for value in ["br;q=0.5, , GZIP", "deflate; Q=0.0625, zstd;q=x"] {
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        }
        let list = weighted_list(&headers, &header::ACCEPT_ENCODING);
        let list: Vec<_> = list.iter().map(|item| (item.value, item.weight)).collect();
        assert_eq!(
            list,
            [("br", 500), ("GZIP", 1000), ("deflate", 62), ("zstd", 0)]
        );
    }
}
