//! Documents that would fell a server, over all ways in, and the plain query after each.

use std::fmt::Write as _;

use haven::transport::{Limits, Settings, Violation, check, scan};
use serde_json::{Value, json};

use super::client::{GRAPHQL, Socket, client, code, post};
use super::server::{self, Server};

/// 31 fragments, each of which spreads the next twice: 2^30 fields in 2 kB.
fn doubling(last: &str) -> String {
    let mut text = String::from("{ ...F0 }");
    for n in 0..30 {
        let next = n + 1;
        write!(text, " fragment F{n} on Query {{ ...F{next} ...F{next} }}").unwrap();
    }
    write!(text, " fragment F30 on Query {{ {last} }}").unwrap();
    text
}

/// Each request, and the limit that it exceeds.
fn attacks() -> Vec<(Value, &'static str)> {
    let nested = |open: &str, inside: &str, close: &str, times: usize| {
        format!("{}{inside}{}", open.repeat(times), close.repeat(times))
    };
    let lists = nested("[", "1", "]", 10_000);
    let objects = nested("{a:", "1", "}", 10_000);
    let many = |item: &dyn Fn(usize) -> String, times| (0..times).map(item).collect::<String>();
    let long = "x".repeat(55_000);
    let documents = [
        (doubling("hello"), "fragment_spreads"),
        (doubling("a: hello @skip(if: true)"), "fragment_spreads"),
        // Nothing spreads them, and a walk over definitions would expand them all the same.
        (
            doubling("hello").replacen("...F0", "hello", 1),
            "fragment_spreads",
        ),
        (
            format!("{{ hello }} #{}", "x".repeat(70_000)),
            "document_bytes",
        ),
        (format!("{{ {} }}", "hello ".repeat(5_000)), "tokens"),
        (format!("{{ {} }}", "hello ".repeat(2_001)), "selections"),
        (
            nested("{node", "", "}", 21).replace("{node}", "{hello}"),
            "depth",
        ),
        (nested("{node", "{hello}", "}", 10_000), "nesting"),
        (format!("{{ hello(name: {lists}) }}"), "nesting"),
        (format!("query ($x: Int = {lists}) {{ hello }}"), "nesting"),
        (format!("{{ hello @skip(if: {objects}) }}"), "nesting"),
        (
            format!(
                "query ($x: {}) {{ hello }}",
                nested("[", "Int", "]", 10_000)
            ),
            "nesting",
        ),
        (nested("{...", "{hello}", "}", 10_000), "nesting"),
        ("{".repeat(30_000), "nesting"),
        (
            many(&|n| format!("query Q{n} {{ hello }} "), 17),
            "operations",
        ),
        (
            format!("{{ {} }}", many(&|n| format!("a{n}: hello "), 101)),
            "aliases",
        ),
        (
            format!("{{ hello {} }}", "@skip(if: false) ".repeat(65)),
            "directives",
        ),
        (
            format!(
                "{{ hello }} {}",
                many(&|n| format!("fragment F{n} on Query {{ hello }} "), 65)
            ),
            "fragments",
        ),
        (
            format!(
                "{{ {} }} fragment F on Query {{ hello }}",
                "...F ".repeat(257)
            ),
            "fragment_spreads",
        ),
        (
            "{ ...A node { ...A } } fragment A on Query { node { node { node { ...B } } } } \
             fragment B on Query { node { node { node { ...C } } } } fragment C on Query { node { \
             node { node { node { node { node { node { node { node { node { node { node { node { \
             node { node { hello } } } } } } } } } } } } } } } }"
                .to_owned(),
            "depth",
        ),
    ];
    let mut attacks: Vec<(Value, &str)> = documents
        .into_iter()
        .map(|(query, limit)| (json!({"query": query}), limit))
        .collect();
    let query = "query ($n: String) { hello(name: $n) }";
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!([deep]);
    }
    attacks.extend([
        (
            json!({"query": query, "variables": {"n": "x".repeat(140_000)}}),
            "variable_bytes",
        ),
        (
            json!({"query": query, "variables": {"n": deep}}),
            "variable_nesting",
        ),
        (
            json!({
                "query": format!(
                    "query ($n: String) {{ {} }}",
                    many(&|n| format!("a{n}: hello(name: $n) "), 80)
                ),
                "variables": {"n": long},
            }),
            "variable_copies",
        ),
        (
            json!({"query": format!(
                "query ($n: String = \"{long}\") {{ {} }}",
                many(&|n| format!("a{n}: hello(name: $n) "), 80)
            )}),
            "variable_copies",
        ),
    ]);
    attacks
}

