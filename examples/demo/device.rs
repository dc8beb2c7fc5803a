//! A device in somebody's hands: REST, the legacy sockets, GraphQL and its subscriptions, over
//! real connections.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::{Answer, Call};
use crate::telling::Story;

/// Nothing here takes this long; it only keeps a broken haven from hanging the walkthrough.
const PATIENCE: Duration = Duration::from_secs(20);

/// A device, and the token of the login on it.
pub struct Device {
    name: &'static str,
    story: Story,
    client: reqwest::Client,
    address: SocketAddr,
    /// Empty before login.
    pub token: String,
}

impl Device {
    /// A device without a login.
    pub fn new(name: &'static str, story: &Story, address: SocketAddr) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Self {
            name,
            story: story.clone(),
            client,
            address,
            token: String::new(),
        }
    }

    /// The same device, after haven moved.
    pub fn moved(&self, address: SocketAddr) -> Self {
        let mut device = Self::new(self.name, &self.story, address);
        device.token.clone_from(&self.token);
        device
    }

    /// A request without a body, as the legacy app sends it.
    pub async fn get(&self, path: &str) -> Answer {
        self.rest("GET", path, &[], "").await
    }

    /// A request as the legacy app sends it; an empty body is none.
    pub async fn rest(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut line = format!("{method} {path}");
        let mut call = self.call(method, path);
        for (name, value) in headers {
            line += &format!(" {name}: {value}");
            call = call.header(name, value);
        }
        if !body.is_empty() {
            line += &format!(" {body}");
            call = call.body("application/json", body.to_owned());
        }
        self.story.sent(self.name, &line);
        let answer = call.send().await;
        if let Some(token) = serde_json::from_str::<Value>(&answer.body)
            .ok()
            .and_then(|body| Some(body.get("token")?.as_str()?.to_owned()))
        {
            self.story.hide(&token);
        }
        let mut line = answer.status.to_string();
        if let Some(id) = answer.header("x-user-id") {
            line += &format!(" X-User-Id: {id}");
        }
        line += &format!(" {}", answer.body);
        self.story.received(self.name, &line);
        answer
    }

    fn call(&self, method: &str, path: &str) -> Call {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("http://{}{path}", self.address);
        let call = Call::new(self.client.request(method, url));
        match self.token.as_str() {
            "" => call,
            token => call.token(token),
        }
    }

    /// A GraphQL operation that has to succeed; its data.
    pub async fn graphql(&self, query: &str, variables: Value) -> Value {
        let name = format!("{} GraphQL", self.name);
        self.story.sent(&name, &format!("{query} {variables}"));
        let body = json!({"query": query, "variables": variables});
        let answer = self.call("POST", "/graphql").json(&body).send().await;
        self.story.received(&name, &answer.body);
        answer.assert_status(200);
        let answer = answer.json();
        assert_eq!(answer.get("errors"), None, "{answer:#}");
        answer["data"].clone()
    }

    /// Opens a legacy socket by its URL, with the token in the query.
    pub async fn socket(&self, url: &str) -> Socket {
        let url = format!("{url}?token={}", self.token);
        self.story.sent(self.name, &format!("opens {url}"));
        Socket::open(self, self.name, url.into_client_request().unwrap()).await
    }

    /// Opens a legacy socket by its path.
    pub async fn socket_at(&self, path: &str) -> Socket {
        self.socket(&format!("ws://{}{path}", self.address)).await
    }

    /// Follows a GraphQL subscription over `graphql-transport-ws`, from when haven has begun it.
    pub async fn follow(&self, query: &str, variables: Value) -> Subscription {
        let url = format!("ws://{}/graphql/ws", self.address);
        let name = format!("{} GraphQL", self.name);
        self.story.sent(&name, &format!("{query} {variables}"));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert(
            "sec-websocket-protocol",
            HeaderValue::from_static("graphql-transport-ws"),
        );
        let mut socket = Socket::open(self, &name, request).await;
        let init = json!({"type": "connection_init", "payload": {"token": self.token}});
        socket.send(init.to_string()).await;
        assert_eq!(socket.next().await["type"], "connection_ack");
        let payload = json!({"query": query, "variables": variables});
        let subscribe = json!({"type": "subscribe", "id": "1", "payload": payload});
        socket.send(subscribe.to_string()).await;
        Subscription(socket)
    }
}

