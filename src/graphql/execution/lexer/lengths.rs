//! The lengths of lexical tokens in bytes.

pub(super) const fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Returns the length of the characters at the start of `text` that could belong to a number, so
/// that the whole of `1.5.2` or `1a` is checked. A sign may only follow an `e`.
pub(super) fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let belongs = |index: usize| match bytes[index] {
        b'+' | b'-' => bytes[index - 1].eq_ignore_ascii_case(&b'e'),
        byte => is_name_character(char::from(byte)) || byte == b'.',
    };
    (1..bytes.len())
        .find(|index| !belongs(*index))
        .unwrap_or(bytes.len())
}

/// Returns whether `text` is an `IntValue` or a `FloatValue`.
pub(super) fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (integer, fraction) = match mantissa.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (mantissa, None),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(integer)
        && (integer == "0" || !integer.starts_with('0'))
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(|text| is_digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

/// Returns the length of a block string after its opening quotation marks.
pub(super) fn block_string_length(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + text[from..].find("\"\"\"")?;
        if !text[..end].ends_with('\\') {
            return Some(end + 3);
        }
        from = end + 3;
    }
}

/// Returns the length of a string on one line after its opening quotation mark.
pub(super) fn line_string_length(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate();
    while let Some((index, byte)) = bytes.next() {
        match byte {
            // The next character is part of the escape sequence, unless it ends the line.
            b'\\' if matches!(bytes.next(), None | Some((_, b'\r' | b'\n'))) => return None,
            b'"' => return Some(index + 1),
            b'\r' | b'\n' => return None,
            _ => {}
        }
    }
    None
}

pub(super) fn length_while(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|character| !belongs(character))
        .unwrap_or(text.len())
}
