//! Watching the sender, apart from it: is every notification that is due being tried?
//!
//! The auditor reads the queue as it stands in the database, so it sees the work of every node, by
//! statements of its own (see [`inspection`]); and it asks whether this process's own sender still
//! turns its round. It does not take the sender's word: a lease that is renewed is no proof that
//! anything moves, and a date for the next try is none that anybody will come.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep, timeout};
use url::Url;

use super::bounds::TRY;
use super::inspection::{self, Try};
use super::queue::{self, Lane};
use crate::app::App;
use crate::config::Config;
use crate::db::ANSWERED;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(10);
/// How long a message of a real alarm that is due may wait for being tried. A dead node's lease (15 s) and
/// the longest nap of the sender that takes over (10 s) fit in, so that what mends itself wakes
/// nobody up; somebody who pressed the button should not wait longer without somebody knowing.
const IN_TIME: Duration = Duration::from_secs(30);
/// The same for everything else, drills and all-clears: a crowd of them is no reason to wake
/// somebody up at once, and must not hide whether an alarm is late.
const OTHERS_IN_TIME: Duration = Duration::from_secs(300);
/// How long the same try may be under way: the longest there is, recording what came of it, and
/// some more.
const UNDER_WAY: Duration = Duration::from_secs(TRY.as_secs() + ANSWERED.as_secs() + 10);
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
    /// A message of a real alarm that is due has waited for too long.
    Late,
    /// A message is to be tried at a time that no rule gives: a node's clock is wrong, or was.
    Astray,
    /// A try does not end, though somebody renews the claim on it.
    Hanging,
    /// A message of something else than a real alarm has waited for too long.
    Behind,
    /// The database did not answer.
    Database,
    /// The database reads and does not write: no alarm can be stored.
    Unwritable,
    /// The sender of this process has ended, or is stuck.
    Sender,
    /// The auditor itself has not looked lately.
    Auditor,
}

impl fmt::Display for Discontent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Late => "a notification that is due is not tried",
            Self::Astray => "a notification is to be tried far too late, by a clock that is wrong",
            Self::Hanging => "a try to send does not end",
            Self::Behind => "a notification that is due is not tried, though of no real alarm",
            Self::Database => "the database does not answer",
            Self::Unwritable => "the database takes no writes, and so no alarms",
            Self::Sender => "the sender does not run",
            Self::Auditor => "nobody looked lately",
        })
    }
}

/// What the auditor found. What it does not know is none, never zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong; nothing, where it is content.
    pub discontent: Option<Discontent>,
    /// How long the oldest notification that is due waits for being tried: zero where none is,
    /// none where the database did not say.
    pub oldest_due: Option<Duration>,
    /// The same of the messages of real alarms alone.
    pub oldest_due_alarm: Option<Duration>,
    /// How many notifications of each lane, by its name, are not final; none where the database
    /// did not say.
    pub waiting: Option<Vec<(&'static str, u64)>>,
}

impl Finding {
    /// Nothing is known, for this reason.
    const fn unknown(why: Discontent) -> Self {
        Self {
            discontent: Some(why),
            oldest_due: None,
            oldest_due_alarm: None,
            waiting: None,
        }
    }
}

/// The auditor's memory, and its line to the outside.
pub(super) struct Auditor {
    last: watch::Sender<Option<(Instant, Finding)>>,
    /// When the sender last began a round; none while it does not run.
    round: Mutex<Option<Instant>>,
    /// The tries under way when it last looked, and since when it has seen each of them.
    tries: Mutex<HashMap<Try, DateTime<Utc>>>,
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
            tries: Mutex::default(),
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

    /// A try among these that was seen long ago already.
    fn hanging(&self, under_way: &[Try], now: DateTime<Utc>) -> Option<i64> {
        let mut seen = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|known, _| under_way.contains(known));
        under_way
            .iter()
            .filter(|try_| {
                let since = *seen.entry(**try_).or_insert(now);
                (now - since).to_std().is_ok_and(|age| age > UNDER_WAY)
            })
            .map(|try_| try_.notification)
            .min()
    }

    /// What was found last; nothing is known once that is old, whatever holds the auditor up.
    pub fn finding(&self) -> Finding {
        match &*self.last.borrow() {
            Some((at, finding)) if at.elapsed() < FRESH => finding.clone(),
            _ => Finding::unknown(Discontent::Auditor),
        }
    }
}

/// Looks once, and keeps what it finds for [`super::Delivery::finding`].
pub async fn audit(app: &App) -> Finding {
    let auditor = &app.delivery.auditor;
    let (written, looked) = tokio::join!(
        timeout(PATIENCE, inspection::write(app)),
        timeout(PATIENCE, look(app))
    );
    let (finding, notification) = match looked {
        Ok(Ok((finding, _))) if !matches!(written, Ok(Ok(()))) => {
            if let Ok(Err(error)) = written {
                tracing::error!(%error, "the auditor can't write");
            }
            let discontent = Some(Discontent::Unwritable);
            (
                Finding {
                    discontent,
                    ..finding
                },
                None,
            )
        }
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::error!(%error, "the auditor can't read the notifications");
            (Finding::unknown(Discontent::Database), None)
        }
        Err(_) => (Finding::unknown(Discontent::Database), None),
    };
    let before = auditor
        .last
        .send_replace(Some((Instant::now(), finding.clone())));
    let before = before.and_then(|(_, before)| before.discontent);
    match (before, finding.discontent) {
        (before, Some(why)) if before != Some(why) => {
            let seconds = finding.oldest_due.map(|age| age.as_secs());
            tracing::error!(%why, oldest_due_seconds = seconds, notification, "the auditor is not content");
        }
        (Some(_), None) => tracing::info!("the auditor is content again"),
        _ => {}
    }
    finding
}

/// What there is to see, and the notification that is to blame where one alone is.
async fn look(app: &App) -> Result<(Finding, Option<i64>), DbErr> {
    let auditor = &app.delivery.auditor;
    let now = app.clock.now();
    let standing = inspection::standing(app, now).await?;
    let mut waiting = Vec::new();
    for lane in Lane::ALL {
        waiting.push((lane.name(), queue::waiting(app, lane).await?));
    }
    // What is still to come waits for nobody.
    let age = |due: Option<DateTime<Utc>>| {
        due.and_then(|due| (now - due).to_std().ok())
            .unwrap_or_default()
    };
    let (alarms, others) = (age(standing.alarms), age(standing.others));
    let hanging = auditor.hanging(&standing.under_way, now);
    let (discontent, notification) = if alarms > IN_TIME {
        (Some(Discontent::Late), None)
    } else if standing.astray.is_some() {
        (Some(Discontent::Astray), standing.astray)
    } else if hanging.is_some() {
        (Some(Discontent::Hanging), hanging)
    } else if !auditor.sender_runs() {
        (Some(Discontent::Sender), None)
    } else if others > OTHERS_IN_TIME {
        (Some(Discontent::Behind), None)
    } else {
        (None, None)
    };
    let finding = Finding {
        discontent,
        oldest_due: Some(alarms.max(others)),
        oldest_due_alarm: Some(alarms),
        waiting: Some(waiting),
    };
    Ok((finding, notification))
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
