//! The GraphQL clients that people build apps with, from npm, against a running haven. They
//! need `npm ci` in `tests/npm` once.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::databases::Database;
use crate::support::haven::{Haven, PASSWORD};

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm");
    assert!(
        folder.join("node_modules").is_dir(),
        "the npm packages are missing: run `npm ci` in tests/npm"
    );
    folder
}

/// A running script, which doesn't outlive its test.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.0.kill();
    }
}

/// Runs a script that talks to haven, and does to haven what it asks for in between.
async fn converse(script: &str) {
    let mut haven = Haven::start(Database::Sqlite).await;
    haven.admin("boss").await;
    for n in 1..=5 {
        haven.person(&format!("user{n}")).await;
    }
    let mut script = Script(
        Command::new("node")
            .arg(script)
            .arg(haven.address.to_string())
            .arg(PASSWORD)
            .current_dir(folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Node.js is needed for these tests"),
    );
    let mut stdin = script.0.stdin.take().unwrap();
    let mut stderr = script.0.stderr.take().unwrap();
    let complaints = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let stdout = BufReader::new(script.0.stdout.take().unwrap());
    let (sender, mut lines) = mpsc::unbounded_channel();
    let reading = tokio::task::spawn_blocking(move || {
        for line in stdout.lines() {
            sender.send(line.unwrap()).unwrap();
        }
    });
    let mut asked = Vec::new();
    while let Some(line) = lines.recv().await {
        println!("{line}");
        if line == "ask restart" {
            haven = haven.restart_in_place().await;
            stdin.write_all(b"done\n").unwrap();
            asked.push(line);
        }
    }
    reading.await.unwrap();
    let complaints = complaints.await.unwrap();
    assert!(script.0.wait().unwrap().success(), "{complaints}");
    assert_eq!(asked, ["ask restart"]);
    drop(haven);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apollo_client_works() {
    converse("apollo.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn urql_works() {
    converse("urql.mjs").await;
}

/// Runs a script; whether it succeeded, and what it printed.
async fn node(script: &str) -> (bool, String) {
    let mut command = Command::new("node");
    command
        .arg(script)
        .current_dir(folder())
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().expect("Node.js is needed here");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[tokio::test]
async fn generated_types_compile_strictly() {
    let (good, text) = node("codegen.mjs").await;
    assert!(good, "{text}");
}

#[tokio::test]
async fn the_schema_passes_the_linter() {
    let (good, text) = node("lint.mjs").await;
    assert!(good, "{text}");
}

/// Runs `scripts/schema-changes` on a repository whose last commit has `before` and whose
/// working tree has `after` and a change log.
fn schema_changes(before: Option<&str>, after: &str, log: &str) -> (bool, String) {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path();
    let git = |arguments: &[&str]| {
        let status = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
            .args(arguments)
            .current_dir(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "git {arguments:?}");
    };
    let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
    git(&["init", "--quiet", "--initial-branch=main"]);
    if let Some(before) = before {
        write("schema.graphql", before);
        write("CHANGELOG.md", "# Changes\n\n## Unreleased\n");
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message=Before"]);
    }
    write("schema.graphql", after);
    write("CHANGELOG.md", log);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--allow-empty", "--message=After"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/schema-changes");
    let output = Command::new(script)
        .arg(path)
        .current_dir(folder())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

const BEFORE: &str = "type Query { me: User gone: String }\ntype User { id: ID! name: String! }\n";

#[test]
fn a_breaking_change_has_to_be_in_the_change_log() {
    let after = "type Query { me: User }\ntype User { id: ID! name: String }\n";
    let empty = "# Changes\n\n## Unreleased\n";
    let (good, text) = schema_changes(Some(BEFORE), after, empty);
    assert!(!good, "{text}");
    assert!(text.contains("`Query.gone`"), "{text}");
    assert!(text.contains("`User.name`"), "{text}");

    // One of the two is not enough.
    let (good, text) = schema_changes(
        Some(BEFORE),
        after,
        &format!("{empty}\n- `Query.gone` is gone.\n"),
    );
    assert!(!good, "{text}");
    assert!(!text.contains("`Query.gone`"), "{text}");
    assert!(text.contains("`User.name`"), "{text}");

    // What an earlier release named doesn't count for this one.
    let earlier = format!("{empty}\n## 1.0.0\n\n- `Query.gone` and `User.name` changed.\n");
    let (good, text) = schema_changes(Some(BEFORE), after, &earlier);
    assert!(!good, "{text}");

    let named = format!("{empty}\n- `Query.gone` is gone; `User.name` may be null.\n");
    let (good, text) = schema_changes(Some(BEFORE), after, &named);
    assert!(good, "{text}");
}

#[test]
fn what_breaks_nobody_needs_no_change_log() {
    let empty = "# Changes\n\n## Unreleased\n";
    let after = format!("{BEFORE}type More {{ id: ID! }}\nextend type User {{ more: More }}\n");
    let (good, text) = schema_changes(Some(BEFORE), &after, empty);
    assert!(good, "{text}");
    let (good, text) = schema_changes(None, &after, empty);
    assert!(good, "{text}");
    assert!(text.contains("nothing to compare with"), "{text}");
}

/// What the README shows a newcomer, from `curl` to a subscription.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readmes_requests_are_answered_as_it_says() {
    let haven = Haven::start(Database::Sqlite).await;
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let readme = readme.unwrap();
    let start = readme.find("## From curl to a subscription").unwrap();
    let section = &readme[start..];
    let section = &section[..section[3..].find("\n## ").unwrap()];
    let bodies: Vec<Value> = section
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-d '"))
        .map(|line| serde_json::from_str(line.trim_end_matches('\'')).unwrap())
        .collect();
    assert!(bodies.len() >= 3, "{bodies:?}");
    let person = haven.person("testuser").await;
    for body in bodies {
        let query = body["query"].as_str().unwrap();
        if query.starts_with("subscription") {
            let answer = haven
                .by(&person, "POST", "/graphql")
                .json(&body)
                .send()
                .await;
            let code = answer.json()["errors"][0]["extensions"]["code"].clone();
            assert_eq!(code, json!("SUBSCRIPTION_NOT_SUPPORTED"), "{query}");
        } else {
            haven.data(&person, query, json!({})).await;
        }
    }
    // Every code that haven can answer with is in the README's table.
    for code in codes() {
        assert!(section.contains(&format!("`{code}`")), "{code} is missing");
    }
}

/// The codes in the transport's own table, and those of resolvers.
fn codes() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let transport = std::fs::read_to_string(root.join("transport/mod.rs")).unwrap();
    let errors = std::fs::read_to_string(root.join("error.rs")).unwrap();
    let rows = transport
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `"));
    let mut codes: Vec<String> = rows
        .flat_map(|row| row.split('|').next().unwrap().split('`'))
        .chain(
            errors
                .split("=> (\"")
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap()),
        )
        .filter(|word| word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .map(str::to_owned)
        .collect();
    codes.sort();
    codes.dedup();
    assert!(codes.len() > 20, "{codes:?}");
    codes
}
