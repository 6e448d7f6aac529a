//! Runs a server under callgrind, and controls the counting.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::output::Counts;

/// callgrind, with its files in one folder.
#[derive(Debug)]
pub(super) struct Callgrind {
    folder: PathBuf,
}

impl Callgrind {
    /// Finds callgrind. `folder` is for its files.
    pub(super) fn find(folder: &Path) -> Result<Self> {
        for program in ["valgrind", "vgdb"] {
            let found = Command::new(program)
                .arg("--help")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
            ensure!(
                found,
                "`{program}` is missing: a profile needs valgrind (`apt-get install valgrind`)"
            );
        }
        Ok(Self {
            folder: folder.canonicalize()?,
        })
    }

    /// The command that a server runs under. Nothing is counted at first.
    pub(super) fn command(&self) -> Vec<OsString> {
        let mut output = OsString::from("--callgrind-out-file=");
        output.push(self.output());
        vec![
            "valgrind".into(),
            "--tool=callgrind".into(),
            "--instr-atstart=no".into(),
            "--collect-systime=usec".into(),
            "--compress-strings=no".into(),
            "--compress-pos=no".into(),
            self.prefix(),
            output,
        ]
    }

    /// Begins to count. The first instructions after it are translated, and cost time.
    pub(super) fn begin(&self, process: u32) -> Result<()> {
        self.control(process, &["instrumentation", "on"])
    }

    /// Sets all counts to zero.
    pub(super) fn reset(&self, process: u32) -> Result<()> {
        self.control(process, &["zero"])
    }

    /// Returns the counts since the last reset.
    pub(super) fn read(&self, process: u32) -> Result<Counts> {
        self.control(process, &["dump"])?;
        // Dumps are numbered. Each server has one.
        let path = self.output().with_extension("1");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("callgrind has not written {}", path.display()))?;
        fs::remove_file(path)?;
        Counts::parse(&text)
    }

    fn control(&self, process: u32, command: &[&str]) -> Result<()> {
        let output = Command::new("vgdb")
            .arg(self.prefix())
            .arg(format!("--pid={process}"))
            .args(command)
            .output()
            .context("cannot run vgdb")?;
        ensure!(
            output.status.success(),
            "callgrind did not follow a command: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn output(&self) -> PathBuf {
        self.folder.join("callgrind")
    }

    /// The place of the pipes between vgdb and valgrind. Its default depends on the environment.
    fn prefix(&self) -> OsString {
        let mut prefix = OsString::from("--vgdb-prefix=");
        prefix.push(self.folder.join("vgdb"));
        prefix
    }
}
