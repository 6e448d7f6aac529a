//! The digits and the punctuation of a number, as people and address books write them.

use icu_properties::props::GeneralCategory;

use crate::domain::{
    InputRule,
    text::{category, is_hidden},
};

/// The digits of a number as it was written.
#[derive(Default)]
pub(super) struct Written {
    pub has_plus: bool,
    pub digits: String,
    /// The position of a digit that stands alone in parentheses, as in `(0)`.
    pub parenthesized_digit: Option<usize>,
}

impl Written {
    /// Reads the digits. Fails with a rule if the text has anything that is not part of a number.
    pub(super) fn read(text: &str) -> Result<Self, InputRule> {
        /// The maximum length of the text, in bytes. It leaves enough room for digits of any
        /// script and for the usual punctuation.
        const MAX_TEXT_LENGTH: usize = 256;
        if text.len() > MAX_TEXT_LENGTH {
            return Err(InputRule::Mobile);
        }
        let mut written = Self::default();
        let mut opened_at = None;
        let text = without_scheme(text.trim());
        for (position, c) in text.char_indices() {
            match c {
                '+' | '＋' | '﹢' if !written.has_plus && written.digits.is_empty() => {
                    written.has_plus = true;
                }
                '(' | '（' | '[' | '［' => opened_at = Some(written.digits.len()),
                ')' | '）' | ']' | '］' => {
                    if opened_at.is_some_and(|start| start + 1 == written.digits.len()) {
                        written.parenthesized_digit = opened_at;
                    }
                    opened_at = None;
                }
                _ if !written.digits.is_empty() && is_extension(&text[position..]) => {
                    return Err(InputRule::MobileExtension);
                }
                c => match ascii_digit(c) {
                    Some(digit) => written.digits.push(digit),
                    None if is_separator(c) => {}
                    None => return Err(InputRule::MobileCharacters),
                },
            }
        }
        Ok(written)
    }
}

/// Removes the scheme of a `tel` URI (RFC 3966). Invisible characters before it are removed too.
fn without_scheme(text: &str) -> &str {
    const SCHEME: &str = "tel:";
    let visible = text.trim_start_matches(is_hidden);
    match visible.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
        _ => text,
    }
}

/// Whether an extension begins here, as in `x12`, `ext. 12`, `;ext=12` and `#12`.
fn is_extension(text: &str) -> bool {
    let marks = ["x", "ext", ";ext", "#"];
    let starts_with = |mark: &str| {
        let start = text.get(..mark.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(mark))
    };
    marks.into_iter().any(starts_with)
}

/// The ASCII digit with the value of a decimal digit of any script.
pub(in crate::domain) fn ascii_digit(c: char) -> Option<char> {
    let is_digit = |c| category(c) == GeneralCategory::DecimalNumber;
    if c.is_ascii_digit() || !is_digit(c) {
        return c.is_ascii_digit().then_some(c);
    }
    // The digits 0 to 9 of a script are consecutive, and so are those of the five mathematical
    // styles (The Unicode Standard, section 4.6).
    let zero = (0..u32::from(c))
        .rev()
        .take_while(|code| char::from_u32(*code).is_some_and(is_digit))
        .last();
    let distance = zero.map_or(0, |zero| u32::from(c) - zero);
    char::from_digit(distance % 10, 10)
}

/// Whether people write this character between the digits of a number.
fn is_separator(c: char) -> bool {
    matches!(c, '.' | '/' | '．' | '／' | '\u{2212}' | '·' | '∙' | '~')
        || (is_hidden(c) && !c.is_control())
        || matches!(
            category(c),
            GeneralCategory::SpaceSeparator | GeneralCategory::DashPunctuation
        )
}
