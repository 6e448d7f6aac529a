//! Rewrites strings of a document to the forms that async-graphql's parser reads correctly.

use std::{borrow::Cow, str::Chars};

use super::lexer::LexicalProblem;

/// Rewrites the escape sequences of a string on one line, quotation marks included (GraphQL
/// specification, 2.9.4). The parser of async-graphql 8.0.0-rc.5 rejects `\u{…}` and surrogate
/// pairs, so the character itself takes their place. The result is never longer than `text`.
///
/// # Errors
/// [`LexicalProblem`] if an escape sequence is not valid.
pub(super) fn rewrite_string(text: &str) -> Result<Cow<'_, str>, LexicalProblem> {
    if !text.contains('\\') {
        return Ok(text.into());
    }
    let mut rewritten = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            rewritten.push(character);
            continue;
        }
        match rest.next() {
            Some(escaped @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => {
                rewritten.extend(['\\', escaped]);
            }
            Some('u') => push_escaped(&mut rewritten, unicode_escape(&mut rest)?),
            _ => return Err(LexicalProblem::InvalidEscape),
        }
    }
    Ok(rewritten.into())
}

/// Reads an escape sequence after its `\u`.
fn unicode_escape(rest: &mut Chars<'_>) -> Result<char, LexicalProblem> {
    let code = code_point(rest)?;
    if let Some(character) = char::from_u32(code.value) {
        return Ok(character);
    }
    if code.value > u32::from(char::MAX) || !code.is_fixed_width {
        return Err(LexicalProblem::InvalidEscape);
    }
    // Only a leading surrogate with a trailing one is a character.
    let mut next = rest.clone();
    let trailing = if (next.next(), next.next()) == (Some('\\'), Some('u')) {
        code_point(&mut next)
            .ok()
            .filter(|code| code.is_fixed_width)
    } else {
        None
    };
    let trailing = trailing.ok_or(LexicalProblem::LoneSurrogate)?.value;
    let units = [code.value, trailing].map(|unit| u16::try_from(unit).unwrap_or_default());
    let character = char::decode_utf16(units)
        .next()
        .and_then(Result::ok)
        .ok_or(LexicalProblem::LoneSurrogate)?;
    *rest = next;
    Ok(character)
}

struct CodePoint {
    value: u32,
    /// Whether it is written with four digits and without braces.
    is_fixed_width: bool,
}

fn code_point(rest: &mut Chars<'_>) -> Result<CodePoint, LexicalProblem> {
    let text = rest.as_str();
    let (digits, length) = match text.strip_prefix('{') {
        Some(braced) => {
            let end = braced.find('}').ok_or(LexicalProblem::InvalidEscape)?;
            (&braced[..end], end + 2)
        }
        None => (text.get(..4).ok_or(LexicalProblem::InvalidEscape)?, 4),
    };
    // `from_str_radix` also accepts a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(LexicalProblem::InvalidEscape);
    }
    let value = u32::from_str_radix(digits, 16).map_err(|_| LexicalProblem::InvalidEscape)?;
    *rest = text[length..].chars();
    Ok(CodePoint {
        value,
        is_fixed_width: !text.starts_with('{'),
    })
}

/// Rewrites a block string, quotation marks included. Each of its lines ends with LF, because
/// async-graphql's parser does not count other lines. If the string contains `\"""`, it becomes a
/// string on one line, because the parser of async-graphql 8.0.0-rc.5 would keep the backslash.
pub(super) fn rewrite_block_string(text: &str) -> Cow<'_, str> {
    let text: Cow<'_, str> = if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        text.into()
    };
    if !text.contains("\\\"\"\"") {
        return text;
    }
    let value = block_string_value(&text[3..text.len() - 3]).replace("\\\"\"\"", "\"\"\"");
    let mut rewritten = String::with_capacity(text.len());
    rewritten.push('"');
    for character in value.chars() {
        push_escaped(&mut rewritten, character);
    }
    rewritten.push('"');
    rewritten.into()
}

/// Removes the common indentation, and blank lines at the start and the end (GraphQL specification,
/// `BlockStringValue`).
fn block_string_value(raw: &str) -> String {
    let is_blank = |line: &&str| line.trim_matches([' ', '\t']).is_empty();
    let indentation = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let lines: Vec<&str> = raw.split('\n').collect();
    let indented = lines.iter().skip(1).filter(|line| !is_blank(line));
    let common = indented.map(|line| indentation(line)).min().unwrap_or(0);
    let first = lines.iter().take_while(|line| is_blank(line)).count();
    let blank_at_end = lines.iter().rev().take_while(|line| is_blank(line)).count();
    let end = lines.len().saturating_sub(blank_at_end).max(first);
    let content = lines[first..end].iter().enumerate().map(|(index, line)| {
        let cut = if first + index == 0 { 0 } else { common };
        line.get(cut..).unwrap_or_default()
    });
    content.collect::<Vec<_>>().join("\n")
}