fn assert_exceeded(body: &Value, limit: &str) {
    assert_eq!(code(body), "LIMIT_EXCEEDED", "{limit}: {body}");
    assert_eq!(body["errors"][0]["extensions"]["limit"], limit);
    assert!(body["errors"][0]["extensions"]["max"].as_u64().unwrap() > 0);
    assert!(body.get("data").is_none());
}

async fn plain_query(server: &Server) {
    let answer = post(server, GRAPHQL, &json!({"query": "{ hello }"})).await;
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body, json!({"data": {"hello": "Hello, world!"}}));
}

#[tokio::test]
async fn over_http() {
    let server = server::start(Settings::default()).await;
    for (request, limit) in attacks() {
        let answer = post(&server, GRAPHQL, &request).await;
        assert_eq!(answer.status(), 400);
        assert_exceeded(&answer.json().await.unwrap(), limit);
        plain_query(&server).await;
    }
}

/// What is just within the limits, and as hard on parser and validator as can be.
#[tokio::test]
async fn the_most_that_is_allowed_is_answered() {
    let server = server::start(Settings::default()).await;
    let around = |open: &str, inside: &str, close: &str, times: usize| {
        format!("{}{inside}{}", open.repeat(times), close.repeat(times))
    };
    for query in [
        format!("{{ hello(name: {}) }}", around("[", "1", "]", 48)),
        format!("{{ hello(name: {}) }}", around("{a:", "1", "}", 48)),
        format!("query ($x: {}) {{ hello }}", around("[", "Int", "]", 49)),
        format!(
            "query ($x: Int = {}) {{ hello }}",
            around("[", "1", "]", 49)
        ),
        around("{...", "{hello}", "}", 49),
        around("{", "", "", 50),
        around("{a(a:", "", "", 25),
        format!("{{ {} }}", "hello ".repeat(2_000)),
        format!("{{ {} }}", "nothing ".repeat(2_000)),
        format!("{{ {} }}", "hello(name:\"x\")".repeat(800)),
        format!("{{ {} }}", "... on Query { hello }".repeat(900)),
        format!("{{ hello }} #{}", "x".repeat(65_000)),
        format!("{{ hello {} }}", ",".repeat(65_000)),
        format!("{{ hello(name: \"{}\") }}", "\\\"".repeat(32_000)),
        format!(
            "{{ hello(name: \"\"\"{}\"\"\") }}",
            "\\\"\"\"".repeat(16_000)
        ),
        format!("{{ hello(name: \"\"\"{}) }}", "\\\"\"\"".repeat(16_000)),
        format!("query({}) {{ hello }}", "$a:Int ".repeat(1_200)),
        format!("query({}) {{ hello }}", "$a:Int=\"x\" ".repeat(800)),
    ] {
        let answer = post(&server, GRAPHQL, &json!({"query": query})).await;
        assert!(answer.status() == 200 || answer.status() == 400, "{query}");
        let body: Value = answer.json().await.unwrap();
        if body.get("data").is_none() {
            code(&body);
        }
        plain_query(&server).await;
    }
}

#[tokio::test]
async fn over_event_streams() {
    let server = server::start(Settings::default()).await;
    for (request, limit) in attacks() {
        let url = format!("{}/sse", server.url());
        let post = client().post(url).header("accept", "text/event-stream");
        let answer = post.json(&request).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_exceeded(&answer.json().await.unwrap(), limit);
        plain_query(&server).await;
    }
}

#[tokio::test]
async fn over_sockets() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::ready(&server).await;
    for (request, limit) in attacks() {
        socket
            .send(json!({"id": "1", "type": "subscribe", "payload": request}))
            .await;
        let error = socket.next().await;
        assert_eq!(error["type"], "error");
        assert_exceeded(&json!({"errors": error["payload"]}), limit);
        socket.alive().await;
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let server = server::start(Settings::default()).await;
    for size in [256 * 1024 + 1, 600 * 1024, 900 * 1024] {
        let request = client()
            .post(server.url())
            .header("content-type", "application/json");
        let answer = request.body("x".repeat(size)).send().await.unwrap();
        assert_eq!(answer.status(), 413);
        assert_exceeded(&answer.json().await.unwrap(), "body_bytes");
    }
    plain_query(&server).await;
}

