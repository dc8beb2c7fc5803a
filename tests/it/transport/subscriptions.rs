//! The root of a subscription: one field, by whatever way it comes.

use haven::transport::Settings;
use serde_json::{Value, json};

use super::client::{GRAPHQL, Socket, client, code, post};
use super::server::{self, Server};

/// What breaks the rule "Single Root Field", or another that the root's gathering could hide.
const REFUSED: [&str; 24] = [
    "subscription { count(to: 1) failing }",
    "subscription { a: count(to: 1) b: count(to: 1) }",
    "subscription { count(to: 1) ...F } fragment F on Subscription { failing }",
    "subscription { ...F } fragment F on Subscription { count(to: 1) failing }",
    "subscription { ...F } fragment F on Subscription { count(to: 1) ...G } \
     fragment G on Subscription { failing }",
    "subscription { ... on Subscription { count(to: 1) } ... { failing } }",
    // Of introspection, alone and beside another.
    "subscription { __typename }",
    "subscription { name: __typename }",
    "subscription { ...F } fragment F on Subscription { __typename }",
    "subscription { count(to: 1) __typename }",
    "subscription { __schema { types { name } } }",
    // What is followed does not depend on variables.
    "subscription { count(to: 1) @skip(if: false) }",
    "subscription { count(to: 1) @include(if: true) }",
    "subscription ($b: Boolean = true) { count(to: 1) @skip(if: $b) failing @include(if: $b) }",
    "subscription { ... @include(if: true) { count(to: 1) } }",
    "subscription { ...F @skip(if: false) } fragment F on Subscription { count(to: 1) }",
    "subscription { ...F } fragment F on Subscription { count(to: 1) @include(if: true) }",
    // Also where another operation is meant.
    "query Meant { hello } subscription S { count(to: 1) failing }",
    // One key that stands for two things.
    "subscription { count(to: 1) count(to: 2) }",
    "subscription { count(to: 1) count: failing }",
    "subscription { ...F } fragment F on Query { hello }",
    "subscription { ... on Query { hello } }",
    "subscription { ...Nobody }",
    "subscription { ...F } fragment F on Subscription { count(to: 1) } \
     fragment G on Subscription { count(to: 1) }",
];

/// The same subscription, up to 2.
const ACCEPTED: [&str; 8] = [
    "subscription { count(to: 2) }",
    "subscription { count(to: 2) count(to: 2) }",
    "subscription { ...F } fragment F on Subscription { count(to: 2) }",
    "subscription { ... { count(to: 2) } ... on Subscription { count(to: 2) } }",
    "subscription { ...F ...G } fragment F on Subscription { ...G } \
     fragment G on Subscription { count(to: 2) }",
    "subscription ($n: Int! = 2) { ...F } fragment F on Subscription { count(to: $n) }",
    "query Other { hello } subscription Meant { ...F } \
     fragment F on Subscription { count(to: 2) }",
    "subscription Meant { ...F } subscription Other { ...F } \
     fragment F on Subscription { count(to: 2) }",
];

fn request(query: &str) -> Value {
    let meant = query.contains("Meant").then_some("Meant");
    json!({"query": query, "operationName": meant})
}

async fn stream(server: &Server, query: &str) -> reqwest::Response {
    let url = format!("{}/sse", server.url());
    let post = client().post(url).header("accept", "text/event-stream");
    post.json(&request(query)).send().await.unwrap()
}

#[tokio::test]
async fn a_subscription_without_a_single_root_field_is_refused() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::ready(&server).await;
    for query in REFUSED {
        let subscribe = json!({"id": "1", "type": "subscribe", "payload": request(query)});
        socket.send(subscribe).await;
        let error = socket.next().await;
        assert_eq!(error["type"], "error", "{query}: {error}");
        let body = json!({"errors": error["payload"]});
        assert_eq!(code(&body), "GRAPHQL_VALIDATION_FAILED", "{query}");
        assert!(
            body["errors"][0]["locations"][0]["column"].is_number(),
            "{query}"
        );
        let answer = stream(&server, query).await;
        assert_eq!(answer.status(), 400, "{query}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(code(&body), "GRAPHQL_VALIDATION_FAILED", "{query}");
        socket.alive().await;
    }
    // A rule for documents holds over plain HTTP as well.
    let query = "query Meant { hello } subscription S { count(to: 1) failing }";
    let answer = post(&server, GRAPHQL, &request(query)).await;
    assert_eq!(answer.status(), 400);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(code(&body), "GRAPHQL_VALIDATION_FAILED");
}

#[tokio::test]
async fn the_root_field_may_come_by_fragments_and_more_than_once() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::ready(&server).await;
    for query in ACCEPTED {
        let subscribe = json!({"id": "1", "type": "subscribe", "payload": request(query)});
        socket.send(subscribe).await;
        for n in [1, 2] {
            let next = json!({"id": "1", "type": "next", "payload": {"data": {"count": n}}});
            assert_eq!(socket.next().await, next, "{query}");
        }
        let complete = json!({"id": "1", "type": "complete"});
        assert_eq!(socket.next().await, complete, "{query}");
        let answer = stream(&server, query).await;
        assert_eq!(answer.status(), 200, "{query}");
        assert_eq!(
            answer.text().await.unwrap(),
            "event: next\ndata: {\"data\":{\"count\":1}}\n\n\
             event: next\ndata: {\"data\":{\"count\":2}}\n\n\
             event: complete\ndata: \n\n",
            "{query}"
        );
    }
    // Aliases and automatic persisted queries go the same way.
    socket
        .subscribe(
            "1",
            "subscription { ...F } fragment F on Subscription { n: count(to: 1) }",
        )
        .await;
    assert_eq!(socket.next().await["payload"]["data"], json!({"n": 1}));
}
