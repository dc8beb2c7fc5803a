//! PostgreSQL stopped and started under load.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::crowd::Crowd;
use crate::haven;
use crate::reckoning::reckon;
use crate::support::smtp::Behaviour;
use crate::ways::Ways;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_restarts_loses_no_alarm() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let ways = Ways::by_both(Behaviour::Slow(Duration::from_millis(20))).await;
    let haven = haven(folder.path(), &cluster.url(), &ways);
    let running = haven.start().await;
    let mut crowd = Crowd::gather(running.address, 3).await;
    crowd.press();
    for _ in 0..2 {
        crowd.more(8).await;
        cluster.stop();
        cluster.go_on();
    }
    crowd.more(8).await;
    crowd.stop().await;
    // Whoever pressed meanwhile was asked to try again, and told of no fault.
    for (why, _) in crowd.refusals() {
        let known = ["UNAVAILABLE", "503 Service Unavailable", "no answer"];
        assert!(known.contains(&&*why), "{:?}", crowd.refusals());
    }
    reckon("PostgreSQL stopped twice", &cluster.url(), &crowd, &ways).await;
    running.terminate();
    running.ended().await;
}
