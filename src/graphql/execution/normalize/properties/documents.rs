//! Generates documents as lists of tokens.

use proptest::{collection::vec, prelude::*, sample::select};

/// A token in the form of the document, and in the form that the parser accepts.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub text: String,
    pub plain: String,
    /// Whether it continues a type, so that the parser accepts nothing before it.
    pub is_glued: bool,
}

pub(super) type Tokens = Vec<Written>;

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
pub(super) fn document() -> impl Strategy<Value = Tokens> {
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
