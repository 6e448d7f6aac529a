//! Compares the normal form of generated documents with what async-graphql's parser reads from the
//! same documents without ignored tokens.

mod documents;

use async_graphql::parser::parse_query;
use proptest::{collection::vec, prelude::*, sample::select};

use self::documents::{Written, document};
use super::{
    super::lexer::{Lexer, TokenKind},
    TypeState, normalize,
};

/// Ignored text, which may be empty.
fn ignored() -> impl Strategy<Value = String> {
    let parts = vec![
        "",
        "",
        " ",
        "\t",
        ",",
        "\n",
        "\r",
        "\r\n",
        "\u{FEFF}",
        "#\n",
        "# é \" { [ ( \"\"\"\r",
        "#\r\n",
    ];
    vec(select(parts), 0..3).prop_map(|parts| parts.concat())
}

/// Writes the document with ignored text before each token. Where two tokens would become one, it
/// writes at least a comma.
fn write(tokens: &[Written], ignored: &[String]) -> String {
    let is_punctuator = |character: char| "!$&()=:@[]{|}".contains(character);
    let mut text = String::new();
    for (index, token) in tokens.iter().enumerate() {
        let ignored = &ignored[index % ignored.len()];
        let touches = !text.ends_with(is_punctuator) && !token.text.starts_with(is_punctuator);
        text += if ignored.is_empty() && touches {
            ","
        } else {
            ignored
        };
        text += &token.text;
    }
    text
}

/// Writes the document as the parser accepts it.
fn write_plain(tokens: &[Written]) -> String {
    tokens.iter().fold(String::new(), |text, token| {
        let separator = if token.is_glued { "" } else { " " };
        text + separator + &token.plain
    })
}

/// What the parser reads from a text, without the positions.
fn parsed(text: &str) -> Result<String, TestCaseError> {
    let document = parse_query(text)
        .map_err(|error| TestCaseError::fail(format!("{text:?} is rejected: {error}")))?;
    let shown = format!("{document:?}");
    let without_positions = shown
        .split("pos: Pos(")
        .map(|part| match part.split_once(')') {
            Some((position, rest)) if position.bytes().all(|b| b.is_ascii_digit() || b == b':') => {
                rest
            }
            _ => part,
        });
    Ok(without_positions.collect())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Fails if the parser rejects the normal form of a valid document, or reads something else.
    #[test]
    fn ignored_text_between_tokens_changes_nothing(
        tokens in document(),
        ignored in vec(ignored(), 1..20),
    ) {
        let text = write(&tokens, &ignored);
        let normalized = normalize(&text, usize::MAX)
            .map_err(|error| TestCaseError::fail(format!("{text:?}: {error:?}")))?;
        prop_assert_eq!(normalized.token_count, tokens.len());
        prop_assert_eq!(parsed(&normalized.text)?, parsed(&write_plain(&tokens))?);
    }

    /// Names report the positions of errors: those of fields, arguments, variables, directives and
    /// fragments. A name that continues a type is an exception.
    #[test]
    fn names_keep_their_positions(tokens in document(), ignored in vec(ignored(), 1..20)) {
        let names = |text: &str| {
            let mut state = TypeState::default();
            let tokens = Lexer::new(text).map(Result::unwrap);
            tokens
                .filter(|token| !state.continues_type(*token) && token.kind == TokenKind::Name)
                .map(|token| (token.text.to_owned(), token.position))
                .collect::<Vec<_>>()
        };
        let moves_others = tokens.iter().any(|token| token.plain.contains(r#"\"\"\""#));
        prop_assume!(!moves_others);
        let text = write(&tokens, &ignored);
        let normalized = normalize(&text, usize::MAX).unwrap().text;
        prop_assert_eq!(names(&normalized), names(&text));
    }

    /// Whatever the text is, it is either rejected, or written without a panic.
    #[test]
    fn any_text_is_normalized_or_rejected(
        text in "[\\PC\"\\\\u{}\\[\\]():!$@.#,\r\n 0-9a-fD]{0,60}",
    ) {
        if let Ok(normalized) = normalize(&text, usize::MAX) {
            let _ = parse_query(normalized.text);
        }
    }
}
