//! How fast documents that would fell a server are refused, and what memory that takes.
//!
//! Each is sent again and again over one connection, after each answer a plain query. The memory is
//! that of the process: before the first document, after the last, and at its peak in between.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::load::{self, Client};
use crate::program::Haven;
use crate::report::table;
use crate::seed::Seeded;
use crate::start::memory;
use crate::support::attacks::attacks;

/// How often each is sent.
const TIMES: usize = 50;
/// The same in a quick round.
const QUICK: usize = 5;

/// Sends all of them to a haven of their own.
pub async fn measure(program: &Path, seeded: &Seeded, quick: bool) -> Value {
    let times = if quick { QUICK } else { TIMES };
    let folder = tempfile::tempdir().unwrap();
    let haven = Haven::new(program.to_owned(), folder.path(), &seeded.settings());
    let running = haven.start().await;
    let token = &seeded.tokens[0];
    let plain = json!({"query": "{ me { id } }"}).to_string();
    let plain = load::request("POST", "/graphql", token, &plain);
    let mut client = Client::connect(running.address).await;
    for _ in 0..times {
        client.ask(&plain).await;
    }
    let before = memory(running.id(), "VmRSS:");
    let mut documents = Vec::new();
    for (document, limit) in attacks() {
        let body = document.to_string();
        let request = load::request("POST", "/graphql", token, &body);
        let (mut refusals, mut afterwards) = (Vec::new(), Vec::new());
        for _ in 0..times {
            let sent = Instant::now();
            let (_, answer) = client.answer(&request).await;
            refusals.push(milliseconds(sent));
            let answer: Value = serde_json::from_slice(answer).unwrap();
            assert_eq!(answer["errors"][0]["extensions"]["limit"], limit);
            let sent = Instant::now();
            client.ask(&plain).await;
            afterwards.push(milliseconds(sent));
        }
        documents.push(json!({
            "limit": limit,
            "bytes": body.len(),
            "p50": middle(&mut refusals),
            "max": refusals.last(),
            "plain_p50": middle(&mut afterwards),
        }));
    }
    let figures = json!({
        "times": times,
        "documents": documents,
        "resident_before_mib": before,
        "resident_after_mib": memory(running.id(), "VmRSS:"),
        "peak_mib": memory(running.id(), "VmHWM:"),
    });
    running.terminate();
    assert!(running.ended().await.success());
    figures
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// Sorts them, and gives the middle one.
fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints the table.
pub fn print(figures: &Value) {
    let number = |value: &Value, name: &str| value[name].as_f64().unwrap();
    let rows: Vec<Vec<String>> = figures["documents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|document| {
            vec![
                document["limit"].as_str().unwrap().to_owned(),
                document["bytes"].to_string(),
                format!("{:.2}", number(document, "p50")),
                format!("{:.2}", number(document, "max")),
                format!("{:.2}", number(document, "plain_p50")),
            ]
        })
        .collect();
    table(
        &format!(
            "Milliseconds until a hostile request is refused, each sent {} times, and of the plain \
             query after it",
            figures["times"],
        ),
        &["limit exceeded", "bytes", "p50", "max", "plain query, p50"],
        &rows,
    );
    println!(
        "RSS before {:.1} MiB, after {:.1} MiB, peak {:.1} MiB\n",
        number(figures, "resident_before_mib"),
        number(figures, "resident_after_mib"),
        number(figures, "peak_mib"),
    );
}
