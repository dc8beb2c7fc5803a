//! Real WebSocket clients over TCP: of the legacy sockets, and of GraphQL subscriptions.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::haven::{Haven, Person};

/// Nothing in these tests takes this long; it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client's end of a socket.
pub struct Socket {
    pub stream: WebSocketStream<TcpStream>,
    /// The answer to the handshake.
    pub headers: HeaderMap,
}

/// Why the handshake was refused.
#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Socket {
    /// Opens a socket, or is refused.
    pub async fn try_open(
        haven: &Haven,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refused> {
        Self::at(haven.address, path, headers).await
    }

    /// Opens a socket of another server, or is refused.
    pub async fn at(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refused> {
        let url = format!("ws://{address}{path}");
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let tcp = TcpStream::connect(address).await.unwrap();
        match client_async(request, tcp).await {
            Ok((stream, response)) => Ok(Self {
                stream,
                headers: response.headers().clone(),
            }),
            Err(Error::Http(response)) => Err(Refused {
                status: response.status().as_u16(),
                headers: response.headers().clone(),
                body: serde_json::from_slice(response.body().as_deref().unwrap_or_default())
                    .unwrap_or_default(),
            }),
            Err(other) => panic!("{other}"),
        }
    }

    /// Opens a legacy socket with somebody's token.
    pub async fn open(haven: &Haven, person: &Person, path: &str) -> Self {
        let token = format!("Token {}", person.token);
        Self::try_open(haven, path, &[("authorization", &token)])
            .await
            .unwrap()
    }

    /// Sends a frame.
    pub async fn say(&mut self, frame: &Value) {
        self.send(Message::text(frame.to_string())).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// Waits for a ping of the server; reading answers it.
    pub async fn ping(&mut self) {
        let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
        let message = message.expect("nothing came").unwrap().unwrap();
        assert!(
            matches!(message, Message::Ping(_)),
            "no ping, but {message:?}"
        );
    }

    /// The text of the next frame, pings and pongs passed over.
    pub async fn text(&mut self) -> String {
        match self.message().await {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("no frame, but {other:?}"),
        }
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The `message` of the next frame.
    pub async fn heard(&mut self) -> String {
        let frame = self.frame().await;
        assert_eq!(frame["event"], "chat_message", "{frame}");
        frame["message"].as_str().unwrap().to_owned()
    }

    /// The code with which the server closes the socket; frames before that are passed over.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.message().await {
                Some(Message::Close(Some(frame))) => {
                    // Reading on sends the answer.
                    while let Some(Ok(_)) = self.stream.next().await {}
                    return frame.code.into();
                }
                Some(Message::Text(_)) => {}
                other => panic!("not closed, but {other:?}"),
            }
        }
    }

    /// Closes the socket as clients do, and waits until the server has.
    pub async fn close(mut self) {
        self.stream.close(None).await.unwrap();
        while let Some(Ok(_)) = self.stream.next().await {}
    }

    /// Breaks the connection without a word, as when a phone goes out of reach and its router
    /// resets the connection.
    pub fn break_off(self) {
        self.stream.get_ref().set_zero_linger().unwrap();
    }

    async fn message(&mut self) -> Option<Message> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next());
            match message.await.expect("nothing came").transpose().unwrap() {
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => return other,
            }
        }
    }
}

/// A GraphQL subscription over `graphql-transport-ws`.
pub struct Subscription {
    socket: Socket,
}

impl Subscription {
    /// Subscribes, and does not wait for anything.
    pub async fn start(haven: &Haven, person: &Person, query: &str, variables: Value) -> Self {
        let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
        let mut socket = Socket::try_open(haven, "/graphql/ws", &protocol)
            .await
            .unwrap();
        let payload = json!({"token": person.token});
        socket
            .say(&json!({"type": "connection_init", "payload": payload}))
            .await;
        assert_eq!(socket.frame().await["type"], "connection_ack");
        let payload = json!({"query": query, "variables": variables});
        socket
            .say(&json!({"type": "subscribe", "id": "1", "payload": payload}))
            .await;
        Self { socket }
    }

    /// What comes next, as data.
    pub async fn next(&mut self) -> Value {
        let message = self.socket.frame().await;
        assert_eq!(message["type"], "next", "{message:#}");
        let payload = &message["payload"];
        assert_eq!(payload.get("errors"), None, "{payload:#}");
        payload["data"].clone()
    }

    /// The code with which the server closes the socket.
    pub async fn close_code(&mut self) -> u16 {
        self.socket.close_code().await
    }

    /// Breaks the connection without a word.
    pub fn break_off(self) {
        self.socket.break_off();
    }

    /// The code of the error that comes next.
    pub async fn code(&mut self) -> String {
        let message = self.socket.frame().await;
        let errors = match message["type"].as_str() {
            Some("error") => &message["payload"],
            _ => &message["payload"]["errors"],
        };
        let code = errors[0]["extensions"]["code"].as_str();
        code.unwrap_or_else(|| panic!("no error: {message:#}"))
            .to_owned()
    }

    /// Runs another operation over the same socket, and waits until it is done.
    pub async fn run(&mut self, query: &str, variables: Value) {
        let payload = json!({"query": query, "variables": variables});
        let subscribe = json!({"type": "subscribe", "id": "2", "payload": payload});
        self.socket.say(&subscribe).await;
        for kind in ["next", "complete"] {
            let message = self.socket.frame().await;
            assert_eq!(
                (&message["type"], &message["id"]),
                (&json!(kind), &json!("2")),
                "{message:#}"
            );
        }
    }

    /// Waits for the ping that follows something, and answers it.
    pub async fn answer(&mut self) {
        self.socket.ping().await;
        self.socket.stream.flush().await.unwrap();
    }

    /// What comes next, whatever it is.
    pub async fn payload(&mut self) -> Value {
        self.socket.frame().await["payload"].clone()
    }

    /// Ends it as clients do.
    pub async fn close(self) {
        self.socket.close().await;
    }
}

/// Waits until something is so that nothing announces.
pub async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("it never came to be so");
}
