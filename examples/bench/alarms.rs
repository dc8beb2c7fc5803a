//! Alarms: how many a second, and how long each takes, with three recipients and a mail server
//! that is fast, slow, hanging or dead; and the memory of a haven with a long queue behind it.
//!
//! The answer to a press waits for the outcomes, 2.8 s at most, so it says more of the mail server
//! than of haven. Once an alarm is stored it is safe; how long that took, haven's own metrics say.
//! What a person waits for is that somebody is told: how long after the press the mail server had
//! each mail in its hands, whatever it did with it then, the mail server says. A dead one gets none.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::{alarm, notification};
use haven::db::Db;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait};
use serde_json::{Value, json};

use crate::load::{self, once};
use crate::program::Haven;
use crate::report::table;
use crate::seed;
use crate::start::memory;
use crate::support::smtp::{Behaviour, SmtpServer};
use crate::{DATABASES, support};

/// Phones at once: an answer takes seconds where the mail server is not fast.
const PHONES: usize = 64;
const ROUND: Duration = Duration::from_secs(10);
/// How long after a round the rest of its mails may take to be handed over.
const REST: Duration = Duration::from_secs(60);
/// Presses prepared, each with a key of its own.
const PRESSES: usize = 20_000;
/// Notifications that wait in the measurement of memory.
const WAITING: usize = 50_000;
/// The time haven has for trying some of them before its memory is looked at.
const TRYING: Duration = Duration::from_secs(20);

const QUERY: &str = "mutation Press($key: String!) { triggerAlarm(userId: \"me\", input: {idempotencyKey: $key}) { alarm { id messages } } }";

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Measures on both databases, with each kind of mail server.
pub async fn measure(program: &Path, quick: bool) -> Vec<Value> {
    let mut figures = Vec::new();
    for (database, name) in DATABASES {
        for server in ["fast", "slow (2 s)", "hanging", "dead"] {
            let mail = SmtpServer::start(match server {
                "slow (2 s)" => Behaviour::Slow(Duration::from_secs(2)),
                // It has the mail and never says so: each try costs haven its whole 30 s.
                "hanging" => Behaviour::HangAfterData,
                _ => Behaviour::Accept,
            })
            .await;
            if server == "dead" {
                mail.go_down().await;
            }
            let seeded = seed::people(database).await;
            let folder = tempfile::tempdir().unwrap();
            let metrics = free();
            let mut settings = seeded.settings().to_vec();
            settings.push(("HAVEN_SMTP_URL", mail.url()));
            settings.push(("HAVEN_METRICS_LISTEN", metrics.to_string()));
            let haven = Haven::new(program.to_owned(), folder.path(), &settings);
            let running = haven.start().await;
            let presses = (0..PRESSES).map(|number| {
                let token = &seeded.tokens[number % seeded.tokens.len()];
                let variables = json!({"key": number.to_string()});
                let body = json!({"query": QUERY, "variables": variables}).to_string();
                load::request("POST", "/graphql", token, &body)
            });
            let presses = Arc::new(presses.collect());
            let time = if quick { Duration::from_secs(1) } else { ROUND };
            let round = load::run_on(PHONES, running.address, presses, time).await;
            let text = once(metrics, &load::request("GET", "/metrics", "", "")).await;
            let alarms = figure(&text, "haven_alarms_triggered_total");
            // Each press was one, and none was answered with an error.
            assert_eq!(alarms, round.latencies.len() as f64);
            let resident = memory(running.id(), "VmRSS:");
            let rest = if quick { REST / 10 } else { REST };
            let at_the_end = mail.ledger().mails.len();
            let handed = match server {
                "dead" => None,
                _ => Some(Handed::measure(&seeded.scratch.url, &mail, rest).await),
            };
            figures.push(json!({
                "database": name,
                "mail_server": server,
                "phones": PHONES,
                "alarms": alarms,
                "alarms_per_second": round.rate(),
                "stored_p50_ms": quantile(&text, 0.5),
                "stored_p99_ms": quantile(&text, 0.99),
                "answer_p50_ms": round.quantile(0.5),
                "answer_p99_ms": round.quantile(0.99),
                "handed_awaited_s": rest.as_secs(),
                "handed_p50_ms": handed.as_ref().map(|handed| handed.quantile(0.5)),
                "handed_p99_ms": handed.as_ref().map(|handed| handed.quantile(0.99)),
                "mails_when_it_ended": at_the_end,
                "resident_mib_after": resident,
            }));
        }
    }
    figures
}

