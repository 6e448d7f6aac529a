//! The `sessiond-bench` binary: runs the benchmark, serves one of its ceilings, or shows saved
//! results.

use clap::Parser;
use sessiond_bench::{
    ceilings,
    options::{Cli, Command, Options},
};

/// The allocator of the server, so that the ceilings have the same one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let Cli { command, options } = Cli::parse();
    match command {
        // The runtime of `sessiond` itself: one worker thread for each core.
        Some(Command::Ceiling { ceiling }) => {
            tokio::runtime::Runtime::new()?.block_on(ceilings::serve(ceiling))
        }
        Some(Command::Render { results, chart }) => {
            let results = serde_json::from_str(&std::fs::read_to_string(results)?)?;
            sessiond_bench::report(&results, chart.as_deref())
        }
        None => measure(&options.resolved()),
    }
}

fn measure(options: &Options) -> anyhow::Result<()> {
    // One thread generates all load.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, sessiond_bench::run(options))?;
    Ok(())
}
