//! The `sessiond-bench` binary: runs the benchmark, a profile or a growth run, serves one of the
//! ceilings, or shows saved results.

use clap::Parser;
use sessiond_bench::{
    ceilings, growth,
    options::{Cli, Command},
    profile,
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
        Some(Command::Profile(options)) => on_one_thread(profile::run(&options)).map(drop),
        Some(Command::Growth(options)) => on_one_thread(growth::run(&options)).map(drop),
        None => on_one_thread(sessiond_bench::run(&options.resolved())).map(drop),
    }
}

/// One thread generates all load.
fn on_one_thread<T>(run: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, run)
}
