//! Runs a command of the binary, and prints its result.

use std::{io::Write, sync::Arc};

use crate::{
    app::App,
    backup::{back_up, restore},
    check::{CheckReport, check, test_webhooks},
    clock::SystemClock,
    config::{
        self, Cli, Command, ConfigCommand, KeyCommand, Settings, UnknownVariable, WebhookCommand,
    },
    graphql,
    ids::IdGenerator,
    manual,
    migrate::{migrate, migration_plan},
    new_key::NewKey,
    open_files,
    random::SystemRandom,
    reload, shutdown, telemetry,
    traces::Traces,
};

/// Runs the command, or the server if there is none. `unknown` are the variables that have no
/// effect.
///
/// # Errors
/// Returns the reason why the command failed, as a message for an operator.
pub async fn run(cli: Cli, unknown: &[UnknownVariable]) -> anyhow::Result<()> {
    let Cli { command, settings } = cli;
    match command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings, unknown).await,
        Command::Schema => print(graphql::sdl()),
        Command::Check { gateway } => {
            print_report(check(&settings, unknown, gateway.as_ref(), &SystemClock).await)
        }
        Command::Migrate { dry_run: true } => print(migration_plan(&settings).await? + "\n"),
        Command::Migrate { dry_run: false } => {
            telemetry::start(settings.log_format);
            print(migrate(&settings).await? + "\n")
        }
        Command::Backup { path } => print(back_up(&settings.database, &path)?),
        Command::Restore { path } => print(restore(&path, &settings.database)?),
        Command::Config(ConfigCommand::Example) => print(config::example()),
        Command::Config(ConfigCommand::Schema) => print(config::schema()),
        Command::Man => print(manual::page()?),
        Command::Completions { shell } => print(manual::completions(shell)),
        Command::Webhook(WebhookCommand::Test) => {
            print_report(test_webhooks(&settings, &SystemClock).await)
        }
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
    let log = telemetry::start(settings.log_format);
    let open_files = open_files::fit_limits(&mut settings.connection_limits);
    let signal = shutdown::signal()?;
    let hangups = reload::hangups()?;
    let traces = settings.otlp_endpoint.as_ref().map(Traces::start);
    let traces = traces.transpose()?;
    let started = App::start(&settings, Arc::new(SystemClock), Arc::new(SystemRandom)).await;
    // Logged after the line that the node listens. A misspelled variable may also be the reason why
    // a start failed.
    unknown.iter().for_each(UnknownVariable::warn);
    open_files.log();
    let app = started?;
    app.shutdown().begin_on(signal);
    app.reload_on(hangups);
    tokio::select! {
        () = app.run() => {}
        () = log.report_dropped_lines() => {}
    }
    if let Some(traces) = traces {
        tokio::task::spawn_blocking(move || traces.finish()).await?;
    }
    Ok(())
}

fn print_report(CheckReport { passed, failed }: CheckReport) -> anyhow::Result<()> {
    print(
        passed
            .iter()
            .fold(String::new(), |text, line| text + line + "\n"),
    )?;
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("\nsessiond: "));
    Ok(())
}

fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(text.as_ref())?)
}
