//! Comparing what was answered with what arrived.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use chrono::Utc;
use entity::notification::{self, Channel, Purpose, RecipientKind, Status};
use haven::db::Db;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Statement};
use tokio::time::sleep;

use crate::crowd::{Answer, Crowd, RECIPIENTS};
use crate::ways::{Arrived, Ways};

/// How long after it is due a notification may take, once nothing is wrong any more, to be taken
/// up (a nap of the worker) and to be sent, which comes to its end within 30 s.
const ARRIVES: chrono::TimeDelta = chrono::TimeDelta::seconds(60);
/// Tries that each may still take: one that had begun before all was well may fail, and one may be
/// cut short by what was wrong with haven itself.
const TRIES: i32 = 3;

/// What a test has shown.
#[derive(Clone, Debug, Default)]
pub struct Reckoning {
    /// Alarms answered.
    pub answered: usize,
    /// Mails that arrived.
    pub mails: usize,
    /// SMS that arrived.
    pub sms: usize,
    /// Notifications of answered alarms that neither arrived nor are shown to the person as failed.
    pub lost: usize,
    /// Notifications recorded as sent, lines read to the person and flags shown that said of a
    /// message that it went out before it had.
    pub claimed: usize,
    /// Mails and SMS that arrived once more.
    pub duplicates: usize,
    /// Notifications shown to the person as failed.
    pub failed: usize,
    /// Notifications that are neither sent nor failed, though there was time.
    pub open: usize,
    /// What is wrong beyond a number.
    pub wrong: Vec<String>,
    refused: String,
}

impl fmt::Display for Reckoning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} alarms answered, {} mails and {} SMS received: {} lost, {} claimed and not sent, {} \
             duplicates, {} failed and shown so, {} not recorded; not answered: {}",
            self.answered,
            self.mails,
            self.sms,
            self.lost,
            self.claimed,
            self.duplicates,
            self.failed,
            self.open,
            self.refused
        )
    }
}

impl Reckoning {
    /// Whether it is as promised.
    pub fn holds(&self) -> bool {
        (self.lost, self.claimed, self.open) == (0, 0, 0) && self.wrong.is_empty()
    }

    /// Adds another one to this.
    pub fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.mails += other.mails;
        self.sms += other.sms;
        self.lost += other.lost;
        self.claimed += other.claimed;
        self.duplicates += other.duplicates;
        self.failed += other.failed;
        self.open += other.open;
        self.wrong.extend(other.wrong);
    }
}

