//! Finds a field that an input object has twice. The parser of async-graphql 8.0.0-rc.5 keeps only the
//! last one, so the validation does not see the others.

use std::collections::HashSet;

use super::{
    super::errors::RequestError,
    lexer::{Lexer, Token},
};

/// An open bracket.
enum Bracket<'a> {
    SelectionSet,
    /// It encloses arguments or variable definitions.
    Parenthesis,
    List,
    /// An input object, with the names of its fields that were read.
    Object(HashSet<&'a str>),
}

/// Checks the input objects of a text that the parser has accepted.
///
/// # Errors
/// [`RequestError::RepeatedInputField`] for the first field that an object has twice (GraphQL
/// specification, 5.6.3).
pub(super) fn check(text: &str) -> Result<(), RequestError> {
    let mut open: Vec<Bracket<'_>> = Vec::new();
    let mut previous: Option<Token<'_>> = None;
    for token in Lexer::new(text).map_while(Result::ok) {
        match token.text {
            "(" => open.push(Bracket::Parenthesis),
            "[" => open.push(Bracket::List),
            // Only values are nested in parentheses.
            "{" => open.push(match open.last() {
                None | Some(Bracket::SelectionSet) => Bracket::SelectionSet,
                Some(_) => Bracket::Object(HashSet::new()),
            }),
            ")" | "]" | "}" => {
                open.pop();
            }
            // Within an object, only the name of a field is followed by a colon.
            ":" => {
                if let (Some(Bracket::Object(fields)), Some(name)) = (open.last_mut(), previous)
                    && !fields.insert(name.text)
                {
                    return Err(RequestError::RepeatedInputField {
                        name: name.text.to_owned(),
                        position: name.position,
                    });
                }
            }
            _ => {}
        }
        previous = Some(token);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(text: &str) -> Option<(String, usize)> {
        match check(text) {
            Ok(()) => None,
            Err(RequestError::RepeatedInputField { name, position }) => {
                Some((name, position.column))
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn a_field_that_an_object_has_twice_is_found() {
        for (text, name, column) in [
            ("{ a(b: { c: 1 c: 2 }) }", "c", 15),
            ("{ a(b: { c: 1, d: { e: 1 }, c: 1 }) }", "c", 29),
            ("{ a(b: { c: { d: 1 } e: { d: 1 d: 1 } }) }", "d", 32),
            ("{ a(b: [{ c: 1 }, { d: [] d: c }]) }", "d", 27),
            ("{ a(b: { c: $c c: $d }) }", "c", 16),
            ("query($a: A = { b: 1 b: 1 }) { c }", "b", 22),
            ("{ a @b(c: { d: \"}\" d: 1 }) }", "d", 20),
        ] {
            let expected = (name.to_owned(), column);
            assert_eq!(repeated(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_name_may_be_used_again_anywhere_else() {
        for text in [
            "{ a: b a: b }",
            "{ a(b: { c: c, d: d }) { c: c(c: { c: { c: [{ c: c }, { c: c }] } }) } }",
            "query A($a: A = { b: b } $b: B = { b: b }) { c } query B($a: A) { c(a: $a) }",
            "{ a(b: { c: \"c: \" d: \"c: \" }) }",
            "{ a(b: 1 b: 2) }",
        ] {
            assert_eq!(repeated(text), None, "{text}");
        }
    }
}
