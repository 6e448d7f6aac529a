//! The rules that the text types share: which characters a text may have, how a text that a person
//! reads is cleaned, and how it is isolated from the sentence around it.
//!
//! The properties of characters are those of the version of Unicode that ICU4X has.

use std::{borrow::Cow, ops::RangeInclusive};

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        BidiClass, CanonicalCombiningClass, DefaultIgnorableCodePoint, GeneralCategory,
        GeneralCategoryGroup, JoiningType, QuotationMark,
    },
};

/// The most combining marks in a row. More of them cover the lines above and below. Unicode
/// Technical Standard 39, section 5.4, recommends this limit.
const MAX_MARKS: usize = 4;

/// ZERO WIDTH NON-JOINER. Persian and Indic names need it.
const ZWNJ: char = '\u{200C}';
/// ZERO WIDTH JOINER. Indic names need it.
const ZWJ: char = '\u{200D}';

/// Whether the text has a permitted number of characters, none of which is a control character.
pub(super) fn is_plain_text(text: &str, length: RangeInclusive<usize>) -> bool {
    // A character has at most four bytes, so a text that is far too long is rejected before its
    // characters are counted.
    text.len() <= length.end() * 4
        && length.contains(&text.chars().count())
        && !text.chars().any(char::is_control)
}

/// The text in the normalization form NFC.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// The text in the normalization form NFKC, in which compatibility forms are equal.
pub(super) fn nfkc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

/// The general category of a character.
pub(super) fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// Whether the character shows nothing and may change how others are shown: a control or format
/// character, a separator of lines or paragraphs, or a code point that is ignored by default, such
/// as U+3164 HANGUL FILLER.
pub(super) fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(
        category(c),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    ) || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether the character is white space that takes up room in a line.
pub(super) fn is_space(c: char) -> bool {
    category(c) == GeneralCategory::SpaceSeparator
}

fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(category(c))
}

/// Whether the character is a symbol or a letter to Unicode, but takes up room like a space.
pub(super) const fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{2800}' // BRAILLE PATTERN BLANK
        | '\u{FFFC}' // OBJECT REPLACEMENT CHARACTER
        | '\u{16FE4}' // KHITAN SMALL SCRIPT FILLER
        | '\u{13441}' // EGYPTIAN HIEROGLYPH FULL BLANK
        | '\u{13442}' // EGYPTIAN HIEROGLYPH HALF BLANK
        | '\u{1D159}' // MUSICAL SYMBOL NULL NOTEHEAD
    )
}

/// Whether the character shows something by itself.
fn is_visible(c: char) -> bool {
    !is_hidden(c) && !is_space(c) && !is_mark(c) && !is_blank(c)
}

/// Whether the character opens or closes a quotation, or looks as if it did.
pub(super) fn is_quotation_mark(c: char) -> bool {
    /// Letters, punctuation and symbols that are drawn as quotation marks.
    const LOOKALIKES: &str = "ʹʺʻʼʽˮ״׳ʹ՚՛″‴‵‶‷⁗❛❜❝❞❟❠〃🙶🙷🙸´`＇｀";
    CodePointSetData::new::<QuotationMark>().contains(c)
        || matches!(
            category(c),
            GeneralCategory::InitialPunctuation | GeneralCategory::FinalPunctuation
        )
        || LOOKALIKES.contains(c)
}

/// Whether the text has a letter, a digit, punctuation or a symbol.
pub(super) fn has_visible(text: &str) -> bool {
    text.chars().any(is_visible)
}

