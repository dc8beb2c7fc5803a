//! The outgoing heartbeat of a server that runs: it stops while all is not well, and begins again.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::built;
use crate::cluster::Cluster;
use crate::crowd::PATIENCE;
use crate::program::Haven;
use crate::support::monitor::monitor;
use crate::support::smtp::Behaviour;
use crate::ways::Ways;

/// Longer than the 30 s between two beats.
const A_BEAT: Duration = Duration::from_secs(33);

/// Waits until `/readyz` says this of the auditor; what else it says.
pub async fn until_auditor(at: SocketAddr, state: &str) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asking = async {
        loop {
            // While the database is away it is a 503, and says so all the same.
            let answer = client.get(format!("http://{at}/readyz")).send().await;
            let ready: Value = answer.unwrap().json().await.unwrap();
            if ready["auditor"] == state {
                return ready;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| panic!("the auditor was never {state}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_heartbeat_stops_with_the_database_and_begins_again() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let ways = Ways::by_mail(Behaviour::Accept).await;
    let (url, mut heard) = monitor().await;
    let mut settings = ways.settings(&cluster.url());
    settings.push(("HAVEN_HEARTBEAT_URL", url));
    let running = Haven::new(built(), folder.path(), &settings).start().await;
    let first = heard.wait_for(|heard| *heard >= 1);
    timeout(PATIENCE, first)
        .await
        .expect("no heartbeat")
        .unwrap();
    until_auditor(running.address, "content").await;

    cluster.stop();
    let ready = until_auditor(running.address, "not content").await;
    assert_eq!(ready["reason"], "the database does not answer", "{ready}");
    let before = *heard.borrow_and_update();
    // Silence is no event: a beat is due within this time, and must not come.
    sleep(A_BEAT).await;
    assert_eq!(*heard.borrow(), before, "it beats without a database");

    cluster.go_on();
    until_auditor(running.address, "content").await;
    let again = heard.wait_for(|heard| *heard > before);
    timeout(PATIENCE, again)
        .await
        .expect("it never beats again")
        .unwrap();
    running.terminate();
    running.ended().await;
}
