//! Passwords that are known from breaches of other services (OWASP ASVS 5.0, 6.2.12).
//!
//! The operator provides a file in the form of the lists of Have I Been Pwned: one SHA-1 hash a line,
//! in ascending order, each with or without `:` and a count. The whole list has a billion lines and
//! 40 GB, so it stays on the disk. A look-up halves the file about 35 times.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use sha1::{Digest, Sha1};
use thiserror::Error;

/// The number of characters of a SHA-1 hash.
const HASH_LENGTH: usize = 40;

/// The maximum length of a line with its end: a hash, `:`, a count and a line break.
const MAX_LINE: usize = 64;

/// The number of lines whose order is checked at the start. They are spread over the whole list, and
/// are all of its lines if it has fewer. A list in another order has two of them in that order.
const ORDER_SAMPLES: u64 = 1000;

/// A list of passwords, which is a file that was opened at the start. It must not change meanwhile.
#[derive(Debug)]
pub struct BreachedPasswords {
    path: PathBuf,
    /// One look-up at a time reads. It takes less than the hash of the password, which follows.
    file: Mutex<File>,
    length: u64,
}

/// A list that cannot be read.
#[derive(Debug, Error)]
#[error("cannot read the breached passwords in {}: {source}", path.display())]
pub struct BreachedPasswordsError {
    path: PathBuf,
    source: io::Error,
}

/// A line of the list.
struct Line {
    start: u64,
    /// The position after the line.
    end: u64,
    hash: [u8; HASH_LENGTH],
}

impl BreachedPasswords {
    /// Opens a list, and checks the form and the order of some of its lines.
    ///
    /// # Errors
    /// [`BreachedPasswordsError`] if the file cannot be read, is empty, is not in ascending order, or
    /// has another form.
    pub fn open(path: &Path) -> Result<Self, BreachedPasswordsError> {
        let opened = fs::metadata(path).and_then(|metadata| {
            // To open a pipe would wait for its writer.
            if !metadata.is_file() {
                return Err(invalid("it is not a regular file"));
            }
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            let list = Self {
                path: path.to_owned(),
                file: Mutex::new(file),
                length,
            };
            list.check_order().map(|()| list)
        });
        opened.map_err(|source| BreachedPasswordsError {
            path: path.to_owned(),
            source,
        })
    }

    /// Checks lines from the whole list. A look-up in a list that is not in order misses passwords.
    fn check_order(&self) -> io::Result<()> {
        let step = self.length / ORDER_SAMPLES;
        let first = self.line_from(0)?.ok_or_else(|| invalid("it is empty"))?;
        let mut last = first;
        while let Some(line) = self.line_from(last.end.max(last.start + step))? {
            if line.hash < last.hash {
                return Err(invalid(
                    "its lines are not in ascending order: sort it, or download the list that is \
                     ordered by hash",
                ));
            }
            last = line;
        }
        Ok(())
    }

    /// Returns true if the list has this password.
    ///
    /// # Errors
    /// [`BreachedPasswordsError`] if the file cannot be read any more.
    pub fn contains(&self, password: &[u8]) -> Result<bool, BreachedPasswordsError> {
        self.find(password)
            .map_err(|source| BreachedPasswordsError {
                path: self.path.clone(),
                source,
            })
    }

    fn find(&self, password: &[u8]) -> io::Result<bool> {
        let wanted = hash_of(password);
        // The line with the hash, if there is one, starts at one of these positions.
        let mut starts = 0..self.length;
        while !starts.is_empty() {
            let middle = starts.start + (starts.end - starts.start) / 2;
            match self.line_from(middle)? {
                Some(line) if line.start < starts.end => match line.hash.cmp(&wanted) {
                    std::cmp::Ordering::Equal => return Ok(true),
                    std::cmp::Ordering::Less => starts.start = line.end,
                    std::cmp::Ordering::Greater => starts.end = middle,
                },
                _ => starts.end = middle,
            }
        }
        Ok(false)
    }

    /// Returns the first line that starts at `position` or later.
    fn line_from(&self, position: u64) -> io::Result<Option<Line>> {
        // The byte before the position shows whether a line starts there.
        let from = position.saturating_sub(1);
        let mut bytes = Vec::with_capacity(2 * MAX_LINE);
        {
            let mut file = self.file.lock();
            file.seek(SeekFrom::Start(from))?;
            (&mut *file)
                .take(2 * MAX_LINE as u64)
                .read_to_end(&mut bytes)?;
        }
        let skipped = match position {
            0 => 0,
            _ => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                None if from + bytes.len() as u64 >= self.length => return Ok(None),
                None => return Err(invalid("a line is too long")),
            },
        };
        let rest = &bytes[skipped..];
        if rest.is_empty() {
            return Ok(None);
        }
        let line = rest.split_inclusive(|byte| *byte == b'\n').next();
        let line = line.unwrap_or_default();
        let start = from + skipped as u64;
        Ok(Some(Line {
            start,
            end: start + line.len() as u64,
            hash: parse_hash(line).ok_or_else(|| invalid("a line is not a SHA-1 hash"))?,
        }))
    }
}

