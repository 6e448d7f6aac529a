//! The manual page and the completions of shells, made from the definition of the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::config::Cli;

/// Returns the manual page in the format of man(7).
///
/// # Errors
/// Returns an error if it cannot be written.
pub fn page() -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    Ok(page)
}

/// Returns the completions for a shell.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sessiond", &mut script);
    script
}
