//! Requests per second, latency and CPU time of a profile read, beside the floor.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use haven::db::Db;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use crate::floor::{self, Statements};
use crate::load::{self, CONNECTIONS, Round};
use crate::program::{Haven, Running};
use crate::report::{median, table};
use crate::seed::Seeded;
use crate::start::memory;

/// Rounds of each; the middle one counts. They alternate, so that whatever else the machine
/// does meets all of them.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(1);

/// The fields of the REST answer.
const QUERY: &str = "query Profile($id: ID!) { user(id: $id) { profile { id user { id } username age location militaryStatus ptsdLevel music { id } therapistContact { id } scenario { id } } } }";

/// One of those that are measured.
struct Subject<'a> {
    name: &'static str,
    server: &'a Running,
    requests: Arc<Vec<Vec<u8>>>,
    rounds: Vec<Round>,
    /// CPU time of the server per request, in microseconds, for each round.
    cpu: Vec<f64>,
}

impl Subject<'_> {
    async fn round(&mut self, time: Duration) {
        let before = cpu_time(self.server.id());
        let round = load::run(self.server.address, self.requests.clone(), time).await;
        let used = cpu_time(self.server.id()) - before;
        self.cpu.push(used * 1e6 / round.latencies.len() as f64);
        self.rounds.push(round);
    }

    fn middle(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure).collect())
    }
}

/// Measures on one database.
pub async fn measure(program: &Path, seeded: &Seeded, database: &str, quick: bool) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let haven = Haven::new(program.to_owned(), folder.path(), &seeded.settings());
    let haven = haven.start().await;
    // Not `current_exe`: building haven may have replaced this program.
    let this = program.with_file_name("examples").join("bench");
    let floor = Haven::new(this, folder.path(), &[]);
    let arguments = [floor::ARGUMENT, &seeded.scratch.url];
    let floor = floor.start_by(&arguments, floor::LINE).await;

    let people = || seeded.tokens.iter().zip(1..);
    let rest: Arc<Vec<Vec<u8>>> = Arc::new(
        people()
            .map(|(token, id)| load::request("GET", &format!("/api/v1/user/{id}/"), token, ""))
            .collect(),
    );
    let graphql: Arc<Vec<Vec<u8>>> = Arc::new(
        people()
            .map(|(token, id)| {
                let body = json!({"query": QUERY, "variables": {"id": id}}).to_string();
                load::request("POST", "/graphql", token, &body)
            })
            .collect(),
    );
    compare(&haven, &floor, &rest, &graphql).await;

    let subject = |name, server, requests: &Arc<_>| Subject {
        name,
        server,
        requests: Arc::clone(requests),
        rounds: Vec::new(),
        cpu: Vec::new(),
    };
    let mut subjects = [
        subject("the same SQL, bare handler", &floor, &rest),
        subject("haven, REST", &haven, &rest),
        subject("haven, GraphQL", &haven, &graphql),
    ];
    let (rounds, time, warm_up) = match quick {
        true => (1, Duration::from_millis(500), Duration::from_millis(200)),
        false => (ROUNDS, ROUND, WARM_UP),
    };
    for subject in &mut subjects {
        subject.round(warm_up).await;
        subject.rounds.clear();
        subject.cpu.clear();
    }
    if database == "PostgreSQL" {
        check_sql(seeded).await;
    }
    for _ in 0..rounds {
        for subject in &mut subjects {
            subject.round(time).await;
        }
    }
    let bare = &subjects[0];
    let figures: Vec<Value> = subjects
        .iter()
        .map(|subject| {
            let pairs = bare.rounds.iter().zip(&subject.rounds);
            let slower = pairs.map(|(bare, own)| bare.rate() / own.rate()).collect();
            let pairs = bare.cpu.iter().zip(&subject.cpu);
            let dearer = pairs.map(|(bare, own)| own / bare).collect();
            json!({
                "subject": subject.name,
                "requests_per_second": subject.middle(Round::rate),
                "p50_ms": subject.middle(|round| round.quantile(0.5)),
                "p99_ms": subject.middle(|round| round.quantile(0.99)),
                "cpu_us_per_request": median(subject.cpu.clone()),
                "times_slower_than_floor": median(slower),
                "times_the_cpu_of_the_floor": median(dearer),
            })
        })
        .collect();
    json!({
        "database": database,
        "people": seeded.tokens.len(),
        "connections": CONNECTIONS,
        "rounds": rounds,
        "seconds_per_round": time.as_secs_f64(),
        "resident_mib_after": memory(haven.id(), "VmRSS:"),
        "subjects": figures,
    })
}

