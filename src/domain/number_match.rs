//! Number matching: the person who approves a login names the number that the waiting device shows.

use std::{fmt, ops::RangeInclusive};

/// The number that a waiting device shows, among the choices that the deciding device shows. `Debug`
/// hides both, because whoever reads the log must not be able to approve a login.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NumberMatch {
    number: u8,
    choices: [u8; Self::CHOICES],
}

impl NumberMatch {
    /// The numbers that a device can show: two digits.
    pub const NUMBERS: RangeInclusive<u8> = 10..=99;

    /// The number of choices.
    pub const CHOICES: usize = 3;

    /// Draws three different numbers that are not `taken`, and selects one of them. `seed` must be
    /// random. Returns `None` if too few numbers are left.
    ///
    /// The choices are sorted, so that their order does not depend on which of them is selected.
    #[must_use]
    pub fn draw(seed: u128, taken: impl Fn(u8) -> bool) -> Option<Self> {
        let mut free: Vec<u8> = Self::NUMBERS.filter(|number| !taken(*number)).collect();
        if free.len() < Self::CHOICES {
            return None;
        }
        let mut rest = seed;
        let mut choices = [0; Self::CHOICES];
        for choice in &mut choices {
            // 32 bits for each choice. The bias is below one in 40 million.
            let random = rest & u128::from(u32::MAX);
            rest >>= u32::BITS;
            let index = (random * free.len() as u128) >> u32::BITS;
            *choice = free.swap_remove(usize::try_from(index).unwrap_or(0));
        }
        let [number, ..] = choices;
        choices.sort_unstable();
        Some(Self { number, choices })
    }

    /// The number that the waiting device shows.
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.number
    }

    /// The choices for the deciding device, in ascending order.
    #[must_use]
    pub const fn choices(&self) -> [u8; Self::CHOICES] {
        self.choices
    }

    /// The bytes to store: the number, and then the choices.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; Self::CHOICES + 1] {
        let [first, second, third] = self.choices;
        [self.number, first, second, third]
    }

    /// Restores the value from its bytes. `None` if [`NumberMatch::draw`] cannot have made it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (number, choices) = bytes.split_first()?;
        let choices: [u8; Self::CHOICES] = choices.try_into().ok()?;
        let is_sorted = choices.is_sorted_by(|a, b| a < b);
        let in_range = |choice: &u8| Self::NUMBERS.contains(choice);
        let is_valid = is_sorted && choices.iter().all(in_range) && choices.contains(number);
        is_valid.then_some(Self {
            number: *number,
            choices,
        })
    }
}

impl fmt::Debug for NumberMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[number]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_drawn_number_is_one_of_three_different_choices_that_were_free(
            seed: u128, taken in prop::collection::hash_set(10_u8..=99, 0..=87)
        ) {
            let drawn = NumberMatch::draw(seed, |number| taken.contains(&number)).unwrap();
            let [a, b, c] = drawn.choices();
            prop_assert!(10 <= a && a < b && b < c && c <= 99);
            prop_assert!(drawn.choices().contains(&drawn.number()));
            prop_assert!(drawn.choices().iter().all(|choice| !taken.contains(choice)));
            prop_assert_eq!(NumberMatch::from_bytes(&drawn.to_bytes()), Some(drawn));
        }
    }

    #[test]
    fn each_of_the_three_places_has_the_number_equally_often() {
        let mut places = [0; 3];
        for seed in 0..3000_u128 {
            let seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            let drawn = NumberMatch::draw(seed, |_| false).unwrap();
            let place = drawn
                .choices()
                .iter()
                .position(|choice| *choice == drawn.number());
            places[place.unwrap()] += 1;
        }
        assert!(
            places.iter().all(|count| (850..1150).contains(count)),
            "{places:?}"
        );
    }

    #[test]
    fn there_is_no_draw_from_two_numbers() {
        assert!(NumberMatch::draw(0, |number| number > 12).is_some());
        assert_eq!(NumberMatch::draw(0, |number| number > 11), None);
    }

    #[test]
    fn debug_hides_the_number() {
        let drawn = NumberMatch::draw(7, |_| false).unwrap();
        assert_eq!(format!("{drawn:?}"), "[number]");
    }

    #[test]
    fn bytes_that_no_draw_makes_are_rejected() {
        for bytes in [
            &[][..],
            &[12, 12, 13],
            &[12, 12, 13, 14, 15],
            &[11, 12, 13, 14],
            &[12, 12, 12, 14],
            &[14, 14, 13, 12],
            &[9, 9, 13, 14],
            &[100, 13, 14, 100],
        ] {
            assert_eq!(NumberMatch::from_bytes(bytes), None, "{bytes:?}");
        }
    }
}
