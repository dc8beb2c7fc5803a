//! What the command line does besides serving.

use std::io::{BufRead, IsTerminal};
use std::sync::Arc;

use anyhow::anyhow;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use entity::alarm::Kind;
use entity::notification::{self, Channel, Purpose, Status};
use haven::app::App;
use haven::delivery::{self, Failure};
use haven::domain::accounts::Registration;
use haven::domain::alarms::{self, Operator, Wanted};
use haven::domain::input::Check;
use haven::domain::page::Page;
use haven::domain::{accounts, catalogue, users};
use haven::error::Error;
use haven::language::Language;
use sea_orm::{ActiveEnum, Iterable};

/// Makes and lists admins.
#[derive(Subcommand)]
pub enum Admin {
    /// Make an admin account. The password comes from a prompt, or from the first line of
    /// standard input.
    Create {
        /// The name to log in with.
        #[arg(long)]
        username: String,
        /// Where haven writes to.
        #[arg(long)]
        email: String,
    },
    /// Make an existing user an admin.
    Promote {
        /// The user's name.
        username: String,
    },
    /// List the admins.
    List,
}

/// Lists notifications and acts on one.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Notifications {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
}

#[derive(Subcommand)]
enum Action {
    /// Have a failed notification, or one that waits for its next try, tried at once.
    Retry {
        /// The notification's id.
        id: i64,
    },
    /// Stop a notification that waits for its first or next try.
    Cancel {
        /// The notification's id.
        id: i64,
    },
}

#[derive(Args)]
struct List {
    /// Only of this state (pending, sending, sent, failed, skipped); may be given several times.
    #[arg(long, value_parser = word::<Status>)]
    status: Vec<Status>,
    /// Only about this (alarm, all_clear, contact_failed, opted_out); may be given several times.
    #[arg(long, value_parser = word::<Purpose>)]
    purpose: Vec<Purpose>,
    /// Only over this (email, sms); may be given several times.
    #[arg(long, value_parser = word::<Channel>)]
    channel: Vec<Channel>,
    /// Only of alarms of this kind (real, drill, test); may be given several times.
    #[arg(long, value_parser = word::<Kind>)]
    kind: Vec<Kind>,
    /// Only what was decided on then or later, as in 2026-01-31T12:00:00Z.
    #[arg(long)]
    since: Option<DateTime<Utc>>,
    /// Only what was decided on before then.
    #[arg(long)]
    older_than: Option<DateTime<Utc>>,
    /// Only what has been due for 120 s without being sent, given up or tried again.
    #[arg(long)]
    stuck: bool,
    /// How many at most, 1 to 100.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=100))]
    limit: i32,
}

/// Reads one of the words by which the database knows the values of `E`.
fn word<E>(text: &str) -> Result<E, String>
where
    E: ActiveEnum<Value = String> + Iterable,
{
    E::iter()
        .find(|value| value.to_value() == text)
        .ok_or_else(|| {
            let words: Vec<String> = E::iter().map(|value| value.to_value()).collect();
            format!("it is one of {}", words.join(", "))
        })
}

impl Notifications {
    /// Does it.
    ///
    /// # Errors
    /// In words for whoever typed the command.
    pub async fn run(self, app: &Arc<App>) -> anyhow::Result<()> {
        match self.action {
            Some(Action::Retry { id }) => {
                alarms::retry(app, Operator::Console, id)
                    .await
                    .map_err(explain)?;
                println!(
                    "Notification {id} is due now; a running haven tries it within {} s.",
                    delivery::NAP.as_secs()
                );
                Ok(())
            }
            Some(Action::Cancel { id }) => {
                alarms::cancel(app, Operator::Console, id)
                    .await
                    .map_err(explain)?;
                println!("Notification {id} is cancelled.");
                Ok(())
            }
            None => self.list.run(app).await,
        }
    }
}

impl List {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let page = Page::new(Some(self.limit), None, None, None).map_err(explain)?;
        let wanted = Wanted {
            states: self.status,
            purposes: self.purpose,
            channels: self.channel,
            kinds: self.kind,
            since: self.since,
            older_than: self.older_than,
            stuck: self.stuck,
        };
        let found = alarms::notifications(app, Operator::Console, wanted, page)
            .await
            .map_err(explain)?;
        println!("id\talarm\tpurpose\tto\tchannel\tstatus\ttries\tcreated\tnext\tsent\tfailure");
        for row in found.rows {
            println!("{}", line(&row));
        }
        if found.has_next {
            eprintln!("There are more.");
        }
        Ok(())
    }
}

/// A notification without names and addresses.
fn line(row: &notification::Model) -> String {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let waits = matches!(row.status, Status::Pending | Status::Sending);
    let none = || "-".to_owned();
    [
        row.id.to_string(),
        row.alarm_id.to_string(),
        row.purpose.to_value(),
        row.recipient_kind.to_value(),
        row.channel.to_value(),
        row.status.to_value(),
        row.attempts.to_string(),
        time(row.created_at),
        if waits {
            time(row.next_attempt_at)
        } else {
            none()
        },
        row.sent_at.map_or_else(none, time),
        Failure::of(row).map_or_else(none, |failure| failure.code().to_owned()),
    ]
    .join("\t")
}

impl Admin {
    /// Does it.
    ///
    /// # Errors
    /// In words for whoever typed the command.
    pub async fn run(self, app: &Arc<App>) -> anyhow::Result<()> {
        match self {
            Self::Create { username, email } => {
                catalogue::start(app).await?;
                let input = Registration {
                    username,
                    email,
                    password: password()?,
                    language: Language::Ru,
                };
                let user = accounts::create(app, Check::default(), input, true)
                    .await
                    .map_err(explain)?;
                println!("{} is an admin now, with id {}.", user.username, user.id);
            }
            Self::Promote { username } => {
                let user = users::promote(app, &username).await.map_err(explain)?;
                println!("{} is an admin now.", user.username);
            }
            Self::List => {
                for user in users::admins(app).await? {
                    let note = if user.is_active { "" } else { " (deactivated)" };
                    println!("{}\t{}\t{}{note}", user.id, user.username, user.email);
                }
            }
        }
        Ok(())
    }
}

fn password() -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        let first = rpassword::prompt_password("Password: ")?;
        anyhow::ensure!(
            first == rpassword::prompt_password("Again: ")?,
            "the passwords differ"
        );
        return Ok(first);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn explain(error: Error) -> anyhow::Error {
    match error {
        Error::Invalid(fields) => {
            let lines: Vec<String> = fields
                .iter()
                .map(|wrong| format!("{}: {}", wrong.field, wrong.problem))
                .collect();
            anyhow!(lines.join("\n"))
        }
        other => other.into(),
    }
}
