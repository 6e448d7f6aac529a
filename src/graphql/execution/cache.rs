//! The cache of parsed documents.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};

use super::{super::errors::RequestError, document::Document};
use crate::config::OperationLimits;

/// The maximum size of all cached documents, in bytes. An operation of a front end has about fifty
/// tokens.
const CACHE_CAPACITY: u64 = 8 << 20;

/// The number of documents that the cache expects. It only sizes the cache's tables.
const EXPECTED_DOCUMENTS: usize = 500;

/// The maximum size of one token after parsing, in bytes. The largest is a field: it can consist of
/// one token, and its parsed form has a name and four lists.
const MAX_PARSED_TOKEN_SIZE: u64 = 300;

/// Parses documents and caches them, because a front end sends the same few documents with other
/// variables. If the cache is full, it evicts documents that are seldom used.
pub(super) struct DocumentCache {
    limits: OperationLimits,
    documents: Cache<Box<str>, Arc<Document>, DocumentWeighter>,
}

#[derive(Clone)]
struct DocumentWeighter;

impl Weighter<Box<str>, Arc<Document>> for DocumentWeighter {
    fn weight(&self, text: &Box<str>, document: &Arc<Document>) -> u64 {
        text.len() as u64 + document.token_count() as u64 * MAX_PARSED_TOKEN_SIZE
    }
}

impl DocumentCache {
    pub(super) fn new(limits: OperationLimits) -> Self {
        Self {
            limits,
            documents: Cache::with_weighter(EXPECTED_DOCUMENTS, CACHE_CAPACITY, DocumentWeighter),
        }
    }

    pub(super) const fn limits(&self) -> &OperationLimits {
        &self.limits
    }

    /// Returns the document of a text, from the cache or parsed.
    ///
    /// A text that contains a string is not cached. Its values are part of the text, so it differs
    /// in each request, and a value may be a password.
    ///
    /// # Errors
    /// [`RequestError`] if the text is not a document, or exceeds a limit.
    pub(super) fn get(&self, text: &str) -> Result<Arc<Document>, RequestError> {
        if let Some(document) = self.documents.get(text) {
            return Ok(document);
        }
        let document = Arc::new(Document::parse(text, &self.limits)?);
        if !text.contains('"') {
            self.documents.insert(text.into(), Arc::clone(&document));
        }
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Cli;

    fn cache(flags: &[&str]) -> DocumentCache {
        let arguments = ["sessiond"].iter().chain(flags);
        DocumentCache::new(Cli::parse_from(arguments).settings.operation_limits)
    }

    #[test]
    fn a_document_is_cached_unless_it_contains_a_string() {
        let cache = cache(&[]);
        for (text, is_cached) in [
            (
                "query($mobile: String!) { user(mobile: $mobile) { id } }",
                true,
            ),
            ("{ user(mobile: \"9012500000\") { id } }", false),
            ("{ user(mobile: \"\"\"9012500000\"\"\") { id } }", false),
        ] {
            let first = cache.get(text).unwrap();
            let second = cache.get(text).unwrap();
            assert_eq!(first.parsed().operations.iter().count(), 1);
            assert_eq!(Arc::ptr_eq(&first, &second), is_cached, "{text}");
        }
    }

    #[test]
    fn a_rejected_text_is_rejected_again() {
        let cache = cache(&["--max-query-tokens=4"]);
        for text in ["{ a b c d }", "{ a b"] {
            let first = cache.get(text).unwrap_err();
            let second = cache.get(text).unwrap_err();
            assert_eq!(first, second);
        }
    }

    #[test]
    fn the_cached_documents_do_not_exceed_the_capacity() {
        let cache = cache(&[]);
        let (tokens, comment) = ("a ".repeat(1500), "a".repeat(60_000));
        for (text, times) in [
            (format!("{{ {tokens} }}"), 30),
            (format!("{{ a }} # {comment}"), 200),
        ] {
            for number in 0..times {
                cache.get(&format!("{text} # {number}")).unwrap();
            }
            assert!(cache.documents.weight() <= CACHE_CAPACITY);
            assert!((1..times).contains(&cache.documents.len()));
        }
    }
}