/// Maps each space to U+0020, collapses runs of spaces, and removes those at the ends (RFC 8266,
/// section 2.1).
pub(super) fn collapse_spaces(text: &str) -> String {
    let words = text.split(is_space).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a new name may have these characters: those of the FreeformClass of PRECIS (RFC 8264,
/// section 4.3), with the properties of the current version of Unicode. ZERO WIDTH JOINER and ZERO
/// WIDTH NON-JOINER may stand where RFC 5892, appendix A, permits them.
pub(super) fn is_freeform(text: &str) -> bool {
    text.char_indices().all(|(position, c)| match c {
        ZWNJ | ZWJ => may_join(text, position, c),
        c => {
            !is_hidden(c)
                && !matches!(
                    category(c),
                    GeneralCategory::PrivateUse | GeneralCategory::Unassigned
                )
        }
    })
}

/// The rules of RFC 5892, appendix A.1 and A.2.
fn may_join(text: &str, position: usize, joiner: char) -> bool {
    let (before, after) = (&text[..position], &text[position + joiner.len_utf8()..]);
    let follows_virama = before.chars().next_back().is_some_and(|c| {
        CodePointMapData::<CanonicalCombiningClass>::new().get(c) == CanonicalCombiningClass::Virama
    });
    let joining = |c| CodePointMapData::<JoiningType>::new().get(c);
    let is_transparent = |c: &char| joining(*c) == JoiningType::Transparent;
    let left = before.chars().rev().find(|c| !is_transparent(c));
    let right = after.chars().find(|c| !is_transparent(c));
    let breaks_cursive = || {
        left.is_some_and(|c| {
            matches!(
                joining(c),
                JoiningType::LeftJoining | JoiningType::DualJoining
            )
        }) && right.is_some_and(|c| {
            matches!(
                joining(c),
                JoiningType::RightJoining | JoiningType::DualJoining
            )
        })
    };
    follows_virama || (joiner == ZWNJ && breaks_cursive())
}

/// Whether the text begins with a combining mark, or has more of them in a row than a line can
/// hold. Such marks are drawn over the text around them.
pub(super) fn has_loose_marks(text: &str) -> bool {
    without_loose_marks(text).len() != text.len()
}

fn without_loose_marks(text: &str) -> String {
    let mut marks = MAX_MARKS;
    text.chars()
        .filter(|c| {
            marks = if is_mark(*c) { marks + 1 } else { 0 };
            marks <= MAX_MARKS
        })
        .collect()
}

/// Removes what a person cannot see and what could hide, reorder or draw over other text. Spaces
/// become U+0020. Removes spaces at both ends.
pub(super) fn cleaned(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.trim().to_owned();
    }
    keep(text, |c| !is_hidden(c))
}

/// The text as [`cleaned`] returns it, also without blank characters, and with one space in a row:
/// a person who decides on one line must not take a gap for its end.
pub(super) fn cleaned_line(text: &str) -> String {
    if is_clean_ascii_line(text) {
        return text.to_owned();
    }
    collapse_spaces(&keep(text, |c| !is_hidden(c) && !is_blank(c)))
}

/// Whether the text is in ASCII, and [`cleaned_line`] returns it unchanged.
pub(super) fn is_clean_ascii_line(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_gap = |pair: &[u8]| pair == b"  ";
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim_ascii().len() == text.len()
        && !bytes.windows(2).any(is_gap)
}

fn keep(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let visible: String = text
        .chars()
        .filter(|c| is_kept(*c))
        .map(|c| if is_space(c) { ' ' } else { c })
        .collect();
    without_loose_marks(visible.trim()).trim().to_owned()
}

/// Prepares a text of another party for a sentence that is written from left to right. If the text
/// has characters that are written from right to left, it is isolated (Unicode Standard Annex 9,
/// section 2.4), so that it does not reorder what stands around it. Other text is returned
/// unchanged. The text must be [`cleaned`]: it then contains no isolate of its own.
pub(super) fn isolated(text: &str) -> Cow<'_, str> {
    const FIRST_STRONG_ISOLATE: char = '\u{2068}';
    const POP_DIRECTIONAL_ISOLATE: char = '\u{2069}';
    let bidi_class = CodePointMapData::<BidiClass>::new();
    let is_right_to_left = |c| {
        matches!(
            bidi_class.get(c),
            BidiClass::RightToLeft | BidiClass::ArabicLetter | BidiClass::ArabicNumber
        )
    };
    if text.is_ascii() || !text.chars().any(is_right_to_left) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!(
        "{FIRST_STRONG_ISOLATE}{text}{POP_DIRECTIONAL_ISOLATE}"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn characters_that_show_nothing_or_reorder_text_are_hidden() {
        for range in [
            '\u{0}'..='\u{1f}',
            '\u{7f}'..='\u{9f}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
            '\u{180b}'..='\u{180f}',
            '\u{fe00}'..='\u{fe0f}',
            '\u{e0000}'..='\u{e01ef}',
        ] {
            for c in range {
                assert!(is_hidden(c), "{c:?}");
            }
        }
        for c in "\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{3164}\u{feff}\u{ffa0}".chars() {
            assert!(is_hidden(c), "{c:?}");
        }
        for c in "aß日ع\u{301}\u{a0}👩\u{f8ff}".chars() {
            assert!(!is_hidden(c), "{c:?}");
        }
    }

    #[test]
    fn a_text_is_isolated_only_if_it_is_written_from_right_to_left() {
        assert_eq!(isolated("Überland 1"), "Überland 1");
        assert_eq!(isolated("日本語"), "日本語");
        for text in ["שלום", "مرحبا 1", "١٢٣"] {
            assert_eq!(isolated(text), format!("\u{2068}{text}\u{2069}"));
        }
    }

    #[test]
    fn marks_do_not_reach_the_text_around_them() {
        assert_eq!(cleaned("\u{338}\u{338}iPhone"), "iPhone");
        let tower = format!("a{}b", "\u{308}".repeat(40));
        assert_eq!(cleaned(&tower).chars().count(), 2 + MAX_MARKS);
        assert_eq!(cleaned("नमस्ते"), "नमस्ते");
    }

    #[test]
    fn a_line_has_no_gap() {
        for gap in [
            " ",
            "   ",
            "\u{a0} \u{3000}",
            " \u{2800} ",
            "\u{3164} \u{115f}",
            " \u{200b} ",
        ] {
            assert_eq!(cleaned_line(&format!(" a{gap}b{gap}")), "a b", "{gap:?}");
        }
        for blank in "\u{2800}\u{fffc}\u{1d159}\u{13441}\u{16fe4}\u{3164}".chars() {
            assert_eq!(cleaned_line(&format!("a{blank}b")), "ab", "{blank:?}");
        }
        let tower = format!("a{marks}\u{2800}{marks}b", marks = "\u{308}".repeat(4));
        assert_eq!(cleaned_line(&tower).chars().count(), 2 + MAX_MARKS);
    }

    proptest! {
        #[test]
        fn a_cleaned_text_has_no_hidden_character_and_stays_as_it_is(text in ".*") {
            let once = cleaned(&text);
            prop_assert!(!once.chars().any(is_hidden));
            prop_assert_eq!(cleaned(&once), once);
        }
    }
}
