//! The server killed at random points under a stream of alarms, and started again.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;

use crate::crowd::Crowd;
use crate::haven;
use crate::on_both;
use crate::reckoning::reckon;
use crate::support::smtp::{Behaviour, SmtpServer};

/// Kills in a usual run; the variable `KILLS` says otherwise.
const KILLS: usize = 15;
/// How long the server lives at most after each start, in milliseconds.
const LIFE: u64 = 800;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

on_both! {
    async fn a_killed_server_loses_no_alarm(database) {
        let kills = number("KILLS").map_or(KILLS, |kills| kills as usize);
        let seed = number("SEED").unwrap_or_else(|| rand::rng().random());
        println!("{kills} kills on {database:?}; again with SEED={seed}");
        let mut chance = SmallRng::seed_from_u64(seed);
        let scratch = database.scratch().await;
        // Slow enough that some kills come between a mail and its record.
        let mail = SmtpServer::start(Behaviour::Slow(Duration::from_millis(20))).await;
        let haven = haven(scratch.folder.path(), &scratch.url, &mail);
        let mut running = haven.start().await;
        let mut crowd = Crowd::gather(running.address, 3).await;
        crowd.press();
        crowd.more(1).await;
        for _ in 0..kills {
            sleep(Duration::from_millis(chance.random_range(0..LIFE))).await;
            running.signal("KILL");
            running.ended().await;
            running = haven.start().await;
            crowd.move_to(vec![running.address]);
        }
        crowd.more(1).await;
        crowd.stop().await;
        let what = format!("{kills} kills on {database:?}");
        let reckoning = reckon(&what, &scratch.url, &crowd, &mail).await;
        assert!(reckoning.answered >= kills / 2, "{what}: hardly any alarm: {reckoning}");
    }
}
