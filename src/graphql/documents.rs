use std::sync::Arc;

use async_graphql::{
    Response, ServerError,
    parser::{
        parse_query,
        types::{ExecutableDocument, OperationDefinition, OperationType, Selection},
    },
};
use quick_cache::{Weighter, sync::Cache};

use super::{expansion::Expansion, tokens};

/// Fields, fragments and spreads that an operation may come to once every spread is replaced by what it names.
/// The introspection of GraphiQL comes to a few hundred.
const SELECTIONS: usize = 5000;

/// Lists of the schema inside lists of the schema, such as `fields { type { fields } }`. Types lead to each other, so
/// every further one multiplies the answer. No introspection of a tool needs more than one.
const SCHEMA_LISTS: usize = 2;

/// How often an operation may ask for the schema or for a type of it.
const SCHEMAS: usize = 4;

/// Bytes of all documents that are kept. A front end's operations have some fifty tokens each.
const KEPT: u64 = 8 << 20;

/// Bytes that a token comes to once it is parsed, at most: a field, which is one token, is a name and four lists.
const PARSED_TOKEN: u64 = 300;

/// What a document is held to before it is validated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Lexical tokens of its text.
    pub tokens: usize,
    /// Directives on one field, fragment, variable or operation.
    pub directives: usize,
    /// Whether the schema may be asked for.
    pub introspection: bool,
}

/// A text that was parsed, and is within the bounds.
#[derive(Debug)]
pub(super) struct Document {
    pub parsed: ExecutableDocument,
    tokens: usize,
}

/// Parses documents, and keeps those that will come again: a front end sends the same few, with other variables.
pub(super) struct Documents {
    bounds: Bounds,
    known: Cache<Box<str>, Arc<Document>, Bytes>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Box<str>, Arc<Document>> for Bytes {
    fn weight(&self, text: &Box<str>, document: &Arc<Document>) -> u64 {
        text.len() as u64 + document.tokens as u64 * PARSED_TOKEN
    }
}

impl Documents {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            known: Cache::with_weighter(500, KEPT, Bytes),
        }
    }

    /// The document of this text.
    ///
    /// A text with a string in it is not kept: it holds its values itself, so it is another one each time, and one of
    /// them may be a password.
    ///
    /// # Errors
    /// The answer to a text that is no document, or one beyond the bounds.
    pub(super) fn get(&self, text: &str) -> Result<Arc<Document>, Box<Response>> {
        if let Some(known) = self.known.get(text) {
            return Ok(known);
        }
        let document = Arc::new(Document::read(text, self.bounds)?);
        if !text.contains('"') {
            self.known.insert(text.into(), Arc::clone(&document));
        }
        Ok(document)
    }
}

impl Document {
    /// async-graphql walks an operation with its fragments spread out before it applies its own limits. Where
    /// introspection is off, it would answer `null` for a field that is never null.
    fn read(text: &str, bounds: Bounds) -> Result<Self, Box<Response>> {
        let Some(tokens) = tokens::count(text, bounds.tokens) else {
            return Err(refused(format!(
                "The operation has more than {} tokens.",
                bounds.tokens
            )));
        };
        let parsed = parse_query(text).map_err(|error| syntax(error.into()))?;
        let expansion = Expansion::of(&parsed);
        if expansion.selections > SELECTIONS {
            return Err(refused(format!(
                "The operation has more than {SELECTIONS} selections, fragments spread out."
            )));
        }
        if expansion.directives > bounds.directives {
            return Err(refused(format!(
                "There are more than {} directives in one place.",
                bounds.directives
            )));
        }
        if expansion.schemas > 0 && !bounds.introspection {
            return Err(refused("Introspection is off."));
        }
        if expansion.schemas > SCHEMAS || expansion.schema_lists > SCHEMA_LISTS {
            return Err(refused(
                "The operation asks for more of the schema than a tool needs.",
            ));
        }
        if parsed
            .operations
            .iter()
            .any(|(_, operation)| streams_several(&parsed, &operation.node))
        {
            return Err(refused("A subscription must select one field, once."));
        }
        Ok(Self { parsed, tokens })
    }
}

/// Whether a subscription has more than one root field (GraphQL specification, 5.2.3.1). async-graphql would stream
/// each by itself, even where they are parts of the same.
fn streams_several(document: &ExecutableDocument, operation: &OperationDefinition) -> bool {
    let mut set = &operation.selection_set.node;
    // Each fragment once at most: one that leads to itself is refused later.
    for _ in 0..=document.fragments.len() {
        set = match set.items.as_slice() {
            [only] => match &only.node {
                Selection::Field(_) => return false,
                Selection::InlineFragment(fragment) => &fragment.node.selection_set.node,
                Selection::FragmentSpread(spread) => {
                    match document.fragments.get(&spread.node.fragment_name.node) {
                        Some(fragment) => &fragment.node.selection_set.node,
                        None => return false,
                    }
                }
            },
            _ => return operation.ty == OperationType::Subscription,
        };
    }
    false
}

pub(super) fn refused(message: impl Into<String>) -> Box<Response> {
    Response::from_errors(vec![ServerError::new(message, None)]).into()
}

/// The parser draws where an operation is wrong. What it expected there stands in the drawing's last line, and the
/// place in the error's locations.
fn syntax(mut error: ServerError) -> Box<Response> {
    if let Some((_, expected)) = error.message.rsplit_once("\n  = ") {
        let expected = expected.trim().replace("EOI", "the end").replace('_', " ");
        error.message = format!("Syntax error: {expected}.");
    }
    Response::from_errors(vec![error]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        tokens: 2000,
        directives: 8,
        introspection: true,
    };

    #[test]
    fn a_document_is_kept_unless_it_holds_a_string() {
        let documents = Documents::new(BOUNDS);
        for (text, is_kept) in [
            (
                "query($mobile: String!) { user(mobile: $mobile) { id } }",
                true,
            ),
            ("{ user(mobile: \"9012500000\") { id } }", false),
            ("{ user(mobile: \"\"\"9012500000\"\"\") { id } }", false),
        ] {
            let [first, second] = [0; 2].map(|_| documents.get(text).unwrap());
            assert_eq!(first.parsed.operations.iter().count(), 1);
            assert_eq!(Arc::ptr_eq(&first, &second), is_kept, "{text}");
        }
    }

    #[test]
    fn what_is_refused_is_refused_again() {
        let documents = Documents::new(Bounds {
            tokens: 4,
            ..BOUNDS
        });
        for text in ["{ a b c d }", "{ a b"] {
            let [first, second] = [0; 2].map(|_| documents.get(text).unwrap_err().errors);
            assert_eq!(first, second);
        }
    }

    #[test]
    fn a_syntax_error_says_what_was_expected_in_words() {
        let documents = Documents::new(BOUNDS);
        for (text, message) in [
            ("", "Syntax error: expected executable definition."),
            (
                "{ a",
                "Syntax error: expected selection set, selection, directive, or arguments.",
            ),
        ] {
            assert_eq!(documents.get(text).unwrap_err().errors[0].message, message);
        }
    }

    #[test]
    fn strangers_cannot_fill_the_memory_with_documents() {
        let documents = Documents::new(BOUNDS);
        let (tokens, comment) = ("a ".repeat(1500), "a".repeat(60_000));
        for (text, times) in [
            (format!("{{ {tokens} }}"), 30),
            (format!("{{ a }} # {comment}"), 200),
        ] {
            for number in 0..times {
                documents.get(&format!("{text} # {number}")).unwrap();
            }
            assert!(documents.known.weight() <= KEPT);
            assert!((1..times).contains(&documents.known.len()));
        }
    }
}