/// A device's end of a socket.
pub struct Socket {
    name: String,
    story: Story,
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    async fn open(device: &Device, name: &str, request: impl IntoClientRequest + Unpin) -> Self {
        let opening = async {
            let tcp = TcpStream::connect(device.address).await.unwrap();
            client_async(request, tcp).await.unwrap()
        };
        let (stream, _) = timeout(PATIENCE, opening)
            .await
            .expect("no socket was opened");
        Self {
            name: name.to_owned(),
            story: device.story.clone(),
            stream,
        }
    }

    /// Sends a frame and says so.
    pub async fn say(&mut self, frame: &str) {
        self.story.sent(&self.name, frame);
        self.send(frame.to_owned()).await;
    }

    async fn send(&mut self, frame: String) {
        let sending = self.stream.send(Message::text(frame));
        timeout(PATIENCE, sending)
            .await
            .expect("a frame was not taken")
            .unwrap();
    }

    /// The next frame has to be this, byte for byte.
    pub async fn hears(&mut self, frame: &str) {
        let text = self.text().await;
        self.story.received(&self.name, &text);
        assert_eq!(text, frame);
    }

    async fn next(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    async fn text(&mut self) -> String {
        match self.message().await {
            Message::Text(text) => text.to_string(),
            other => panic!("{}: no frame, but {other:?}", self.name),
        }
    }

    async fn message(&mut self) -> Message {
        loop {
            let message = timeout(PATIENCE, self.stream.next()).await;
            match message.unwrap_or_else(|_| panic!("{}: nothing came", self.name)) {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return message,
                other => panic!("{}: the connection broke: {other:?}", self.name),
            }
        }
    }

    /// Nothing else comes but the server's close frame, with this code.
    pub async fn closes_with(mut self, code: u16) {
        match self.message().await {
            Message::Close(Some(frame)) => {
                let line = format!("closed with {}: {}", u16::from(frame.code), frame.reason);
                self.story.received(&self.name, &line);
                assert_eq!(u16::from(frame.code), code);
            }
            other => panic!("{}: not closed, but {other:?}", self.name),
        }
        self.read_out().await;
    }

    /// Closes it as clients do, and waits until haven has.
    pub async fn close(mut self) {
        self.story.sent(&self.name, "closes the socket");
        self.stream.close(None).await.unwrap();
        self.read_out().await;
    }

    async fn read_out(&mut self) {
        let closing = async { while let Some(Ok(_)) = self.stream.next().await {} };
        timeout(PATIENCE, closing)
            .await
            .expect("the socket was not closed");
    }
}

/// A GraphQL subscription over `graphql-transport-ws`.
pub struct Subscription(Socket);

impl Subscription {
    /// What comes next, as data.
    pub async fn next(&mut self) -> Value {
        let message = self.0.next().await;
        assert_eq!(message["type"], "next", "{message:#}");
        let payload = &message["payload"];
        self.0.story.received(&self.0.name, &payload.to_string());
        assert_eq!(payload.get("errors"), None, "{payload:#}");
        payload["data"].clone()
    }

    /// What comes, up to and with the first that is as wanted; haven may say several steps at
    /// once or one by one.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        // More than all the steps there can be.
        for _ in 0..50 {
            last = self.next().await;
            if wanted(&last) {
                return last;
            }
        }
        panic!("it never came to be as wanted; the last was {last:#}")
    }

    /// Nothing else comes but the server's close frame, with this code.
    pub async fn closes_with(self, code: u16) {
        self.0.closes_with(code).await;
    }
}
