//! A disk that is full: what can't be stored is answered with an error, never with success.

use crate::crowd::Crowd;
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
    running.signal("KILL");
    running.ended().await;
    // Somebody made room.
    let running = haven(folder, &scratch.url, &ways).start().await;
    crowd.move_to(vec![running.address]);
    crowd.press_once("after all").await.unwrap();
    crowd.stop().await;
    reckon("a full disk", &scratch.url, &crowd, &ways).await;
}