/// Appends a character of a string on one line, with a backslash if it needs one.
fn push_escaped(text: &mut String, character: char) {
    match character {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        other => text.push(other),
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{
        Value,
        parser::{parse_query, types::Selection},
    };

    use super::*;

    /// Returns the value that the parser reads from a string or block string.
    fn value_of(string: &str) -> String {
        let document = parse_query(format!("{{ a(b: {string}) }}")).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let Selection::Field(field) = &operation.node.selection_set.node.items[0].node else {
            panic!("not a field");
        };
        let value = field.node.arguments[0].1.node.clone().into_const();
        let Some(Value::String(value)) = value else {
            panic!("not a string: {value:?}");
        };
        value
    }

    #[test]
    fn every_escape_sequence_means_its_character() {
        for (string, value) in [
            (r#""""#, ""),
            (
                r#""\" \\ \/ \b \f \n \r \t""#,
                "\" \\ / \u{8} \u{c} \n \r \t",
            ),
            (r#""a\u0061\u00e9\uFFFD""#, "aaé\u{FFFD}"),
            (
                r#""\u{61}\u{1F600}\u{0000000061}\u{10FFFF}""#,
                "a😀a\u{10FFFF}",
            ),
            (r#""\ud83d\ude00\uD83D\uDE00""#, "😀😀"),
            (
                r#""\u{22}\u{5C}\u{a}\u{D}\u0022\u005c\u000a\u000D""#,
                "\"\\\n\r\"\\\n\r",
            ),
            (r#""\\u{61} \\ud83d""#, r"\u{61} \ud83d"),
            (r#""\u{0}\u{2028}""#, "\0\u{2028}"),
        ] {
            let rewritten = rewrite_string(string).unwrap();
            assert_eq!(value_of(&rewritten), value, "{string} {rewritten}");
            assert!(rewritten.len() <= string.len(), "{string} {rewritten}");
        }
    }

    #[test]
    fn an_escape_sequence_without_a_character_is_rejected() {
        use LexicalProblem::{InvalidEscape, LoneSurrogate};
        for (string, problem) in [
            (r#""\ud83d""#, LoneSurrogate),
            (r#""\ude00""#, LoneSurrogate),
            (r#""\ud83d\ud83d""#, LoneSurrogate),
            (r#""\ude00\ud83d""#, LoneSurrogate),
            (r#""\ud83d\u0061""#, LoneSurrogate),
            (r#""\ud83d\u{de00}""#, LoneSurrogate),
            (r#""\ud83d \ude00""#, LoneSurrogate),
            (r#""\u{110000}""#, InvalidEscape),
            (r#""\u{FFFFFFFFFFFF}""#, InvalidEscape),
            (r#""\u{D800}""#, InvalidEscape),
            (r#""\u{d83d}\u{de00}""#, InvalidEscape),
            (r#""\u{}""#, InvalidEscape),
            (r#""\u{61""#, InvalidEscape),
            (r#""\u{+61}""#, InvalidEscape),
            (r#""\u{ 61 }""#, InvalidEscape),
            (r#""\u+061""#, InvalidEscape),
            (r#""\u61""#, InvalidEscape),
            (r#""\u""#, InvalidEscape),
            (r#""\u00é""#, InvalidEscape),
            (r#""\x61""#, InvalidEscape),
            (r#""\U0061""#, InvalidEscape),
            (r#""\é""#, InvalidEscape),
        ] {
            assert_eq!(rewrite_string(string), Err(problem), "{string}");
        }
    }

    #[test]
    fn a_block_string_keeps_its_value_and_its_lines() {
        for (string, value) in [
            ("\"\"\"\"\"\"", ""),
            (
                "\"\"\"a \\u{61} \\n \"quoted\" \\\\\"\"\"",
                "a \\u{61} \\n \"quoted\" \\\\",
            ),
            ("\"\"\"\r\n  a\r    b\n\r\n  c\r\n\"\"\"", "a\n  b\n\nc"),
            ("\"\"\"a \\\"\"\" b\"\"\"", "a \"\"\" b"),
            ("\"\"\"\\\"\"\"\"\"\"", "\"\"\""),
            (
                "\"\"\"\n\n    a \\ \\\"\"\"\n\t\n  b\n  \"\"\"",
                "  a \\ \"\"\"\n\nb",
            ),
            ("\"\"\"  a\n    \\\"\"\"é\n   b\"\"\"", "  a\n \"\"\"é\nb"),
        ] {
            assert_eq!(value_of(&rewrite_block_string(string)), value, "{string:?}");
        }
    }
}
