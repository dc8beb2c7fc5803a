//! A disk that is full: what can't be stored is answered with an error, never with success.

use haven::db::Db;
use sea_orm::ConnectionTrait;

use crate::cluster::Cluster;
use crate::crowd::Crowd;
use crate::heart::until_auditor;
use crate::program::Haven;
use crate::reckoning::reckon;
use crate::support::databases::Database;
use crate::support::smtp::Behaviour;
use crate::ways::Ways;
use crate::{built, haven};

/// How large a file may get, in blocks of 512 bytes: room for the database and for some alarms
/// in its write-ahead log, and less than that log holds before it is written back.
const BLOCKS: u32 = 2048;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_an_alarm_is_refused_or_sent() {
    let scratch = Database::Sqlite.scratch().await;
    let ways = Ways::by_mail(Behaviour::Accept).await;
    let mut limited = ways.settings(&scratch.url);
    limited.push(("HAVEN_TEST_PROGRAM", built().to_str().unwrap().to_owned()));
    limited.push(("HAVEN_TEST_BLOCKS", BLOCKS.to_string()));
    let folder = scratch.folder.path();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/full-disk");
    let running = Haven::new(script.into(), folder, &limited).start().await;
    let mut crowd = Crowd::gather(running.address, 1).await;
    let mut refused = None;
    for press in 0..300 {
        if let Err(code) = crowd.press_once(&format!("press {press}")).await {
            refused = Some(code);
            break;
        }
    }
    assert_eq!(
        refused.as_deref(),
        Some("INTERNAL"),
        "the disk was never full"
    );
    assert!(!crowd.answered().is_empty());
    for press in 300..303 {
        assert!(crowd.press_once(&format!("press {press}")).await.is_err());
    }
    let ready = until_auditor(running.address, "not content").await;
    assert_eq!(ready["status"], "no writes", "{ready}");
    running.signal("KILL");
    running.ended().await;
    // Somebody made room.
    let running = haven(folder, &scratch.url, &ways).start().await;
    crowd.move_to(vec![running.address]);
    crowd.press_once("after all").await.unwrap();
    crowd.stop().await;
    reckon("a full disk", &scratch.url, &crowd, &ways).await;
}

/// How large a file of PostgreSQL's may get, in bytes: one of its write-ahead log.
const SEGMENT: u64 = 16 * 1024 * 1024;

/// The table of alarms grows by so many rows, made up from whoever is first, with names of so many
/// characters.
fn filler(rows: u32, name: u32) -> String {
    format!(
        "INSERT INTO alarms (user_id, kind, scenario_name, play_music, notify_contact, notify_therapist, timestamp) \
         SELECT min(users.id), 'drill', repeat('x', {name}), false, false, false, now() - interval '9 days' \
         FROM users, generate_series(1, {rows}) AS number GROUP BY number"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_postgresql_has_no_room_an_alarm_is_refused_or_sent() {
    let cluster = Cluster::limited(Some(SEGMENT));
    let folder = tempfile::tempdir().unwrap();
    let ways = Ways::by_mail(Behaviour::Accept).await;
    let running = haven(folder.path(), &cluster.url(), &ways).start().await;
    let mut crowd = Crowd::gather(running.address, 1).await;
    crowd.press_once("before").await.unwrap();
    let db = Db::open(&cluster.url(), 1).await.unwrap();
    // To the last page, and in that to the last gap that a row fits into.
    for (rows, name) in [(10_000, 255), (1, 255), (1, 1)] {
        let mut filled = 0;
        while let Ok(added) = db.read().execute_unprepared(&filler(rows, name)).await {
            filled += added.rows_affected();
            assert!(filled < 1_000_000, "the disk is never full");
        }
    }
    for press in 0..3 {
        let refused = crowd.press_once(&format!("press {press}")).await;
        assert_eq!(refused.unwrap_err(), "INTERNAL");
    }
    // Somebody made room.
    db.read()
        .execute_unprepared("DELETE FROM alarms WHERE kind = 'drill'")
        .await
        .unwrap();
    db.read().execute_unprepared("VACUUM alarms").await.unwrap();
    db.close().await.unwrap();
    crowd.press_once("after all").await.unwrap();
    crowd.stop().await;
    reckon("no room in PostgreSQL", &cluster.url(), &crowd, &ways).await;
    running.terminate();
    running.ended().await;
}
