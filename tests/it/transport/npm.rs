//! The clients that people use, from npm. They need `npm ci` in `tests/npm` once.

use std::path::Path;
use std::process::{Command, Stdio};

use haven::transport::Settings;

use super::server;
use crate::support::databases::Database;
use crate::support::haven::Haven;

async fn node(script: &str, url: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm");
    assert!(
        folder.join("node_modules").is_dir(),
        "the npm packages are missing: run `npm ci` in tests/npm"
    );
    let mut command = Command::new("node");
    command
        .arg(script)
        .arg(url)
        .current_dir(folder)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output
        .await
        .unwrap()
        .expect("Node.js is needed for these tests");
    let (out, err) = (&output.stdout, &output.stderr);
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    println!("{out}");
    assert!(output.status.success(), "{script}:\n{out}{err}");
}

#[tokio::test]
async fn graphql_http_audits_pass() {
    let server = server::start(Settings::default()).await;
    node("audits.mjs", &server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn graphql_http_audits_pass_on_haven_itself() {
    let haven = Haven::start(Database::Sqlite).await;
    node("audits.mjs", &format!("http://{}/graphql", haven.address)).await;
}

#[tokio::test]
async fn graphql_ws_client_works() {
    let server = server::start(Settings::default()).await;
    node("ws.mjs", &format!("ws://{}/graphql/ws", server.address)).await;
}

#[tokio::test]
async fn graphql_sse_client_works() {
    let server = server::start(Settings::default()).await;
    node("sse.mjs", &format!("{}/sse", server.url())).await;
}
