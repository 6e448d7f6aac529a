//! Bounds a document before it is parsed, and writes it in the form that async-graphql's parser
//! accepts.
//!
//! The parser is recursive, so a text of many brackets would overflow its stack. And the parser of
//! async-graphql 8.0.0-rc.5 rejects some documents that the specification allows: white space
//! within a type, a comment after `on`, the escape sequences of [`super::strings`], and
//! descriptions (2.1.7, 2.9.4 and 2.2.1 of the edition of September 2025). So it receives the
//! tokens of the document without comments and descriptions, each at its own line and column. The
//! positions in error messages stay right.

use std::borrow::Cow;

use async_graphql::Pos;

use super::{
    super::errors::RequestError,
    lexer::{Lexer, LexicalError, Token, TokenKind, position_after},
    strings::{rewrite_block_string, rewrite_string},
};

/// The maximum nesting of brackets of any kind in a document: of selection sets, arguments, lists,
/// objects and list types. The deepest operation within `--max-depth` needs fewer. A test executes
/// documents of this depth on threads with a stack of 2 MiB, in a debug build.
pub const MAX_NESTING: usize = 64;

/// A document as the parser accepts it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NormalizedText {
    pub text: String,
    pub token_count: usize,
}

/// Counts the tokens and the nesting of `text`, and writes it in its normal form.
///
/// # Errors
/// [`RequestError`] if the text has more than `max_tokens` tokens, is nested deeper than
/// [`MAX_NESTING`], or contains something that is not a token. The text is not read beyond the
/// first error.
pub(super) fn normalize(text: &str, max_tokens: usize) -> Result<NormalizedText, RequestError> {
    let mut writer = Writer::new(text.len());
    let mut nesting = Nesting::default();
    let mut type_state = TypeState::default();
    // A string that is a description if the next token is what it could describe.
    let mut candidate: Option<Token<'_>> = None;
    let mut previous: Option<Token<'_>> = None;
    let mut token_count = 0;
    for token in Lexer::new(text) {
        token_count += 1;
        if token_count > max_tokens {
            return Err(RequestError::TooManyTokens { limit: max_tokens });
        }
        let token = token.map_err(RequestError::Lexical)?;
        nesting.enter(token.text)?;
        let is_glued = type_state.continues_type(token);
        if let Some(string) = candidate.take()
            && !nesting.is_described_by_string(token)
        {
            writer.write(string, false)?;
        }
        let is_string = matches!(token.kind, TokenKind::String | TokenKind::BlockString);
        if is_string && nesting.allows_description(previous) {
            candidate = Some(token);
        } else {
            writer.write(token, is_glued)?;
        }
        nesting.leave(token.text);
        previous = Some(token);
    }
    if let Some(string) = candidate {
        writer.write(string, false)?;
    }
    Ok(NormalizedText {
        text: writer.text,
        token_count,
    })
}

/// The open brackets. A closing bracket of another kind than the last open one counts too: the
/// parser reads no further than that, so it does not matter what is counted from there.
#[derive(Default)]
struct Nesting {
    depth: usize,
    /// Whether the outermost open bracket is a `(`. It encloses the variables of an operation, or
    /// the arguments of a directive.
    is_in_parentheses: bool,
}

impl Nesting {
    fn enter(&mut self, token: &str) -> Result<(), RequestError> {
        if matches!(token, "{" | "[" | "(") {
            if self.depth == 0 {
                self.is_in_parentheses = token == "(";
            }
            self.depth += 1;
        }
        if self.depth > MAX_NESTING {
            return Err(RequestError::TooDeep { limit: MAX_NESTING });
        }
        Ok(())
    }

    fn leave(&mut self, token: &str) {
        if matches!(token, "}" | "]" | ")") {
            self.depth = self.depth.saturating_sub(1);
        }
    }

    /// Returns whether a string after `previous` could describe an operation, a fragment or a
    /// variable.
    fn allows_description(&self, previous: Option<Token<'_>>) -> bool {
        let previous = previous.map(|token| token.text);
        match self.depth {
            0 => matches!(previous, None | Some("}")),
            1 => self.is_in_parentheses && !matches!(previous, Some(":" | "=")),
            _ => false,
        }
    }

    /// Returns whether a description may stand before `token`.
    fn is_described_by_string(&self, token: Token<'_>) -> bool {
        match self.depth {
            0 => token.kind == TokenKind::Name,
            _ => token.text == "$",
        }
    }
}

/// The part of a variable definition that was read last: `$`, its name, `:` and its type.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum TypeState {
    #[default]
    Outside,
    Dollar,
    Variable,
    /// At the start of the type.
    Colon,
    /// Within the type, before its name.
    Bracket,
    /// After the name within the type.
    Named,
}

impl TypeState {
    /// Moves on by one token. Returns whether the token continues the type that the previous token
    /// belongs to. The parser accepts nothing between these two tokens.
    fn continues_type(&mut self, token: Token<'_>) -> bool {
        let is_name = token.kind == TokenKind::Name;
        let (next, continues) = match (*self, token.text) {
            (_, "$") => (Self::Dollar, false),
            (Self::Dollar, _) if is_name => (Self::Variable, false),
            (Self::Variable, ":") => (Self::Colon, false),
            (Self::Colon, "[") => (Self::Bracket, false),
            (Self::Colon, _) if is_name => (Self::Named, false),
            (Self::Bracket, "[") => (Self::Bracket, true),
            (Self::Bracket, _) if is_name => (Self::Named, true),
            (Self::Named, "]" | "!") => (Self::Named, true),
            _ => (Self::Outside, false),
        };
        *self = next;
        continues
    }
}

