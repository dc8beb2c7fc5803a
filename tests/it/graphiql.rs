//! GraphiQL: its headers, and an admin's visit in a real browser.

use std::path::Path;
use std::process::{Command, Stdio};

use haven::graphiql::{self, FILES};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::support::client::Call;
use crate::support::databases::Database;
use crate::support::haven::{Haven, PASSWORD};
use crate::support::scene::{Scene, states};
use crate::support::smtp::Behaviour;

/// Where Debian's package puts it.
const CHROMIUM: &str = "/usr/bin/chromium";

#[tokio::test]
async fn page_and_files_are_guarded() {
    assert!(!FILES.is_empty(), "web/dist is empty: run `make web`");
    let haven = Haven::start(Database::Sqlite).await;
    let page = haven.call("GET", "/graphiql").send().await;
    page.assert_status(200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let policy = page.header("content-security-policy").unwrap();
    let nonce = policy.split("'nonce-").nth(1).unwrap();
    let nonce = &nonce[..nonce.find('\'').unwrap()];
    assert_eq!(nonce.len(), 32, "{policy}");
    assert_eq!(
        policy.replace(nonce, "N"),
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-N'; \
         style-src-attr 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; \
         font-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    assert!(page.body.contains(&format!("nonce=\"{nonce}\"")));
    assert!(!page.body.contains("{nonce}"));
    let again = haven.call("GET", "/graphiql").send().await;
    assert!(!again.body.contains(nonce), "a nonce was used twice");

    for file in FILES.iter().filter(|file| file.name != "index.html") {
        let path = format!("/graphiql/{}", file.name);
        let plain = haven.call("GET", &path).send().await;
        plain.assert_status(200);
        assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(plain.header("referrer-policy"), Some("no-referrer"));
        let policy = "default-src 'none'; frame-ancestors 'none'";
        assert_eq!(plain.header("content-security-policy"), Some(policy));
        let cache = "public, max-age=31536000, immutable";
        assert_eq!(plain.header("cache-control"), Some(cache), "{path}");
        assert_eq!(plain.header("content-encoding"), None);
        let length = file.bytes.len().to_string();
        assert_eq!(plain.header("content-length"), Some(length.as_str()));
        let kind = plain.header("content-type").unwrap().to_owned();
        let expected = match file.name.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "txt" => "text/plain; charset=utf-8",
            font => &format!("font/{font}"),
        };
        assert_eq!(kind, expected);

        let Some(gzip) = file.gzip else { continue };
        assert_eq!(plain.header("vary"), Some("accept-encoding"));
        for (accepted, packed) in [
            ("gzip, deflate, br", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
        ] {
            let call = haven
                .call("HEAD", &path)
                .header("accept-encoding", accepted);
            let answer = call.send().await;
            assert_eq!(answer.header("content-encoding").is_some(), packed);
            let sent = if packed { gzip } else { file.bytes };
            let length = sent.len().to_string();
            assert_eq!(answer.header("content-length"), Some(length.as_str()));
        }
    }
}

#[tokio::test]
async fn other_addresses_are_answered() {
    let haven = Haven::start(Database::Sqlite).await;
    let moved = haven.call("GET", "/graphiql/").send().await;
    moved.assert_status(308);
    assert_eq!(moved.header("location"), Some("../graphiql"));
    for path in [
        "/graphiql/index.html",
        "/graphiql/main.js",
        "/graphiql/..%2FCargo.toml",
        "/graphiql/%ff",
    ] {
        let answer = haven.call("GET", path).send().await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
    }
    haven
        .call("POST", "/graphiql")
        .send()
        .await
        .assert_status(405);
}

#[tokio::test]
async fn a_build_without_node_says_so() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/graphiql", listener.local_addr().unwrap());
    let serving = tokio::spawn(async { axum::serve(listener, graphiql::router(&[])).await });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = Call::new(client.get(&url)).send().await;
    serving.abort();
    answer.assert_status(200);
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(
        answer.body.contains("built without Node.js"),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("<code>make web</code>"),
        "{}",
        answer.body
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_works_in_a_browser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm");
    assert!(!FILES.is_empty(), "web/dist is empty: run `make web`");
    assert!(
        Path::new(CHROMIUM).exists(),
        "{CHROMIUM} is missing: install Debian's package chromium"
    );
    assert!(
        folder.join("node_modules/playwright-core").is_dir(),
        "npm packages are missing: run `npm ci` in tests/npm"
    );
    let refused = Behaviour::RefuseRecipientsContaining("maria".into());
    let scene = Scene::new(Database::Sqlite, refused).await;
    scene
        .contact("Ivan", "brother", Some("ivan@example.com"))
        .await;
    scene
        .contact("Maria", "mother", Some("maria@example.com"))
        .await;
    let pressed = scene.press(Value::Null).await;
    let settled = |alarm: &Value| {
        states(alarm)
            .iter()
            .all(|state| matches!(*state, "SENT" | "FAILED"))
    };
    scene
        .until(&pressed["alarm"]["id"], "both answers", settled)
        .await;
    let (haven, anna) = (&scene.haven, &scene.anna);
    haven.admin("olga").await;
    let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../screenshots");
    let mut browsing = Command::new("node");
    browsing
        .arg("graphiql.mjs")
        .current_dir(folder)
        .env("URL", format!("http://{}", haven.address))
        .env("ADMIN", "olga")
        .env("PASSWORD", PASSWORD)
        .env("USER_ID", anna.id.to_string())
        .env("USER_TOKEN", &anna.token)
        .env("SCREENSHOTS", screenshots)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || browsing.output())
        .await
        .unwrap()
        .expect("Node.js is needed for this test");
    let (out, err) = (&output.stdout, &output.stderr);
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    println!("{out}");
    assert!(output.status.success(), "{out}{err}");
}
