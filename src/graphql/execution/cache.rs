//! The cache of parsed documents, by their texts and by the hashes of persisted queries.

use std::sync::Arc;

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use super::{
    super::errors::RequestError, document::Document, persisted::QueryHash, request::DocumentSource,
};
use crate::config::OperationLimits;

/// The maximum size of all cached documents, in bytes. An operation of a front end has about fifty
/// tokens. It applies to the documents that are found by their texts and, separately, to those that
/// are found by their hashes. The two share the documents that they have in common.
const CACHE_CAPACITY: u64 = 8 << 20;

/// The number of documents that the cache expects. It only sizes the cache's tables.
const EXPECTED_DOCUMENTS: usize = 500;

/// The maximum size of one token after parsing, in bytes. The largest is a field: it can consist of
/// one token, and its parsed form has a name and four lists.
const MAX_PARSED_TOKEN_SIZE: u64 = 300;

/// The part of the capacity that is for persisted queries which were used after they were kept. A
/// query that has not been used yet only evicts others of this kind, so a client that registers
/// many queries does not evict those of others.
const SHARE_OF_USED_QUERIES: f64 = 0.75;

/// The maximum size of one persisted query, so that there is room for it beside the used ones. It is
/// larger than a document with the default of `--max-query-tokens`.
const MAX_PERSISTED_SIZE: u64 = CACHE_CAPACITY / 4;

/// The number of parsed forms of a document: the document, and the operation for the resolvers.
const PARSED_FORMS: u64 = 2;

/// Parses documents and caches them, because a front end sends the same few documents with other
/// variables. If the cache is full, it evicts documents that are seldom used.
pub(super) struct DocumentCache {
    limits: OperationLimits,
    by_text: Cache<Box<str>, Arc<Document>, DocumentWeighter>,
    /// The persisted queries. Each is valid.
    by_hash: Cache<QueryHash, Arc<Document>, DocumentWeighter>,
}

#[derive(Clone)]
struct DocumentWeighter;

impl DocumentWeighter {
    fn weigh(key_length: usize, document: &Document) -> u64 {
        let parsed_form = document.token_count() as u64 * MAX_PARSED_TOKEN_SIZE;
        key_length as u64 + PARSED_FORMS * parsed_form
    }
}

impl Weighter<Box<str>, Arc<Document>> for DocumentWeighter {
    fn weight(&self, text: &Box<str>, document: &Arc<Document>) -> u64 {
        Self::weigh(text.len(), document)
    }
}

impl Weighter<QueryHash, Arc<Document>> for DocumentWeighter {
    fn weight(&self, _hash: &QueryHash, document: &Arc<Document>) -> u64 {
        Self::weigh(size_of::<QueryHash>(), document)
    }
}

impl DocumentCache {
    pub(super) fn new(limits: OperationLimits) -> Self {
        Self {
            limits,
            by_text: Cache::with_weighter(EXPECTED_DOCUMENTS, CACHE_CAPACITY, DocumentWeighter),
            by_hash: persisted_queries(),
        }
    }

    pub(super) const fn limits(&self) -> &OperationLimits {
        &self.limits
    }

    /// Returns the document that a request means.
    ///
    /// # Errors
    /// [`RequestError`] if the text is not a document, or exceeds a limit, or if the hash is not
    /// that of the text. [`RequestError::PersistedQueryNotFound`] if the request has no text and its
    /// hash is not known.
    pub(super) fn find(&self, source: &DocumentSource) -> Result<Arc<Document>, RequestError> {
        match source {
            DocumentSource::Text(text) => self.get(text),
            DocumentSource::TextToPersist(text, persisted) => {
                persisted.check_text(text)?;
                self.get(text)
            }
            DocumentSource::Persisted(persisted) => self
                .by_hash
                .get(persisted.hash()?)
                .ok_or(RequestError::PersistedQueryNotFound),
        }
    }

    /// Returns the document of a text, from the cache or parsed.
    ///
    /// # Errors
    /// [`RequestError`] if the text is not a document, or exceeds a limit.
    fn get(&self, text: &str) -> Result<Arc<Document>, RequestError> {
        if let Some(document) = self.by_text.get(text) {
            return Ok(document);
        }
        let document = Arc::new(Document::parse(text, &self.limits)?);
        if document.is_reusable() {
            self.by_text.insert(text.into(), Arc::clone(&document));
        }
        Ok(document)
    }

