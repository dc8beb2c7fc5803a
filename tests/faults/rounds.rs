//! Rounds of faults at random points, while people press: a test runs one of each kind that it is
//! about, `make soak` one after the other.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::crowd::Crowd;
use crate::haven;
use crate::program::Running;
use crate::reckoning::{self, Reckoning};
use crate::support::databases::{Database, Scratch};
use crate::support::smtp::Behaviour;
use crate::ways::Ways;

/// How long the server lives at most after each start, in milliseconds, where mail and SMS work.
const LIFE: u64 = 1_500;
/// The same where they don't: the answer to a press takes 2.8 s then.
const HARD_LIFE: u64 = 4_000;
/// How long a node is frozen at most: longer than the lease of what it sends, and the nap of the
/// node that takes it over.
const FROZEN: u64 = 28_000;

/// A round that is over: haven runs, mail and SMS work, nobody presses any more.
pub struct Over {
    database: String,
    ways: Ways,
    crowd: Crowd,
    running: Vec<Running>,
    _kept: Kept,
}

/// What goes with the value.
enum Kept {
    Scratch {
        _database: Scratch,
        _folders: Vec<TempDir>,
    },
    Cluster {
        _database: Cluster,
        _folder: TempDir,
    },
}

impl Over {
    /// Counts what the round has shown.
    pub async fn count(self) -> Reckoning {
        let reckoning = reckoning::count(&self.database, &self.crowd, &self.ways).await;
        self.end().await;
        reckoning
    }

    /// Fails unless all that was answered has arrived.
    pub async fn reckon(self, what: &str) -> Reckoning {
        let reckoning = reckoning::reckon(what, &self.database, &self.crowd, &self.ways).await;
        self.end().await;
        reckoning
    }

    async fn end(self) {
        for running in self.running {
            running.terminate();
            running.ended().await;
        }
    }
}

/// Haven killed at random points and started again, half of the time while mail and SMS fail.
pub async fn kills(database: Database, kills: usize, chance: &mut SmallRng) -> Over {
    let scratch = database.scratch().await;
    let ways = Ways::by_both(Behaviour::Accept).await;
    let haven = haven(scratch.folder.path(), &scratch.url, &ways);
    let mut running = haven.start().await;
    let mut crowd = Crowd::gather(running.address, 5).await;
    crowd.press();
    crowd.more(1).await;
    for _ in 0..kills {
        let life = if chance.random_bool(0.5) {
            ways.fail(chance).await;
            HARD_LIFE
        } else {
            ways.mend().await;
            // Slow enough that some kills come between a mail and its record.
            ways.mail
                .set_behaviour(Behaviour::Slow(Duration::from_millis(20)));
            LIFE
        };
        sleep(Duration::from_millis(chance.random_range(0..life))).await;
        running.signal("KILL");
        running.ended().await;
        running = haven.start().await;
        crowd.move_to(vec![running.address]);
    }
    ways.mend().await;
    crowd.more(1).await;
    crowd.stop().await;
    Over {
        database: scratch.url.clone(),
        ways,
        crowd,
        running: vec![running],
        _kept: Kept::Scratch {
            _database: scratch,
            _folders: Vec::new(),
        },
    }
}

/// PostgreSQL cut off at random points and started again, while mail and SMS fail as well.
pub async fn restarts(times: usize, chance: &mut SmallRng) -> Over {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let ways = Ways::by_both(Behaviour::Accept).await;
    let running = haven(folder.path(), &cluster.url(), &ways).start().await;
    let mut crowd = Crowd::gather(running.address, 5).await;
    crowd.press();
    crowd.more(1).await;
    for _ in 0..times {
        ways.fail(chance).await;
        sleep(Duration::from_millis(chance.random_range(0..HARD_LIFE))).await;
        cluster.stop();
        sleep(Duration::from_millis(chance.random_range(0..HARD_LIFE))).await;
        cluster.go_on();
    }
    ways.mend().await;
    crowd.more(1).await;
    crowd.stop().await;
    Over {
        database: cluster.url(),
        ways,
        crowd,
        running: vec![running],
        _kept: Kept::Cluster {
            _database: cluster,
            _folder: folder,
        },
    }
}

/// A node frozen at random points, for a moment or until others took its work over, and then
/// thawed or killed, while mail and SMS fail as well. Two nodes on PostgreSQL, one on SQLite.
pub async fn freezes(database: Database, times: usize, chance: &mut SmallRng) -> Over {
    let scratch = database.scratch().await;
    let ways = Ways::by_both(Behaviour::Accept).await;
    let nodes = match database {
        Database::Sqlite => 1,
        Database::Postgres => 2,
    };
    let folders: Vec<TempDir> = (0..nodes).map(|_| tempfile::tempdir().unwrap()).collect();
    let node = |number: usize| haven(folders[number].path(), &scratch.url, &ways);
    let mut running = Vec::new();
    for number in 0..nodes {
        running.push(node(number).start().await);
    }
    let addresses = |running: &[Running]| running.iter().map(|running| running.address).collect();
    let mut crowd = Crowd::gather(running[0].address, 5).await;
    crowd.move_to(addresses(&running));
    crowd.press();
    crowd.more(1).await;
    for _ in 0..times {
        ways.fail(chance).await;
        sleep(Duration::from_millis(chance.random_range(0..HARD_LIFE))).await;
        let victim = chance.random_range(0..nodes);
        running[victim].signal("STOP");
        ways.fail(chance).await;
        sleep(Duration::from_millis(chance.random_range(0..FROZEN))).await;
        if chance.random_bool(0.25) {
            running[victim].signal("KILL");
            let killed = running.remove(victim);
            killed.ended().await;
            running.insert(victim, node(victim).start().await);
            crowd.move_to(addresses(&running));
        } else {
            running[victim].signal("CONT");
        }
    }
    ways.mend().await;
    crowd.more(1).await;
    crowd.stop().await;
    Over {
        database: scratch.url.clone(),
        ways,
        crowd,
        running,
        _kept: Kept::Scratch {
            _database: scratch,
            _folders: folders,
        },
    }
}