/// How long after the press the mail server had each mail in its hands, in milliseconds and in
/// order; infinite where it never had.
struct Handed(Vec<f64>);

impl Handed {
    /// Waits for the rest of the mails, for some time.
    async fn measure(database: &str, mail: &SmtpServer, rest: Duration) -> Self {
        let db = Db::open(database, 1).await.unwrap();
        let pressed: HashMap<i64, DateTime<Utc>> = alarm::Entity::find()
            .all(db.read())
            .await
            .unwrap()
            .into_iter()
            .map(|alarm| (alarm.id, alarm.timestamp))
            .collect();
        let rows = notification::Entity::find().all(db.read()).await.unwrap();
        db.close().await.unwrap();
        let mut ledger = mail.follow();
        let all = ledger.wait_for(|ledger| ledger.handed.len() >= rows.len());
        // What isn't handed over by then is what the table is to show.
        let _ = tokio::time::timeout(rest, all).await;
        let mut first: HashMap<String, DateTime<Utc>> = HashMap::new();
        for (id, at) in &ledger.borrow().handed {
            first.entry(id.clone()).or_insert((*at).into());
        }
        let mut times: Vec<f64> = rows
            .iter()
            .map(|row| match first.get(&row.message_id) {
                Some(at) => (*at - pressed[&row.alarm_id]).as_seconds_f64() * 1000.0,
                None => f64::INFINITY,
            })
            .collect();
        times.sort_unstable_by(f64::total_cmp);
        Self(times)
    }

    /// The time that this share of the mails stays under; none where it never came to that.
    fn quantile(&self, share: f64) -> Option<f64> {
        let index = (self.0.len() as f64 * share) as usize;
        let time = *self.0.get(index.min(self.0.len().checked_sub(1)?))?;
        time.is_finite().then_some(time)
    }
}

/// The value of a figure without labels.
fn figure(text: &str, name: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in:\n{text}"))
        .parse()
        .unwrap()
}

/// A quantile of the time until an alarm is stored, in milliseconds, as Prometheus reckons it:
/// evenly within a bucket.
fn quantile(text: &str, share: f64) -> f64 {
    let buckets: Vec<(f64, f64)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("haven_alarm_stored_seconds_bucket{le=\""))
        .filter_map(|line| line.split_once("\"} "))
        .filter_map(|(bound, count)| Some((bound.parse().ok()?, count.parse().ok()?)))
        .collect();
    let wanted = share * figure(text, "haven_alarm_stored_seconds_count");
    let (mut below, mut counted) = (0.0, 0.0);
    for (bound, count) in buckets {
        if count >= wanted && count > counted {
            let inside = (wanted - counted) / (count - counted);
            return (below + (bound - below) * inside) * 1000.0;
        }
        (below, counted) = (bound, count);
    }
    f64::INFINITY
}

