//! Limits of the legacy sockets: what is too big, too silent, too slow, too many.

use std::net::SocketAddr;
use std::time::Duration;

use haven::auth::UserRef;
use haven::domain::support;
use haven::rest::socket::{self, Settings};
use haven::{access, graphql};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use crate::on_both;
use crate::support::haven::Haven;
use crate::support::socket::{Socket, eventually};

/// The sockets of a haven under settings of the test's own, at another address. They last as
/// long as what is returned.
async fn under(haven: &Haven, settings: Settings) -> (SocketAddr, watch::Sender<bool>) {
    let (stop, shutdown) = watch::channel(false);
    let schema = graphql::schema(haven.app.clone());
    let routes = socket::routes(schema, access::sockets(&haven.app), settings, shutdown).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (address, stop)
}

fn frame_of(bytes: usize) -> String {
    let frame = json!({"message": "x", "more": ""}).to_string();
    let more = "y".repeat(bytes - frame.len());
    json!({"message": "x", "more": more}).to_string()
}

on_both! {
    async fn a_frame_that_is_too_big_closes_the_socket(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let mut phone = Socket::open(&haven, &anna, "/ws/chat/me/?echo=1").await;
        phone.send(Message::text(frame_of(64 * 1024))).await;
        assert_eq!(phone.heard().await, "x");
        phone.send(Message::text(frame_of(64 * 1024 + 1))).await;
        assert_eq!(phone.close_code().await, 1009);
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        assert_eq!(desk.heard().await, "x");
        for bytes in [500 * 1024, 3 * 1024 * 1024] {
            let mut phone = Socket::open(&haven, &anna, "/ws/chat/me/").await;
            // The server may hang up while it is still being sent.
            let _ = futures_util::SinkExt::send(&mut phone.stream, Message::binary(vec![0; bytes])).await;
            if bytes < 1024 * 1024 {
                assert_eq!(phone.close_code().await, 1009);
            }
            assert_eq!(desk.frame().await["event"], "user_connected");
            assert_eq!(desk.frame().await["event"], "user_disconnected");
        }
    }

    async fn a_silent_peer_is_closed_and_loses_nothing(database) {
        let haven = Haven::start(database).await;
        let (anna, bob) = (haven.person("anna").await, haven.person("bob").await);
        let boss = haven.admin("boss").await;
        let settings = Settings {
            ping_interval: Duration::from_millis(50),
            silence: Duration::from_millis(400),
            ..Settings::default()
        };
        let (address, _stop) = under(&haven, settings).await;
        let path = format!("/ws/chat/me/?token={}", bob.token);
        let mut answering = Socket::at(address, &path, &[]).await.unwrap();
        // Never read from, it answers no ping.
        let path = format!("/ws/chat/me/?token={}", anna.token);
        let silent = Socket::at(address, &path, &[]).await.unwrap();
        let viewer = haven.viewer(&boss).await;
        let to = UserRef::Id(anna.id);
        support::send(&haven.app, &viewer, to, "heard?".into(), None, None).await.unwrap();
        // One that answers outlives the silence several times over.
        for _ in 0..30 {
            answering.ping().await;
        }
        assert!(haven.app.presence.is_online(bob.id));
        eventually(async || !haven.app.presence.is_online(anna.id)).await;
        drop(silent);
        let mut phone = Socket::open(&haven, &anna, "/ws/chat/me/").await;
        assert_eq!(phone.heard().await, "heard?");
    }

    async fn a_peer_that_does_not_read_is_closed_and_slows_nobody(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let settings = Settings {
            write_timeout: Duration::from_millis(300),
            ..Settings::default()
        };
        let (address, _stop) = under(&haven, settings).await;
        let path = format!("/ws/chat/me/?token={}", anna.token);
        let mut reading = Socket::at(address, &path, &[]).await.unwrap();
        let not_reading = Socket::at(address, &path, &[]).await.unwrap();
        let viewer = haven.viewer(&boss).await;
        let to = UserRef::Id(anna.id);
        // Four bytes a character; some megabytes fill any buffer on the way.
        let text = "😀".repeat(4000);
        let sending = async {
            for _ in 0..600 {
                support::send(&haven.app, &viewer, to, text.clone(), None, None).await.unwrap();
            }
        };
        let hearing = async {
            for _ in 0..600 {
                assert_eq!(reading.heard().await.len(), text.len());
            }
        };
        tokio::join!(sending, hearing);
        reading.close().await;
        // The other was closed long ago, or is within the time it has for a frame.
        eventually(async || !haven.app.presence.is_online(anna.id)).await;
        drop(not_reading);
    }

    async fn as_many_sockets_as_there_may_be(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let settings = Settings { connections: 1, ..Settings::default() };
        let (address, stop) = under(&haven, settings).await;
        let path = format!("/ws/chat/me/?token={}", anna.token);
        let mut first = Socket::at(address, &path, &[]).await.unwrap();
        let refused = Socket::at(address, &path, &[]).await.err().unwrap();
        assert_eq!(refused.status, 503);
        stop.send(true).unwrap();
        assert_eq!(first.close_code().await, 1001);
    }
}
