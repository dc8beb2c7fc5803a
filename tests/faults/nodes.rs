//! Two nodes on one PostgreSQL, one of them frozen, and then killed or thawed.

use std::time::Duration;

use entity::notification;
use haven::db::Db;
use sea_orm::EntityTrait;
use tokio::time::{sleep, timeout};

use crate::crowd::{Crowd, PATIENCE, RECIPIENTS};
use crate::haven;
use crate::reckoning::{Reckoning, reckon};
use crate::support::databases::Database;
use crate::support::smtp::{Behaviour, Stage};
use crate::ways::Ways;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_node_loses_no_alarm_and_holds_nobody_up() {
    let scratch = Database::Postgres.scratch().await;
    let ways = Ways::by_both(Behaviour::Slow(Duration::from_millis(100))).await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [first, second] = folders
        .each_ref()
        .map(|folder| haven(folder.path(), &scratch.url, &ways));
    let (frozen, healthy) = (first.start().await, second.start().await);
    let mut crowd = Crowd::gather(frozen.address, 4).await;
    crowd.move_to(vec![frozen.address, healthy.address]);
    crowd.press();
    crowd.more(20).await;
    // Wherever it is: in a transaction, in a mail, in between.
    frozen.signal("STOP");
    crowd.more(20).await;
    frozen.signal("KILL");
    frozen.ended().await;
    crowd.more(10).await;
    crowd.stop().await;
    reckon("a node frozen and killed", &scratch.url, &crowd, &ways).await;
}

/// Freezes a node whose three mails the server leaves waiting as `silence` says, lets the server
/// go on and another node take the mails over, and thaws the first.
async fn thaw(silence: Behaviour) -> Reckoning {
    let what = format!("a node frozen in {silence:?}, and thawed when another had its work");
    let scratch = Database::Postgres.scratch().await;
    let ways = Ways::by_mail(silence).await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [first, second] = folders
        .each_ref()
        .map(|folder| haven(folder.path(), &scratch.url, &ways));
    let frozen = first.start().await;
    let mut crowd = Crowd::gather(frozen.address, 2).await;
    // Before the other one is there, so that it is this one that sends.
    crowd.press_once("one").await.unwrap();
    let held = ways.mail.until("three mails that hang", |ledger| {
        ledger.silent == RECIPIENTS
    });
    held.await;
    frozen.signal("STOP");
    let healthy = second.start().await;
    // From now on the server answers: what it says waits for the frozen node to hear it.
    ways.mail.set_behaviour(Behaviour::Accept);
    crowd.move_to(vec![healthy.address]);
    crowd.press();
    let db = Db::open(&scratch.url, 1).await.unwrap();
    let taken_over = async {
        // Only the other node writes now, and what it claims counts as a second try.
        loop {
            let rows = notification::Entity::find().all(db.read()).await.unwrap();
            if rows.iter().filter(|row| row.attempts >= 2).count() == RECIPIENTS {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, taken_over)
        .await
        .expect("nobody took the work over");
    frozen.signal("CONT");
    crowd.move_to(vec![frozen.address, healthy.address]);
    crowd.more(10).await;
    crowd.stop().await;
    let reckoning = reckon(&what, &scratch.url, &crowd, &ways).await;
    for node in [frozen, healthy] {
        node.terminate();
        node.ended().await;
    }
    db.close().await.unwrap();
    reckoning
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_thawed_after_another_took_its_work_over_loses_no_alarm() {
    let (handed_over, begun) = tokio::join!(
        // The server has the mails, and the frozen node doesn't know.
        thaw(Behaviour::HangAfterData),
        // The frozen node goes on in the middle of each.
        thaw(Behaviour::HangAt(Stage::Mail)),
    );
    // Each came from both nodes, by the same id.
    assert_eq!(handed_over.duplicates, RECIPIENTS, "{handed_over}");
    assert!(begun.duplicates <= RECIPIENTS, "{begun}");
}