/// Says something to whoever runs the tests. Written past the harness, which shows what a test
/// prints only if it fails.
pub fn say(text: &str) {
    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Waits until everything that was answered has arrived and is recorded, or the time is over; fails
/// unless all of it arrived and nothing was claimed that did not.
pub async fn reckon(what: &str, database: &str, crowd: &Crowd, ways: &Ways) -> Reckoning {
    let reckoning = reckon_failures(what, database, crowd, ways).await;
    assert_eq!(reckoning.failed, 0, "{what}: {reckoning}");
    reckoning
}

/// The same, where some may fail as long as the person is told.
pub async fn reckon_failures(what: &str, database: &str, crowd: &Crowd, ways: &Ways) -> Reckoning {
    let reckoning = count(database, crowd, ways).await;
    say(&format!("{what}: {reckoning}"));
    assert!(
        reckoning.holds(),
        "{what}: {reckoning}: {:?}",
        reckoning.wrong
    );
    reckoning
}

/// Counts, without a judgement.
pub async fn count(database: &str, crowd: &Crowd, ways: &Ways) -> Reckoning {
    let db = Db::open(database, 1).await.unwrap();
    let answered = crowd.answered();
    let rows = finished(&db, answered.keys().copied().collect()).await;
    let arrived = ways.arrived();
    let mut reckoning = Reckoning {
        answered: answered.len(),
        mails: arrived.mails.values().map(Vec::len).sum(),
        sms: arrived.sms.values().map(Vec::len).sum(),
        duplicates: arrived.all().map(|times| times.len() - 1).sum(),
        refused: format!("{:?}", crowd.refusals()),
        ..Reckoning::default()
    };
    let mut of_alarm: HashMap<i64, Vec<&notification::Model>> = HashMap::new();
    for row in &rows {
        of_alarm.entry(row.alarm_id).or_default().push(row);
        match row.status {
            Status::Failed => reckoning.failed += 1,
            Status::Sent => {}
            Status::Pending | Status::Sending | Status::Skipped => reckoning.open += 1,
        }
        if arrived.first(row).is_none() && row.status != Status::Failed {
            reckoning.lost += 1;
        }
    }
    for (alarm, answer) in &answered {
        let rows = of_alarm.remove(alarm).unwrap_or_default();
        if rows.len() != RECIPIENTS * ways.channels() {
            let wrong = format!("alarm {alarm} has {} notifications", rows.len());
            reckoning.wrong.push(wrong);
        }
        let lies = lies(answer, &rows, &arrived);
        reckoning.claimed += lies.len();
        reckoning.wrong.extend(lies);
    }
    // Those that nobody was answered for may claim nothing either. They are still being sent: what
    // arrived is looked up after what is said of it.
    let all = notification::Entity::find().all(db.read()).await.unwrap();
    let arrived = ways.arrived();
    for row in &all {
        if row.status == Status::Sent && arrived.first(row).is_none() {
            reckoning.claimed += 1;
            let wrong = format!("notification {} never arrived", row.id);
            reckoning.wrong.push(wrong);
        }
    }
    for wrong in wrong_flags(&db).await {
        reckoning.claimed += 1;
        reckoning.wrong.push(wrong);
    }
    db.close().await.unwrap();
    reckoning
}

/// The results whose flags are not what their notifications say. One statement, because both still
/// change.
async fn wrong_flags(db: &Db) -> Vec<String> {
    let sent = |kind: &str| {
        format!(
            "EXISTS (SELECT 1 FROM notifications WHERE notifications.alarm_id = results.alarm_id \
             AND purpose = 'alarm' AND status = 'sent' AND recipient_kind = '{kind}')"
        )
    };
    let query = format!(
        "SELECT alarm_id, message_sent_to_contacts, therapist_notified, {}, {} \
         FROM alarm_results AS results",
        sent("contact"),
        sent("therapist")
    );
    let statement = Statement::from_string(db.read().get_database_backend(), query);
    let rows = db.read().query_all_raw(statement).await.unwrap();
    rows.iter()
        .filter_map(|row| {
            let alarm: i64 = row.try_get_by_index(0).unwrap();
            let flag = |index: usize| row.try_get_by_index::<bool>(index).unwrap();
            let (flags, so) = ((flag(1), flag(2)), (flag(3), flag(4)));
            (flags != so).then(|| format!("alarm {alarm} has the flags {flags:?}, not {so:?}"))
        })
        .collect()
}

/// Waits until each notification of these alarms is final, or has had time enough; all of them.
async fn finished(db: &Db, alarms: HashSet<i64>) -> Vec<notification::Model> {
    use notification::Column;
    let open = async || {
        let rows = notification::Entity::find()
            .filter(Column::Purpose.eq(Purpose::Alarm))
            .filter(Column::Status.is_in([Status::Pending, Status::Sending]))
            .all(db.read());
        let mut rows = rows.await.unwrap();
        rows.retain(|row| alarms.contains(&row.alarm_id));
        rows
    };
    let mut rows = open().await;
    let before: HashMap<i64, i32> = rows.iter().map(|row| (row.id, row.attempts)).collect();
    // Nobody tells when a row changes; and each says itself how long there is to wait.
    while let Some(due) = rows.iter().map(|row| row.next_attempt_at).max() {
        let in_vain = |row: &notification::Model| row.attempts > before[&row.id] + TRIES;
        if Utc::now() > due + ARRIVES || rows.iter().any(in_vain) {
            break;
        }
        sleep(Duration::from_millis(200)).await;
        rows = open().await;
    }
    let all = notification::Entity::find()
        .filter(Column::Purpose.eq(Purpose::Alarm))
        .order_by_asc(Column::Id)
        .all(db.read());
    let mut all = all.await.unwrap();
    all.retain(|row| alarms.contains(&row.alarm_id));
    all
}

impl Arrived {
    fn all(&self) -> impl Iterator<Item = &Vec<SystemTime>> {
        self.mails.values().chain(self.sms.values())
    }

    /// When a notification arrived first.
    fn first(&self, row: &notification::Model) -> Option<SystemTime> {
        let way = match row.channel {
            Channel::Email => &self.mails,
            Channel::Sms => &self.sms,
        };
        way.get(&row.message_id)?.iter().min().copied()
    }
}

/// What an answer said that was not so when it was given.
fn lies(answer: &Answer, rows: &[&notification::Model], arrived: &Arrived) -> Vec<String> {
    let told = |kind: RecipientKind, channel: Option<Channel>, name: Option<&str>| {
        rows.iter()
            .filter(|row| row.recipient_kind == kind)
            .filter(|row| channel.is_none_or(|channel| row.channel == channel))
            .filter(|row| name.is_none_or(|name| row.recipient_name == name))
            .any(|row| arrived.first(row).is_some_and(|at| at <= answer.at))
    };
    let mut lies = Vec::new();
    for line in &answer.messages {
        let so = match said(line) {
            Some(Said::Claim(kind, channel, name)) => told(kind, Some(channel), Some(name)),
            Some(Said::Nothing) => true,
            // A claim in other words must not pass unseen.
            None => false,
        };
        if !so {
            lies.push(format!("{}: {line}", answer.key));
        }
    }
    let flags = [
        (
            "messageSentToContacts",
            told(RecipientKind::Contact, None, None),
        ),
        (
            "therapistNotified",
            told(RecipientKind::Therapist, None, None),
        ),
        // No phone said so, and nobody ended the alarm.
        ("musicPlayed", false),
        ("voiceMessagePlayed", false),
        ("completed", false),
    ];
    for (flag, so) in flags {
        if answer.result[flag].as_bool().unwrap() && !so {
            lies.push(format!("{}: {flag}", answer.key));
        }
    }
    lies
}

/// What a line of an answer says.
enum Said<'a> {
    /// That whoever has this name got the message over this channel.
    Claim(RecipientKind, Channel, &'a str),
    /// Nothing that a message would have to be there for.
    Nothing,
}

/// Reads a line; `None` where it is none of those that haven is known to say.
fn said(line: &str) -> Option<Said<'_>> {
    let under_way = line.starts_with("Уведомление для ") && line.ends_with(" отправляется.");
    if under_way || line.starts_with("Ошибка отправки уведомления для ")
    {
        return Some(Said::Nothing);
    }
    let nobody = [
        "Никого не удалось уведомить.",
        "Неизвестно, получил ли кто-нибудь уведомление.",
    ];
    if nobody.iter().any(|start| line.starts_with(start)) {
        return Some(Said::Nothing);
    }
    let (start, rest) = line.split_once(" (")?;
    let (name, end) = rest.split_once(") ")?;
    let (kind, channel) = match (start, end) {
        ("Ваш/ваша Друг", "получил(а) уведомление по email.") => {
            (RecipientKind::Contact, Channel::Email)
        }
        ("Ваш/ваша Друг", "получил(а) уведомление по SMS.") => {
            (RecipientKind::Contact, Channel::Sms)
        }
        ("Ваш психотерапевт", "был уведомлён.") => {
            (RecipientKind::Therapist, Channel::Email)
        }
        ("Ваш психотерапевт", "был уведомлён по SMS.") => {
            (RecipientKind::Therapist, Channel::Sms)
        }
        _ => return None,
    };
    Some(Said::Claim(kind, channel, name))
}
