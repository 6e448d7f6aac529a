//! A check that the text types have in common.

use std::ops::RangeInclusive;

/// Whether the text has a permitted number of characters, none of which is a control character.
pub(super) fn is_plain_text(text: &str, length: RangeInclusive<usize>) -> bool {
    // A character takes at most four bytes, so a text that is far too long is rejected without a
    // count.
    text.len() <= length.end() * 4
        && length.contains(&text.chars().count())
        && !text.chars().any(char::is_control)
}
