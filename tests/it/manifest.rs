//! Only the operations of a manifest run, where the deployment wants it so.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use haven::domain::accounts::{self, Registration};
use haven::domain::input::Check;
use haven::language::Language;
use haven::transport::{Limits, Manifest};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::client::Answer;
use crate::support::databases::Database;
use crate::support::haven::{Haven, PASSWORD, Person};
use crate::support::socket::Socket;

/// Nothing here takes this long; it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

const ME: &str = "query Me { me { username } }";
const LOGIN: &str = "mutation Login($input: LoginInput!) { login(input: $input) { token } }";
const FOLLOW: &str = "subscription Follow { supportMessages(userId: \"me\") { message } }";
const OTHER: &str = "query Other { me { id } }";

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn apollo() -> Value {
    let operation = |name: &str, kind: &str, body: &str| json!({"id": hash(body), "name": name, "type": kind, "body": body});
    json!({
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [
            operation("Me", "query", ME),
            operation("Login", "mutation", LOGIN),
            operation("Follow", "subscription", FOLLOW),
        ],
    })
}

async fn haven_with(manifest: &Value) -> (Haven, Person) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");
    std::fs::write(&path, manifest.to_string()).unwrap();
    let haven = Haven::with(Database::Sqlite, |config| {
        config.operations_manifest = Some(path);
    })
    .await;
    let input = json!({"username": "testuser", "email": "test@example.com", "password": PASSWORD});
    let answer = haven
        .call("POST", "/api/v1/user/registration/")
        .json(&input)
        .send()
        .await;
    answer.assert_status(201);
    let person = log_in(&haven, "testuser").await;
    (haven, person)
}

async fn log_in(haven: &Haven, username: &str) -> Person {
    let answer = haven
        .call("POST", "/api/v1/user/login/")
        .json(&json!({"username": username, "password": PASSWORD}))
        .send()
        .await;
    Person {
        id: answer.header("x-user-id").unwrap().parse().unwrap(),
        token: answer.json()["token"].as_str().unwrap().to_owned(),
    }
}

fn by_hash(hash: &str) -> Value {
    json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}})
}

async fn post(haven: &Haven, person: &Person, path: &str, request: &Value) -> Answer {
    let accept = if path.ends_with("sse") {
        "text/event-stream"
    } else {
        "application/graphql-response+json"
    };
    let call = haven.by(person, "POST", path).header("accept", accept);
    call.json(request).send().await
}

