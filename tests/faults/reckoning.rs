//! Comparing what was answered with what arrived.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use entity::notification::{self, Status};
use haven::db::Db;
use sea_orm::{EntityTrait, QueryOrder};
use tokio::time::{Instant, sleep, timeout_at};

use crate::crowd::{Crowd, RECIPIENTS};
use crate::support::smtp::SmtpServer;

/// How long what was answered may take to arrive once nothing is wrong any more: a dead worker's
/// lease (15 s), or the pause after a third try (15 s and a fifth), and one nap of the worker.
const ARRIVES: Duration = Duration::from_secs(45);

/// What a test has shown.
#[derive(Debug)]
pub struct Reckoning {
    /// Alarms answered.
    pub answered: usize,
    /// Their notifications that never arrived.
    pub lost: usize,
    /// Those recorded as sent that never arrived.
    pub claimed: usize,
    /// Mails that arrived once more.
    pub duplicates: usize,
    mails: usize,
    refused: String,
}

impl fmt::Display for Reckoning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} alarms answered, {} mails received: {} lost, {} claimed and not sent, {} \
             duplicates; not answered: {}",
            self.answered, self.mails, self.lost, self.claimed, self.duplicates, self.refused
        )
    }
}

/// Waits until everything that was answered has arrived and is recorded, or the time is over.
pub async fn reckon(what: &str, database: &str, crowd: &Crowd, mail: &SmtpServer) -> Reckoning {
    let deadline = Instant::now() + ARRIVES;
    let db = Db::open(database, 1).await.unwrap();
    let answered: HashSet<i64> = crowd.answered().into_iter().collect();
    let rows = async || {
        let rows = notification::Entity::find()
            .order_by_asc(notification::Column::Id)
            .all(db.read());
        let mut rows = rows.await.unwrap();
        rows.retain(|row| answered.contains(&row.alarm_id));
        rows
    };
    // What an answer promised was in the database before, so this is all there is.
    let expected = rows().await;
    let mut told: HashMap<i64, usize> = HashMap::new();
    for row in &expected {
        *told.entry(row.alarm_id).or_default() += 1;
    }
    assert_eq!(
        told.len(),
        answered.len(),
        "{what}: an answered alarm is gone"
    );
    assert!(told.values().all(|told| *told == RECIPIENTS), "{what}");

    let wanted: HashSet<String> = expected.into_iter().map(|row| row.message_id).collect();
    let mut arrived: HashMap<String, usize> = HashMap::new();
    let mut missing = wanted.clone();
    let mut ledger = mail.follow();
    let mut seen = 0;
    loop {
        {
            let ledger = ledger.borrow_and_update();
            for mail in &ledger.mails[seen..] {
                let id = mail.message_id().trim_matches(['<', '>']).to_owned();
                missing.remove(&id);
                *arrived.entry(id).or_default() += 1;
            }
            seen = ledger.mails.len();
        }
        if missing.is_empty() || timeout_at(deadline, ledger.changed()).await.is_err() {
            break;
        }
    }
    // A mail is recorded as sent a moment after it has arrived.
    let mut last = rows().await;
    while last.iter().any(|row| row.status != Status::Sent) && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
        last = rows().await;
    }
    for mail in &mail.follow().borrow().mails[seen..] {
        let id = mail.message_id().trim_matches(['<', '>']).to_owned();
        *arrived.entry(id).or_default() += 1;
    }
    let all = notification::Entity::find().all(db.read()).await.unwrap();
    let claimed = all
        .iter()
        .filter(|row| row.status == Status::Sent && !arrived.contains_key(&row.message_id));
    let reckoning = Reckoning {
        answered: answered.len(),
        lost: missing.len(),
        claimed: claimed.count(),
        duplicates: arrived.values().map(|times| times - 1).sum(),
        mails: arrived.values().sum(),
        refused: format!("{:?}", crowd.refusals()),
    };
    println!("{what}: {reckoning}");
    assert_eq!(reckoning.lost, 0, "{what}: {reckoning}");
    assert_eq!(reckoning.claimed, 0, "{what}: {reckoning}");
    let open: Vec<_> = last
        .iter()
        .filter(|row| row.status != Status::Sent)
        .map(|row| (row.id, row.status, row.attempts))
        .collect();
    assert!(open.is_empty(), "{what}: not recorded as sent: {open:?}");
    db.close().await.unwrap();
    reckoning
}
