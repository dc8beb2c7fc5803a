//! Tables for people and a file for programs.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Prints a table in Markdown; the first column is text, the others are numbers.
pub fn table(title: &str, head: &[&str], rows: &[Vec<String>]) {
    println!("{title}\n");
    let columns = 0..head.len();
    let widths: Vec<usize> = columns
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([head[column].chars().count()]).max().unwrap()
        })
        .collect();
    let print = |cells: Vec<&str>| {
        let cells: Vec<String> = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, &width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        println!("| {} |", cells.join(" | "));
    };
    print(head.to_vec());
    let rule: Vec<String> = widths
        .iter()
        .enumerate()
        .map(|(column, &width)| match column {
            0 => "-".repeat(width),
            _ => format!("{}:", "-".repeat(width - 1)),
        })
        .collect();
    print(rule.iter().map(String::as_str).collect());
    for row in rows {
        print(row.iter().map(String::as_str).collect());
    }
    println!();
}

/// Writes `bench.json` into the target folder; says where.
pub fn save(figures: &Value) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    // This program lies in `target/PROFILE/examples`.
    let target = this.ancestors().nth(3).map(Path::to_owned).unwrap();
    let path = target.join("bench.json");
    std::fs::write(&path, serde_json::to_string_pretty(figures).unwrap()).unwrap();
    path
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
