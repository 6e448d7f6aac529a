//! The `sessiond` binary: reads the settings, starts logging, and runs a command.

use std::{io::Write, process::ExitCode, sync::Arc};

use sessiond::{
    app::App,
    backup::{back_up, restore},
    check::{CheckReport, check},
    clock::SystemClock,
    config::{Cli, Command, KeyCommand, Settings, UnknownVariable},
    graphql,
    ids::IdGenerator,
    manual,
    migrate::migrate,
    new_key::NewKey,
    open_files,
    random::SystemRandom,
    reload, shutdown, telemetry,
};

/// Hashing a password allocates 19 MiB for a short time. The system's allocator would keep several
/// of these blocks per thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sessiond: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let (Cli { command, settings }, unknown) = Cli::read(std::env::vars_os())?;
    match command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings, &unknown).await,
        Command::Schema => print(graphql::sdl()),
        Command::Check => print_report(check(&settings, &unknown).await),
        Command::Migrate => {
            telemetry::start(settings.log_format);
            print(migrate(&settings).await? + "\n")
        }
        Command::Backup { path } => print(back_up(&settings.database, &path)?),
        Command::Restore { path } => print(restore(&path, &settings.database)?),
        Command::Man => print(manual::page()?),
        Command::Completions { shell } => print(manual::completions(shell)),
        Command::Key(KeyCommand::New {
            name,
            scopes,
            expires_in,
        }) => {
            let ids = IdGenerator::new(Arc::new(SystemClock), Arc::new(SystemRandom));
            let key = NewKey::new(&ids, &name, &scopes, expires_in);
            eprintln!("The key, which is shown only here: {}", key.secret);
            print(key.entry)
        }
    }
}

async fn serve(mut settings: Settings, unknown: &[UnknownVariable]) -> anyhow::Result<()> {
    telemetry::start(settings.log_format);
    let open_files = open_files::fit_limits(&mut settings.connection_limits);
    let signal = shutdown::signal()?;
    let hangups = reload::hangups()?;
    let started = App::start(&settings, Arc::new(SystemClock), Arc::new(SystemRandom)).await;
    // Logged after the line that the node listens. A misspelled variable may also be the reason why
    // a start failed.
    unknown.iter().for_each(UnknownVariable::warn);
    open_files.log();
    let app = started?;
    app.shutdown().begin_on(signal);
    app.reload_on(hangups);
    app.run().await;
    Ok(())
}

fn print_report(CheckReport { passed, failed }: CheckReport) -> anyhow::Result<()> {
    print(
        passed
            .iter()
            .fold(String::new(), |text, line| text + line + "\n"),
    )?;
    let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("\nsessiond: "));
    Ok(())
}

fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(text.as_ref())?)
}