    /// Keeps a document as a persisted query if it is valid and not too large. Does nothing for a
    /// document with a string. A string may be a password, and whether a hash is known would show
    /// whether a guessed password is right.
    pub(super) fn persist(&self, hash: QueryHash, document: &Arc<Document>) {
        let size = DocumentWeighter.weight(&hash, document);
        if document.is_validated() && size <= MAX_PERSISTED_SIZE {
            self.by_hash.insert(hash, Arc::clone(document));
        }
    }
}

/// Returns the empty cache of persisted queries. It is not split into shards, each of which would
/// have its own capacity: the largest query must have room beside the used ones.
fn persisted_queries() -> Cache<QueryHash, Arc<Document>, DocumentWeighter> {
    let options = OptionsBuilder::new()
        .shards(1)
        .estimated_items_capacity(EXPECTED_DOCUMENTS)
        .weight_capacity(CACHE_CAPACITY)
        .hot_allocation(SHARE_OF_USED_QUERIES)
        .build();
    #[expect(clippy::expect_used, reason = "it fails only if a capacity is not set")]
    let options = options.expect("both capacities are set");
    let (hash_builder, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
    Cache::with_options(options, DocumentWeighter, hash_builder, lifecycle)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use async_graphql::ValidationMode;
    use clap::Parser;

    use super::{super::persisted::PersistedQuery, *};
    use crate::{
        config::Cli,
        graphql::schema::{self, Environment},
    };

    static ENVIRONMENT: LazyLock<Environment> =
        LazyLock::new(|| Environment::of(&schema::unlimited(ValidationMode::Fast)).unwrap());

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
            assert_eq!(first.is_reusable(), is_cached);
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
            assert!(cache.by_text.weight() <= CACHE_CAPACITY);
            assert!((1..times).contains(&cache.by_text.len()));
        }
    }
    fn persisted(text: &str) -> DocumentSource {
        DocumentSource::Persisted(PersistedQuery::of(text))
    }

    /// Sends the hash of a text, and then the text, as a client does.
    fn register(cache: &DocumentCache, text: &str, is_valid: bool) {
        let unknown = cache.find(&persisted(text)).unwrap_err();
        assert_eq!(unknown, RequestError::PersistedQueryNotFound);
        let query = PersistedQuery::of(text);
        let hash = *query.hash().unwrap();
        let source = DocumentSource::TextToPersist(text.to_owned(), query);
        let document = cache.find(&source).unwrap();
        if is_valid {
            document.set_validated(ENVIRONMENT.registry());
        }
        cache.persist(hash, &document);
    }

    #[test]
    fn a_persisted_query_is_kept_if_it_is_valid_and_contains_no_string() {
        let cache = cache(&[]);
        for (text, is_valid, is_kept) in [
            ("{ a }", true, true),
            ("{ b }", false, false),
            ("{ c(d: \"\") }", true, false),
            ("query A { e } query B { f }", true, true),
        ] {
            register(&cache, text, is_valid);
            assert_eq!(cache.find(&persisted(text)).is_ok(), is_kept, "{text}");
        }
    }

    #[test]
    fn a_flood_of_persisted_queries_does_not_evict_those_in_use() {
        let cache = cache(&[]);
        let in_use: Vec<_> = (0..20)
            .map(|number| format!("{{ used{number} }}"))
            .collect();
        for text in &in_use {
            register(&cache, text, true);
            cache.find(&persisted(text)).unwrap();
        }
        // Queries that are not used after they were kept, however large they are.
        for (size, count) in [(50, 300), (500, 60), (1900, 20)] {
            let fields = "a ".repeat(size);
            for number in 0..count {
                register(
                    &cache,
                    &format!("{{ unused{size}_{number} {fields} }}"),
                    true,
                );
            }
        }
        for text in &in_use {
            assert!(cache.find(&persisted(text)).is_ok(), "{text}");
        }
        // Queries of the usual size that are used once, while the others stay in use.
        let fields = "a ".repeat(50);
        for number in 0..600 {
            let text = format!("{{ once{number} {fields} }}");
            register(&cache, &text, true);
            cache.find(&persisted(&text)).unwrap();
            let text = &in_use[number % in_use.len()];
            assert!(cache.find(&persisted(text)).is_ok(), "{text}");
        }
        assert!(cache.by_hash.weight() <= CACHE_CAPACITY);
        assert!(cache.by_hash.len() < 500);
    }

    #[test]
    fn a_query_that_is_too_large_to_persist_is_executed_by_its_text() {
        let cache = cache(&["--max-query-tokens=10000"]);
        let text = format!("{{ {} }}", "a ".repeat(4000));
        register(&cache, &text, true);
        let unknown = cache.find(&persisted(&text)).unwrap_err();
        assert_eq!(unknown, RequestError::PersistedQueryNotFound);
    }
}
