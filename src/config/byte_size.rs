//! Sizes of memory with a unit.

use std::{fmt, str::FromStr};

/// The units, the largest first. Each is 1024 times the next one.
const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A size in bytes. Its text has a unit, because a number without one is as often meant in
/// megabytes as in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(u64);

impl ByteSize {
    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const PROBLEM: &str = "must be a whole number of KiB, MiB or GiB, such as 64MiB, or 0";
        if text == "0" {
            return Ok(Self(0));
        }
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))
            .ok_or(PROBLEM)?;
        let number: u64 = number.trim_end().parse().map_err(|_| PROBLEM)?;
        number.checked_mul(*unit).map(Self).ok_or("is too large")
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, unit)| self.0.is_multiple_of(*unit));
        match unit {
            Some((name, unit)) if self.0 > 0 => write!(f, "{}{name}", self.0 / unit),
            _ => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{config::Cli, store::sqlite::SqliteStore};

    #[test]
    fn a_size_has_a_unit() {
        for (text, bytes, shown) in [
            ("0", 0, "0"),
            ("0MiB", 0, "0"),
            ("512KiB", 512 << 10, "512KiB"),
            ("64MiB", 64 << 20, "64MiB"),
            ("64 MiB", 64 << 20, "64MiB"),
            ("1536KiB", 1536 << 10, "1536KiB"),
            ("1024MiB", 1 << 30, "1GiB"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, shown));
        }
        for text in [
            "", "64", "64M", "64MB", "64mib", "-1MiB", "1.5GiB", "MiB", "64MiB ", "+",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        let too_large = "17179869184GiB".parse::<ByteSize>();
        assert_eq!(too_large, Err("is too large"));
    }

    #[test]
    fn the_default_of_the_setting_is_that_of_the_store() {
        let settings = Cli::parse_from(["sessiond"]).settings;
        assert_eq!(settings.cache_size.bytes(), SqliteStore::DEFAULT_CACHE_SIZE);
    }
}
