//! Mobile numbers.

mod e164;
mod typed;
mod written;

use std::{fmt, sync::Arc};

pub use self::typed::TypedMobile;
pub(super) use self::written::ascii_digit;
use super::{InputRule, InvalidInput};

/// A mobile number: 7 to 15 ASCII digits (ITU-T E.164), with or without a leading `+`.
///
/// A number with `+` is international: a country code, and the number without the trunk prefix. A
/// number without it has the form that the operator's users dial. Numbers of the two forms are
/// never equal.
///
/// `Debug` masks the number. `Display` does not, so it must not be used in logs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mobile(Arc<str>);

impl Mobile {
    /// Reads a number as people write it and as address books copy it, and checks it.
    ///
    /// Spaces, dashes, dots, slashes, parentheses and invisible characters are removed. Digits of
    /// every script and the full-width `+` are accepted, and `tel:` at the start. `00` at the start
    /// means `+`, as ITU-T E.164 recommends. In an international number, the trunk prefix after the
    /// country code is removed: `+49 (0)151 2345678` is `+491512345678`.
    ///
    /// # Errors
    /// [`InvalidInput`] with a rule for each kind of fault.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        // Programs send such a text with each request.
        if e164::has_final_form(text) {
            return Ok(Self(text.into()));
        }
        e164::parse(text)
            .map(|number| Self(number.into()))
            .map_err(|rule| InvalidInput::new("mobile", rule))
    }

    /// Restores a stored number, also one in a form that [`Mobile::parse`] would change.
    ///
    /// # Errors
    /// [`InvalidInput`] if no version of sessiond can have stored this number.
    pub fn from_stored(text: &str) -> Result<Self, InvalidInput> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if e164::LENGTH.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidInput::new("mobile", InputRule::Mobile))
        }
    }

    /// The other forms in which versions before [`Mobile::parse`] knew trunk prefixes can have
    /// stored an international number, such as `+4901512345678` and `00491512345678`.
    pub fn former_forms(&self) -> impl Iterator<Item = Self> {
        let forms = e164::split(&self.0).map(|parts| {
            let (code, number) = (parts.country_code, parts.rest);
            let with_trunk_prefix = parts.trunk_prefix.map(|trunk| {
                [
                    format!("+{code}{trunk}{number}"),
                    format!("00{code}{trunk}{number}"),
                ]
            });
            let without_plus = format!("00{code}{number}");
            with_trunk_prefix
                .into_iter()
                .flatten()
                .chain([without_plus])
        });
        let forms = forms.into_iter().flatten();
        forms.filter_map(|form| Self::from_stored(&form).ok())
    }

    /// The number without punctuation.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number with all characters except the last two hidden, for logs.
    #[must_use]
    pub fn masked(&self) -> String {
        let hidden = self.0.len() - 2;
        format!("{}{}", "*".repeat(hidden), &self.0[hidden..])
    }
}

impl fmt::Display for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_masks_a_mobile_number() {
        assert_eq!(
            format!("{:?}", Mobile::parse("9012345678").unwrap()),
            "********78"
        );
    }

    #[test]
    fn a_number_knows_the_forms_that_earlier_versions_stored() {
        let former = |number: &str| -> Vec<String> {
            let number = Mobile::parse(number).unwrap();
            number.former_forms().map(|form| form.to_string()).collect()
        };
        assert_eq!(
            former("+491512345678"),
            ["+4901512345678", "004901512345678", "00491512345678"]
        );
        assert_eq!(former("+390612345678"), ["00390612345678"]);
        assert_eq!(former("9012345678"), [""; 0]);
    }

    #[test]
    fn a_stored_number_is_read_as_it_is() {
        for number in [
            "+4901512345678",
            "00491512345678",
            "+01234567",
            "9012345678",
        ] {
            assert_eq!(Mobile::from_stored(number).unwrap().as_str(), number);
        }
        for damaged in ["", "x", "+49 151 2345678", "123456", "++1234567"] {
            assert!(Mobile::from_stored(damaged).is_err(), "{damaged}");
        }
    }
}