#[tokio::test]
async fn the_schemas_own_limits_have_codes() {
    let schema = server::schema()
        .limit_complexity(3)
        .limit_depth(3)
        .limit_recursive_depth(5)
        .limit_directives(2)
        .limit_aliases(1);
    let server = server::start_with(schema, Settings::default()).await;
    for (query, limit) in [
        ("{ hello viewer boom must }", "complexity"),
        ("{ node { node { node { hello } } } }", "complexity"),
        (
            "{ ... { ... { ... { ... { ... { ... { hello } } } } } } }",
            "depth",
        ),
        ("{ a: hello b: hello }", "aliases"),
        (
            "{ hello @skip(if: false) @include(if: true) @skip(if: false) }",
            "directives",
        ),
    ] {
        let answer = post(&server, GRAPHQL, &json!({"query": query})).await;
        assert_eq!(answer.status(), 400);
        let body: Value = answer.json().await.unwrap();
        assert_eq!(code(&body), "LIMIT_EXCEEDED", "{body}");
        assert_eq!(body["errors"][0]["extensions"]["limit"], limit);
    }
    let server = server::start_with(server::schema().limit_depth(2), Settings::default()).await;
    let request = json!({"query": "{ node { node { hello } } }"});
    let body: Value = post(&server, GRAPHQL, &request).await.json().await.unwrap();
    assert_eq!(body["errors"][0]["extensions"]["limit"], "depth");
}

#[tokio::test]
async fn errors_are_bounded_too() {
    let server = server::start(Settings::default()).await;
    let request = json!({"query": format!("{{ {} }}", "nothing ".repeat(1_000))});
    let body: Value = post(&server, GRAPHQL, &request).await.json().await.unwrap();
    assert_eq!(body["errors"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn errors_repeat_no_long_names() {
    let server = server::start(Settings::default()).await;
    let long = "x".repeat(100_000);
    for request in [
        json!({"query": "{ hello }", "operationName": long}),
        json!({"query": "query A { hello } query B { hello }", "operationName": long}),
        json!({
            "query": "query ($person: PersonInput!) { person(input: $person) }",
            "variables": {"person": {long.as_str(): 1}},
        }),
    ] {
        let answer = post(&server, GRAPHQL, &request).await;
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.unwrap();
        assert!(text.len() < 1000, "{} bytes: {}", text.len(), &text[..200]);
    }
}

#[test]
fn fragments_are_counted_as_often_as_they_are_spread() {
    let text = "query A($x: String) { ...F a: node { ...F } } query B { hello } \
                fragment F on Query { b: hello(name: $x) @skip(if: false) node { ...G } } \
                fragment G on Query { node { hello } }";
    let document = async_graphql::parser::parse_query(text).unwrap();
    let cost = check(&document, &Limits::default()).unwrap();
    // Twice F with its G, `a: node`, and `hello` of B.
    assert_eq!(cost.fragment_spreads, 4);
    assert_eq!(cost.aliases, 3);
    assert_eq!(cost.directives, 2);
    assert_eq!(cost.variable_uses, 2);
    assert_eq!(cost.selections, 3 + 2 * (3 + 2) + 1);
    assert_eq!(cost.depth, 4);
}

#[test]
fn cycles_are_found() {
    for text in [
        "{ hello } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { node { ...A } }",
    ] {
        let document = async_graphql::parser::parse_query(text).unwrap();
        let result = check(&document, &Limits::default());
        let fragment = "A".to_owned();
        assert_eq!(result, Err(Violation::FragmentCycle { fragment }));
    }
    let unknown = async_graphql::parser::parse_query("{ ...Nobody }").unwrap();
    assert!(check(&unknown, &Limits::default()).is_ok());
}

#[test]
fn brackets_in_strings_and_comments_do_not_nest() {
    let limits = Limits {
        nesting: 2,
        ..Limits::default()
    };
    for text in [
        r#"{ hello(name: "{[(") }"#,
        r#"{ hello(name: "\"{[(") }"#,
        r#"{ hello(name: """ {[( \""" "{[( """) }"#,
        "{ hello # {[(\n }",
        "{ hello # {[(\r }",
        r#"{ hello(name: "") a: hello(name: "") }"#,
    ] {
        assert_eq!(scan(text, &limits).map(|_| ()), Ok(()), "{text}");
        assert!(async_graphql::parser::parse_query(text).is_ok(), "{text}");
    }
    let exceeded = Err(Violation::Exceeded {
        limit: "nesting",
        max: 2,
    });
    for text in [
        r#"{ hello(name: "" [[1]]) }"#,
        r#"{ hello(name: """x""" [1]) }"#,
        r#"{ hello(name: "\\" [1]) }"#,
        "{ hello # x\n ([ }",
    ] {
        assert_eq!(scan(text, &limits), exceeded, "{text}");
    }
}
