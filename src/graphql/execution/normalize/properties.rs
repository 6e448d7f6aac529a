//! Compares the normal form of generated documents with what async-graphql's parser reads from the
//! same documents without ignored tokens.

use async_graphql::parser::parse_query;
use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    super::lexer::{Lexer, TokenKind},
    TypeState, normalize,
};

/// A token in the form of the document, and in the form that the parser accepts.
#[derive(Debug, Clone)]
struct Written {
    text: String,
    plain: String,
    /// Whether it continues a type, so that the parser accepts nothing before it.
    is_glued: bool,
}

type Tokens = Vec<Written>;

fn one(text: &str) -> Written {
    rewritten(text, text)
}

fn rewritten(text: &str, plain: &str) -> Written {
    Written {
        text: text.to_owned(),
        plain: plain.to_owned(),
        is_glued: false,
    }
}

fn all(texts: &[&str]) -> Tokens {
    texts.iter().map(|text| one(text)).collect()
}

fn concat(parts: impl IntoIterator<Item = Tokens>) -> Tokens {
    parts.into_iter().flatten().collect()
}

/// Encloses tokens in brackets.
fn enclose(open: &str, tokens: Tokens, close: &str) -> Tokens {
    concat([vec![one(open)], tokens, vec![one(close)]])
}

fn sometimes(tokens: impl Strategy<Value = Tokens> + 'static) -> BoxedStrategy<Tokens> {
    prop_oneof![Just(Tokens::new()), tokens].boxed()
}

fn several(tokens: BoxedStrategy<Tokens>) -> BoxedStrategy<Tokens> {
    vec(tokens, 1..4).prop_map(concat).boxed()
}

fn name() -> BoxedStrategy<Tokens> {
    let names = [
        "a", "B2", "_c", "query", "fragment", "type", "nullable", "onX",
    ];
    select(names.to_vec()).prop_map(|name| all(&[name])).boxed()
}

/// A name that may also be `on` or the name of a constant.
fn field_name() -> BoxedStrategy<Tokens> {
    let others = select(vec!["on", "true", "null"]).prop_map(|name| all(&[name]));
    prop_oneof![3 => name(), 1 => others].boxed()
}

fn description() -> BoxedStrategy<Tokens> {
    let strings = vec!["\"d\"", "\"\"\"\nd # \"\r\n\"\"\"", "\"\\u{64}\""];
    sometimes(select(strings).prop_map(|text| vec![rewritten(text, "")]))
}