/// Writes tokens at their positions in the original text. No token is longer than in the original,
/// with the exception of a block string that becomes a string on one line. So a token is at its own
/// position, unless it follows such a string on the same line or continues a type.
struct Writer {
    text: String,
    position: Pos,
}

impl Writer {
    fn new(capacity: usize) -> Self {
        let position = Pos { line: 1, column: 1 };
        Self {
            text: String::with_capacity(capacity),
            position,
        }
    }

    fn write(&mut self, token: Token<'_>, is_glued: bool) -> Result<(), RequestError> {
        let text = match token.kind {
            TokenKind::String => rewrite_string(token.text).map_err(|problem| {
                let position = token.position;
                RequestError::Lexical(LexicalError { problem, position })
            })?,
            TokenKind::BlockString => rewrite_block_string(token.text),
            // async-graphql 8.0.0-rc.5 rejects `-0` as an `Int`.
            TokenKind::Number if token.text == "-0" => Cow::from("0"),
            TokenKind::Punctuator | TokenKind::Name | TokenKind::Number => Cow::from(token.text),
        };
        if !is_glued {
            self.move_to(token.position);
        }
        self.text.push_str(&text);
        self.position = position_after(self.position, &text);
        Ok(())
    }

    fn move_to(&mut self, position: Pos) {
        while self.position.line < position.line {
            self.text.push('\n');
            self.position.line += 1;
            self.position.column = 1;
        }
        while self.position.column < position.column {
            self.text.push(' ');
            self.position.column += 1;
        }
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    fn normal_form(text: &str) -> String {
        normalize(text, usize::MAX).unwrap().text
    }

    #[test]
    fn each_token_keeps_its_line_and_column() {
        for (text, expected) in [
            ("{ a, b }", "{ a  b }"),
            ("\u{FEFF}{a}", " {a}"),
            ("{ a # é { \r  b }", "{ a\n  b }"),
            ("{ a\r\n b\r\r c }", "{ a\n b\n\n c }"),
            ("{ a } # the end", "{ a }"),
            ("(a: -0 b: -0.5)", "(a: 0  b: -0.5)"),
            ("{ ...on#x\nQ { a } }", "{ ...on\nQ { a } }"),
            ("($a: [ ID! ] !, $b: X)", "($a: [ID!]!     $b: X)"),
            ("($a: [ # x\n ID\n ] = [ 1 ])", "($a: [ID]\n\n   = [ 1 ])"),
            ("($a: ID ! @b)", "($a: ID!  @b)"),
            (r#"(a: "\u{61}" b: 1)"#, r#"(a: "a"      b: 1)"#),
            (
                r#"(a: "\ud83d\ude00" b: 1)"#,
                r#"(a: "😀"            b: 1)"#,
            ),
            (
                "(a: \"\"\"x\r\n y\"\"\" b: 1)",
                "(a: \"\"\"x\n y\"\"\" b: 1)",
            ),
            (r#"(a: """\""" " "" """ b)"#, r#"(a: "\"\"\" \" \"\" "b)"#),
        ] {
            assert_eq!(normal_form(text), expected, "{text:?}");
        }
    }

    #[test]
    fn descriptions_are_removed_and_other_strings_are_kept() {
        for (text, expected) in [
            ("\"d\" query { a }", "    query { a }"),
            ("\"\"\"\nd\n\"\"\"\nquery { a }", "\n\n\nquery { a }"),
            (
                "{ a } \"d\" fragment F on Q { a }",
                "{ a }     fragment F on Q { a }",
            ),
            (
                "query(\"d\" $a: I \"d\" $b: I) { a }",
                "query(    $a: I     $b: I) { a }",
            ),
            (
                "query($a: S = \"d\" \"d\" $b: I)",
                "query($a: S = \"d\"     $b: I)",
            ),
        ] {
            assert_eq!(normal_form(text), expected, "{text:?}");
        }
        for text in [
            "\"d\" { a }",
            "\"d\"",
            "query \"d\" { a }",
            "query Q @a(b: \"d\" c: \"d\") { a }",
            "query($a: S = \"d\" $b: S = \"d\") { a }",
            "query($a: [S] = [\"d\" \"d\"] @x(y: [\"d\" $b])) { a }",
            "{ a(b: [\"d\" $c]) }",
        ] {
            assert_eq!(normal_form(text), text);
        }
    }

    #[test]
    fn tokens_and_nesting_are_bounded() {
        let tokens = RequestError::TooManyTokens { limit: 4 };
        assert_eq!(normalize("{ a b }", 4).unwrap().token_count, 4);
        assert_eq!(normalize("{ a b c }", 4), Err(tokens));
        let depth = RequestError::TooDeep { limit: MAX_NESTING };
        for (open, close) in [("{", "}"), ("[", "]"), ("(", ")"), ("{([", "])}")] {
            let pairs = MAX_NESTING / open.len();
            let deepest = format!("{}{}", open.repeat(pairs), close.repeat(pairs));
            // Brackets that were closed do not count.
            assert!(normalize(&deepest.repeat(2), usize::MAX).is_ok());
            let deeper = format!("{}{open}", "[".repeat(MAX_NESTING));
            assert_eq!(normalize(&deeper, usize::MAX), Err(depth.clone()));
        }
    }
}