/// The memory of a haven behind whose dead mail server many notifications wait.
pub async fn wait(program: &Path, quick: bool) -> Vec<Value> {
    let mut figures = Vec::new();
    for (database, name) in DATABASES {
        let mail = SmtpServer::start(Behaviour::Accept).await;
        mail.go_down().await;
        let seeded = seed::people(database).await;
        fill(&seeded.scratch).await;
        let folder = tempfile::tempdir().unwrap();
        let mut settings = seeded.settings().to_vec();
        settings.push(("HAVEN_SMTP_URL", mail.url()));
        let running = Haven::new(program.to_owned(), folder.path(), &settings)
            .start()
            .await;
        tokio::time::sleep(if quick {
            Duration::from_secs(2)
        } else {
            TRYING
        })
        .await;
        load::get(running.address, "/healthz", "").await;
        figures.push(json!({
            "database": name,
            "waiting": WAITING,
            "resident_mib": memory(running.id(), "VmRSS:"),
            "peak_mib": memory(running.id(), "VmHWM:"),
        }));
    }
    figures
}

/// Alarms whose notifications are due.
async fn fill(scratch: &support::databases::Scratch) {
    let db = Db::open(&scratch.url, 1).await.unwrap();
    let (series, now) = match db.read().get_database_backend() {
        DbBackend::Postgres => (format!("generate_series(1, {WAITING}) AS n (n)"), "now()"),
        _ => (
            format!(
                "(WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < {WAITING}) SELECT n FROM n)"
            ),
            "strftime('%Y-%m-%d %H:%M:%S+00:00', 'now')",
        ),
    };
    for statement in [
        format!(
            "INSERT INTO alarms (user_id, scenario_name, play_music, notify_contact, notify_therapist, timestamp) \
            SELECT id, '', false, true, true, {now} FROM users"
        ),
        format!("INSERT INTO alarm_results (alarm_id, timestamp) SELECT id, {now} FROM alarms"),
        format!(
            "INSERT INTO notifications (alarm_id, purpose, recipient_kind, contact_id, recipient_name, relationship, channel, \
            address, status, attempts, priority, next_attempt_at, message_id, created_at) \
            SELECT 1 + n % 1000, 'alarm', 'contact', 1 + 2 * (n % 1000), 'Иван Иванов', 'Друг', 'email', \
            'first' || (1 + n % 1000) || '@example.com', \
            'pending', 0, 0, {now}, 'waiting' || n || '@haven.example', {now} FROM {series}"
        ),
    ] {
        db.read().execute_unprepared(&statement).await.unwrap();
    }
    db.close().await.unwrap();
}

/// Prints the tables. A mail is handed over when the mail server has read all of it.
pub fn print(alarms: &[Value], waiting: &[Value]) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let number = |value: &Value| format!("{:.1}", value.as_f64().unwrap());
    let handed = |row: &Value, name: &str| match row[name].as_f64() {
        Some(time) => format!("{time:.1}"),
        None if row["mail_server"] == "dead" => "never".to_owned(),
        None => format!("over {} s", row["handed_awaited_s"]),
    };
    let rows: Vec<Vec<String>> = alarms
        .iter()
        .map(|row| {
            vec![
                format!("{}, {}", text(&row["database"]), text(&row["mail_server"])),
                number(&row["alarms_per_second"]),
                number(&row["stored_p50_ms"]),
                number(&row["stored_p99_ms"]),
                handed(row, "handed_p50_ms"),
                handed(row, "handed_p99_ms"),
                number(&row["answer_p50_ms"]),
                number(&row["answer_p99_ms"]),
                number(&row["resident_mib_after"]),
            ]
        })
        .collect();
    table(
        &format!("Alarms with 3 recipients from {PHONES} phones at once, by mail server"),
        &[
            "",
            "alarms/s",
            "stored p50, ms",
            "p99, ms",
            "handed over p50, ms",
            "p99, ms",
            "answered p50, ms",
            "p99, ms",
            "RSS, MiB",
        ],
        &rows,
    );
    let rows: Vec<Vec<String>> = waiting
        .iter()
        .map(|row| {
            vec![
                text(&row["database"]),
                number(&row["resident_mib"]),
                number(&row["peak_mib"]),
            ]
        })
        .collect();
    table(
        &format!("{WAITING} notifications wait for a dead mail server"),
        &["database", "RSS, MiB", "peak, MiB"],
        &rows,
    );
}
