//! Faults: the haven program itself, killed, frozen, and cut off from its database, its disk or
//! its mail server, under a stream of alarms.
//!
//! Each test ends by comparing the alarms that were answered, and what the answers said, with the
//! mails that a real mail server and the SMS that a gateway received. None may be lost, and no line
//! or flag may say of one that it went out before it had. Duplicates are the price of that, are
//! recognisable by their `Message-ID`, and are counted and printed, past the harness, so that they
//! are seen where all is well.

mod cluster;
mod crowd;
mod disk;
mod gateway;
mod heart;
mod kills;
mod mail;
mod nodes;
mod postgres;
#[path = "../../examples/demo/program.rs"]
#[expect(dead_code, reason = "the walkthrough uses all of it, this only a part")]
mod program;
mod reckoning;
mod rounds;
mod soak;
#[path = "../it/support/mod.rs"]
#[expect(
    dead_code,
    reason = "the tests in `it` use all of it, this only a part"
)]
mod support;
mod ways;

use std::path::{Path, PathBuf};

use program::Haven;
use ways::Ways;

/// The program, built by cargo for these tests.
fn built() -> PathBuf {
    env!("CARGO_BIN_EXE_haven").into()
}

/// A haven, not yet started.
fn haven(folder: &Path, database: &str, ways: &Ways) -> Haven {
    Haven::new(built(), folder, &ways.settings(database))
}

/// A number that whoever runs the tests gave.
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
