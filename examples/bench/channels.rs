//! The other channel: how long after an SMS is told to have failed for good the mail to the same
//! person, which waits for its next try, is in the mail server's hands.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use entity::notification::{self, Channel, Purpose};
use haven::db::Db;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::DATABASES;
use crate::load::{self, once};
use crate::program::Haven;
use crate::report::table;
use crate::seed;
use crate::support::sms::{ACCOUNT, FROM, Gateway, PUBLIC, SmsServer, TOKEN, signed};
use crate::support::smtp::{Behaviour, SmtpServer};

/// People who press, one after the other.
const PEOPLE: usize = 20;
/// How long the mail server is gone: the tries of the first 21 s fail, and the next would come a
/// minute later.
const GONE: Duration = Duration::from_secs(30);
/// How long the mails may take before they count as not hurried.
const PATIENCE: Duration = Duration::from_secs(20);

const QUERY: &str = "mutation { triggerAlarm(userId: \"me\") { alarm { id } } }";

/// Whom a notification tells of which alarm.
type Whom = (i64, Option<i64>, Option<i64>);

fn whom(row: &notification::Model) -> Whom {
    (row.alarm_id, row.contact_id, row.therapist_id)
}

/// Measures on both databases.
pub async fn measure(program: &Path, quick: bool) -> Vec<Value> {
    let mut figures = Vec::new();
    for (database, name) in DATABASES {
        let mail = SmtpServer::start(Behaviour::Accept).await;
        mail.go_down().await;
        let sms = SmsServer::start(Gateway::Accept).await;
        let seeded = seed::people(database).await;
        let folder = tempfile::tempdir().unwrap();
        let mut settings = seeded.settings().to_vec();
        settings.extend([
            ("HAVEN_SMTP_URL", mail.url()),
            ("HAVEN_MAIL_FROM", "alarm@haven.example".to_owned()),
            ("HAVEN_PUBLIC_URL", PUBLIC.to_owned()),
            ("HAVEN_SMS_URL", sms.url()),
            ("HAVEN_SMS_ACCOUNT", ACCOUNT.to_owned()),
            ("HAVEN_SMS_TOKEN", TOKEN.to_owned()),
            ("HAVEN_SMS_FROM", FROM.to_owned()),
        ]);
        let haven = Haven::new(program.to_owned(), folder.path(), &settings);
        let running = haven.start().await;
        let people = if quick { 2 } else { PEOPLE };
        let body = json!({"query": QUERY}).to_string();
        let presses = seeded.tokens.iter().take(people).map(|token| {
            let press = load::request("POST", "/graphql", token, &body);
            async move { once(running.address, &press).await }
        });
        futures_util::future::join_all(presses).await;
        tokio::time::sleep(GONE).await;
        mail.come_up().await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut told: HashMap<String, SystemTime> = HashMap::new();
        for sms in sms.taken() {
            let (signature, form) = signed(&sms, &sms.sid, "undelivered");
            told.insert(sms.headers["idempotency-key"].clone(), SystemTime::now());
            let answer = client
                .post(format!("http://{}{}", running.address, sms.receipts()))
                .header("x-twilio-signature", signature)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 204);
        }
        let mut ledger = mail.follow();
        let all = ledger.wait_for(|ledger| ledger.handed.len() >= told.len());
        // What isn't handed over by then is what the table is to show.
        let _ = tokio::time::timeout(PATIENCE, all).await;
        let handed: HashMap<String, SystemTime> = mail.ledger().handed.into_iter().collect();
        let times = times(&seeded.scratch.url, &told, &handed).await;
        figures.push(json!({
            "database": name,
            "failed": told.len(),
            "handed": times.len(),
            "handed_p50_ms": times.get(times.len() / 2),
            "handed_most_ms": times.last(),
        }));
    }
    figures
}

/// How long each mail took that was handed over, in milliseconds and in order.
async fn times(
    database: &str,
    told: &HashMap<String, SystemTime>,
    handed: &HashMap<String, SystemTime>,
) -> Vec<f64> {
    let db = Db::open(database, 1).await.unwrap();
    let rows = notification::Entity::find().all(db.read()).await.unwrap();
    db.close().await.unwrap();
    let failed: HashMap<Whom, SystemTime> = rows
        .iter()
        .filter(|row| row.channel == Channel::Sms)
        .filter_map(|row| Some((whom(row), *told.get(&row.message_id)?)))
        .collect();
    let mut times: Vec<f64> = rows
        .iter()
        // The person is written to as well, about addresses that fail.
        .filter(|row| row.channel == Channel::Email && row.purpose == Purpose::Alarm)
        .filter_map(|row| {
            let taken = handed
                .get(&row.message_id)?
                .duration_since(*failed.get(&whom(row))?);
            Some(taken.ok()?.as_secs_f64() * 1000.0)
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times
}

/// Prints the table.
pub fn print(figures: &[Value]) {
    let time = |value: &Value| {
        value
            .as_f64()
            .map_or_else(|| "never".to_owned(), |time| format!("{time:.1}"))
    };
    let rows: Vec<Vec<String>> = figures
        .iter()
        .map(|row| {
            vec![
                row["database"].as_str().unwrap().to_owned(),
                row["failed"].to_string(),
                row["handed"].to_string(),
                time(&row["handed_p50_ms"]),
                time(&row["handed_most_ms"]),
            ]
        })
        .collect();
    table(
        "SMS that failed for good, and the mails that were waiting for their next try",
        &[
            "database",
            "failed SMS",
            "mails handed over",
            "after p50, ms",
            "at most, ms",
        ],
        &rows,
    );
}
