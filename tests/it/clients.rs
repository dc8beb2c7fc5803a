//! The GraphQL clients that people build apps with, from npm, against a running haven. They
//! need `npm ci` in `tests/npm` once.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::databases::Database;
use crate::support::haven::{Haven, PASSWORD};
use crate::support::socket::eventually;

/// Nothing in these tests takes this long; it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(20);

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

/// What a program prints, line by line.
fn lines(stdout: ChildStdout) -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    tokio::task::spawn_blocking(move || {
        for line in BufReader::new(stdout).lines() {
            // An error means that the test has seen enough.
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    lines
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
    let mut lines = lines(script.0.stdout.take().unwrap());
    let mut asked = Vec::new();
    while let Some(line) = lines.recv().await {
        println!("{line}");
        if line == "ask restart" {
            haven = haven.restart_in_place().await;
            stdin.write_all(b"done\n").unwrap();
            asked.push(line);
        }
    }
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

/// Runs a script against a haven that has a `user1`.
async fn visit(script: &str) {
    let haven = Haven::start(Database::Sqlite).await;
    haven.person("user1").await;
    let address = haven.address.to_string();
    let (good, text) = node(&[script, &address, PASSWORD]).await;
    assert!(good, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn graphql_ws_client_works_until_its_user_logs_out() {
    visit("ws-haven.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn graphql_sse_client_works_until_its_user_logs_out() {
    visit("sse-haven.mjs").await;
}

/// Runs a script; whether it succeeded, and what it printed.
async fn node(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("node");
    command
        .args(arguments)
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
    let (good, text) = node(&["codegen.mjs"]).await;
    assert!(good, "{text}");
}

#[tokio::test]
async fn the_schema_passes_the_linter() {
    let (good, text) = node(&["lint.mjs"]).await;
    assert!(good, "{text}");
}

/// A repository with a schema and a change log, for `scripts/schema-changes` to look at.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        this.git(&["init", "--quiet", "--initial-branch=main"]);
        this
    }

    fn git(&self, arguments: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
            .args(arguments)
            .current_dir(self.0.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "git {arguments:?}");
    }

    fn commit(&self, schema: &str, log: &str) {
        for (name, text) in [("schema.graphql", schema), ("CHANGELOG.md", log)] {
            std::fs::write(self.0.path().join(name), text).unwrap();
        }
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=Change"]);
    }

    /// Whether the script is content, and what it says.
    fn examine(&self) -> (bool, String) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new(root.join("scripts/schema-changes"))
            .arg(self.0.path())
            .current_dir(folder())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }
}

/// What the script says of a schema that was `before` and is `after`.
fn schema_changes(before: &str, after: &str, log: &str) -> (bool, String) {
    let repository = Repository::new();
    repository.commit(before, EMPTY);
    repository.commit(after, log);
    repository.examine()
}

const EMPTY: &str = "# Changes\n\n## Unreleased\n";
const BEFORE: &str = "type Query { me: User gone: String }\ntype User { id: ID! name: String! }\n";

const AFTER: &str = "type Query { me: User }\ntype User { id: ID! name: String }\n";

#[test]
fn a_breaking_change_has_to_be_in_the_change_log() {
    let (good, text) = schema_changes(BEFORE, AFTER, EMPTY);
    assert!(!good, "{text}");
    assert!(text.contains("`Query.gone`"), "{text}");
    assert!(text.contains("`User.name`"), "{text}");

    // One of the two is not enough.
    let (good, text) = schema_changes(
        BEFORE,
        AFTER,
        &format!("{EMPTY}\n- `Query.gone` is gone.\n"),
    );
    assert!(!good, "{text}");
    assert!(!text.contains("`Query.gone`"), "{text}");
    assert!(text.contains("`User.name`"), "{text}");

    // What an earlier release named doesn't count for this one.
    let earlier = format!("{EMPTY}\n## 1.0.0\n\n- `Query.gone` and `User.name` changed.\n");
    let (good, text) = schema_changes(BEFORE, AFTER, &earlier);
    assert!(!good, "{text}");

    let named = format!("{EMPTY}\n- `Query.gone` is gone; `User.name` may be null.\n");
    let (good, text) = schema_changes(BEFORE, AFTER, &named);
    assert!(good, "{text}");
}

#[test]
fn what_breaks_nobody_needs_no_change_log() {
    let after = format!("{BEFORE}type More {{ id: ID! }}\nextend type User {{ more: More }}\n");
    let (good, text) = schema_changes(BEFORE, &after, EMPTY);
    assert!(good, "{text}");
}

#[test]
fn several_commits_hide_no_breaking_change() {
    let repository = Repository::new();
    repository.commit(BEFORE, EMPTY);
    repository.commit(AFTER, EMPTY);
    repository.commit(&format!("{AFTER}# One more.\n"), EMPTY);
    let (good, text) = repository.examine();
    assert!(!good, "{text}");
    assert!(text.contains("`Query.gone`"), "{text}");

    // What was released is what counts from then on.
    repository.git(&["tag", "v1"]);
    repository.commit(AFTER, EMPTY);
    let (good, text) = repository.examine();
    assert!(good, "{text}");
    assert!(text.contains("compared with v1"), "{text}");
}

#[test]
fn a_clone_without_history_is_told_what_to_do() {
    let (origin, clone) = (Repository::new(), Repository::new());
    origin.commit(BEFORE, EMPTY);
    origin.commit(AFTER, EMPTY);
    let from = format!("file://{}", origin.0.path().display());
    clone.git(&["fetch", "--quiet", "--depth=1", &from, "main"]);
    clone.git(&["reset", "--quiet", "--hard", "FETCH_HEAD"]);
    let (good, text) = clone.examine();
    assert!(!good, "{text}");
    assert!(text.contains("git fetch --unshallow"), "{text}");

    let (good, text) = Repository::new().examine();
    assert!(good, "{text}");
    assert!(text.contains("nothing was compared"), "{text}");
}

/// The commands that the README shows a newcomer, from `curl` to a subscription, run as they
/// stand there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readmes_commands_do_what_it_says() {
    let haven = Haven::start(Database::Sqlite).await;
    let person = haven.person("testuser").await;
    let readme = include_str!("../../README.md");
    let (_, section) = readme
        .split_once("\n## From curl to a subscription\n")
        .unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let commands: Vec<&str> = section
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap())
        .collect();
    let [query, follow, say] = commands.as_slice() else {
        panic!("other commands than there were: {commands:?}");
    };
    let run = |command: &str| {
        let address = haven.address.to_string();
        let mut shell = Command::new("bash");
        shell
            .arg("-c")
            .arg(command.replace("127.0.0.1:8000", &address))
            .env("TOKEN", &person.token)
            .env("no_proxy", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        shell
    };
    let answer = async |mut shell: Command| -> Value {
        let output = tokio::task::spawn_blocking(move || shell.output());
        let output = output.await.unwrap().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"].clone()
    };
    let data = answer(run(query)).await;
    assert_eq!(data["me"]["username"], "testuser");

    // bash becomes curl, so that nobody is left when it is killed.
    let mut following = Script(run(&format!("exec {follow}")).spawn().unwrap());
    let mut lines = lines(following.0.stdout.take().unwrap());
    eventually(async || {
        let online = "{ me { isOnline } }";
        haven.data(&person, online, json!({})).await["me"]["isOnline"] == true
    })
    .await;
    let said = answer(run(say)).await;
    let arrived = loop {
        let line = tokio::time::timeout(PATIENCE, lines.recv()).await;
        let line = line.expect("nothing came").expect("it ended");
        if let Some(data) = line.strip_prefix("data: ") {
            break serde_json::from_str::<Value>(data).unwrap();
        }
    };
    assert_eq!(
        arrived["data"]["supportMessages"],
        json!({
            "id": said["sendSupportMessage"]["id"],
            "message": "Мне нужна помощь",
            "fromAdmin": false,
        })
    );
}
