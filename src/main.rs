//! The command line of haven.

use std::io::{IsTerminal as _, Write};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::{Parser, Subcommand};
use haven::app::App;
use haven::clock::Clock;
use haven::config::Config;
use haven::domain::{catalogue, scenarios, users};
use haven::{graphql, http};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

mod commands;

/// The server of a mobile app for people with PTSD: alarms, support chat, profiles.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until told to stop. The default.
    Serve,
    /// Bring the database up to date and stop.
    Migrate,
    /// Print the GraphQL schema.
    Schema,
    /// Print which GraphQL operation stands behind which REST endpoint.
    Endpoints,
    /// Make and list admins.
    #[command(subcommand)]
    Admin(commands::Admin),
    /// List the notifications of alarms, latest first, or act on one. Prints no names and no
    /// addresses.
    Notifications(commands::Notifications),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Schema) => {
            print!("{}", graphql::sdl());
            return Ok(());
        }
        Some(Command::Endpoints) => {
            print!("{}", haven::rest::endpoints::markdown()?);
            return Ok(());
        }
        _ => {}
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow!("a TLS provider is installed already"))?;
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,sea_orm_migration=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(cli.command.unwrap_or(Command::Serve)))
}

async fn run(command: Command) -> anyhow::Result<()> {
    let app = App::new(Config::load()?, Clock::default()).await?;
    app.db.migrate().await.context("cannot migrate")?;
    match command {
        Command::Serve => serve(app).await,
        Command::Migrate => {
            println!("The database is up to date.");
            Ok(())
        }
        Command::Admin(command) => command.run(&app).await,
        Command::Notifications(command) => command.run(&app).await,
        Command::Schema | Command::Endpoints => Ok(()),
    }
}

async fn serve(app: Arc<App>) -> anyhow::Result<()> {
    // Each client takes a file descriptor. Most systems grant few at first and many on asking.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
    catalogue::start(&app).await?;
    warn_of_files(&app.config);
    for setting in app.db.unsafe_settings().await? {
        tracing::warn!(
            setting,
            "off in PostgreSQL: a power cut may take back alarms that were answered"
        );
    }
    for scenario in scenarios::with_late_steps(&app).await? {
        tracing::warn!(
            scenario,
            "a step begins when the alarm is closed already: shorten it, or raise HAVEN_ALARM_HOURS"
        );
    }
    let listener = TcpListener::bind(app.config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", app.config.listen))?;
    let (stop, shutdown) = watch::channel(false);
    tokio::spawn(async move {
        interrupted().await;
        tracing::info!("stopping");
        let _ = stop.send(true);
    });
    let address = listener.local_addr()?.to_string();
    let own = app.clone();
    let ready = async move { greet(&own, &address).await };
    http::serve(app, listener, shutdown, ready).await?;
    Ok(())
}

/// Says that mails reach nobody, where that is so: it is how one tries haven, and what is left where
/// a setting was lost. An alarm that is written to a file counts as told.
fn warn_of_files(config: &Config) {
    if config.smtp_url.is_some() {
        return;
    }
    let folder = config.data_dir.join("mail");
    let folder = folder.display();
    let public = config
        .public_url
        .as_ref()
        .is_some_and(|url| url.scheme() == "https");
    match config.sms_url {
        None if public => tracing::error!(
            %folder,
            "NOBODY IS TOLD OF ANY ALARM: HAVEN_PUBLIC_URL is that of a real deployment, and neither \
             HAVEN_SMTP_URL nor HAVEN_SMS_URL is set, so that mails are only written to files"
        ),
        None => tracing::warn!(
            %folder,
            "nobody is told of any alarm: mails are only written to files, for trying haven; set \
             HAVEN_SMTP_URL"
        ),
        Some(_) => tracing::warn!(
            %folder,
            "nobody is told by mail: mails are only written to files; set HAVEN_SMTP_URL"
        ),
    }
}

/// Resolves on the signals that mean: finish and go.
async fn interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}

/// Says where everything is and what to try first.
async fn greet(app: &App, address: &str) -> anyhow::Result<()> {
    use std::fmt::Write as _;
    let config = &app.config;
    let database = match url::Url::parse(&config.database_url()) {
        Ok(url) if url.scheme().starts_with("postgres") => format!(
            "PostgreSQL, {}{}",
            url.host_str().unwrap_or("by socket"),
            url.path()
        ),
        _ => format!(
            "SQLite, {}",
            config.database_url().trim_start_matches("sqlite://")
        ),
    };
    let mail = match config.smtp_url {
        Some(_) => "by the configured SMTP server".to_owned(),
        None => format!(
            "to nobody: as files in {} (HAVEN_SMTP_URL sends them)",
            config.data_dir.join("mail").display()
        ),
    };
    let sms = match config.sms_url {
        Some(_) => "by the configured gateway",
        None => "none",
    };
    let assistant = match config.assistant_url {
        Some(_) => "the configured model, with the built-in guide behind it",
        None => "the built-in guide",
    };
    let mut text = String::new();
    writeln!(text, "haven serves on http://{address}")?;
    writeln!(text, "  GraphQL        http://{address}/graphql")?;
    writeln!(text, "  subscriptions  ws://{address}/graphql/ws")?;
    writeln!(text, "  GraphiQL       http://{address}/graphiql")?;
    writeln!(text, "  REST           http://{address}/api/v1/")?;
    writeln!(text, "  database       {database}")?;
    writeln!(text, "  mail           {mail}")?;
    writeln!(text, "  SMS            {sms}")?;
    writeln!(text, "  assistant      {assistant}")?;
    if let Some(address) = config.metrics_listen {
        writeln!(text, "  metrics        http://{address}/metrics")?;
    }
    if !users::any(app).await? {
        writeln!(text, "Try first:")?;
        writeln!(
            text,
            "  curl -X POST http://{address}/api/v1/user/registration/ \\"
        )?;
        writeln!(text, "    -H 'Content-Type: application/json' \\")?;
        writeln!(
            text,
            "    -d '{{\"username\": \"testuser\", \"email\": \"test@example.com\", \
             \"password\": \"securepassword123\"}}'"
        )?;
    }
    if users::admins(app).await?.is_empty() {
        writeln!(text, "Make an admin:")?;
        writeln!(
            text,
            "  haven admin create --username USERNAME --email EMAIL"
        )?;
        writeln!(
            text,
            "  (from the source tree: cargo run -- admin create …)"
        )?;
    }
    // Nobody has to read it: whoever started haven may have closed its output.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
