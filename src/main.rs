//! The `sessiond` binary: reads the settings, and runs a command.

use std::process::ExitCode;

use sessiond::{command::run, config::Cli};

/// Hashing a password allocates 19 MiB for a short time. The system's allocator would keep several
/// of these blocks per thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Cli::read(std::env::vars_os()) {
        Ok((cli, unknown)) => Box::pin(run(cli, &unknown)).await,
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sessiond: {error}");
            ExitCode::FAILURE
        }
    }
}
