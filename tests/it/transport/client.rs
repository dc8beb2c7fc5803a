//! Clients of the tests.

use std::sync::OnceLock;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::server::Server;

pub const JSON: &str = "application/json";
pub const GRAPHQL: &str = "application/graphql-response+json";

pub fn client() -> reqwest::Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::new()
}

pub async fn post(server: &Server, accept: &str, request: &Value) -> reqwest::Response {
    let post = client().post(server.url()).header("accept", accept);
    post.json(request).send().await.unwrap()
}

pub async fn get(server: &Server, parameters: &[(&str, &str)]) -> reqwest::Response {
    let mut url = url::Url::parse(&server.url()).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    client()
        .get(url)
        .header("accept", GRAPHQL)
        .send()
        .await
        .unwrap()
}

/// The code of the first error, and a check that all errors have one.
pub fn code(body: &Value) -> &str {
    let errors = body["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("no errors in {body}"));
    assert!(
        errors.iter().all(|e| e["extensions"]["code"].is_string()),
        "{body}"
    );
    errors[0]["extensions"]["code"].as_str().unwrap()
}

/// What arrives on a socket.
#[derive(Debug, PartialEq)]
pub enum Frame {
    Message(Value),
    Closed(u16, String),
    Ended,
}

/// A raw `graphql-transport-ws` client.
pub struct Socket {
    pub raw: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    pub async fn open(server: &Server, subprotocol: Option<&str>, header: Option<&str>) -> Self {
        let url = format!("ws://{}/graphql/ws", server.address);
        let mut request = url.into_client_request().unwrap();
        if let Some(subprotocol) = subprotocol {
            let value = subprotocol.parse().unwrap();
            request
                .headers_mut()
                .insert("sec-websocket-protocol", value);
        }
        if let Some(header) = header {
            let value = header.parse().unwrap();
            request.headers_mut().insert("authorization", value);
        }
        let (raw, response) = connect_async(request).await.unwrap();
        if subprotocol.is_some() {
            let chosen = response.headers().get("sec-websocket-protocol");
            assert_eq!(chosen.unwrap(), "graphql-transport-ws");
        }
        Self { raw }
    }

    /// Opens a socket that isn't initialised.
    pub async fn new(server: &Server) -> Self {
        Self::open(server, Some("graphql-transport-ws"), None).await
    }

    /// Opens a socket and initialises it.
    pub async fn ready(server: &Server) -> Self {
        let mut socket = Self::new(server).await;
        socket.send(json!({"type": "connection_init"})).await;
        assert_eq!(socket.next().await, json!({"type": "connection_ack"}));
        socket
    }

    pub async fn send(&mut self, message: Value) {
        self.text(&message.to_string()).await;
    }

    pub async fn text(&mut self, text: &str) {
        self.raw.send(Message::text(text)).await.unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, query: &str) {
        self.send(json!({"id": id, "type": "subscribe", "payload": {"query": query}}))
            .await;
    }

    pub async fn frame(&mut self) -> Frame {
        loop {
            return match self.raw.next().await {
                Some(Ok(Message::Text(text))) => {
                    Frame::Message(serde_json::from_str(&text).unwrap())
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    Frame::Closed(frame.code.into(), frame.reason.to_string())
                }
                Some(Ok(_)) => continue,
                Some(Err(Error::ConnectionClosed)) | None => Frame::Ended,
                Some(Err(error)) => panic!("{error}"),
            };
        }
    }

    /// Waits for a ping of the WebSocket protocol and sends the pong.
    pub async fn ping(&mut self) {
        match self.raw.next().await {
            Some(Ok(Message::Ping(_))) => self.raw.flush().await.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next message; anything else fails the test.
    pub async fn next(&mut self) -> Value {
        match self.frame().await {
            Frame::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }

    /// The close frame that must come next.
    pub async fn closed(&mut self) -> (u16, String) {
        match self.frame().await {
            Frame::Closed(code, reason) => (code, reason),
            other => panic!("{other:?}"),
        }
    }

    /// Asks a question and gets its answer: the socket lives.
    pub async fn alive(&mut self) {
        self.subscribe("alive", "{ hello }").await;
        let next = self.next().await;
        assert_eq!(next["payload"]["data"]["hello"], "Hello, world!", "{next}");
        assert_eq!(
            self.next().await,
            json!({"id": "alive", "type": "complete"})
        );
    }
}
