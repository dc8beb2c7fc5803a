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
use entity::notification::{Channel, Purpose, RecipientKind};
use sea_orm::{ActiveEnum, DbErr};
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, timeout};

pub use auditor::{Discontent, Finding, audit, beat};
pub use bounce::to_person;
pub use failure::Failure;
pub use letter::{ago, coordinates, map, mark, moment};
pub use receipts::{forget, receive};
pub use recipient::{NO_ALARM, ONE_OF_MANY, Recipient, all_clear, first};
pub use returned::take_back;

use crate::app::App;
use crate::config::Config;
use crate::db::in_time;
use crate::links;
use auditor::Auditor;
use bounds::link_of;
use lease::Leases;
use mail::{Letter, Mailer};
use queue::{Lane, Outcome, Way};
use sms::Gateway;
use smtp::Refusal;
use world::{Job, Standing};

mod auditor;
mod bounce;
mod bounds;
mod dsn;
mod failure;
mod fault;
mod follow;
mod inspection;
mod lease;
mod letter;
pub mod mail;
mod phone;
#[cfg(test)]
mod plans;
mod queue;
mod receipts;
mod recipient;
mod returned;
mod short;
mod sms;
mod smtp;
pub mod steps;
mod world;

/// How long the worker sleeps at most: another node's rows may have become due, and another process
/// can't wake it.
pub const NAP: Duration = Duration::from_secs(10);
/// How long the worker sleeps at most where something is due that it could not claim: somebody else
/// holds the row, another node or who deletes its contact just now.
const HELD_ELSEWHERE: Duration = Duration::from_millis(100);
/// The pauses between tries to record an outcome; after these, the last one again and again.
const RECORDING: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
];
/// How long recording an outcome is tried, so that a database that was away for some minutes does
/// not make everybody hear twice.
const RECORDED_WITHIN: Duration = Duration::from_secs(600);
/// How long what is under way may take once the worker is to stop: a send, and recording it.
const CLOSING: Duration = Duration::from_secs(40);

/// What the rest of haven knows of the delivery.
pub struct Delivery {
    mailer: Mailer,
    gateway: Option<Gateway>,
    /// The deployment's country, for phone numbers without one.
    country: Option<String>,
    woken: Notify,
    leases: Leases,
    auditor: Auditor,
}

