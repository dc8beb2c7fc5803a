//! Faults: the haven program itself, killed, frozen, and cut off from its database, its disk or
//! its mail server, under a stream of alarms.
//!
//! Each test ends by comparing the alarms that were answered with the mails that a real mail
//! server received. None may be lost. Duplicates are the price of that, are recognisable by their
//! `Message-ID`, and are counted and printed.

mod cluster;
mod crowd;
mod disk;
mod kills;
mod mail;
mod nodes;
mod postgres;
#[path = "../../examples/demo/program.rs"]
#[expect(dead_code, reason = "the walkthrough uses all of it, this only a part")]
mod program;
mod reckoning;
#[path = "../it/support/mod.rs"]
#[expect(
    dead_code,
    reason = "the tests in `it` use all of it, this only a part"
)]
mod support;

use std::path::{Path, PathBuf};

use program::Haven;
use support::smtp::SmtpServer;

/// The program, built by cargo for these tests.
fn built() -> PathBuf {
    env!("CARGO_BIN_EXE_haven").into()
}

/// The settings of a haven on this database that sends through this server.
fn settings(database: &str, mail: &SmtpServer) -> Vec<(&'static str, String)> {
    vec![
        ("HAVEN_DATABASE_URL", database.to_owned()),
        ("HAVEN_SMTP_URL", mail.url()),
        ("HAVEN_MAIL_FROM", "haven <alarm@haven.example>".to_owned()),
    ]
}

/// A haven, not yet started.
fn haven(folder: &Path, database: &str, mail: &SmtpServer) -> Haven {
    Haven::new(built(), folder, &settings(database, mail))
}
