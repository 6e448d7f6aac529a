//! Reads mobile numbers as people write them (ITU-T E.123), and brings them into one form (ITU-T
//! E.164).
//!
//! A number identifies a user forever, so its form must not depend on lists of number ranges, which
//! change several times a year. The two lists below and the trunk prefix of Hungary are the only
//! knowledge of countries here.

use std::ops::RangeInclusive;

use super::written::Written;
use crate::domain::InputRule;

/// The permitted numbers of digits.
pub(super) const LENGTH: RangeInclusive<usize> = 7..=15;

/// The country codes of two digits (ITU-T E.164, list of assigned codes). `1` and `7` have one
/// digit, and all others have three.
const TWO_DIGIT_CODES: &[u8] = &[
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56,
    57, 58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];

/// The country codes after which a number may begin with a 0 that is not a trunk prefix: Ivory
/// Coast, Burkina Faso, Benin, Gabon, Congo, San Marino, Italy, Global Mobile Satellite, and
/// Tajikistan.
const CODES_WITH_LEADING_ZERO: &[&str] =
    &["225", "226", "229", "241", "242", "378", "39", "881", "992"];

/// Returns whether a text is a number in the form that [`parse`] returns, without anything to remove.
pub(super) fn has_final_form(text: &str) -> bool {
    let international = text.strip_prefix('+');
    let digits = international.unwrap_or(text);
    let has_prefix = match international {
        Some(digits) => {
            let number = digits.get(code_length(digits)..);
            digits.starts_with('0') || number.is_none_or(|number| number.starts_with('0'))
        }
        None => digits.starts_with("00"),
    };
    LENGTH.contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !has_prefix
}

/// Returns the number that `text` means, or the rule that it breaks.
pub(super) fn parse(text: &str) -> Result<String, InputRule> {
    let written = Written::read(text)?;
    let (digits, parenthesized) = (&written.digits, written.parenthesized_digit);
    let international = match digits.strip_prefix("00") {
        _ if written.has_plus => Some((digits.as_str(), 0)),
        Some(rest) => Some((rest, "00".len())),
        None => None,
    };
    let Some((digits, removed)) = international else {
        // A digit in parentheses inside a number is a trunk prefix, so the country code is there
        // and only the plus is missing.
        if parenthesized.is_some_and(|position| position > 0) {
            return Err(InputRule::MobileTrunkPrefix);
        }
        return of_permitted_length(digits.clone());
    };
    if digits.starts_with('0') {
        return Err(InputRule::MobileCountryCode);
    }
    let (code, rest) = digits
        .split_at_checked(code_length(digits))
        .ok_or(InputRule::Mobile)?;
    let has_leading_zero = CODES_WITH_LEADING_ZERO.contains(&code);
    if let Some(position) = parenthesized {
        let is_trunk_prefix = position == removed + code.len() && rest.starts_with('0');
        if !is_trunk_prefix || has_leading_zero {
            return Err(InputRule::MobileTrunkPrefix);
        }
    }
    let number = if has_leading_zero {
        rest
    } else {
        let rest = rest
            .strip_prefix(trunk_prefix(code))
            .or_else(|| rest.strip_prefix('0'))
            .unwrap_or(rest);
        if rest.starts_with('0') {
            return Err(InputRule::MobileTrunkPrefix);
        }
        rest
    };
    of_permitted_length(format!("{code}{number}")).map(|digits| format!("+{digits}"))
}

/// An international number and its parts.
pub(super) struct Parts<'a> {
    pub country_code: &'a str,
    /// The trunk prefix of the country, if the number cannot begin with the same digit.
    pub trunk_prefix: Option<&'static str>,
    pub rest: &'a str,
}

/// Splits an international number. `None` if the number is not international.
pub(super) fn split(number: &str) -> Option<Parts<'_>> {
    let digits = number.strip_prefix('+')?;
    let (country_code, rest) = digits.split_at_checked(code_length(digits))?;
    let has_leading_zero = CODES_WITH_LEADING_ZERO.contains(&country_code);
    Some(Parts {
        country_code,
        trunk_prefix: (!has_leading_zero).then(|| trunk_prefix(country_code)),
        rest,
    })
}

fn of_permitted_length(digits: String) -> Result<String, InputRule> {
    if LENGTH.contains(&digits.len()) {
        Ok(digits)
    } else {
        Err(InputRule::Mobile)
    }
}

fn code_length(digits: &str) -> usize {
    let first_two = digits.get(..2).and_then(|code| code.parse().ok());
    match digits.as_bytes().first() {
        Some(b'1' | b'7') => 1,
        _ if first_two.is_some_and(|code| TWO_DIGIT_CODES.contains(&code)) => 2,
        _ => 3,
    }
}

