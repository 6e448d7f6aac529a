//! Checks of documents, for any text.

use super::{document::Document, lexer::Lexer, normalize::normalize};
use crate::config::OperationLimits;

/// Checks the normal form of `text`, and what is read from it.
///
/// # Panics
/// If a check fails.
pub(crate) fn check_document(text: &str, limits: &OperationLimits) {
    let Ok(document) = Document::parse(text, limits) else {
        return;
    };
    assert!(document.token_count() <= limits.max_query_tokens.get());
    assert_eq!(Lexer::new(text).count(), document.token_count());
    let again = normalize(text, usize::MAX).map(|normal| Document::parse(&normal.text, limits));
    assert!(
        matches!(again, Ok(Ok(_))),
        "the normal form of {text:?} is rejected"
    );
    for name in [None, Some("A"), document.only_name()] {
        let Some(operation) = document.operation(name) else {
            continue;
        };
        let kind = operation.kind();
        assert!(
            document.could_mean(name, kind),
            "{text:?} is not what it executes"
        );
    }
}
