//! Headers that hold a list. All lines of a header form one list (RFC 9110, section 5.3).

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Returns the items of a list, without the white space around them. Skips empty items (RFC 9110,
/// section 5.6.1).
pub(super) fn items<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl DoubleEndedIterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .into_iter()
        .map(HeaderValue::as_bytes)
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|item| !item.is_empty())
}

/// Returns the items of a list that are UTF-8.
pub(super) fn texts<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> {
    items(headers, name).filter_map(|item| str::from_utf8(item).ok())
}

/// Returns whether a list contains an item, in any case.
pub(super) fn contains(headers: &HeaderMap, name: &HeaderName, item: &str) -> bool {
    items(headers, name).any(|found| found.eq_ignore_ascii_case(item.as_bytes()))
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    #[test]
    fn all_lines_of_a_header_form_one_list_without_empty_items() {
        let mut headers = HeaderMap::new();
        for line in [&b"a, ,B"[..], b"", b"\xfc,\tc"] {
            let line = HeaderValue::from_bytes(line).unwrap();
            headers.append(header::UPGRADE, line);
        }
        let found: Vec<_> = texts(&headers, &header::UPGRADE).collect();
        assert_eq!(found, ["a", "B", "c"]);
        assert_eq!(
            items(&headers, &header::UPGRADE).nth_back(1),
            Some(&b"\xfc"[..])
        );
        assert!(contains(&headers, &header::UPGRADE, "b"));
        assert!(!contains(&headers, &header::UPGRADE, "a,b"));
    }
}
