//! The `sessiond-bench` binary: runs the benchmark, or serves one of its ceilings.

use clap::Parser;
use sessiond_bench::{
    ceilings,
    options::{Cli, Command},
};

/// The allocator of the server, so that the ceilings have the same one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let Cli { command, options } = Cli::parse();
    if let Some(Command::Ceiling { ceiling }) = command {
        // The runtime of `sessiond` itself: one worker thread for each core.
        return tokio::runtime::Runtime::new()?.block_on(ceilings::serve(ceiling));
    }
    // One thread generates all load.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, sessiond_bench::run(&options.resolved()))?;
    Ok(())
}
