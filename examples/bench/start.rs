//! Time and memory from the start of the program to its first answer, on an existing database.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::load;
use crate::program::Haven;
use crate::report::{median, table};
use crate::seed::Seeded;

/// Starts, of which the middle one counts.
const STARTS: usize = 7;

/// Starts the program again and again.
pub async fn measure(program: &Path, seeded: &Seeded, database: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let haven = Haven::new(program.to_owned(), folder.path(), &seeded.settings());
    let (mut milliseconds, mut resident, mut peak) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let started = Instant::now();
        let running = haven.start().await;
        load::get(running.address, "/healthz", "").await;
        milliseconds.push(started.elapsed().as_secs_f64() * 1000.0);
        resident.push(memory(running.id(), "VmRSS:"));
        peak.push(memory(running.id(), "VmHWM:"));
        running.terminate();
        assert!(running.ended().await.success());
    }
    json!({
        "database": database,
        "starts": STARTS,
        "milliseconds": median(milliseconds),
        "resident_mib": median(resident),
        "peak_mib": median(peak),
    })
}

/// A figure of `/proc/PID/status`, in MiB.
pub fn memory(id: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

/// Prints the table.
pub fn print(starts: &[Value]) {
    let rows: Vec<Vec<String>> = starts
        .iter()
        .map(|start| {
            vec![
                start["database"].as_str().unwrap().to_owned(),
                format!("{:.0}", start["milliseconds"].as_f64().unwrap()),
                format!("{:.1}", start["resident_mib"].as_f64().unwrap()),
                format!("{:.1}", start["peak_mib"].as_f64().unwrap()),
            ]
        })
        .collect();
    table(
        &format!("From start to the first 200 on /healthz, existing database, median of {STARTS}"),
        &["database", "ms", "RSS, MiB", "peak, MiB"],
        &rows,
    );
}