/// What is refused, and its code.
fn refused() -> Vec<(Value, &'static str)> {
    let mut both = by_hash(&hash(ME));
    both["query"] = json!(OTHER);
    vec![
        (json!({"query": OTHER}), "QUERY_NOT_IN_SAFELIST"),
        (json!({"query": format!("{ME} ")}), "QUERY_NOT_IN_SAFELIST"),
        (
            json!({"query": "{ __schema { types { name } } }"}),
            "QUERY_NOT_IN_SAFELIST",
        ),
        (
            json!({"query": "{".repeat(100_000)}),
            "QUERY_NOT_IN_SAFELIST",
        ),
        (both, "QUERY_NOT_IN_SAFELIST"),
        (by_hash(&hash(OTHER)), "PERSISTED_QUERY_NOT_IN_LIST"),
        (by_hash("nothing"), "PERSISTED_QUERY_NOT_IN_LIST"),
        (
            json!({"documentId": "nothing"}),
            "PERSISTED_QUERY_NOT_IN_LIST",
        ),
        // Apollo's protocol for any operation is off: this would have stored it.
        (
            json!({"query": OTHER, "extensions": by_hash(&hash(OTHER))["extensions"]}),
            "PERSISTED_QUERY_NOT_IN_LIST",
        ),
        (json!({}), "BAD_REQUEST"),
        (json!({"extensions": {"persistedQuery": 1}}), "BAD_REQUEST"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_only_listed_operations_run() {
    let (haven, person) = haven_with(&apollo()).await;
    let mut both = by_hash(&hash(ME));
    both["query"] = json!(ME);
    for request in [
        by_hash(&hash(ME)),
        both,
        json!({"query": ME}),
        json!({"query": ME, "operationName": "Me"}),
        json!({"documentId": hash(ME)}),
    ] {
        let answer = post(&haven, &person, "/graphql", &request).await;
        answer.assert_is(200, r#"{"data":{"me":{"username":"testuser"}}}"#);
    }
    let url = format!("/graphql?documentId={}", hash(ME));
    let answer = haven.by(&person, "GET", &url).send().await;
    answer.assert_is(200, r#"{"data":{"me":{"username":"testuser"}}}"#);
    for (request, code) in refused() {
        let answer = post(&haven, &person, "/graphql", &request).await;
        answer.assert_status(400);
        assert_eq!(
            answer.json()["errors"][0]["extensions"]["code"],
            code,
            "{request}"
        );
        assert!(answer.json().get("data").is_none());
    }
    // Limits and variables are looked at as ever.
    let mut wrong = by_hash(&hash(LOGIN));
    wrong["variables"] = json!({"input": {"username": 1}});
    let answer = post(&haven, &person, "/graphql", &wrong).await;
    assert_eq!(
        answer.json()["errors"][0]["extensions"]["code"],
        "BAD_USER_INPUT"
    );
    let variables = r#"{"input":{"username":"a","password":"b"}}"#;
    let url = format!("/graphql?documentId={}&variables={variables}", hash(LOGIN));
    let answer = haven.by(&person, "GET", &url).send().await;
    answer.assert_status(405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_event_streams_only_listed_operations_run() {
    let (haven, person) = haven_with(&apollo()).await;
    let answer = post(&haven, &person, "/graphql/sse", &by_hash(&hash(ME))).await;
    answer.assert_status(200);
    assert!(answer.body.contains(r#"{"me":{"username":"testuser"}}"#));
    for (request, code) in refused() {
        let answer = post(&haven, &person, "/graphql/sse", &request).await;
        answer.assert_status(400);
        assert_eq!(
            answer.json()["errors"][0]["extensions"]["code"],
            code,
            "{request}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_sockets_only_listed_operations_run() {
    let (haven, person) = haven_with(&apollo()).await;
    let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
    let mut socket = Socket::try_open(&haven, "/graphql/ws", &protocol)
        .await
        .unwrap();
    socket
        .say(&json!({"type": "connection_init", "payload": {"token": person.token}}))
        .await;
    assert_eq!(socket.frame().await["type"], "connection_ack");
    for (request, code) in refused() {
        if request == json!({}) {
            // No message of the protocol: the socket would be closed with 4400.
            continue;
        }
        socket
            .say(&json!({"type": "subscribe", "id": "1", "payload": request}))
            .await;
        let error = socket.frame().await;
        assert_eq!(error["type"], "error", "{error}");
        assert_eq!(error["payload"][0]["extensions"]["code"], code, "{request}");
    }
    // What a supporter said before is there at once.
    let input = Registration {
        username: "boss".to_owned(),
        email: "boss@example.com".to_owned(),
        password: PASSWORD.to_owned(),
        language: Language::Ru,
    };
    accounts::create(&haven.app, Check::default(), input, true)
        .await
        .unwrap();
    let boss = log_in(&haven, "boss").await;
    let path = format!("/ws/chat/{}/", person.id);
    let mut desk = Socket::open(&haven, &boss, &path).await;
    let mut second = Socket::open(&haven, &boss, &path).await;
    desk.say(&json!({"message": "Мы рядом"})).await;
    assert_eq!(second.heard().await, "Мы рядом");
    socket
        .say(&json!({"type": "subscribe", "id": "follow", "payload": by_hash(&hash(FOLLOW))}))
        .await;
    let next = socket.frame().await;
    assert_eq!(
        next["payload"]["data"]["supportMessages"]["message"], "Мы рядом",
        "{next}"
    );
    socket
        .say(&json!({"type": "subscribe", "id": "me", "payload": by_hash(&hash(ME))}))
        .await;
    let next = socket.frame().await;
    assert_eq!(
        next["payload"]["data"]["me"]["username"], "testuser",
        "{next}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_legacy_api_is_not_touched() {
    let (haven, person) = haven_with(&apollo()).await;
    let answer = haven.by(&person, "GET", "/api/v1/user/me/").send().await;
    answer.assert_status(200);
    let path = format!("/ws/chat/{}/", person.id);
    let mut socket = Socket::open(&haven, &person, &path).await;
    let mut other = Socket::open(&haven, &person, &path).await;
    socket.say(&json!({"message": "Мне нужна помощь"})).await;
    assert_eq!(other.heard().await, "Мне нужна помощь");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_form_is_understood() {
    let (haven, person) = haven_with(&json!({"me-1": ME, "me-2": ME})).await;
    for request in [
        json!({"documentId": "me-1"}),
        by_hash("me-2"),
        json!({"query": ME}),
        json!({"query": ME, "documentId": "me-2"}),
    ] {
        let answer = post(&haven, &person, "/graphql", &request).await;
        answer.assert_is(200, r#"{"data":{"me":{"username":"testuser"}}}"#);
    }
}

#[test]
fn what_is_no_manifest_says_why() {
    let mut newer = apollo();
    newer["version"] = json!(2);
    let mut foreign = apollo();
    foreign["format"] = json!("something-else");
    let mut twice = apollo();
    twice["operations"][1]["id"] = twice["operations"][0]["id"].clone();
    let deep = "{ me { profile { user ".repeat(30);
    for (manifest, says) in [
        ("nothing".to_owned(), "neither"),
        ("[]".to_owned(), "neither"),
        (json!({"a": 1}).to_string(), "neither"),
        (newer.to_string(), "neither"),
        (foreign.to_string(), "neither"),
        (twice.to_string(), "twice"),
        (
            json!({"broken": "query {"}).to_string(),
            "operation broken: Syntax error",
        ),
        (
            json!({"deep": deep}).to_string(),
            "operation deep: The request exceeds",
        ),
    ] {
        let error = Manifest::parse(&manifest, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains(says), "{manifest}: {error}");
    }
    Manifest::parse("{}", &Limits::default()).unwrap();
}

/// What the program says where it does not serve with this manifest.
fn refusal(manifest: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");
    std::fs::write(&path, manifest.to_string()).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_haven"))
        .env_clear()
        .current_dir(folder.path())
        .env("HAVEN_LISTEN", "127.0.0.1:0")
        .env("HAVEN_OPERATIONS_MANIFEST", &path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = program.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            program.kill().unwrap();
            panic!("it serves with {manifest}");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(1));
    let mut said = String::new();
    program.stderr.unwrap().read_to_string(&mut said).unwrap();
    said
}

#[test]
fn an_operation_that_does_not_fit_the_schema_keeps_haven_from_starting() {
    let secret =
        "query Old($n: String) { me { id secretField(name: \"SECRET\") } users(x: $n) { y } }";
    let mut apollo = apollo();
    let operations = apollo["operations"].as_array_mut().unwrap();
    operations.push(json!({"id": "8f3a", "name": "Old", "type": "query", "body": secret}));
    let said = refusal(&apollo);
    assert!(said.contains("operation 8f3a"), "{said}");
    assert!(
        said.contains("Old does not fit the schema: at 1:"),
        "{said}"
    );
    assert!(
        !said.contains("SECRET") && !said.contains("secretField"),
        "{said}"
    );
    for (text, fits_not) in [
        ("{ nothing }", "does not fit the schema"),
        (
            "mutation { logout(everywhere: 1) }",
            "does not fit the schema",
        ),
        (
            "query ($x: Nobody) { me { id } }",
            "does not fit the schema",
        ),
        ("query ($x: Int) { me { id } }", "does not fit the schema"),
        ("{ me { ...F } }", "does not fit the schema"),
        (
            "subscription { supportMessages(userId: \"me\") { nothing } }",
            "does not fit the schema",
        ),
        (
            "subscription { supportEvents { __typename } supportMessages(userId: \"me\") { id } }",
            "single root field",
        ),
    ] {
        let said = refusal(&json!({"fits": ME, "later": text}));
        assert!(said.contains("operation later"), "{text}: {said}");
        assert!(said.contains(fits_not), "{text}: {said}");
    }
}