/// All three have to say the same, for a few people.
async fn compare(haven: &Running, floor: &Running, rest: &[Vec<u8>], graphql: &[Vec<u8>]) {
    for person in (0..rest.len()).step_by(97) {
        let expected = load::once(floor.address, &rest[person]).await;
        assert_eq!(load::once(haven.address, &rest[person]).await, expected);
        let answer: Value =
            serde_json::from_str(&load::once(haven.address, &graphql[person]).await).unwrap();
        let profile = &answer["data"]["user"]["profile"];
        let expected: Value = serde_json::from_str(&expected).unwrap();
        assert_eq!(profile["username"], expected["username"], "{answer}");
        assert_eq!(
            profile["therapistContact"]["id"],
            expected["therapist_contact"].to_string()
        );
    }
}

/// PostgreSQL says what each connection ran last: haven's and the floor's have to be the two
/// statements, and both of them.
async fn check_sql(seeded: &Seeded) {
    let db = Db::open(&seeded.scratch.url, 1).await.unwrap();
    let last = "SELECT DISTINCT query FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let rows = db
        .read()
        .query_all_raw(Statement::from_string(DbBackend::Postgres, last))
        .await
        .unwrap();
    let mut ran: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", "query").unwrap())
        .collect();
    // The queue of mails looks for work now and then, and the auditor whether writing works.
    ran.retain(|sql| {
        !sql.contains("notifications") && !sql.contains("write_probes") && !sql.is_empty()
    });
    let statements = Statements::new(DbBackend::Postgres);
    let mut expected = vec![statements.caller.to_owned(), statements.profile.to_owned()];
    ran.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ran, expected, "haven and the floor run different SQL");
    db.close().await.unwrap();
}

/// The CPU time that a process has used, in seconds.
fn cpu_time(id: u32) -> f64 {
    /// Linux counts in these, whatever the machine.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // The name, in parentheses, may hold anything; the 12th and 13th after it are meant.
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let ticks: f64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<f64>().unwrap())
        .sum();
    ticks / TICKS_PER_SECOND
}

/// Prints the tables.
pub fn print(rates: &[Value]) {
    for rate in rates {
        let subjects = rate["subjects"].as_array().unwrap();
        let rows: Vec<Vec<String>> = subjects
            .iter()
            .map(|subject| {
                let number = |name: &str| subject[name].as_f64().unwrap();
                vec![
                    subject["subject"].as_str().unwrap().to_owned(),
                    format!("{:.0}", number("requests_per_second")),
                    format!("{:.2}", number("p50_ms")),
                    format!("{:.2}", number("p99_ms")),
                    format!("{:.0}", number("cpu_us_per_request")),
                    format!("{:.2}", number("times_slower_than_floor")),
                    format!("{:.2}", number("times_the_cpu_of_the_floor")),
                ]
            })
            .collect();
        let title = format!(
            "A profile read on {}: {} people, {} connections, {} rounds of {} s; haven's RSS afterwards {:.0} MiB",
            rate["database"].as_str().unwrap(),
            rate["people"],
            rate["connections"],
            rate["rounds"],
            rate["seconds_per_round"],
            rate["resident_mib_after"].as_f64().unwrap(),
        );
        table(
            &title,
            &[
                "",
                "requests/s",
                "p50, ms",
                "p99, ms",
                "CPU, µs",
                "× time of the first",
                "× CPU of the first",
            ],
            &rows,
        );
    }
}
