//! Reads the files of settings, keys and connection strings. They are small, so that a wrong path,
//! such as that of a device or of a database, is rejected before it fills the memory.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The maximum size of a file in bytes: ten thousand service keys.
const MAX_SIZE: usize = 4 * 1024 * 1024;

/// Reads a whole file of text.
///
/// # Errors
/// The error of the operating system, or that the file is too large or is not UTF-8.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let limit = MAX_SIZE as u64 + 1;
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_SIZE {
        let problem = format!("the file is larger than {MAX_SIZE} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_rejected() {
        let error = read(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(error.to_string(), "the file is larger than 4194304 bytes");
    }

    #[test]
    fn a_file_of_the_maximum_size_is_read_and_a_larger_one_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (size, is_read) in [(0, true), (MAX_SIZE, true), (MAX_SIZE + 1, false)] {
            std::fs::write(&path, "a".repeat(size)).unwrap();
            let length = read(&path).ok().map(|text| text.len());
            assert_eq!(length, is_read.then_some(size));
        }
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(
            read(&path).unwrap_err().to_string(),
            "the file is not UTF-8"
        );
    }
}
