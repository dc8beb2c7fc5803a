//! Event streams.

use std::time::Duration;

use haven::transport::Settings;
use serde_json::{Value, json};

use super::client::{client, code};
use super::server::{self, Server};

async fn open(server: &Server, query: &str) -> reqwest::Response {
    let url = format!("{}/sse", server.url());
    let post = client().post(url).header("accept", "text/event-stream");
    post.json(&json!({"query": query})).send().await.unwrap()
}

/// Reads until `wanted` has arrived, and returns all of it.
async fn read_until(response: &mut reqwest::Response, wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) {
        let chunk = response.chunk().await.unwrap();
        let chunk = chunk.unwrap_or_else(|| panic!("ended after {text}"));
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    text
}

#[tokio::test]
async fn events_are_next_and_complete() {
    let server = server::start(Settings::default()).await;
    let answer = open(&server, "subscription { count(to: 2) }").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["cache-control"], "no-cache");
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    assert_eq!(
        answer.text().await.unwrap(),
        "event: next\ndata: {\"data\":{\"count\":1}}\n\n\
         event: next\ndata: {\"data\":{\"count\":2}}\n\n\
         event: complete\ndata: \n\n"
    );
    let answer = open(&server, "mutation { increment }")
        .await
        .text()
        .await
        .unwrap();
    assert!(answer.starts_with("event: next\ndata: {\"data\":{\"increment\":1}}\n\n"));
    let url = format!("{}/sse?query=%7Bhello%7D", server.url());
    let get = client().get(url).header("accept", "text/event-stream");
    let answer = get.send().await.unwrap().text().await.unwrap();
    assert!(answer.ends_with("event: complete\ndata: \n\n"), "{answer}");
}

#[tokio::test]
async fn what_is_refused_is_answered_as_json() {
    let server = server::start(Settings::default()).await;
    for (query, expected) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("mutation { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription ($to: Int!) { count(to: $to) }",
            "BAD_USER_INPUT",
        ),
    ] {
        let answer = open(&server, query).await;
        assert_eq!(answer.status(), 400);
        let body: Value = answer.json().await.unwrap();
        assert_eq!(code(&body), expected);
        assert!(body.get("data").is_none());
    }
    let url = format!("{}/sse", server.url());
    let get = |query: &str, accept: &'static str| {
        let request = client().get(format!("{url}?{query}"));
        request.header("accept", accept).send()
    };
    let answer = get("query=mutation%7Bincrement%7D", "text/event-stream")
        .await
        .unwrap();
    assert_eq!(answer.status(), 405);
    let answer = get("query=%7Bhello%7D", "application/json").await.unwrap();
    assert_eq!(answer.status(), 406);
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive_and_ends_with_its_client() {
    let settings = Settings {
        sse_keep_alive: Duration::from_millis(20),
        ..Settings::default()
    };
    let server = server::start(settings).await;
    let mut answer = open(&server, "subscription { silent }").await;
    let text = read_until(&mut answer, ":\n\n:\n\n").await;
    assert!(!text.contains("event"));
    let mut live = server.probe.live.subscribe();
    assert_eq!(*live.borrow(), 1);
    drop(answer);
    live.wait_for(|live| *live == 0).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_does_not_read_loses_its_subscription() {
    let settings = Settings {
        write_timeout: Duration::from_millis(50),
        ..Settings::default()
    };
    let server = server::start(settings).await;
    let answer = open(&server, "subscription { flood }").await;
    assert_eq!(answer.status(), 200);
    let mut live = server.probe.live.subscribe();
    live.wait_for(|live| *live == 0).await.unwrap();
    drop(answer);
}

#[tokio::test]
async fn credentials_that_end_end_the_stream() {
    let server = server::start(Settings::default()).await;
    let mut answer = open(&server, "subscription { forever }").await;
    read_until(&mut answer, "{\"forever\":0}").await;
    server.revoke.send_replace(true);
    let rest = answer.text().await.unwrap();
    assert!(rest.contains("UNAUTHENTICATED"), "{rest}");
    assert!(rest.ends_with("event: complete\ndata: \n\n"), "{rest}");
}

#[tokio::test]
async fn a_server_that_goes_down_leaves_the_operation_incomplete() {
    let server = server::start(Settings::default()).await;
    let mut answer = open(&server, "subscription { forever }").await;
    read_until(&mut answer, "{\"forever\":0}").await;
    server.shutdown.send_replace(true);
    assert!(!answer.text().await.unwrap().contains("complete"));
}

#[tokio::test]
async fn connections_are_bounded() {
    let settings = Settings {
        connections: 1,
        ..Settings::default()
    };
    let server = server::start(settings).await;
    let first = open(&server, "subscription { silent }").await;
    let second = open(&server, "subscription { silent }").await;
    assert_eq!(second.status(), 503);
    assert_eq!(code(&second.json().await.unwrap()), "UNAVAILABLE");
    drop(first);
    let mut live = server.probe.live.subscribe();
    live.wait_for(|live| *live == 0).await.unwrap();
}
