//! `graphql-transport-ws`, frame by frame.

use std::time::Duration;

use futures_util::SinkExt;
use haven::transport::Settings;
use serde_json::json;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::client::{Socket, client, code};
use super::server;

#[tokio::test]
async fn operations_of_every_kind_run() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "mutation { increment }").await;
    let next = json!({"id": "1", "type": "next", "payload": {"data": {"increment": 1}}});
    assert_eq!(socket.next().await, next);
    assert_eq!(socket.next().await, json!({"id": "1", "type": "complete"}));
    // The same id, which is free again.
    socket.subscribe("1", "subscription { count(to: 2) }").await;
    for n in [1, 2] {
        let next = json!({"id": "1", "type": "next", "payload": {"data": {"count": n}}});
        assert_eq!(socket.next().await, next);
    }
    assert_eq!(socket.next().await, json!({"id": "1", "type": "complete"}));
    // Field errors are results.
    socket.subscribe("2", "{ hello boom }").await;
    let next = socket.next().await;
    assert_eq!(next["type"], "next");
    assert_eq!(code(&next["payload"]), "CONFLICT");
    assert_eq!(socket.next().await["type"], "complete");
    // A stream that can't begin, and one that panics.
    for query in ["subscription { failing }", "subscription { panicking }"] {
        socket.subscribe("3", query).await;
        let message = socket.next().await;
        if message["type"] == "next" {
            assert_eq!(code(&message["payload"]), "INTERNAL");
            assert_eq!(socket.next().await["type"], "complete");
        } else {
            assert_eq!(code(&json!({"errors": message["payload"]})), "INTERNAL");
        }
    }
    socket.alive().await;
}

#[tokio::test]
async fn each_execution_has_data_of_its_own() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::ready(&server).await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        socket.subscribe("1", "{ execution }").await;
        let next = socket.next().await;
        assert!(seen.insert(next["payload"]["data"]["execution"].as_i64().unwrap()));
        socket.next().await;
    }
}

#[tokio::test]
async fn refused_operations_end_with_error_and_the_socket_lives() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::ready(&server).await;
    for (query, expected) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("mutation { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: String!) { hello(name: $n) }", "BAD_USER_INPUT"),
        (
            "query A { hello } query B { hello }",
            "OPERATION_RESOLUTION_FAILURE",
        ),
    ] {
        socket.subscribe("1", query).await;
        let error = socket.next().await;
        assert_eq!(
            (&error["type"], &error["id"]),
            (&json!("error"), &json!("1"))
        );
        assert_eq!(code(&json!({"errors": error["payload"]})), expected);
        socket.alive().await;
    }
}

#[tokio::test]
async fn complete_from_the_client_ends_the_operation() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "subscription { forever }").await;
    assert_eq!(socket.next().await["type"], "next");
    let mut live = server.probe.live.subscribe();
    assert_eq!(*live.borrow(), 1);
    socket.send(json!({"id": "1", "type": "complete"})).await;
    live.wait_for(|live| *live == 0).await.unwrap();
    // Unknown ids are nothing to complain about.
    socket.send(json!({"id": "1", "type": "complete"})).await;
    socket.alive().await;
    // So does closing the socket.
    socket.subscribe("1", "subscription { forever }").await;
    assert_eq!(socket.next().await["type"], "next");
    socket.raw.close(None).await.unwrap();
    live.wait_for(|live| *live == 0).await.unwrap();
}

#[tokio::test]
async fn a_mutation_ends_though_its_client_left() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "mutation { slow }").await;
    let mut begun = server.probe.begun.subscribe();
    begun.wait_for(|begun| *begun == 1).await.unwrap();
    drop(socket);
    server.probe.gate.send_replace(true);
    let mut finished = server.probe.finished.subscribe();
    finished.wait_for(|finished| *finished == 1).await.unwrap();
}

