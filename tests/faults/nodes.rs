//! Two nodes on one PostgreSQL, one of them frozen and then killed.

use std::time::Duration;

use crate::crowd::Crowd;
use crate::haven;
use crate::reckoning::reckon;
use crate::support::databases::Database;
use crate::support::smtp::{Behaviour, SmtpServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_node_loses_no_alarm_and_holds_nobody_up() {
    let scratch = Database::Postgres.scratch().await;
    let mail = SmtpServer::start(Behaviour::Slow(Duration::from_millis(100))).await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [first, second] = folders
        .each_ref()
        .map(|folder| haven(folder.path(), &scratch.url, &mail));
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
    reckon("a node frozen and killed", &scratch.url, &crowd, &mail).await;
}
