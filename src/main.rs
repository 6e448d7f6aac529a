//! The binary: reads the settings, starts telemetry, and runs.

use std::{io::Write, process::ExitCode, sync::Arc};

use clap::Parser;
use sessiond::{
    app::{self, App, CheckReport},
    clock::SystemClock,
    config::{Cli, Command, Settings},
    graphql,
    random::SystemRandom,
    shutdown, telemetry,
};

/// Hashing a password takes 19 MiB for a moment. The system's allocator keeps such blocks, several a thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command, settings } = Cli::parse();
    let done = match command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings).await,
        Command::Schema => print(&graphql::sdl()),
        Command::Check => check(&settings).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sessiond: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(mut settings: Settings) -> anyhow::Result<()> {
    telemetry::start(settings.log_format);
    // Each connection is an open file, and many systems allow 1,024 until a process asks for more.
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(open_files) => {
            if settings.limits.fit(open_files) {
                let (connections, sockets) =
                    (settings.limits.max_connections, settings.limits.max_sockets);
                tracing::warn!(
                    open_files,
                    connections,
                    sockets,
                    "fewer are taken at once than was set"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "the limit on open files could not be raised"),
    }
    let asked = shutdown::signal()?;
    let app = App::start(&settings, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let shutdown = app.shutdown();
    shutdown.spawn({
        let shutdown = shutdown.clone();
        async move {
            tokio::select! {
                signal = asked => tracing::info!("{signal}: shutting down"),
                () = shutdown.token().cancelled_owned() => {}
            }
            shutdown.begin();
        }
    });
    app.run().await;
    Ok(())
}

async fn check(settings: &Settings) -> anyhow::Result<()> {
    let CheckReport { sound, wrong } = app::check(settings).await;
    sound
        .iter()
        .try_for_each(|line| print(&format!("{line}\n")))?;
    let wrong: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\nsessiond: "));
    Ok(())
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
