//! What haven costs and bears, measured here: `make bench`.
//!
//! - SQL statements of each endpoint and of the main GraphQL operations, on both databases;
//! - time and memory from the start of the program to its first answer;
//! - requests per second and latency of a profile read, over REST and over GraphQL, beside the
//!   same SQL behind a bare handler (see [`floor`]);
//! - alarms per second, their latency and the time until the mail server has each mail, while it is
//!   fast, slow, hanging and dead, and the memory of haven while many notifications wait;
//! - time from an SMS that fails for good until the mail server has the mail to the same person;
//! - time until each kind of hostile document is refused, and memory before and after.
//!
//! Prints tables and writes `bench.json` into the target folder. `--quick` tries everything with
//! short rounds, whose figures mean little; `--alarms` measures alarms alone, `--documents` sends
//! the hostile documents alone.

mod alarms;
mod channels;
mod documents;
mod floor;
mod load;
#[path = "../demo/program.rs"]
#[expect(dead_code, reason = "the walkthrough uses all of it, this only a part")]
mod program;
mod report;
mod seed;
mod start;
mod statements;
#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, reason = "the tests use all of it, this only a part")]
mod support;
mod throughput;

use serde_json::{Value, json};

use support::databases::Database;

/// The databases, and their names in the tables.
const DATABASES: [(Database, &str); 2] = [
    (Database::Sqlite, "SQLite"),
    (Database::Postgres, "PostgreSQL"),
];

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, database] = arguments.as_slice()
        && first == floor::ARGUMENT
    {
        return floor::serve(database).await;
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    if cfg!(debug_assertions) {
        println!("Not a release build: the times below say nothing.\n");
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap();
    let program = program::build("bench");
    if arguments.iter().any(|argument| argument == "--documents") {
        let seeded = seed::people(Database::Sqlite).await;
        return documents::print(&documents::measure(&program, &seeded, quick).await);
    }

    if arguments.iter().any(|argument| argument == "--alarms") {
        let alarms = alarms::measure(&program, quick).await;
        alarms::print(&alarms, &alarms::wait(&program, quick).await);
        return channels::print(&channels::measure(&program, quick).await);
    }
    let statements = statements::measure().await;
    let mut starts = Vec::new();
    let mut rates = Vec::new();
    let mut refusals = Value::Null;
    for (database, name) in DATABASES {
        let seeded = seed::people(database).await;
        starts.push(start::measure(&program, &seeded, name).await);
        if database == Database::Sqlite {
            // Nothing of it reaches the database, so one of them will do.
            refusals = documents::measure(&program, &seeded, quick).await;
        }
        rates.push(throughput::measure(&program, &seeded, name, quick).await);
    }
    let alarms = alarms::measure(&program, quick).await;
    let waiting = alarms::wait(&program, quick).await;
    let channels = channels::measure(&program, quick).await;
    start::print(&starts);
    throughput::print(&rates);
    alarms::print(&alarms, &waiting);
    channels::print(&channels);
    documents::print(&refusals);
    let path = report::save(&json!({
        "statements": statements,
        "start": starts,
        "profile_read": rates,
        "alarms": alarms,
        "waiting": waiting,
        "channels": channels,
        "refusals": refusals,
    }));
    println!("All of it as JSON: {}", path.display());
}
