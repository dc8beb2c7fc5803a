//! Watching the sender, apart from it: is every notification that is due being tried?
//!
//! The auditor reads the queue as it stands in the database, so it sees the work of every node;
//! and it asks whether this process's own sender still turns its round.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep, timeout};
use url::Url;

use super::queue::{self, Lane, Way};
use crate::app::App;
use crate::config::Config;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(10);
/// How long a notification that is due may wait for being tried. A dead node's lease (15 s) and
/// the longest nap of the sender that takes over (10 s) fit in, so that what mends itself wakes
/// nobody up; somebody who pressed the button should not wait longer without somebody knowing.
const IN_TIME: Duration = Duration::from_secs(30);
/// How long the sender may take for one round: the longest nap, twice as long for a claim, and
/// some more.
const ROUND: Duration = Duration::from_secs(45);
/// How long the database may take to answer the auditor.
const PATIENCE: Duration = Duration::from_secs(5);
/// How old a finding may be before it says nothing any more.
const FRESH: Duration = Duration::from_secs(30);
/// How often the outside monitor hears from haven.
const BEAT: Duration = Duration::from_secs(30);
/// How long that may take.
const BEAT_PATIENCE: Duration = Duration::from_secs(10);

/// Why the auditor is not content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discontent {
    /// A notification that is due has waited for too long.
    Late,
    /// The database did not answer.
    Database,
    /// The sender of this process has ended, or is stuck.
    Sender,
    /// The auditor itself has not looked lately.
    Auditor,
}

impl fmt::Display for Discontent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Late => "a notification that is due is not tried",
            Self::Database => "the database does not answer",
            Self::Sender => "the sender does not run",
            Self::Auditor => "nobody looked lately",
        })
    }
}

/// What the auditor found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong; nothing, where it is content.
    pub discontent: Option<Discontent>,
    /// How long the oldest notification that is due waits for being tried: zero where none is,
    /// none where the database did not say.
    pub oldest_due: Option<Duration>,
}

/// The auditor's memory, and its line to the outside.
pub(super) struct Auditor {
    last: watch::Sender<Option<(Instant, Finding)>>,
    /// When the sender last began a round; none while it does not run.
    round: Mutex<Option<Instant>>,
    heartbeat: Option<(Url, reqwest::Client)>,
}

impl Auditor {
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let heartbeat = match &config.heartbeat_url {
            Some(url) => {
                let client = reqwest::Client::builder()
                    .timeout(BEAT_PATIENCE)
                    .referer(false)
                    .build()
                    .context("the heartbeat's HTTP client")?;
                Some((url.clone(), client))
            }
            None => None,
        };
        Ok(Self {
            last: watch::Sender::new(None),
            round: Mutex::default(),
            heartbeat,
        })
    }

    /// The sender begins a round; or has ended, where `now` is none.
    pub fn round(&self, now: Option<Instant>) {
        *self.round.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    fn sender_runs(&self) -> bool {
        let round = *self.round.lock().unwrap_or_else(PoisonError::into_inner);
        round.is_some_and(|round| round.elapsed() < ROUND)
    }

    /// What was found last.
    pub fn finding(&self) -> Finding {
        match *self.last.borrow() {
            Some((at, finding)) if at.elapsed() < FRESH => finding,
            _ => Finding {
                discontent: Some(Discontent::Auditor),
                oldest_due: None,
            },
        }
    }
}

/// Looks once, and keeps what it finds for [`super::Delivery::finding`] and the metrics.
pub async fn audit(app: &App) -> Finding {
    let auditor = &app.delivery.auditor;
    let looking = async {
        let ways: Vec<_> = Way::all().collect();
        let due = queue::next_due(app, &ways).await?;
        let oldest = due.into_iter().map(|(_, due)| due).min();
        let oldest = oldest.and_then(|due| (app.clock.now() - due).to_std().ok());
        for lane in Lane::ALL {
            app.metrics
                .waiting(lane.name(), queue::waiting(app, lane).await?);
        }
        Ok::<_, sea_orm::DbErr>(oldest.unwrap_or_default())
    };
    let oldest_due = match timeout(PATIENCE, looking).await {
        Ok(Ok(oldest)) => Some(oldest),
        Ok(Err(error)) => {
            tracing::error!(%error, "the auditor can't read the notifications");
            None
        }
        Err(_) => None,
    };
    let discontent = match oldest_due {
        None => Some(Discontent::Database),
        Some(oldest) if oldest > IN_TIME => Some(Discontent::Late),
        Some(_) if !auditor.sender_runs() => Some(Discontent::Sender),
        Some(_) => None,
    };
    let finding = Finding {
        discontent,
        oldest_due,
    };
    app.metrics
        .audited(discontent.is_none(), oldest_due.unwrap_or_default());
    let before = auditor.last.send_replace(Some((Instant::now(), finding)));
    match (before.and_then(|(_, before)| before.discontent), discontent) {
        (before, Some(why)) if before != Some(why) => {
            let seconds = oldest_due.map(|age| age.as_secs());
            tracing::error!(%why, oldest_due_seconds = seconds, "the auditor is not content");
        }
        (Some(_), None) => tracing::info!("the auditor is content again"),
        _ => {}
    }
    finding
}

/// Looks again and again, for ever.
pub(super) async fn watch(app: &App) {
    let mut ticks = interval(EVERY);
    loop {
        ticks.tick().await;
        audit(app).await;
    }
}

/// Tells the outside monitor that haven is well, if it is and if there is one to be told. Says
/// whether the monitor heard it.
pub async fn beat(app: &App) -> bool {
    let auditor = &app.delivery.auditor;
    let Some((url, client)) = &auditor.heartbeat else {
        return false;
    };
    if auditor.finding().discontent.is_some() {
        return false;
    }
    let answer = client.get(url.clone()).send().await;
    match answer.and_then(reqwest::Response::error_for_status) {
        Ok(_) => true,
        Err(error) => {
            // Whoever knows the URL can say that all is well.
            let error = error.without_url();
            tracing::warn!(%error, "the heartbeat was not heard");
            false
        }
    }
}

/// The heartbeat, for ever, from the first finding on.
pub(super) async fn heart(app: &App) {
    if app.delivery.auditor.heartbeat.is_none() {
        return;
    }
    let mut looked = app.delivery.auditor.last.subscribe();
    if looked.wait_for(Option::is_some).await.is_err() {
        return;
    }
    loop {
        beat(app).await;
        sleep(BEAT).await;
    }
}