impl fmt::Display for Delivery {
    /// Where mails and SMS go, for the operator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mailer.fmt(f)?;
        match &self.gateway {
            Some(gateway) => write!(f, ", and SMS to {gateway}"),
            None => Ok(()),
        }
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
            gateway: Gateway::new(config)?,
            country: config.country.clone(),
            woken: Notify::new(),
            leases: Leases::default(),
            auditor: Auditor::new(config)?,
        })
    }

    /// Tells the worker that a notification became due. Never waits; not lost when the worker
    /// is busy or not running yet.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Whether notifications go out in time, as the auditor last saw.
    #[must_use]
    pub fn finding(&self) -> Finding {
        self.auditor.finding()
    }

    /// By what ways this deployment can tell somebody.
    #[must_use]
    pub const fn channels(&self) -> &'static [Channel] {
        match self.gateway {
            Some(_) => &[Channel::Email, Channel::Sms],
            None => &[Channel::Email],
        }
    }

    /// Where mails go: `smtp`, or `files`, which nobody gets.
    #[must_use]
    pub const fn mails_go_to(&self) -> &'static str {
        self.mailer.destination()
    }

    /// A phone number as typed in the form an SMS is sent to; as it was where it has none.
    #[must_use]
    pub fn number(&self, typed: &str) -> String {
        phone::normalized(typed, self.country.as_deref()).unwrap_or_else(|| typed.to_owned())
    }

    /// Where messages over this channel go to somebody with this mail address and phone number, as
    /// typed; empty or useless where these are.
    #[must_use]
    pub fn address(&self, channel: Channel, email: &str, phone: &str) -> String {
        match channel {
            Channel::Email => email.to_owned(),
            Channel::Sms => self.number(phone),
        }
    }

    /// Whether a message went to where its recipient, with this mail address and phone number as
    /// typed, is still reached. Who reads another address may be anybody.
    #[must_use]
    pub fn still_reaches(
        &self,
        row: &entity::notification::Model,
        email: &str,
        phone: &str,
    ) -> bool {
        row.address.to_lowercase() == self.address(row.channel, email, phone).to_lowercase()
    }

    /// Whether there is a gateway that sends receipts.
    #[must_use]
    pub const fn has_receipts(&self) -> bool {
        self.gateway.is_some()
    }

    /// Whether the gateway signed this receipt: the fields of a form for this notification.
    #[must_use]
    pub fn signed(&self, notification: i64, fields: &[(String, String)], signature: &str) -> bool {
        self.gateway
            .as_ref()
            .is_some_and(|gateway| gateway.signed(notification, fields, signature))
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
    let mut working = Working::new(app.clone());
    let mut keeping = JoinSet::new();
    let own = app.clone();
    keeping.spawn(async move { lease::keep(&own).await });
    loop {
        app.delivery.auditor.round(Some(Instant::now()));
        // Rows that were claimed and not begun come back with the end of their lease.
        let nap = match in_time(fill(&app, &mut working)).await {
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
    // Whatever this cuts short is taken over when its lease ends.
    let _ = timeout(CLOSING, async {
        while !working.tasks.is_empty() {
            working.one_done().await;
        }
    })
    .await;
    app.delivery.mailer.close().await;
}

/// Watches the sender for ever, apart from it: see [`auditor`].
pub async fn watch(app: Arc<App>) {
    tokio::join!(auditor::watch(&app), auditor::heart(&app));
}

/// The notifications this process holds.
struct Working {
    app: Arc<App>,
    tasks: JoinSet<()>,
    held: HashMap<Id, Held>,
}

/// A notification that is being sent, and the lane it was claimed from.
struct Held {
    id: i64,
    lane: Lane,
    channel: Channel,
}

impl Drop for Working {
    /// However the worker ends: the auditor learns it, and nothing is renewed any more.
    fn drop(&mut self) {
        self.app.delivery.auditor.round(None);
        for held in self.held.values() {
            self.app.delivery.leases.release(held.id);
        }
    }
}

impl Working {
    fn new(app: Arc<App>) -> Self {
        Self {
            app,
            tasks: JoinSet::new(),
            held: HashMap::new(),
        }
    }

    /// How many more of this lane may be begun over this channel. Mails and SMS have places of
    /// their own, so that a silent gateway holds up no mail, and a silent mail server no SMS.
    fn room(&self, lane: Lane, channel: Channel) -> usize {
        let taken = self.held.values();
        let taken = taken.filter(|held| (held.lane, held.channel) == (lane, channel));
        lane.places().saturating_sub(taken.count())
    }

    /// The ways that have room, each without what is held already: where a lease could not be
    /// renewed, that looks as if nobody held it.
    fn ways(&self) -> Vec<Way> {
        let mut ways: Vec<Way> = Way::all()
            .filter(|way| self.room(way.lane, way.channel) > 0)
            .collect();
        for held in self.held.values() {
            // Where a first try is found whose lease has ended.
            let lane = match held.lane {
                Lane::First => Lane::Again,
                lane => lane,
            };
            let way = ways
                .iter_mut()
                .find(|way| (way.lane, way.channel) == (lane, held.channel));
            if let Some(way) = way {
                way.except.push(held.id);
            }
        }
        ways
    }

    fn begin(&mut self, job: Job) {
        let held = Held {
            id: job.notification.id,
            lane: Lane::of(&job.notification),
            channel: job.notification.channel,
        };
        self.app.delivery.leases.hold(&job.notification);
        let task = self.tasks.spawn(deliver(self.app.clone(), job));
        self.held.insert(task.id(), held);
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
        if let Some(held) = self.held.remove(&id) {
            self.app.delivery.leases.release(held.id);
        }
    }
}

/// Claims what is due and there is room for; gives the time until something else is due.
async fn fill(app: &App, working: &mut Working) -> Result<Duration, DbErr> {
    loop {
        // Where there is no room, the end of a running one wakes the worker.
        let ways = working.ways();
        let (mut nap, mut begun) = (NAP, false);
        for (way, due) in queue::next_due(app, &ways).await? {
            // What is not negative is still to come.
            if let Ok(wait) = (due - app.clock.now()).to_std()
                && !wait.is_zero()
            {
                nap = nap.min(wait);
                continue;
            }
            let room = working.room(way.lane, way.channel);
            let jobs = queue::claim(app, way, room).await?;
            if jobs.is_empty() {
                nap = nap.min(HELD_ELSEWHERE);
            }
            for job in jobs {
                begun = true;
                working.begin(job);
            }
        }
        if !begun {
            return Ok(nap);
        }
    }
}

/// Sends one notification and records what came of it.
async fn deliver(app: Arc<App>, job: Job) {
    let row = &job.notification;
    let outcome = if row.lease_until.is_none_or(|until| app.clock.now() >= until) {
        // The claim was long in coming, or this process was frozen: the row is anybody's again, and
        // what was read of the world may not be so any more.
        Outcome::NotTried
    } else if row.purpose == Purpose::Alarm && job.result.completed {
        Outcome::Skipped(Failure::AlarmCompleted)
    } else if row.step > 0 && row.purpose == Purpose::Alarm && job.result.answered_at.is_some() {
        Outcome::Skipped(Failure::Answered)
    } else if let Standing::Unwanted(why) = job.standing {
        Outcome::Skipped(why)
    } else if let Standing::Moved(_) = job.standing {
        Outcome::Refused(Refusal::Permanent(Failure::OutcomeUnknown))
    } else {
        let begun = Instant::now();
        let outcome = match bounds::one_try(send(&app, &job)).await {
            Ok(provider_id) => Outcome::Sent { provider_id },
            Err(refusal) => Outcome::Refused(refusal),
        };
        app.metrics
            .send_took(row.channel.to_value(), begun.elapsed());
        outcome
    };
    let (notification, attempt) = (row.id, row.attempts);
    match &outcome {
        Outcome::Sent { .. } => tracing::info!(notification, attempt, "sent"),
        Outcome::Skipped(why) => tracing::info!(notification, why = why.code(), "skipped"),
        Outcome::NotTried => {
            tracing::warn!(notification, attempt, "the lease was over before the try");
        }
        Outcome::Refused(Refusal::Temporary(why) | Refusal::Unknown(why)) => {
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
    let mut pauses = RECORDING.into_iter();
    let mut pause = Duration::ZERO;
    let given_up = Instant::now() + RECORDED_WITHIN;
    // Recording twice changes nothing, so a try whose end is unknown is simply repeated.
    while let Err(error) = in_time(queue::record(&app, &job, &outcome)).await {
        if Instant::now() > given_up {
            tracing::error!(notification, %error, "the outcome is lost");
            break;
        }
        tracing::warn!(notification, %error, "the outcome can't be recorded yet");
        pause = pauses.next().unwrap_or(pause);
        tokio::time::sleep(pause).await;
    }
}

/// Sends one notification over its channel; gives the provider's id of it, where there is one.
async fn send(app: &App, job: &Job) -> Result<Option<String>, Refusal> {
    match job.notification.channel {
        Channel::Email => send_mail(app, job).await.map(|()| None),
        Channel::Sms => send_sms(app, job).await.map(Some),
    }
}

async fn send_sms(app: &App, job: &Job) -> Result<String, Refusal> {
    let row = &job.notification;
    // It was there when the button was pressed, and may be again after the next restart, or on
    // another node.
    let Some(gateway) = &app.delivery.gateway else {
        return Err(Refusal::Temporary(Failure::ServerRefused));
    };
    if !phone::is_e164(&row.address) {
        return Err(Refusal::Permanent(Failure::InvalidNumber));
    }
    let answer = row.purpose == Purpose::Alarm;
    let link = link_of(app, links::Purpose::Answer, row.id, answer).await;
    let country = app.config.country.as_deref();
    gateway
        .send(&sms::Message {
            notification: row.id,
            to: &row.address,
            text: &job.story(app.clock.now(), country, link, None).short(),
            message_id: &row.message_id,
        })
        .await
}

async fn send_mail(app: &App, job: &Job) -> Result<(), Refusal> {
    let now = app.clock.now();
    let row = &job.notification;
    let answer = row.purpose == Purpose::Alarm;
    let link = link_of(app, links::Purpose::Answer, row.id, answer).await;
    let contact = row.recipient_kind == RecipientKind::Contact;
    let opt_out = link_of(app, links::Purpose::OptOut, row.id, contact).await;
    let country = app.config.country.as_deref();
    let words = job
        .story(now, country, link, opt_out)
        .tell()
        .map_err(|error| {
            tracing::error!(%error, "a mail can't be put into words");
            Refusal::Permanent(Failure::MessageRejected)
        })?;
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
