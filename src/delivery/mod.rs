//! Sending notifications: claim, send, record; retry or give up.
//!
//! The database is the queue. A notification is committed before anything is sent; the
//! worker claims rows that are due, sends each on its own, and records what came of it. A worker
//! that dies leaves its rows behind with a lease that ends, after which any worker takes them. So
//! every notification is sent at least once, or its failure is recorded; a retry carries the
//! same message id, by which mail programs recognise a duplicate.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use entity::alarm::Kind;
use entity::notification::Purpose;
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};

pub use bounce::to_person;
pub use failure::Failure;
pub use letter::mark;
pub use queue::{BEHIND_ALARMS, Recipient, all_clear, first};

use crate::app::App;
use crate::config::Config;
use mail::{Letter, Mailer};
use queue::{Job, Lane, Outcome};
use smtp::Refusal;

mod bounce;
mod failure;
mod letter;
pub mod mail;
mod queue;
mod smtp;

/// Notifications sent at the same time.
const AT_ONCE: usize = 32;
/// Of these, how many may be anything but the first tries of real alarms, for which the rest is
/// kept.
const LATER_AT_ONCE: usize = 24;
/// How long the worker sleeps at most: another node's rows may have become due.
const NAP: Duration = Duration::from_secs(30);
/// The pauses between tries to record an outcome. Together they are shorter than what a lease
/// leaves after the longest send.
const RECORDING: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// What the rest of haven knows of the delivery.
pub struct Delivery {
    mailer: Mailer,
    woken: Notify,
}

impl fmt::Display for Delivery {
    /// Where mails go, for the operator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mailer.fmt(f)
    }
}

impl Delivery {
    /// Reads the settings; connects to nothing and starts nothing.
    ///
    /// # Errors
    /// If a setting makes no sense.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            mailer: Mailer::new(config)?,
            woken: Notify::new(),
        })
    }

    /// Tells the worker that a notification became due. Never waits; not lost when the worker
    /// is busy or not running yet.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// A new message id, without angle brackets.
    #[must_use]
    pub fn new_message_id(&self) -> String {
        self.mailer.new_message_id()
    }
}

/// Sends notifications until `shutdown` resolves, then finishes those in flight and returns. One
/// per process; several processes on one database share the work.
pub async fn run(app: Arc<App>, shutdown: impl Future<Output = ()>) {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut working = Working::default();
    loop {
        let nap = match fill(&app, &mut working).await {
            Ok(nap) => nap,
            Err(error) => {
                tracing::error!(%error, "the notifications can't be read");
                Duration::from_secs(1)
            }
        };
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            () = working.one_done(), if !working.tasks.is_empty() => {}
            () = app.delivery.woken.notified() => {}
            () = tokio::time::sleep(nap) => {}
        }
    }
    while !working.tasks.is_empty() {
        working.one_done().await;
    }
    app.delivery.mailer.close().await;
}

/// The notifications this process holds.
#[derive(Default)]
struct Working {
    tasks: JoinSet<()>,
    held: HashMap<Id, (i64, Lane)>,
}

impl Working {
    /// How many more of this lane may be begun.
    fn room(&self, lane: Lane) -> usize {
        let free = AT_ONCE.saturating_sub(self.held.len());
        match lane {
            Lane::First => free,
            Lane::Later => {
                let later = self.held.values().filter(|(_, lane)| *lane == Lane::Later);
                free.min(LATER_AT_ONCE.saturating_sub(later.count()))
            }
        }
    }

    fn ids(&self) -> Vec<i64> {
        self.held.values().map(|(id, _)| *id).collect()
    }

    fn begin(&mut self, app: &Arc<App>, job: Job) {
        let (id, lane) = (job.notification.id, Lane::of(&job.notification));
        let task = self.tasks.spawn(deliver(app.clone(), job));
        self.held.insert(task.id(), (id, lane));
    }

    async fn one_done(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => {
                // The lease brings the notification back.
                tracing::error!(%error, "a delivery died");
                error.id()
            }
            None => return,
        };
        self.held.remove(&id);
    }
}

/// Claims what is due and there is room for; gives the time until something else is due.
async fn fill(app: &Arc<App>, working: &mut Working) -> Result<Duration, sea_orm::DbErr> {
    let mut nap = NAP;
    for lane in [Lane::First, Lane::Later] {
        loop {
            let room = working.room(lane);
            if room == 0 {
                // The end of a running one wakes the worker.
                break;
            }
            let held = working.ids();
            let Some(due) = queue::next_due(app, lane, &held).await? else {
                break;
            };
            // What is not negative is still to come.
            if let Ok(wait) = (due - app.clock.now()).to_std()
                && !wait.is_zero()
            {
                nap = nap.min(wait);
                break;
            }
            let jobs = queue::claim(app, lane, room, &held).await?;
            if jobs.is_empty() {
                // Another node was faster.
                break;
            }
            for job in jobs {
                working.begin(app, job);
            }
        }
    }
    Ok(nap)
}

/// Sends one notification and records what came of it.
async fn deliver(app: Arc<App>, job: Job) {
    let row = &job.notification;
    let outcome = if row.purpose == Purpose::Alarm && job.result.completed {
        Outcome::Skipped(Failure::AlarmCompleted)
    } else {
        match send(&app, &job).await {
            Ok(()) => Outcome::Sent,
            Err(refusal) => Outcome::Refused(refusal),
        }
    };
    let (notification, attempt) = (row.id, row.attempts);
    match &outcome {
        Outcome::Sent => tracing::info!(notification, attempt, "sent"),
        Outcome::Skipped(why) => tracing::info!(notification, why = why.code(), "skipped"),
        Outcome::Refused(Refusal::Temporary(why)) => {
            tracing::warn!(
                notification,
                attempt,
                why = why.code(),
                "not sent, trying again"
            );
        }
        Outcome::Refused(Refusal::Permanent(why)) => {
            tracing::warn!(
                notification,
                attempt,
                why = why.code(),
                "not sent, giving up"
            );
        }
    }
    let mut pauses = RECORDING.iter();
    loop {
        match queue::record(&app, &job, outcome).await {
            Ok(()) => break,
            Err(error) => match pauses.next() {
                Some(pause) => {
                    tracing::warn!(notification, %error, "the outcome can't be recorded yet");
                    tokio::time::sleep(*pause).await;
                }
                None => {
                    tracing::error!(notification, %error, "the outcome is lost");
                    break;
                }
            },
        }
    }
}

async fn send(app: &App, job: &Job) -> Result<(), Refusal> {
    let now = app.clock.now();
    let words = job.story(now).tell().map_err(|error| {
        tracing::error!(%error, "a mail can't be put into words");
        Refusal::Permanent(Failure::MessageRejected)
    })?;
    let row = &job.notification;
    app.delivery
        .mailer
        .send(Letter {
            name: &row.recipient_name,
            address: &row.address,
            reply_to: &job.user.email,
            subject: &words.subject,
            text: words.text,
            html: words.html,
            urgent: row.purpose == Purpose::Alarm && job.alarm.kind == Kind::Real,
            message_id: &row.message_id,
            date: now,
        })
        .await
}
