//! Reads what callgrind has counted. The format is described in its manual, under "Callgrind Format
//! Specification".

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};

/// The events that are counted, in the order of the columns. A system call takes part in the second
/// one.
const EVENTS: &str = "events: Ir sysCount sysTime";

/// What callgrind has counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// The functions, by name.
    pub(super) functions: HashMap<String, Function>,
    /// The instructions of each source file, inlined code included, and of each library without
    /// line numbers.
    pub(super) files: HashMap<String, u64>,
    /// All instructions.
    pub(super) total: u64,
}

/// What callgrind has counted of a function.
#[derive(Debug, Default, Clone)]
pub(super) struct Function {
    /// The source file.
    pub(super) file: String,
    /// The instructions of the function itself.
    pub(super) own: u64,
    /// The instructions of the function and of those that it calls.
    pub(super) inclusive: u64,
    /// How often it was called.
    pub(super) calls: u64,
    makes_system_calls: bool,
}

impl Function {
    /// Whether this is a function of the C library for a system call. callgrind also counts the
    /// system calls of valgrind itself, in whatever function runs at that time.
    pub(super) fn is_system_call(&self) -> bool {
        self.makes_system_calls && self.file.contains("/sysdeps/unix/")
    }
}

/// The part of the text that is being read.
#[derive(Debug, Default)]
struct Position {
    object: String,
    function_file: String,
    file: String,
    function: String,
    /// The next line of costs belongs to a call.
    is_call: bool,
    called: String,
}

impl Counts {
    /// Reads the text of a dump with uncompressed names and positions.
    pub(super) fn parse(text: &str) -> Result<Self> {
        ensure!(
            text.lines().any(|line| line == EVENTS),
            "callgrind counted other events than {EVENTS}"
        );
        let mut counts = Self::default();
        let mut position = Position::default();
        for line in text.lines() {
            counts.read(line, &mut position)?;
        }
        let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
        let total = number(totals.and_then(|line| line.split(' ').next()))?;
        ensure!(
            counts.total == total,
            "read {} instructions of {total}",
            counts.total
        );
        Ok(counts)
    }

    fn read(&mut self, line: &str, position: &mut Position) -> Result<()> {
        if line.starts_with(|c: char| c.is_ascii_digit()) {
            return self.read_costs(line, position);
        }
        let Some((key, value)) = line.split_once('=') else {
            return Ok(());
        };
        match key {
            "ob" => value.clone_into(&mut position.object),
            "fl" => {
                value.clone_into(&mut position.function_file);
                value.clone_into(&mut position.file);
            }
            "fi" | "fe" => value.clone_into(&mut position.file),
            "fn" => {
                position.file.clone_from(&position.function_file);
                value.clone_into(&mut position.function);
                let function = self.functions.entry(value.to_owned()).or_default();
                function.file.clone_from(&position.function_file);
            }
            "cfn" => value.clone_into(&mut position.called),
            "calls" => {
                let called = self.functions.entry(position.called.clone()).or_default();
                called.calls += number(value.split(' ').next())?;
                position.is_call = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// A line number, instructions, and events of system calls, of which the last ones may be left
    /// out.
    fn read_costs(&mut self, line: &str, position: &mut Position) -> Result<()> {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let instructions = number(columns.next())?;
        let function = self
            .functions
            .get_mut(&position.function)
            .context("costs without a function")?;
        function.inclusive += instructions;
        if std::mem::take(&mut position.is_call) {
            return Ok(());
        }
        function.own += instructions;
        function.makes_system_calls |= columns.next().is_some_and(|count| count != "0");
        self.total += instructions;
        // Inlined code of the standard library belongs to the function that it is a part of.
        let file = if is_standard_library(&position.file) {
            &position.function_file
        } else {
            &position.file
        };
        let file = if file == "???" {
            &position.object
        } else {
            file
        };
        *self.files.entry(file.clone()).or_default() += instructions;
        Ok(())
    }
}

/// Whether a source file belongs to Rust's standard library or to its dependencies.
pub(super) fn is_standard_library(file: &str) -> bool {
    file.starts_with("/rustc/") || file.starts_with("/rust/deps/")
}

fn number(text: Option<&str>) -> Result<u64> {
    let text = text.context("a number is missing in the output of callgrind")?;
    text.parse()
        .with_context(|| format!("not a number in the output of callgrind: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "\
events: Ir sysCount sysTime

ob=/usr/bin/server
fl=/registry/src/index/tower-0.5.3/src/a.rs
fn=handle
10 7
fi=/rustc/59807616/library/core/src/b.rs
20 3
fi=/home/a/sessiond/src/http/c.rs
30 4 1
fe=/registry/src/index/tower-0.5.3/src/a.rs
cob=/usr/lib/libc.so.6
cfi=./misc/../sysdeps/unix/sysv/linux/writev.c
cfn=writev
calls=2 24
31 11 2 9

ob=/usr/lib/libc.so.6
fl=./misc/../sysdeps/unix/sysv/linux/writev.c
fn=writev
5 11 2 9
fl=???
fn=0x1234
0 5
totals: 30 3 9
";

    #[test]
    fn the_costs_of_a_function_are_its_own_and_those_of_its_calls() {
        let counts = Counts::parse(DUMP).unwrap();
        let handle = &counts.functions["handle"];
        assert_eq!((handle.own, handle.inclusive), (14, 25));
        assert!(!handle.is_system_call());
        let writev = &counts.functions["writev"];
        assert_eq!((writev.own, writev.inclusive, writev.calls), (11, 11, 2));
        assert!(writev.is_system_call());
        assert_eq!(counts.total, 30);
    }

    #[test]
    fn inlined_code_counts_for_its_file_unless_it_is_of_the_standard_library() {
        let counts = Counts::parse(DUMP).unwrap();
        let file = |name: &str| counts.files.get(name).copied();
        assert_eq!(file("/registry/src/index/tower-0.5.3/src/a.rs"), Some(10));
        assert_eq!(file("/home/a/sessiond/src/http/c.rs"), Some(4));
        assert_eq!(file("/rustc/59807616/library/core/src/b.rs"), None);
        assert_eq!(file("/usr/lib/libc.so.6"), Some(5));
    }

    #[test]
    fn a_dump_that_is_cut_off_is_an_error() {
        let cut = DUMP.replace("0 5\n", "");
        assert!(Counts::parse(&cut).is_err());
    }
}
