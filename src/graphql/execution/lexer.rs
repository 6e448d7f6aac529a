//! Splits the text of a document into lexical tokens (GraphQL specification, 2.1).

mod lengths;

use async_graphql::Pos;

use self::lengths::{
    block_string_length, is_name_character, is_number, length_while, line_string_length,
    number_length,
};

/// A lexical token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: TokenKind,
    /// The token as the document contains it.
    pub text: &'a str,
    pub position: Pos,
}

/// The kind of a lexical token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Punctuator,
    Name,
    Number,
    /// A string on one line. Its escape sequences are not checked yet.
    String,
    BlockString,
}

/// A part of a text that is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexicalError {
    /// The reason.
    pub problem: LexicalProblem,
    /// The start of the part.
    pub position: Pos,
}

/// The reason why a part of a text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexicalProblem {
    /// The character is not allowed outside a string.
    UnexpectedCharacter(char),
    /// The number is not well-formed, for example `01` or `1a`.
    InvalidNumber,
    /// The string has no closing quotation mark.
    UnterminatedString,
    /// The string contains a backslash that does not begin an escape sequence.
    InvalidEscape,
    /// The string contains one half of a surrogate pair without the other half.
    LoneSurrogate,
}

/// An iterator over the tokens of a text. It skips ignored tokens: white space, line ends, commas,
/// byte order marks and comments. It ends after the first error.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    rest: &'a str,
    position: Pos,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        let position = Pos { line: 1, column: 1 };
        Self {
            rest: text,
            position,
        }
    }

    /// Consumes `length` bytes.
    fn advance(&mut self, length: usize) -> &'a str {
        let (consumed, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.position = position_after(self.position, consumed);
        consumed
    }

    fn skip_ignored(&mut self) {
        loop {
            let is_ignored = |c| matches!(c, ' ' | '\t' | '\r' | '\n' | ',' | '\u{FEFF}');
            let mut length = length_while(self.rest, is_ignored);
            if self.rest[length..].starts_with('#') {
                length += length_while(&self.rest[length..], |c| !matches!(c, '\r' | '\n'));
            }
            if length == 0 {
                return;
            }
            self.advance(length);
        }
    }

    /// Returns the kind and the length in bytes of the token that begins with `first`.
    fn measure(&self, first: char) -> Result<(TokenKind, usize), LexicalProblem> {
        let unexpected = LexicalProblem::UnexpectedCharacter(first);
        let unterminated = LexicalProblem::UnterminatedString;
        match first {
            '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => {
                Ok((TokenKind::Punctuator, 1))
            }
            '.' if self.rest.starts_with("...") => Ok((TokenKind::Punctuator, 3)),
            '"' => {
                if let Some(block) = self.rest.strip_prefix("\"\"\"") {
                    let length = block_string_length(block).ok_or(unterminated)?;
                    Ok((TokenKind::BlockString, 3 + length))
                } else {
                    let length = line_string_length(&self.rest[1..]).ok_or(unterminated)?;
                    Ok((TokenKind::String, 1 + length))
                }
            }
            '0'..='9' | '-' => {
                let length = number_length(self.rest);
                if is_number(&self.rest[..length]) {
                    Ok((TokenKind::Number, length))
                } else {
                    Err(LexicalProblem::InvalidNumber)
                }
            }
            first if is_name_character(first) => {
                Ok((TokenKind::Name, length_while(self.rest, is_name_character)))
            }
            _ => Err(unexpected),
        }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Result<Token<'a>, LexicalError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_ignored();
        let first = self.rest.chars().next()?;
        let position = self.position;
        Some(match self.measure(first) {
            Ok((kind, length)) => Ok(Token {
                kind,
                text: self.advance(length),
                position,
            }),
            Err(problem) => {
                self.rest = "";
                Err(LexicalError { problem, position })
            }
        })
    }
}

/// Returns the position after `text`, if `text` begins at `position`. A line ends with LF, CR or
/// CRLF. A column is one character.
pub(super) fn position_after(position: Pos, text: &str) -> Pos {
    let mut position = position;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_first_of_pair = character == '\r' && characters.peek() == Some(&'\n');
        if matches!(character, '\r' | '\n') && !is_first_of_pair {
            position.line += 1;
            position.column = 1;
        } else {
            position.column += 1;
        }
    }
    position
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<&str>, LexicalProblem> {
        let tokens = Lexer::new(text).map(|token| token.map(|token| token.text));
        tokens
            .collect::<Result<_, _>>()
            .map_err(|error| error.problem)
    }

    #[test]
    fn a_text_is_split_as_the_specification_defines() {
        for (text, expected) in [
            ("", &[][..]),
            (" ,\t\r\n\u{FEFF}# a comment { } \n", &[]),
            ("{ user }", &["{", "user", "}"]),
            (
                "($a:Int=-1.5e+3)",
                &["(", "$", "a", ":", "Int", "=", "-1.5e+3", ")"],
            ),
            ("...F@skip", &["...", "F", "@", "skip"]),
            (
                r#"(b: "x # y \" z")"#,
                &["(", "b", ":", r#""x # y \" z""#, ")"],
            ),
            (
                r#""""block " \""" { } """ c"#,
                &[r#""""block " \""" { } """"#, "c"],
            ),
            (r#""" """""""#, &[r#""""#, r#""""""""#]),
            ("[ID!]!&|", &["[", "ID", "!", "]", "!", "&", "|"]),
            ("{a...F...G}", &["{", "a", "...", "F", "...", "G", "}"]),
            (
                "[1-1-1 1e-1 2E+3-4 0]",
                &["[", "1", "-1", "-1", "1e-1", "2E+3", "-4", "0", "]"],
            ),
        ] {
            assert_eq!(tokens(text), Ok(expected.to_vec()), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_graphql_is_rejected() {
        use LexicalProblem::{InvalidNumber, UnexpectedCharacter, UnterminatedString};
        for (text, problem) in [
            ("\"never closed", UnterminatedString),
            ("\"closed on the next line\n\"", UnterminatedString),
            ("\"\"\"never closed\"\"", UnterminatedString),
            ("\"\"\"never closed\\\"\"\"", UnterminatedString),
            ("\"\\", UnterminatedString),
            ("\"\\\n\"", UnterminatedString),
            ("é", UnexpectedCharacter('é')),
            ("a\u{A0}b", UnexpectedCharacter('\u{A0}')),
            ("..", UnexpectedCharacter('.')),
            ("a % b", UnexpectedCharacter('%')),
            ("01", InvalidNumber),
            ("-", InvalidNumber),
            ("1.", InvalidNumber),
            ("1.e5", InvalidNumber),
            ("1.5.2", InvalidNumber),
            ("1e", InvalidNumber),
            ("1e+", InvalidNumber),
            ("0x1F", InvalidNumber),
            ("1_000", InvalidNumber),
        ] {
            assert_eq!(tokens(text), Err(problem), "{text:?}");
        }
    }

    #[test]
    fn lines_end_with_lf_cr_or_crlf_and_columns_are_characters() {
        let text = "\u{FEFF}a #é\rb\r\n\"é\" c\n\nd";
        let positions: Vec<_> = Lexer::new(text)
            .map(|token| token.unwrap().position)
            .map(|position| (position.line, position.column))
            .collect();
        assert_eq!(positions, [(1, 2), (2, 1), (3, 1), (3, 5), (5, 1)]);
    }
}