/// Returns the hash at the beginning of a line, in upper case.
fn parse_hash(line: &[u8]) -> Option<[u8; HASH_LENGTH]> {
    let mut hash: [u8; HASH_LENGTH] = line.get(..HASH_LENGTH)?.try_into().ok()?;
    let is_end = |byte: &u8| matches!(byte, b':' | b'\r' | b'\n');
    let is_complete = line.get(HASH_LENGTH).is_none_or(is_end);
    hash.make_ascii_uppercase();
    (is_complete && hash.iter().all(u8::is_ascii_hexdigit)).then_some(hash)
}

fn hash_of(password: &[u8]) -> [u8; HASH_LENGTH] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = [0; HASH_LENGTH];
    for (digits, byte) in text.chunks_mut(2).zip(Sha1::digest(password)) {
        digits[0] = DIGITS[usize::from(byte >> 4)];
        digits[1] = DIGITS[usize::from(byte & 0xf)];
    }
    text
}

fn invalid(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of these passwords, each with a line of its own.
    fn list_of(passwords: &[String], line: impl Fn(usize, &str) -> String) -> BreachedPasswords {
        let mut hashes: Vec<_> = passwords
            .iter()
            .map(|password| String::from_utf8(hash_of(password.as_bytes()).to_vec()).unwrap())
            .collect();
        hashes.sort();
        let lines = hashes.iter().enumerate();
        let text: String = lines.map(|(index, hash)| line(index, hash)).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, text).unwrap();
        BreachedPasswords::open(&path).unwrap()
    }

    fn passwords(count: usize) -> Vec<String> {
        (0..count)
            .map(|number| format!("secret {number}"))
            .collect()
    }

    #[test]
    fn each_password_of_a_list_is_found_and_no_other() {
        let endings: [fn(usize, &str) -> String; 4] = [
            |_, hash| format!("{hash}\n"),
            |_, hash| format!("{}\r\n", hash.to_lowercase()),
            |index, hash| format!("{hash}:{}\r\n", index * index * index),
            |index, hash| {
                if index == 0 {
                    hash.to_owned()
                } else {
                    format!("\n{hash}:{index}")
                }
            },
        ];
        for line in endings {
            for count in [1, 2, 3, 10, 257] {
                let passwords = passwords(count);
                let list = list_of(&passwords, line);
                for password in &passwords {
                    assert!(list.contains(password.as_bytes()).unwrap(), "{password}");
                }
                for number in 0..300 {
                    let other = format!("another {number}");
                    assert!(!list.contains(other.as_bytes()).unwrap());
                }
            }
        }
    }

    #[test]
    fn the_hash_is_that_of_the_published_lists() {
        assert_eq!(
            &hash_of(b"password"),
            b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"
        );
    }

    #[test]
    fn a_file_of_another_form_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let long = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8A\n";
        for content in ["", "password\n", "\n", long] {
            std::fs::write(&path, content).unwrap();
            let error = BreachedPasswords::open(&path).unwrap_err().to_string();
            assert!(
                error.contains("cannot read the breached passwords"),
                "{error}"
            );
        }
        assert!(BreachedPasswords::open(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_list_that_is_not_in_order_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let mut lines: Vec<_> = passwords(20_000)
            .iter()
            .map(|password| hash_of(password.as_bytes()).to_vec())
            .map(|hash| String::from_utf8(hash).unwrap() + "\n")
            .collect();
        lines.sort();
        let in_order = lines.clone();
        let mut by_count = lines.clone();
        // As a list in the order of how common each password is.
        by_count.sort_by_key(|line| line.chars().rev().collect::<String>());
        let mut two_parts = lines.clone();
        two_parts.rotate_left(9_000);
        lines.truncate(3);
        let mut swapped = lines.clone();
        swapped.swap(1, 2);
        for (lines, is_accepted) in [
            (in_order, true),
            (lines, true),
            (by_count, false),
            (two_parts, false),
            (swapped, false),
        ] {
            std::fs::write(&path, lines.concat()).unwrap();
            let opened = BreachedPasswords::open(&path);
            match opened {
                Ok(_) => assert!(is_accepted, "{} lines in another order", lines.len()),
                Err(error) => {
                    assert!(!is_accepted, "{error}");
                    assert!(
                        error.to_string().contains("not in ascending order"),
                        "{error}"
                    );
                }
            }
        }
    }
}
