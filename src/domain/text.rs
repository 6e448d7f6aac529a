//! The check that the text types share.

use std::ops::RangeInclusive;

/// Whether the text has a permitted number of characters, none of which is a control character.
pub(super) fn is_plain_text(text: &str, length: RangeInclusive<usize>) -> bool {
    // A character has at most four bytes, so a text that is far too long is rejected before its
    // characters are counted.
    text.len() <= length.end() * 4
        && length.contains(&text.chars().count())
        && !text.chars().any(char::is_control)
}
