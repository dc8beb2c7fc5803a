//! Clients that ask and do not read what they are answered.

use std::net::SocketAddr;
use std::time::Duration;

use haven::auth::UserRef;
use haven::domain::support;
use haven::transport::{Endpoint, Settings, router};
use haven::{access, graphql};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::on_both;
use crate::support::haven::{Haven, Person};
use crate::support::socket::{Socket, eventually};

/// Nothing here takes this long.
const NEVER: Duration = Duration::from_secs(3600);
/// Operations of a socket. Their answers take 1.6 MB each, together more than any buffer on the
/// way of loopback holds.
const OPERATIONS: usize = 12;
const READ: &str = "{ me { supportChat { messages(last: 100) { nodes { message } } } } }";

/// GraphQL over the application of a haven under settings of the test's own, at another address. It
/// lasts as long as what is returned.
async fn under(haven: &Haven, settings: Settings) -> (SocketAddr, watch::Sender<bool>) {
    let (stop, shutdown) = watch::channel(false);
    let schema = graphql::schema(haven.app.clone());
    let sdl = schema.sdl();
    let access = access::access(&haven.app);
    let endpoint = Endpoint::new(schema, &sdl, access, settings, shutdown).unwrap();
    let routes = router(endpoint, "/graphql");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (address, stop)
}

/// Fills a conversation with as much as a page of it can hold.
async fn talk(haven: &Haven, person: &Person) {
    let viewer = haven.viewer(person).await;
    // Four bytes a character.
    let text = "😀".repeat(4000);
    for _ in 0..100 {
        let to = UserRef::Id(person.id);
        support::send(&haven.app, &viewer, to, text.clone(), None, None)
            .await
            .unwrap();
    }
}

on_both! {
    async fn a_socket_that_is_not_read_keeps_nobody_from_the_database(database) {
        let haven = Haven::with(database, |config| config.database_connections = 1).await;
        let anna = haven.person("anna").await;
        talk(&haven, &anna).await;
        let settings = Settings {
            write_timeout: NEVER,
            silence: NEVER,
            ping_interval: NEVER,
            ..Settings::default()
        };
        let (address, _stop) = under(&haven, settings).await;
        let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
        let mut socket = Socket::at(address, "/graphql/ws", &protocol).await.unwrap();
        let init = json!({"type": "connection_init", "payload": {"token": anna.token}});
        socket.say(&init).await;
        assert_eq!(socket.frame().await["type"], "connection_ack");
        let live = "subscription { supportMessages(userId: \"me\", after: \"0\") { id } }";
        for (id, query) in [("live", live)].into_iter().chain([("read", READ); OPERATIONS]).enumerate().map(|(n, (kind, query))| (format!("{kind}{n}"), query)) {
            let payload = json!({"query": query});
            socket.say(&json!({"type": "subscribe", "id": id, "payload": payload})).await;
        }
        // By now, or after some of these, the server waits for the socket to be read.
        for _ in 0..100 {
            let me = haven.data(&anna, "{ me { profile { age } } }", json!({})).await;
            assert_eq!(me["me"]["profile"]["age"], json!(null));
        }
        // It was not dropped meanwhile, and whoever reads in the end gets everything.
        assert!(haven.app.presence.is_online(anna.id));
        let (mut read, mut live) = (0, 0);
        while read < OPERATIONS || live < 100 {
            let frame = socket.frame().await;
            let id = frame["id"].as_str().unwrap();
            match (frame["type"].as_str().unwrap(), id.starts_with("read")) {
                ("next", true) => {
                    let chat = &frame["payload"]["data"]["me"]["supportChat"];
                    assert_eq!(chat["messages"]["nodes"].as_array().unwrap().len(), 100);
                }
                ("complete", true) => read += 1,
                ("next", false) => live += 1,
                _ => panic!("{frame:#}"),
            }
        }
        socket.close().await;
        eventually(async || !haven.app.presence.is_online(anna.id)).await;
    }

    async fn an_event_stream_that_is_not_read_keeps_nobody_from_the_database(database) {
        let haven = Haven::with(database, |config| config.database_connections = 1).await;
        let anna = haven.person("anna").await;
        talk(&haven, &anna).await;
        let settings = Settings {
            write_timeout: NEVER,
            // So short that comments fall due in the middle of queries.
            sse_keep_alive: Duration::from_micros(50),
            ..Settings::default()
        };
        let (address, _stop) = under(&haven, settings).await;
        let me = async || haven.data(&anna, "{ me { profile { age } } }", json!({})).await;
        let (alone, _) = haven.fewest_statements(me).await;
        let page = "supportChat { messages(last: 20) { nodes { message } } }";
        let query = format!(
            "subscription {{ supportMessages(userId: \"me\", after: \"0\") \
             {{ user {{ {page} }} }} }}",
        );
        let url = format!("http://{address}/graphql/sse");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let token = format!("Token {}", anna.token);
        let post = client.post(&url).header("authorization", token);
        let post = post.header("accept", "text/event-stream");
        let mut open = post.json(&json!({"query": query})).send().await.unwrap();
        let mut begun = String::new();
        while !begun.contains("event: next\ndata: {\"data\"") {
            let chunk = open.chunk().await.unwrap().unwrap();
            begun.push_str(&String::from_utf8_lossy(&chunk));
        }
        // Until the stream has come to rest, because nothing more of it fits anywhere.
        let mut quiet = 0;
        while quiet < 100 {
            let (statements, _) = haven.statements(me()).await;
            quiet = if statements == alone { quiet + 1 } else { 0 };
        }
        drop(open);
    }
}
