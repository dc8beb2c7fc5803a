//! The server killed at random points under a stream of alarms, and started again, half of the
//! time while mail and SMS fail as well.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::reckoning::say;
use crate::{number, on_both, rounds};

/// Kills in a usual run; the variable `KILLS` says otherwise.
const KILLS: usize = 15;

on_both! {
    async fn a_killed_server_loses_no_alarm(database) {
        let kills = number("KILLS").map_or(KILLS, |kills| kills as usize);
        let seed = number("SEED").unwrap_or_else(|| rand::rng().random());
        say(&format!("{kills} kills on {database:?}; again with SEED={seed}"));
        let mut chance = SmallRng::seed_from_u64(seed);
        let what = format!("{kills} kills on {database:?}");
        let reckoning = rounds::kills(database, kills, &mut chance).await.reckon(&what).await;
        assert!(reckoning.answered >= kills / 4, "{what}: hardly any alarm: {reckoning}");
        // Each person is told by both.
        assert!(reckoning.sms >= 3 * reckoning.answered, "{what}: {reckoning}");
    }
}
