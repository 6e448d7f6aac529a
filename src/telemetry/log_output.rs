//! Standard error as the place of the log lines.
//!
//! A program that reads standard error may stop reading, such as a paused terminal. A write then waits
//! for it, and with the write the request that logs, and each request that logs after it. A line is
//! therefore dropped if standard error does not accept it soon.

#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(target_os = "linux")]
use std::path::Path;
use std::{
    fs::File,
    io::{ErrorKind, Stderr, Write, stderr},
    time::Duration,
};

use parking_lot::Mutex;

use crate::metrics;

/// How long a line waits until standard error accepts it. A pipe has room for 64 KiB on Linux before
/// any line waits. After a line was dropped, the next ones do not wait.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long the writer pauses if standard error was ready and did not accept anything.
const PAUSE: Duration = Duration::from_millis(1);

/// How often it pauses for one line.
const MAX_PAUSES: u32 = 100;

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
        let ended: Vec<u8>;
        let mut rest = line;
        if self.is_line_open {
            ended = [b"\n", line].concat();
            rest = &ended;
        }
        let (patience, max_pauses) = if self.is_stalled {
            (Duration::ZERO, 0)
        } else {
            (PATIENCE, MAX_PAUSES)
        };
        let mut pauses = 0;
        while !rest.is_empty() {
            self.is_stalled = pauses > max_pauses || !self.writer.accepts(patience);
            if self.is_stalled {
                self.dropped += 1;
                metrics::record(|metrics| metrics.log_lines_dropped.inc());
                return Ok(());
            }
            match self.writer.write(&rest[..rest.len().min(PART)]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = &rest[written..];
                    self.is_line_open = !rest.is_empty();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A terminal that has room for one byte accepts no end of a line, which takes two.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    pauses += 1;
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
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

/// Standard error.
#[derive(Debug)]
pub(super) enum StandardError {
    /// A write may wait.
    Shared(Stderr),
    /// No write waits. The other programs that have the same pipe or terminal open do not notice it.
    NonBlocking(File),
}

impl StandardError {
    /// Opens a pipe or a terminal once more, if the system allows it.
    pub(super) fn open() -> Self {
        reopen().map_or_else(|| Self::Shared(stderr()), Self::NonBlocking)
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Shared(stderr) => stderr,
            Self::NonBlocking(file) => file,
        }
    }
}

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer().flush()
    }
}

#[cfg(unix)]
impl AsFd for StandardError {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Shared(stderr) => stderr.as_fd(),
            Self::NonBlocking(file) => file.as_fd(),
        }
    }
}

/// A file never waits, and a socket cannot be opened again.
#[cfg(target_os = "linux")]
fn reopen() -> Option<File> {
    use std::os::unix::fs::FileTypeExt;

    let standard_error = Path::new("/proc/self/fd/2");
    let kind = standard_error.metadata().ok()?.file_type();
    let may_wait = kind.is_fifo() || kind.is_char_device();
    may_wait.then(|| open_again(standard_error).ok())?
}

#[cfg(target_os = "linux")]
fn open_again(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;

    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = File::options();
    options
        .write(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

#[cfg(not(target_os = "linux"))]
fn reopen() -> Option<File> {
    None
}

/// A file, a terminal, a pipe or a socket.
pub(super) trait Destination: Write {
    /// Waits until a write of [`PART`] bytes would not wait, at most this long.
    fn accepts(&self, patience: Duration) -> bool;
}

/// The number of bytes that a pipe certainly has room for if it is ready (POSIX, `write`).
#[cfg(unix)]
const PART: usize = rustix::pipe::PIPE_BUF;

#[cfg(unix)]
impl<W: Write + AsFd> Destination for W {
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

#[cfg(all(test, target_os = "linux"))]
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

    #[test]
    fn a_pipe_with_room_for_one_part_gets_no_more() {
        let (mut reader, writer) = pipe().unwrap();
        let output = LogOutput::new(writer);
        let long = [vec![b'x'; 1 << 20], vec![b'\n']].concat();
        for _ in 0..4 {
            (&output).write_all(&long).unwrap();
            reader.read_exact(&mut vec![0; PART]).unwrap();
        }
        assert_eq!(output.0.lock().dropped, 4);
    }

    #[test]
    fn lines_are_dropped_while_nobody_reads_a_terminal() {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = std::path::Path::new(name.to_str().unwrap());
        let output = LogOutput::new(open_again(terminal).unwrap());
        while output.0.lock().dropped == 0 {
            (&output).write_all(&line(1)).unwrap();
        }
        (&output).write_all(&line(2)).unwrap();
        assert_eq!(output.0.lock().dropped, 2);
    }
}
