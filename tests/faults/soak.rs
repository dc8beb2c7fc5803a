//! Rounds of every kind, one after the other, on both databases, and one table: a few beside the
//! other tests, many in a night (`make soak`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::number;
use crate::reckoning::{Reckoning, say};
use crate::rounds;
use crate::support::databases::Database;

/// Kills on each database; the variable `KILLS` says otherwise.
const KILLS: usize = 4;
/// Kills in one round.
const A_ROUND: usize = 25;
/// How often PostgreSQL is stopped, or a node frozen, in one round.
const TIMES: usize = 3;
/// Rounds that run at the same time on each database: most of a round is waiting for what was put
/// off.
const LANES: u64 = 2;

/// What was done to haven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Kill,
    Restart,
    Freeze,
}

type Table = Arc<Mutex<BTreeMap<(Database, Fault), (usize, Reckoning)>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rounds_of_every_kind_lose_no_alarm() {
    let kills = number("KILLS").map_or(KILLS, |kills| kills as usize);
    // No round is begun after this.
    let until = number("MINUTES").map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let seed = number("SEED").unwrap_or_else(|| rand::rng().random());
    say(&format!(
        "{kills} kills on each database; again with SEED={seed}"
    ));
    let table = Table::default();
    let mut lanes = JoinSet::new();
    for database in [Database::Sqlite, Database::Postgres] {
        let left = Arc::new(AtomicUsize::new(kills));
        for lane in 0..LANES.min(kills.div_ceil(A_ROUND) as u64) {
            let chance = SmallRng::seed_from_u64(
                seed ^ (lane << 1) ^ u64::from(database == Database::Sqlite),
            );
            lanes.spawn(run(database, left.clone(), until, chance, table.clone()));
        }
    }
    let mut broken = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        broken.extend(lane.err());
    }
    let table = table.lock().unwrap();
    print(&table);
    for (_, reckoning) in table.values() {
        assert!(reckoning.holds(), "{:#?}", reckoning.wrong);
        assert_eq!(reckoning.failed, 0);
    }
    assert!(broken.is_empty(), "{broken:?}");
}

/// Rounds of kills until there were enough, with one of another kind after each.
async fn run(
    database: Database,
    left: Arc<AtomicUsize>,
    until: Option<Instant>,
    mut chance: SmallRng,
    table: Table,
) {
    for round in 0_usize.. {
        if until.is_some_and(|until| Instant::now() > until) {
            return;
        }
        let (fault, times, over) = if round % 2 == 0 {
            let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                (left > 0).then(|| left.saturating_sub(A_ROUND))
            });
            let Ok(before) = before else { return };
            let times = before.min(A_ROUND);
            let over = rounds::kills(database, times, &mut chance).await;
            (Fault::Kill, times, over)
        } else if round % 4 == 1 && database == Database::Postgres {
            let over = rounds::restarts(TIMES, &mut chance).await;
            (Fault::Restart, TIMES, over)
        } else {
            let over = rounds::freezes(database, TIMES, &mut chance).await;
            (Fault::Freeze, TIMES, over)
        };
        let reckoning = over.count().await;
        say(&format!(
            "{database:?}, {fault:?} {times} times: {reckoning}"
        ));
        let mut table = table.lock().unwrap();
        let (all, sum) = table.entry((database, fault)).or_default();
        *all += times;
        sum.add(reckoning);
    }
}

fn print(table: &BTreeMap<(Database, Fault), (usize, Reckoning)>) {
    say(
        "\n| database, fault | times | alarms answered | mails | SMS | lost | claimed and not sent | duplicates |",
    );
    say("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let line = |what: &str, times: usize, sum: &Reckoning| {
        let Reckoning {
            answered,
            mails,
            sms,
            lost,
            claimed,
            duplicates,
            ..
        } = sum;
        say(&format!(
            "| {what} | {times} | {answered} | {mails} | {sms} | {lost} | {claimed} | {duplicates} |"
        ));
    };
    let (mut times, mut all) = (0, Reckoning::default());
    for ((database, fault), (count, sum)) in table {
        let what = match fault {
            Fault::Kill => "haven killed",
            Fault::Restart => "database stopped",
            Fault::Freeze => "node frozen, thawed or killed",
        };
        line(&format!("{database:?}, {what}"), *count, sum);
        times += count;
        all.add(sum.clone());
    }
    line("all", times, &all);
}