/// The digits that callers in a country dial before a number of another area, and that callers
/// abroad leave out. It is 06 in Hungary. Elsewhere, only a 0 can be confused with the number.
fn trunk_prefix(code: &str) -> &'static str {
    if code == "36" { "06" } else { "0" }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_from_an_address_book_is_the_number_that_is_meant() {
        for text in [
            "+491512345678",
            "+49 (151) 234-567.8",
            "+49\u{a0}151\u{202f}234\u{2009}5678",
            "+49\u{2011}151\u{2013}234\u{2212}5678",
            "\u{202a}+49 151 2345678\u{202c}",
            "\u{200e}+49\u{200e} 151/234\u{200b}5678\u{feff}",
            "\u{2068}+49 151 2345678\u{2069}\n",
            "＋４９１５１２３４５６７８",
            "+٤٩١٥١٢٣٤٥٦٧٨",
            "+۴۹۱۵۱۲۳۴۵۶۷۸",
            "+४९१५१२३४५६७८",
            "+49 (0)151 2345678",
            "+49（0）151 2345678",
            "+49 [0] 151 2345678",
            "+49 (0151) 2345678",
            "+49-0-151-2345678",
            "+4901512345678",
            "0049 151 2345678",
            "00 49 (0)151 2345678",
            "(0049) 151 2345678",
            "tel:+49-151-2345678",
            "\u{feff}TEL:+491512345678",
        ] {
            assert_eq!(parse(text).as_deref(), Ok("+491512345678"), "{text:?}");
        }
    }

    #[test]
    fn a_trunk_prefix_is_removed_by_the_rules_of_its_country() {
        for (text, number) in [
            ("+44 (0)20 7946 0958", "+442079460958"),
            ("+36 06 20 123 4567", "+36201234567"),
            ("+36 (06) 20 123 4567", "+36201234567"),
            // A number may begin with 0 in these countries.
            ("+39 06 1234 5678", "+390612345678"),
            ("+225 07 01 02 03 04", "+2250701020304"),
            ("+229 01 97 00 00 00", "+2290197000000"),
            ("+1 (212) 555-0100", "+12125550100"),
            ("+7 (912) 345-67-89", "+79123456789"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(number), "{text}");
        }
        for text in [
            "+39 (0)6 1234 5678",
            "+7 (8) 912 345-67-89",
            "+52 (1) 55 1234 5678",
            "+49 00151 2345678",
            "+49 151 (0) 2345678",
            "49 (0)151 2345678",
        ] {
            assert_eq!(parse(text), Err(InputRule::MobileTrunkPrefix), "{text}");
        }
    }

    #[test]
    fn a_number_without_a_country_code_keeps_its_form() {
        for (text, number) in [
            ("9012345678", "9012345678"),
            ("901 234-56.78", "9012345678"),
            ("0151 2345678", "01512345678"),
            ("(0)151 2345678", "01512345678"),
            ("९०१२३४५६७८", "9012345678"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(number), "{text}");
        }
    }

    #[test]
    fn each_fault_of_a_number_has_its_rule() {
        use InputRule::{Mobile, MobileCharacters, MobileCountryCode, MobileExtension};
        for (text, rule) in [
            ("", Mobile),
            ("+", Mobile),
            ("tel:", Mobile),
            ("123456", Mobile),
            ("+49 1515", Mobile),
            ("+49 (0)1515", Mobile),
            ("1234567890123456", Mobile),
            ("+1234567890123456", Mobile),
            (&"1".repeat(5000), Mobile),
            ("+0151 2345678", MobileCountryCode),
            ("+00 49 151 2345678", MobileCountryCode),
            ("000 49 151 2345678", MobileCountryCode),
            ("++1234567", MobileCharacters),
            ("12345678+", MobileCharacters),
            ("123456a8", MobileCharacters),
            ("1\n234567", MobileCharacters),
            ("mailto:123456789", MobileCharacters),
            ("+49 151 2345678 x12", MobileExtension),
            ("+49 151 2345678 ext. 12", MobileExtension),
            ("tel:+49-151-2345678;ext=12", MobileExtension),
            ("+49 151 2345678 #12", MobileExtension),
            ("tel:151-2345678;phone-context=+49", MobileCharacters),
        ] {
            assert_eq!(parse(text), Err(rule), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_number_is_parsed_as_itself(text in "[+０-９0-9٠-٩ ()./-]{0,24}") {
            if let Ok(number) = parse(&text) {
                prop_assert_eq!(parse(&number), Ok(number.clone()));
                let digits = number.strip_prefix('+').unwrap_or(&number);
                prop_assert!(LENGTH.contains(&digits.len()));
                prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
            }
        }

        #[test]
        fn a_number_in_its_final_form_is_parsed_as_itself(text in "[+]?[0-9]{0,17}[ 0]?") {
            if has_final_form(&text) {
                prop_assert_eq!(parse(&text), Ok(text));
            }
        }
    }

    #[test]
    fn a_number_without_anything_to_remove_has_its_final_form() {
        for (text, expected) in [
            ("+491512345678", true),
            ("+12025550123", true),
            ("+35312345678", true),
            ("9012345678", true),
            ("0151234567", true),
            ("+4901512345678", false),
            ("+390612345678", false),
            ("+0491512345678", false),
            ("00491512345678", false),
            ("+49 1512345678", false),
            ("+49151", false),
            ("+", false),
            ("", false),
            ("+é", false),
            ("１２３４５６７８", false),
        ] {
            assert_eq!(has_final_form(text), expected, "{text}");
        }
    }
}
