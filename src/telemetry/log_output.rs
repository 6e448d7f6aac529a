//! Standard error as the place of the log lines.
//!
//! A program that reads standard error may stop reading, such as a paused terminal. A write then waits
//! for it, and with the write the request that logs, and each request that logs after it. A line is
//! therefore dropped if standard error does not accept it soon.

use std::{io::Write, time::Duration};

use parking_lot::Mutex;

/// How long a line waits until standard error accepts it. A pipe has room for 64 KiB on Linux before
/// any line waits. After a line was dropped, the next ones do not wait.
const PATIENCE: Duration = Duration::from_millis(100);

/// Writes each line as a whole, unless nobody reads it.
#[derive(Debug)]
pub(super) struct LogOutput<W>(Mutex<Output<W>>);

#[derive(Debug)]
struct Output<W> {
    writer: W,
    /// Whether the last line was dropped.
    is_stalled: bool,
    /// Whether only a part of the last line was written.
    is_line_open: bool,
    /// The number of dropped lines that were not reported yet.
    dropped: u64,
}

impl<W: Destination> LogOutput<W> {
    pub(super) const fn new(writer: W) -> Self {
        Self(Mutex::new(Output {
            writer,
            is_stalled: false,
            is_line_open: false,
            dropped: 0,
        }))
    }

    /// Returns the number of lines that were dropped since the last call. `None` if there are none, or
    /// if lines would still be dropped.
    pub(super) fn take_dropped(&self) -> Option<u64> {
        let mut output = self.0.lock();
        (output.dropped > 0 && output.writer.accepts(Duration::ZERO))
            .then(|| std::mem::take(&mut output.dropped))
    }
}

impl<W: Destination> Output<W> {
    fn write_line(&mut self, line: &[u8]) -> std::io::Result<()> {
        for part in line.chunks(PART) {
            let patience = if self.is_stalled {
                Duration::ZERO
            } else {
                PATIENCE
            };
            self.is_stalled = !self.writer.accepts(patience);
            if self.is_stalled {
                self.dropped += 1;
                return Ok(());
            }
            if self.is_line_open && part.as_ptr() == line.as_ptr() {
                self.writer.write_all(b"\n")?;
            }
            self.writer.write_all(part)?;
            self.is_line_open = !part.ends_with(b"\n");
        }
        Ok(())
    }
}

impl<W: Destination> Write for &LogOutput<W> {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write_line(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.lock().writer.flush()
    }
}

/// A file, a terminal, a pipe or a socket.
pub(super) trait Destination: Write {
    /// Waits until a write of [`PART`] bytes would not wait, at most this long.
    fn accepts(&self, patience: Duration) -> bool;
}

/// The number of bytes that a destination certainly has room for if it is ready (POSIX, `write`).
#[cfg(unix)]
const PART: usize = rustix::pipe::PIPE_BUF;

#[cfg(unix)]
impl<W: Write + std::os::fd::AsFd> Destination for W {
    fn accepts(&self, patience: Duration) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let Ok(patience) = Timespec::try_from(patience) else {
            return true;
        };
        let mut writer = [PollFd::new(self, PollFlags::OUT)];
        // If it cannot be found out, the write shows why.
        poll(&mut writer, Some(&patience)).map_or(true, |ready| ready > 0)
    }
}

#[cfg(not(unix))]
const PART: usize = usize::MAX;

#[cfg(not(unix))]
impl<W: Write> Destination for W {
    fn accepts(&self, _: Duration) -> bool {
        true
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{BufRead, BufReader, Read, pipe};

    use super::*;

    fn line(number: u32) -> Vec<u8> {
        format!("{number:0>199}\n").into_bytes()
    }

    #[test]
    fn lines_are_dropped_while_nobody_reads_and_counted_afterward() {
        let (reader, writer) = pipe().unwrap();
        let output = LogOutput::new(writer);
        let mut reader = BufReader::new(reader);
        let mut written = 0;
        while output.0.lock().dropped == 0 {
            (&output).write_all(&line(written)).unwrap();
            written += 1;
        }
        (&output).write_all(&line(written)).unwrap();
        assert_eq!(output.take_dropped(), None, "nobody reads yet");

        // The last two lines were dropped.
        for number in 0..written - 1 {
            let mut read = Vec::new();
            reader.read_until(b'\n', &mut read).unwrap();
            assert_eq!(read, line(number));
        }
        assert_eq!(output.take_dropped(), Some(2));
        assert_eq!(output.take_dropped(), None);
        (&output).write_all(&line(7)).unwrap();
        drop(output);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, line(7));
    }

    #[test]
    fn a_line_of_which_only_a_part_was_written_has_an_end() {
        let (mut reader, writer) = pipe().unwrap();
        let output = LogOutput::new(writer);
        let long = [vec![b'x'; 1 << 20], vec![b'\n']].concat();
        (&output).write_all(&long).unwrap();
        assert_eq!(output.0.lock().dropped, 1);

        let mut part = vec![0; 8 * PART];
        reader.read_exact(&mut part).unwrap();
        (&output).write_all(&line(1)).unwrap();
        drop(output);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        let mut lines = rest.split(|byte| *byte == b'\n');
        assert!(lines.next().unwrap().iter().all(|byte| *byte == b'x'));
        assert_eq!(lines.next().unwrap(), line(1).trim_ascii_end());
    }

    #[test]
    fn a_destination_that_is_closed_does_not_stop_the_writer() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = LogOutput::new(writer);
        assert!((&output).write_all(&line(1)).is_err());
        assert_eq!(output.take_dropped(), None);
    }
}