fn scalar() -> BoxedStrategy<Tokens> {
    let same = [
        "1",
        "-0.0",
        "1.5e-3",
        "true",
        "null",
        "ENUM",
        "\"\"",
        "\"a\\n#\"",
        "\"\"\"b\"\"\"",
    ];
    let strings = [
        (r#""\u{1F600}""#, r#""😀""#),
        (r#""\ud83d\ude00\u{22}""#, r#""😀\"""#),
        (r#""""a \""" "b" """"#, r#""a \"\"\" \"b\" ""#),
        ("\"\"\"a\r  b\r\n  c\"\"\"", "\"\"\"a\n  b\n  c\"\"\""),
    ];
    let strings = strings.map(|(text, plain)| rewritten(text, plain));
    let scalars = same.into_iter().map(one).chain(strings);
    select(scalars.collect::<Vec<_>>())
        .prop_map(|scalar| vec![scalar])
        .boxed()
}

fn value(may_be_variable: bool) -> BoxedStrategy<Tokens> {
    let variable = name().prop_map(|name| concat([all(&["$"]), name]));
    let leaf = if may_be_variable {
        prop_oneof![4 => scalar(), 1 => variable].boxed()
    } else {
        scalar()
    };
    leaf.prop_recursive(3, 12, 3, |inner| {
        let entry =
            (name(), inner.clone()).prop_map(|(name, value)| concat([name, all(&[":"]), value]));
        prop_oneof![
            vec(inner, 0..3).prop_map(|items| enclose("[", concat(items), "]")),
            vec(entry, 0..3).prop_map(|entries| enclose("{", concat(entries), "}")),
        ]
    })
    .boxed()
}

fn arguments() -> BoxedStrategy<Tokens> {
    let argument =
        (field_name(), value(true)).prop_map(|(name, value)| concat([name, all(&[":"]), value]));
    let arguments = several(argument.boxed());
    sometimes(arguments.prop_map(|arguments| enclose("(", arguments, ")")))
}

fn directives() -> BoxedStrategy<Tokens> {
    let directive =
        (name(), arguments()).prop_map(|(name, arguments)| concat([all(&["@"]), name, arguments]));
    vec(directive, 0..3).prop_map(concat).boxed()
}

fn type_() -> BoxedStrategy<Tokens> {
    let with_mark = |(mut tokens, is_required): (Tokens, bool)| {
        tokens.extend(is_required.then(|| one("!")));
        tokens
    };
    (name(), any::<bool>())
        .prop_map(with_mark)
        .prop_recursive(3, 6, 1, move |inner| {
            let list = inner.prop_map(|inner| enclose("[", inner, "]"));
            (list, any::<bool>()).prop_map(with_mark)
        })
        .prop_map(|mut tokens| {
            for token in &mut tokens[1..] {
                token.is_glued = true;
            }
            tokens
        })
        .boxed()
}

fn variables() -> BoxedStrategy<Tokens> {
    let default = sometimes(value(false).prop_map(|value| concat([all(&["="]), value])));
    let variable = (description(), name(), type_(), default).prop_map(
        |(description, name, type_, default)| {
            concat([description, all(&["$"]), name, all(&[":"]), type_, default])
        },
    );
    let variables = several(variable.boxed());
    sometimes(variables.prop_map(|variables| enclose("(", variables, ")")))
}

fn selections() -> BoxedStrategy<Tokens> {
    let alias = || sometimes(field_name().prop_map(|name| concat([name, all(&[":"])])));
    let field = move |inner: BoxedStrategy<Tokens>| {
        (alias(), field_name(), arguments(), directives(), inner)
            .prop_map(|(alias, name, arguments, directives, inner)| {
                concat([alias, name, arguments, directives, inner])
            })
            .boxed()
    };
    let spread =
        (name(), directives()).prop_map(|(name, rest)| concat([all(&["..."]), name, rest]));
    let leaf = prop_oneof![3 => field(Just(Tokens::new()).boxed()), 1 => spread];
    let set = |inner: BoxedStrategy<Tokens>| {
        several(inner)
            .prop_map(|selections| enclose("{", selections, "}"))
            .boxed()
    };
    let selection = leaf.prop_recursive(3, 12, 3, move |inner| {
        let condition = sometimes(name().prop_map(|name| concat([all(&["on"]), name])));
        let inline = (condition, directives(), set(inner.clone())).prop_map(
            |(condition, directives, inner)| concat([all(&["..."]), condition, directives, inner]),
        );
        prop_oneof![field(set(inner)), inline]
    });
    set(selection.boxed())
}

/// A document with one operation, and perhaps a fragment.
fn document() -> impl Strategy<Value = Tokens> {
    let kind = select(vec!["query", "mutation", "subscription"]).prop_map(|kind| all(&[kind]));
    let head = (
        description(),
        kind,
        sometimes(name()),
        variables(),
        directives(),
    )
        .prop_map(|(description, kind, name, variables, directives)| {
            concat([description, kind, name, variables, directives])
        });
    let fragment = (description(), name(), name(), directives(), selections()).prop_map(
        |(description, name, on, directives, selections)| {
            let name = concat([all(&["fragment"]), name, all(&["on"]), on]);
            concat([description, name, directives, selections])
        },
    );
    (sometimes(head), selections(), sometimes(fragment))
        .prop_map(|(head, selections, fragment)| concat([head, selections, fragment]))
}

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
