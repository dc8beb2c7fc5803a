//! GraphQL over HTTP.

use std::time::Duration;

use haven::transport::Settings;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{GRAPHQL, JSON, client, code, get, post};
use super::server;

async fn body(response: Response) -> Value {
    response.json().await.unwrap()
}

#[tokio::test]
async fn answers_in_the_type_that_is_preferred() {
    let server = server::start(Settings::default()).await;
    for (accept, expected) in [
        ("*/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (
            "application/graphql-response+json, application/json;q=0.9",
            GRAPHQL,
        ),
    ] {
        let request = client().post(server.url()).header("accept", accept);
        let answer = request
            .json(&json!({"query": "{ hello }"}))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let headers = answer.headers();
        assert_eq!(
            headers["content-type"],
            format!("{expected}; charset=utf-8"),
            "{accept}"
        );
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["vary"], "accept");
        assert_eq!(
            body(answer).await,
            json!({"data": {"hello": "Hello, world!"}})
        );
    }
    let request = client().post(server.url()).header("accept", "text/html");
    let answer = request
        .json(&json!({"query": "{ hello }"}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 406);
    assert_eq!(code(&body(answer).await), "NOT_ACCEPTABLE");
}

#[tokio::test]
async fn request_errors_have_no_data_and_field_errors_have() {
    let server = server::start(Settings::default()).await;
    for (request, expected) in [
        (json!({"query": "{"}), "GRAPHQL_PARSE_FAILED"),
        (json!({"query": "{ nothing }"}), "GRAPHQL_VALIDATION_FAILED"),
        (
            json!({"query": "{ hello } { hello }"}),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({"query": "query A { hello } query B { hello }"}),
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            json!({"query": "query A { hello }", "operationName": "B"}),
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            json!({"query": "{ hello }", "operationName": "B"}),
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            json!({"query": "query ($n: String!) { hello(name: $n) }"}),
            "BAD_USER_INPUT",
        ),
        (
            json!({"query": "subscription { count(to: 1) }"}),
            "SUBSCRIPTION_NOT_SUPPORTED",
        ),
        (
            json!({"query": "fragment A on Query { ...A } { ...A }"}),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (json!({"query": "{ at(day: 5) }"}), "BAD_USER_INPUT"),
    ] {
        let field_error = request["query"] == "{ at(day: 5) }";
        for (accept, status) in [(GRAPHQL, 400), (JSON, 200)] {
            let answer = post(&server, accept, &request).await;
            let status = if field_error { 200 } else { status };
            assert_eq!(answer.status(), status, "{request} {accept}");
            let body = body(answer).await;
            assert_eq!(code(&body), expected, "{body}");
            assert_eq!(body.get("data").is_some(), field_error, "{body}");
        }
    }
    for (query, data, expected) in [
        (
            "{ hello boom }",
            json!({"hello": "Hello, world!", "boom": null}),
            "CONFLICT",
        ),
        ("{ hello must }", Value::Null, "INTERNAL"),
        ("{ panics }", Value::Null, "INTERNAL"),
    ] {
        let answer = post(&server, GRAPHQL, &json!({"query": query})).await;
        if query != "{ panics }" {
            assert_eq!(answer.status(), 200);
            let body = body(answer).await;
            assert_eq!(body["data"], data, "{query}");
            assert_eq!(code(&body), expected);
        } else {
            assert_eq!(code(&body(answer).await), expected);
        }
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_whatever_is_accepted() {
    let server = server::start(Settings::default()).await;
    for (content_type, text, status, expected) in [
        (
            "text/plain",
            r#"{"query":"{hello}"}"#,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "application/x-www-form-urlencoded",
            "query={hello}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "multipart/form-data; boundary=x",
            "--x--",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "application/json; charset=utf-16",
            "{}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (JSON, "", 400, "BAD_REQUEST"),
        (JSON, "{", 400, "BAD_REQUEST"),
        (JSON, "5", 400, "BAD_REQUEST"),
        (JSON, "{}", 400, "BAD_REQUEST"),
        (JSON, r#"{"query":5}"#, 400, "BAD_REQUEST"),
        (JSON, r#"{"query":""}"#, 400, "BAD_REQUEST"),
        (
            JSON,
            r#"{"query":"{hello}","variables":[]}"#,
            400,
            "BAD_REQUEST",
        ),
        (
            JSON,
            r#"{"query":"{hello}","extensions":"x"}"#,
            400,
            "BAD_REQUEST",
        ),
        (
            JSON,
            r#"{"query":"{hello}","operationName":7}"#,
            400,
            "BAD_REQUEST",
        ),
        (JSON, r#"[{"query":"{hello}"}]"#, 400, "BATCH_NOT_SUPPORTED"),
    ] {
        for accept in [GRAPHQL, JSON] {
            let request = client().post(server.url()).header("accept", accept);
            let request = request.header("content-type", content_type).body(text);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), status, "{content_type} {text}");
            let body = body(answer).await;
            assert_eq!(code(&body), expected);
            assert!(body.get("data").is_none());
        }
    }
    let request = client().post(server.url()).header("content-type", JSON);
    let answer = request
        .body(b"{\"query\":\"{hello}\xff\"}".to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = client().request(method, server.url()).send().await.unwrap();
        assert_eq!(answer.status(), 405);
        assert_eq!(code(&body(answer).await), "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn get_reads_and_never_writes() {
    let server = server::start(Settings::default()).await;
    let query = "query H($n: String) { hello(name: $n) }";
    let answer = get(
        &server,
        &[
            ("query", query),
            ("variables", r#"{"n":"ё+&"}"#),
            ("operationName", "H"),
        ],
    )
    .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(body(answer).await["data"]["hello"], "Hello, ё+&!");

    let answer = get(&server, &[("query", "mutation { increment }")]).await;
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()["allow"], "POST");
    assert_eq!(code(&body(answer).await), "METHOD_NOT_ALLOWED");
    let answer = post(&server, JSON, &json!({"query": "mutation { increment }"})).await;
    assert_eq!(
        body(answer).await["data"]["increment"],
        1,
        "the mutation by GET didn't run"
    );

    for query in [
        "",
        "query=%ff",
        "query=%7Bhello%7D%2",
        "query=%7Bhello%7D&query=%7Bhello%7D",
        "query=%7Bhello%7D&variables=nonsense",
        "query=%7Bhello%7D&variables=5",
    ] {
        let url = format!("{}?{query}", server.url());
        let answer = client().get(url).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
        assert_eq!(code(&body(answer).await), "BAD_REQUEST");
    }
}

#[tokio::test]
async fn variables_are_coerced_before_anything_runs() {
    let settings = Settings {
        scalars: vec![("Day", |value| value.as_str().is_some_and(|t| t.len() == 10))],
        ..Settings::default()
    };
    let server = server::start(settings).await;
    let person = "query ($p: PersonInput!) { person(input: $p) }";
    let find = "query ($by: By!) { find(by: $by) }";
    let hello = "query ($n: String = \"you\") { hello(name: $n) }";
    let list = "query ($c: [Colour!]) { person(input: {name: \"A\", colours: $c}) }";
    let at = "query ($d: Day!) { at(day: $d) }";
    for (query, variables, expected) in [
        (
            person,
            json!({"p": {"name": "A", "age": 3.0, "colours": ["RED", "GREEN"]}}),
            "A 3 5 1 of 2",
        ),
        (
            person,
            json!({"p": {"name": "A", "age": null}, "unused": 1}),
            "A -1 5 0 of 0",
        ),
        (list, json!({"c": "RED"}), "A -1 5 1 of 1"),
        (find, json!({"by": {"id": 7}}), "id 7"),
        (find, json!({"by": {"name": "x"}}), "name x"),
        (hello, json!({}), "Hello, you!"),
        (at, json!({"d": "2000-01-01"}), "2000-01-01"),
    ] {
        let request = json!({"query": query, "variables": variables});
        let body = body(post(&server, GRAPHQL, &request).await).await;
        let data = body["data"].as_object().unwrap_or_else(|| panic!("{body}"));
        assert_eq!(data.values().next().unwrap(), expected, "{variables}");
    }
    for (query, variables, place) in [
        (person, json!({}), "not provided"),
        (person, json!({"p": null}), "\"p\""),
        (person, json!({"p": 5}), "\"p\""),
        (person, json!({"p": {}}), "\"name\""),
        (person, json!({"p": {"name": 5}}), "\"p.name\""),
        (person, json!({"p": {"name": "A", "age": 1.5}}), "\"p.age\""),
        (
            person,
            json!({"p": {"name": "A", "age": 2147483648_i64}}),
            "\"p.age\"",
        ),
        (person, json!({"p": {"name": "A", "age": "1"}}), "\"p.age\""),
        (
            person,
            json!({"p": {"name": "A", "extra": 1}}),
            "\"p.extra\"",
        ),
        (
            person,
            json!({"p": {"name": "A", "colours": ["RED", "BLUE"]}}),
            "\"p.colours[1]\"",
        ),
        (
            person,
            json!({"p": {"name": "A", "colours": [null]}}),
            "\"p.colours[0]\"",
        ),
        (
            person,
            json!({"p": {"name": "A", "rank": null}}),
            "\"p.rank\"",
        ),
        (find, json!({"by": {}}), "exactly one"),
        (find, json!({"by": {"id": 1, "name": "x"}}), "exactly one"),
        (find, json!({"by": {"id": true}}), "\"by.id\""),
        (at, json!({"d": "soon"}), "\"d\""),
    ] {
        let query = format!("{query} ");
        let request = json!({"query": query, "variables": variables});
        let answer = post(&server, GRAPHQL, &request).await;
        assert_eq!(answer.status(), 400, "{variables}");
        let body = body(answer).await;
        assert_eq!(code(&body), "BAD_USER_INPUT", "{body}");
        let message = body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(place), "{message}");
        assert!(body["errors"][0]["extensions"]["variable"].is_string());
        assert!(body["errors"][0]["locations"].is_array());
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let settings = Settings {
        body_timeout: Duration::from_millis(50),
        ..Settings::default()
    };
    let server = server::start(settings).await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 20\r\n\r\n{";
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    tcp.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_mutation_ends_though_nobody_waits() {
    let server = server::start(Settings::default()).await;
    let request = json!({"query": "mutation { slow }"});
    let url = server.url();
    let waiting = tokio::spawn(async move { client().post(url).json(&request).send().await });
    let mut begun = server.probe.begun.subscribe();
    begun.wait_for(|begun| *begun == 1).await.unwrap();
    waiting.abort();
    let _ = waiting.await;
    server.probe.gate.send_replace(true);
    let mut finished = server.probe.finished.subscribe();
    finished.wait_for(|finished| *finished == 1).await.unwrap();
}

#[tokio::test]
async fn persisted_queries_follow_apollos_protocol() {
    let server = server::start(Settings::default()).await;
    let hash = |text: &str| {
        let digest = Sha256::digest(text.as_bytes());
        digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let extension = |hash: &str| json!({"persistedQuery": {"version": 1, "sha256Hash": hash}});
    let text = "query ($n: String!) { hello(name: $n) }";
    let by_hash = json!({"extensions": extension(&hash(text)), "variables": {"n": "you"}});

    for (accept, status) in [(GRAPHQL, 400), (JSON, 200)] {
        let answer = post(&server, accept, &by_hash).await;
        assert_eq!(answer.status(), status);
        let body = body(answer).await;
        assert_eq!(code(&body), "PERSISTED_QUERY_NOT_FOUND");
        assert_eq!(body["errors"][0]["message"], "PersistedQueryNotFound");
    }

    let mut with_text = by_hash.clone();
    with_text["query"] = "{ hello }".into();
    for accept in [GRAPHQL, JSON] {
        let answer = post(&server, accept, &with_text).await;
        assert_eq!(answer.status(), 400);
        assert_eq!(code(&body(answer).await), "PERSISTED_QUERY_HASH_MISMATCH");
    }
    assert_eq!(
        code(&body(post(&server, JSON, &by_hash).await).await),
        "PERSISTED_QUERY_NOT_FOUND"
    );

    with_text["query"] = text.into();
    for request in [&with_text, &by_hash, &by_hash] {
        let body = body(post(&server, GRAPHQL, request).await).await;
        assert_eq!(body["data"]["hello"], "Hello, you!");
    }
    let extensions = extension(&hash(text)).to_string();
    let answer = get(
        &server,
        &[("extensions", &extensions), ("variables", r#"{"n":"GET"}"#)],
    )
    .await;
    assert_eq!(body(answer).await["data"]["hello"], "Hello, GET!");

    // Neither what doesn't parse nor what exceeds a limit is kept.
    let deep = format!("{}hello{}", "{node".repeat(21), "}".repeat(21));
    for bad in ["{", deep.as_str()] {
        let extensions = extension(&hash(bad));
        let first = json!({"query": bad, "extensions": extensions});
        assert_eq!(post(&server, GRAPHQL, &first).await.status(), 400);
        let again = body(post(&server, GRAPHQL, &json!({"extensions": extensions})).await).await;
        assert_eq!(code(&again), "PERSISTED_QUERY_NOT_FOUND");
    }
    for wrong in [
        json!({"version": 2, "sha256Hash": hash(text)}),
        json!({"version": 1, "sha256Hash": "abc"}),
        json!({"version": 1}),
        json!(5),
    ] {
        let request = json!({"extensions": {"persistedQuery": wrong}});
        assert_eq!(post(&server, JSON, &request).await.status(), 400);
    }

    let off = server::start(Settings {
        persisted: None,
        ..Settings::default()
    })
    .await;
    let answer = body(post(&off, GRAPHQL, &with_text).await).await;
    assert_eq!(code(&answer), "PERSISTED_QUERY_NOT_SUPPORTED");
}

#[tokio::test]
async fn a_schema_of_queries_alone_is_served() {
    let schema = server::queries_only();
    let (_shutdown, down) = tokio::sync::watch::channel(false);
    let access = haven::transport::Access {
        http: std::sync::Arc::new(|_| unreachable!()),
        socket: std::sync::Arc::new(|_| unreachable!()),
    };
    let settings = Settings::default();
    assert!(
        haven::transport::Endpoint::new(schema.clone(), "type {", access, settings, down).is_err()
    );
}
