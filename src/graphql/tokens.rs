/// Counts the lexical tokens of a document (GraphQL specification, 2.1.6), up to `most`: an operation that is too long
/// is refused before it is parsed. Of a text that is no GraphQL it counts roughly; the parser says what is wrong with it.
///
/// `None` where there are more than `most`.
pub(super) fn count(text: &str, most: usize) -> Option<usize> {
    let mut rest = text.as_bytes();
    let mut count = 0;
    while let Some(&first) = rest.first() {
        let length = match first {
            // What is ignored: blanks, line ends, commas, the byte order mark and comments.
            b' ' | b'\t' | b'\r' | b'\n' | b',' | 0xEF | 0xBB | 0xBF => {
                rest = &rest[1..];
                continue;
            }
            b'#' => {
                rest = &rest[length_while(rest, |byte| !matches!(byte, b'\r' | b'\n'))..];
                continue;
            }
            b'"' => string(rest),
            b'.' => length_while(rest, |byte| byte == b'.').min(3),
            b'0'..=b'9' | b'-' => number(rest),
            byte if is_word(byte) => length_while(rest, is_word),
            _ => 1,
        };
        rest = &rest[length..];
        count += 1;
        if count > most {
            return None;
        }
    }
    Some(count)
}

/// A byte of a name.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How long the number is that the text starts with. A sign within it stands after its `e` only.
fn number(text: &[u8]) -> usize {
    let follows = |at: usize| match text[at] {
        b'+' | b'-' => text[at - 1].eq_ignore_ascii_case(&b'e'),
        byte => is_word(byte) || byte == b'.',
    };
    (1..text.len())
        .find(|at| !follows(*at))
        .unwrap_or(text.len())
}

fn length_while(text: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    text.iter()
        .position(|byte| !belongs(*byte))
        .unwrap_or(text.len())
}

/// How long the string is that the text starts with.
fn string(text: &[u8]) -> usize {
    if let Some(block) = text.strip_prefix(b"\"\"\"") {
        let mut at = 0;
        while at < block.len() {
            if block[at..].starts_with(b"\\\"\"\"") {
                at += 4;
            } else if block[at..].starts_with(b"\"\"\"") {
                return at + 6;
            } else {
                at += 1;
            }
        }
        return text.len();
    }
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            b'\r' | b'\n' => return at,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_as_the_specification_says() {
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
            // What is no GraphQL is counted too, and never read past its end.
            ("\"never closed", 1),
            ("\"\"\"never closed", 1),
            ("\"\\", 1),
            ("é", 2),
        ] {
            assert_eq!(count(text, tokens), Some(tokens), "{text}");
            assert_eq!(
                tokens.checked_sub(1).and_then(|fewer| count(text, fewer)),
                None,
                "{text}"
            );
        }
    }
}
