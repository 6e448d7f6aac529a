//! Counts the lexical tokens of a document. A text with too many tokens is rejected before it is
//! parsed, because the parser is recursive and a text of many brackets would overflow its stack.

/// Counts the lexical tokens of `text` (GraphQL specification, 2.1.6). Returns `None` if there are
/// more than `limit`.
///
/// The count of a text that is not GraphQL is approximate. The parser rejects such a text.
pub(super) fn count_tokens(text: &str, limit: usize) -> Option<usize> {
    let mut rest = text.as_bytes();
    let mut count = 0;
    while let Some(&first) = rest.first() {
        let length = match first {
            // Ignored tokens: white space, line ends, commas, the byte order mark and comments.
            b' ' | b'\t' | b'\r' | b'\n' | b',' | 0xEF | 0xBB | 0xBF => {
                rest = &rest[1..];
                continue;
            }
            b'#' => {
                rest = &rest[length_while(rest, |byte| !matches!(byte, b'\r' | b'\n'))..];
                continue;
            }
            b'"' => string_length(rest),
            b'.' => length_while(rest, |byte| byte == b'.').min(3),
            b'0'..=b'9' | b'-' => number_length(rest),
            byte if is_name_byte(byte) => length_while(rest, is_name_byte),
            _ => 1,
        };
        rest = &rest[length..];
        count += 1;
        if count > limit {
            return None;
        }
    }
    Some(count)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Returns the length of the number at the start of `text`. Within a number, a sign may only follow
/// its `e`.
fn number_length(text: &[u8]) -> usize {
    let belongs = |index: usize| match text[index] {
        b'+' | b'-' => text[index - 1].eq_ignore_ascii_case(&b'e'),
        byte => is_name_byte(byte) || byte == b'.',
    };
    (1..text.len())
        .find(|index| !belongs(*index))
        .unwrap_or(text.len())
}

/// Returns the length of the string at the start of `text`, quotation marks included.
fn string_length(text: &[u8]) -> usize {
    match text.strip_prefix(b"\"\"\"") {
        Some(block) => 3 + block_string_length(block),
        None => 1 + line_string_length(&text[1..]),
    }
}

/// Returns the length of a block string after its opening quotation marks.
fn block_string_length(text: &[u8]) -> usize {
    let mut index = 0;
    while index < text.len() {
        if text[index..].starts_with(b"\\\"\"\"") {
            index += 4;
        } else if text[index..].starts_with(b"\"\"\"") {
            return index + 3;
        } else {
            index += 1;
        }
    }
    text.len()
}

/// Returns the length of a string on one line after its opening quotation mark.
fn line_string_length(text: &[u8]) -> usize {
    let mut index = 0;
    while index < text.len() {
        match text[index] {
            b'\\' => index += 2,
            b'"' => return index + 1,
            b'\r' | b'\n' => return index,
            _ => index += 1,
        }
    }
    text.len()
}

fn length_while(text: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    text.iter()
        .position(|byte| !belongs(*byte))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_as_the_specification_defines_them() {
        for (text, tokens) in [
            ("", 0),
            (" ,\t\r\n\u{FEFF}# a comment { } \n", 0),
            ("{ user }", 3),
            ("query Q($a: Int = -1.5e+3) { ...F @skip(if: true) }", 21),
            (r#"{ a(b: "x # y \" z") }"#, 8),
            (r#"{ a(b: """block " \""" { } """) c }"#, 9),
            ("{ a(b: \"\") c }", 9),
            ("{ a(b: \"\"\"\"\"\") c }", 9),
            ("[ID!]! & | = :", 9),
            ("{a...F...G}", 7),
            ("[1-1-1 1e-1 2E+3-4]", 8),
            // A text that is not GraphQL is counted too, and never read past its end.
            ("\"never closed", 1),
            ("\"\"\"never closed", 1),
            ("\"\\", 1),
            ("é", 2),
        ] {
            assert_eq!(count_tokens(text, tokens), Some(tokens), "{text}");
            let with_lower_limit = tokens
                .checked_sub(1)
                .and_then(|limit| count_tokens(text, limit));
            assert_eq!(with_lower_limit, None, "{text}");
        }
    }
}
