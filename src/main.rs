//! The `sessiond` binary: reads the settings, starts logging, and runs a command.

use std::{io::Write, process::ExitCode, sync::Arc};

use clap::Parser;
use sessiond::{
    app::App,
    check::{CheckReport, check},
    clock::SystemClock,
    config::{Cli, Command, Settings},
    graphql, open_files,
    random::SystemRandom,
    shutdown, telemetry,
};

/// Hashing a password allocates 19 MiB for a short time. The system's allocator would keep several
/// of these blocks per thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command, settings } = Cli::parse();
    let result = match command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings).await,
        Command::Schema => print(&graphql::sdl()),
        Command::Check => print_report(check(&settings).await),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sessiond: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(mut settings: Settings) -> anyhow::Result<()> {
    telemetry::start(settings.log_format);
    open_files::fit_limits(&mut settings.connection_limits);
    let signal = shutdown::signal()?;
    let app = App::start(&settings, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    app.shutdown().begin_on(signal);
    app.run().await;
    Ok(())
}

fn print_report(CheckReport { passed, failed }: CheckReport) -> anyhow::Result<()> {
    print(
        &passed
            .iter()
            .fold(String::new(), |text, line| text + line + "\n"),
    )?;
    let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("\nsessiond: "));
    Ok(())
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