#[tokio::test]
async fn pings_are_answered() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::new(&server).await;
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.next().await, json!({"type": "pong"}));
    socket
        .send(json!({"type": "connection_init", "payload": {}}))
        .await;
    assert_eq!(socket.next().await, json!({"type": "connection_ack"}));
    socket
        .send(json!({"type": "ping", "payload": {"a": [1]}}))
        .await;
    assert_eq!(
        socket.next().await,
        json!({"type": "pong", "payload": {"a": [1]}})
    );
    socket.send(json!({"type": "pong", "payload": null})).await;
    socket.alive().await;
}

#[tokio::test]
async fn close_4400_for_what_the_protocol_does_not_know() {
    let server = server::start(Settings::default()).await;
    let long = "x".repeat(129);
    for text in [
        "",
        "nonsense",
        "5",
        "[]",
        "{}",
        r#"{"type":5}"#,
        r#"{"type":"start"}"#,
        r#"{"type":"connection_ack"}"#,
        r#"{"type":"next","id":"1","payload":{}}"#,
        r#"{"type":"ping","payload":5}"#,
        r#"{"type":"complete"}"#,
        r#"{"type":"complete","id":5}"#,
        r#"{"type":"subscribe","payload":{"query":"{hello}"}}"#,
        r#"{"type":"subscribe","id":"","payload":{"query":"{hello}"}}"#,
        &format!(r#"{{"type":"subscribe","id":"{long}","payload":{{"query":"{{hello}}"}}}}"#),
        r#"{"type":"subscribe","id":"1"}"#,
        r#"{"type":"subscribe","id":"1","payload":{}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":5}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{hello}","variables":5}}"#,
        r#"{"type":"subscribe","id":"1","payload":[{"query":"{hello}"}]}"#,
    ] {
        let mut socket = Socket::ready(&server).await;
        socket.text(text).await;
        let (code, reason) = socket.closed().await;
        assert_eq!(code, 4400, "{text}: {reason}");
        assert!(!reason.is_empty());
    }
    for text in ["nonsense", r#"{"type":"connection_init","payload":5}"#] {
        let mut socket = Socket::new(&server).await;
        socket.text(text).await;
        assert_eq!(socket.closed().await.0, 4400, "{text}");
    }
    let mut socket = Socket::ready(&server).await;
    socket
        .raw
        .send(Message::binary(&b"{\"type\":\"ping\"}"[..]))
        .await
        .unwrap();
    assert_eq!(socket.closed().await.0, 4400);
}

#[tokio::test]
async fn close_4401_before_the_acknowledgement() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::new(&server).await;
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(socket.closed().await, (4401, "Unauthorized".into()));
}

#[tokio::test]
async fn close_4403_for_bad_credentials() {
    let server = server::start(Settings::default()).await;
    for (header, payload, viewer) in [
        (None, json!(null), Some("anonymous")),
        (None, json!({"Authorization": null}), Some("anonymous")),
        (None, json!({"Authorization": "Token good"}), Some("good")),
        (None, json!({"authorization": "Bearer good"}), Some("good")),
        (None, json!({"token": "good"}), Some("good")),
        (Some("Token good"), json!(null), Some("good")),
        (Some("Token bad"), json!({"token": "good"}), Some("good")),
        (Some("Token good"), json!({"token": "bad"}), None),
        (Some("Token bad"), json!({}), None),
        (None, json!({"token": "bad"}), None),
        (None, json!({"token": 5}), None),
        (None, json!({"AUTHORIZATION": "nonsense"}), None),
    ] {
        let mut socket = Socket::open(&server, Some("graphql-transport-ws"), header).await;
        socket
            .send(json!({"type": "connection_init", "payload": payload}))
            .await;
        match viewer {
            Some(viewer) => {
                assert_eq!(socket.next().await["type"], "connection_ack", "{payload}");
                socket.subscribe("1", "{ viewer }").await;
                assert_eq!(socket.next().await["payload"]["data"]["viewer"], viewer);
            }
            None => assert_eq!(
                socket.closed().await,
                (4403, "Forbidden".into()),
                "{payload}"
            ),
        }
    }
    let mut socket = Socket::new(&server).await;
    socket
        .send(json!({"type": "connection_init", "payload": {"token": "later"}}))
        .await;
    assert_eq!(socket.closed().await.0, 1013);
}

