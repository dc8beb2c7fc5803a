//! The clients that people use, from npm. They need `npm ci` in `tests/npm` once.

use std::path::Path;
use std::process::{Command, Stdio};

use haven::transport::Settings;

use super::server;

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
