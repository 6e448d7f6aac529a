//! Persisted queries by hash, as Apollo Client and urql send them: `extensions.persistedQuery` with
//! the SHA-256 hash of the text. A client first sends the hash alone. If the server does not know
//! it, the client sends the hash with the text, and the server keeps the document.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::errors::RequestError;

/// The version of the protocol.
const VERSION: u64 = 1;

/// The SHA-256 hash of the text of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueryHash([u8; 32]);

impl QueryHash {
    /// The number of hexadecimal digits.
    const DIGITS: usize = 64;

    /// Parses 64 lowercase hexadecimal digits. Other forms of the same hash are rejected, so that
    /// one document has one hash.
    fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        if text.len() != Self::DIGITS {
            return None;
        }
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(digits[0])? << 4 | digit(digits[1])?;
        }
        Some(Self(hash))
    }

    fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

/// The entry `persistedQuery` of a request's `extensions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersistedQuery(Result<QueryHash, InvalidPersistedQuery>);

/// A problem of the entry `persistedQuery`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::graphql) enum InvalidPersistedQuery {
    /// It is not an object.
    NotAnObject,
    /// Its `version` is not 1.
    Version,
    /// Its `sha256Hash` is not a SHA-256 hash in lowercase hexadecimal digits.
    Hash,
}

impl PersistedQuery {
    /// Decodes the entry. A problem of it is reported in the response to the operation, because it
    /// concerns this operation only.
    pub(super) fn decode(entry: &Value) -> Self {
        Self(decode(entry))
    }

    /// Returns the hash.
    ///
    /// # Errors
    /// [`RequestError::InvalidPersistedQuery`] if the entry is not valid.
    pub(super) fn hash(&self) -> Result<&QueryHash, RequestError> {
        self.0
            .as_ref()
            .map_err(|problem| RequestError::InvalidPersistedQuery(*problem))
    }

    /// Checks that the hash is that of the text.
    ///
    /// # Errors
    /// [`RequestError::PersistedQueryMismatch`] if it is not, and the errors of
    /// [`PersistedQuery::hash`].
    pub(super) fn check_text(&self, text: &str) -> Result<(), RequestError> {
        if *self.hash()? == QueryHash::of(text) {
            Ok(())
        } else {
            Err(RequestError::PersistedQueryMismatch)
        }
    }
}

fn decode(entry: &Value) -> Result<QueryHash, InvalidPersistedQuery> {
    let entry = entry
        .as_object()
        .ok_or(InvalidPersistedQuery::NotAnObject)?;
    let version = entry.get("version").and_then(Value::as_u64);
    if version != Some(VERSION) {
        return Err(InvalidPersistedQuery::Version);
    }
    let hash = entry.get("sha256Hash").and_then(Value::as_str);
    hash.and_then(QueryHash::parse)
        .ok_or(InvalidPersistedQuery::Hash)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    impl PersistedQuery {
        /// The entry that a client sends for a text.
        pub(in super::super) fn of(text: &str) -> Self {
            Self(Ok(QueryHash::of(text)))
        }
    }

    /// The SHA-256 hash of `{__typename}`, the example of Apollo's documentation.
    const HASH: &str = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38";

    #[test]
    fn a_hash_belongs_to_exactly_one_text() {
        let entry = json!({ "version": 1, "sha256Hash": HASH, "more": "is ignored" });
        let persisted = PersistedQuery::decode(&entry);
        assert_eq!(persisted, PersistedQuery::of("{__typename}"));
        assert_eq!(persisted.check_text("{__typename}"), Ok(()));
        let mismatch = Err(RequestError::PersistedQueryMismatch);
        assert_eq!(persisted.check_text("{ __typename }"), mismatch);
    }

    #[test]
    fn an_entry_in_another_form_is_rejected() {
        use InvalidPersistedQuery::{Hash, NotAnObject, Version};
        let upper_case = HASH.to_uppercase();
        for (entry, problem) in [
            (json!(HASH), NotAnObject),
            (json!([1, HASH]), NotAnObject),
            (json!(true), NotAnObject),
            (json!({ "sha256Hash": HASH }), Version),
            (json!({ "version": 2, "sha256Hash": HASH }), Version),
            (json!({ "version": "1", "sha256Hash": HASH }), Version),
            (json!({ "version": 1.5, "sha256Hash": HASH }), Version),
            (json!({ "version": 1 }), Hash),
            (json!({ "version": 1, "sha256Hash": null }), Hash),
            (json!({ "version": 1, "sha256Hash": 7 }), Hash),
            (json!({ "version": 1, "sha256Hash": "" }), Hash),
            (json!({ "version": 1, "sha256Hash": HASH[1..] }), Hash),
            (
                json!({ "version": 1, "sha256Hash": format!("{HASH}0") }),
                Hash,
            ),
            (json!({ "version": 1, "sha256Hash": upper_case }), Hash),
            (json!({ "version": 1, "sha256Hash": "é".repeat(32) }), Hash),
            (json!({ "version": 1, "sha256Hash": "g".repeat(64) }), Hash),
        ] {
            let error = PersistedQuery::decode(&entry).hash().copied().unwrap_err();
            let expected = RequestError::InvalidPersistedQuery(problem);
            assert_eq!(error, expected, "{entry}");
        }
    }
}