#[tokio::test]
async fn close_4403_when_the_credentials_end() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "subscription { forever }").await;
    assert_eq!(socket.next().await["type"], "next");
    server.revoke.send_replace(true);
    assert_eq!(socket.closed().await, (4403, "Forbidden".into()));
    let mut live = server.probe.live.subscribe();
    live.wait_for(|live| *live == 0).await.unwrap();
}

#[tokio::test]
async fn close_4406_for_another_subprotocol() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::open(&server, None, None).await;
    assert_eq!(
        socket.closed().await,
        (4406, "Subprotocol not acceptable".into())
    );
    let plain = client()
        .get(format!("{}/ws", server.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(plain.status(), 426);
    assert_eq!(code(&plain.json().await.unwrap()), "UPGRADE_REQUIRED");
}

#[tokio::test]
async fn close_4408_without_connection_init() {
    let settings = || Settings {
        init_timeout: Duration::from_millis(50),
        ..Settings::default()
    };
    let server = server::start(settings()).await;
    let late = (4408, "Connection initialisation timeout".to_owned());
    let mut socket = Socket::new(&server).await;
    assert_eq!(socket.closed().await, late);
    // Credentials that nobody can check in time count as late.
    let mut socket = Socket::new(&server).await;
    socket
        .send(json!({"type": "connection_init", "payload": {"token": "hangs"}}))
        .await;
    assert_eq!(socket.closed().await, late);
}

/// Who shows no credentials holds no place for nothing, and not the places of everybody else.
#[tokio::test]
async fn sockets_without_credentials_have_few_places_and_use_them() {
    let server = server::start(Settings {
        anonymous_sockets: 2,
        anonymous_idle: Duration::from_millis(100),
        ..Settings::default()
    })
    .await;
    let mut working = Socket::ready(&server).await;
    working.subscribe("1", "subscription { forever }").await;
    assert_eq!(working.next().await["type"], "next");
    let mut idle = Socket::ready(&server).await;
    let mut third = Socket::new(&server).await;
    third.send(json!({"type": "connection_init"})).await;
    assert_eq!(third.closed().await, (1013, "Try again later".to_owned()));
    let mut known = Socket::new(&server).await;
    known
        .send(json!({"type": "connection_init", "payload": {"token": "good"}}))
        .await;
    assert_eq!(known.next().await["type"], "connection_ack");
    assert_eq!(
        idle.closed().await,
        (1000, "Nothing asked for too long".to_owned())
    );
    // The place is free again, and whoever works or is known was left alone.
    let mut next = Socket::ready(&server).await;
    next.subscribe("1", "{ hello }").await;
    assert_eq!(next.next().await["type"], "next");
    working.alive().await;
    known.alive().await;
}

#[tokio::test]
async fn close_4409_for_an_id_in_use() {
    let server = server::start(Settings::default()).await;
    let long = "ё".repeat(60);
    for (id, reason) in [
        ("1", "Subscriber for 1 already exists".to_owned()),
        (&long, format!("Subscriber for {}", "ё".repeat(54))),
    ] {
        let mut socket = Socket::ready(&server).await;
        socket.subscribe(id, "subscription { forever }").await;
        assert_eq!(socket.next().await["type"], "next");
        socket.subscribe(id, "{ hello }").await;
        assert_eq!(socket.closed().await, (4409, reason));
    }
}

#[tokio::test]
async fn close_4429_for_a_second_connection_init() {
    let server = server::start(Settings::default()).await;
    let mut socket = Socket::ready(&server).await;
    socket.send(json!({"type": "connection_init"})).await;
    assert_eq!(
        socket.closed().await,
        (4429, "Too many initialisation requests".into())
    );
}

#[tokio::test]
async fn close_1009_for_a_message_too_big() {
    let server = server::start(Settings::default()).await;
    for bytes in [256 * 1024 + 1, 700 * 1024] {
        let mut socket = Socket::ready(&server).await;
        socket.text(&"x".repeat(bytes)).await;
        assert_eq!(socket.closed().await.0, 1009);
    }
    // A header that announces more than is ever read: the frame itself is not waited for.
    let mut socket = Socket::ready(&server).await;
    let header = [0x81, 0xFF, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4];
    let tokio_tungstenite::MaybeTlsStream::Plain(tcp) = socket.raw.get_mut() else {
        panic!("no TLS here");
    };
    tokio::io::AsyncWriteExt::write_all(tcp, &header)
        .await
        .unwrap();
    assert_eq!(socket.closed().await.0, 1009);
}

#[tokio::test]
async fn close_1001_when_the_server_goes_down() {
    let server = server::start(Settings::default()).await;
    let mut ready = Socket::ready(&server).await;
    let mut fresh = Socket::new(&server).await;
    server.shutdown.send_replace(true);
    assert_eq!(ready.closed().await.0, 1001);
    assert_eq!(fresh.closed().await.0, 1001);
}

#[tokio::test]
async fn operations_per_socket_are_bounded() {
    let settings = Settings {
        operations_per_socket: 2,
        ..Settings::default()
    };
    let server = server::start(settings).await;
    let mut socket = Socket::ready(&server).await;
    for id in ["1", "2"] {
        socket.subscribe(id, "subscription { forever }").await;
        assert_eq!(socket.next().await["type"], "next");
    }
    socket.subscribe("3", "{ hello }").await;
    let error = socket.next().await;
    assert_eq!(
        (&error["type"], &error["id"]),
        (&json!("error"), &json!("3"))
    );
    let extensions = &error["payload"][0]["extensions"];
    assert_eq!(extensions["code"], "LIMIT_EXCEEDED");
    assert_eq!(extensions["limit"], "operations_per_socket");
    assert_eq!(extensions["max"], 2);
    socket.send(json!({"id": "1", "type": "complete"})).await;
    socket.alive().await;
}

#[tokio::test]
async fn a_client_that_answers_pings_outlives_the_silence() {
    let settings = Settings {
        ping_interval: Duration::from_millis(20),
        silence: Duration::from_secs(1),
        ..Settings::default()
    };
    let server = server::start(settings).await;
    let mut socket = Socket::ready(&server).await;
    for _ in 0..75 {
        socket.ping().await;
    }
    socket.alive().await;
}

#[tokio::test]
async fn a_silent_client_is_closed() {
    let settings = Settings {
        silence: Duration::from_millis(500),
        ..Settings::default()
    };
    let server = server::start(settings).await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "subscription { forever }").await;
    assert_eq!(socket.next().await["type"], "next");
    let mut live = server.probe.live.subscribe();
    live.wait_for(|live| *live == 0).await.unwrap();
    assert_eq!(socket.closed().await.0, 3008);
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_dropped() {
    let settings = Settings {
        write_timeout: Duration::from_millis(100),
        ..Settings::default()
    };
    let server = server::start(settings).await;
    let mut socket = Socket::ready(&server).await;
    socket.subscribe("1", "subscription { flood }").await;
    let mut begun = server.probe.begun.subscribe();
    begun.wait_for(|begun| *begun == 1).await.unwrap();
    let mut live = server.probe.live.subscribe();
    live.wait_for(|live| *live == 0).await.unwrap();
    drop(socket);
}

#[tokio::test]
async fn frames_that_break_websocket_are_named() {
    let server = server::start(Settings::default()).await;
    // Text that isn't UTF-8, then a frame with a reserved opcode; both masked with zeros.
    for (bytes, code) in [
        (&[0x81, 0x81, 0, 0, 0, 0, 0xFF][..], 1007),
        (&[0x83, 0x80, 0, 0, 0, 0][..], 1002),
    ] {
        let mut socket = Socket::ready(&server).await;
        let tokio_tungstenite::MaybeTlsStream::Plain(tcp) = socket.raw.get_mut() else {
            panic!("no TLS here");
        };
        tokio::io::AsyncWriteExt::write_all(tcp, bytes)
            .await
            .unwrap();
        assert_eq!(socket.closed().await.0, code);
    }
    // WebSocket's own pings are answered by its own pongs and are no messages.
    let mut socket = Socket::ready(&server).await;
    socket
        .raw
        .send(Message::Ping(Bytes::from_static(b"x")))
        .await
        .unwrap();
    socket.alive().await;
}
