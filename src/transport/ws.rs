//! `graphql-transport-ws`, by its protocol document.
//!
//! A socket is a task that reads and writes, and one for each operation. While a client takes its
//! time to receive a message, each operation gets as far as its next answer and waits there, and
//! nothing more is read; after the write timeout the client is dropped. Credentials that end and
//! a server that goes down cut through all of it, waiting included.

use std::borrow::Cow;

use async_graphql::{Executor, Response as GraphQlResponse};
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream::BoxStream;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Duration, Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite;
use tracing::Instrument;

use super::errors::RequestError;
use super::http::refuse;
use super::limits::Violation;
use super::negotiate::ResponseType;
use super::operations::{Operations, Output};
use super::params::Params;
use super::sse::too_many;
use super::{Credentials, Endpoint, Refused, Session, going_down};
use crate::arrivals::Answers;

const SUBPROTOCOL: &str = "graphql-transport-ws";

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest operation id, in bytes. Clients use UUIDs or counters.
const MAX_ID_BYTES: usize = 128;

/// Opens a socket. A client that doesn't offer the subprotocol is told so by 4406.
pub(super) async fn handle<E: Executor>(
    State(endpoint): State<Endpoint<E>>,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await else {
        let error = RequestError::malformed(
            StatusCode::UPGRADE_REQUIRED,
            "UPGRADE_REQUIRED",
            "This address speaks WebSocket only, with the subprotocol `graphql-transport-ws`.",
        );
        let mut answer = refuse(error, ResponseType::Json);
        let websocket = HeaderValue::from_static("websocket");
        answer.headers_mut().insert(header::UPGRADE, websocket);
        return answer;
    };
    let Some(permit) = endpoint.connection() else {
        return refuse(too_many(), ResponseType::Json);
    };
    let message_bytes = endpoint.inner.settings.message_bytes;
    // Up to four times the bound is still read, so that the client, which may still be sending,
    // lives to see the close frame; beyond that the connection just ends.
    let upgrade = upgrade
        .max_message_size(message_bytes.saturating_mul(4))
        .max_frame_size(message_bytes.saturating_mul(4))
        // Most messages are short, and each socket keeps its buffer.
        .read_buffer_size(8 * 1024)
        .protocols([SUBPROTOCOL]);
    let understood = upgrade.selected_protocol().is_some();
    let span = tracing::Span::current();
    upgrade.on_upgrade(move |socket| {
        let task = async move {
            let mut connection = Connection {
                endpoint,
                socket,
                heard: Instant::now(),
                anonymous: None,
                answers: Answers::default(),
            };
            let end = if understood {
                connection.serve(parts).await
            } else {
                End::close(4406, "Subprotocol not acceptable")
            };
            // Before the client is told, who may open another at once.
            connection.anonymous = None;
            connection.end(end).await;
            drop(permit);
        };
        task.instrument(span)
    })
}

/// Why a connection ends.
enum End {
    /// The server closes it.
    Close {
        code: u16,
        reason: Cow<'static, str>,
        /// Whether more can be read from the socket.
        readable: bool,
    },
    /// There is nobody to tell.
    Gone,
}

impl End {
    fn close(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Close {
            code,
            reason: reason.into(),
            readable: true,
        }
    }

    fn invalid(what: &'static str) -> Self {
        Self::close(4400, what)
    }
}

/// A message from a client. Pongs and unknown ids need no answer.
enum Incoming {
    Init(Map<String, Value>),
    Ping(Option<Value>),
    Subscribe { id: String, params: Params },
    Complete { id: String },
    Nothing,
}

#[derive(Serialize)]
struct Outgoing<'a, P> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
}

struct Connection<E> {
    endpoint: Endpoint<E>,
    socket: WebSocket,
    /// When the client was last heard of.
    heard: Instant,
    /// The place among those who showed no credentials.
    anonymous: Option<OwnedSemaphorePermit>,
    /// What the client is known to have.
    answers: Answers,
}

impl<E: Executor> Connection<E> {
    async fn serve(&mut self, handshake: Parts) -> End {
        let down = going_down(self.endpoint.inner.shutdown.clone());
        tokio::pin!(down);
        let going_away = || End::close(close_code::AWAY, "The server is going down");
        let session = tokio::select! {
            biased;
            () = &mut down => return going_away(),
            session = self.initialise(handshake) => match session {
                Ok(session) => session,
                Err(end) => return end,
            },
        };
        let Session { data, ended } = session;
        let mut operations = Operations::new(self.endpoint.inner.settings.operations_per_socket);
        let end = tokio::select! {
            biased;
            () = &mut down => going_away(),
            () = ended => End::close(4403, "Forbidden"),
            Err(end) = self.operate(&mut operations, &*data) => end,
        };
        // Before the client is told: whoever is being closed is no longer there.
        operations.stop_all().await;
        end
    }

    /// Waits for `connection_init` and acknowledges it.
    async fn initialise(&mut self, handshake: Parts) -> Result<Session, End> {
        let deadline = Instant::now() + self.endpoint.inner.settings.init_timeout;
        let late = || End::close(4408, "Connection initialisation timeout");
        let payload = loop {
            let message = timeout_at(deadline, self.receive()).await;
            match message.map_err(|_| late())?? {
                Incoming::Init(payload) => break payload,
                Incoming::Subscribe { .. } => return Err(End::close(4401, "Unauthorized")),
                Incoming::Ping(payload) => self.pong(payload).await?,
                Incoming::Complete { .. } | Incoming::Nothing => {}
            }
        };
        let credentials = Credentials {
            authorization: authorization(&payload, &handshake)?,
            handshake,
        };
        if credentials.authorization.is_none() {
            let places = self.endpoint.inner.anonymous_sockets.clone();
            let Ok(place) = places.try_acquire_owned() else {
                return Err(End::close(close_code::AGAIN, "Try again later"));
            };
            self.anonymous = Some(place);
        }
        let authenticated = (self.endpoint.inner.access.socket)(credentials);
        let session = match timeout_at(deadline, authenticated).await {
            Err(_) => return Err(late()),
            Ok(Err(Refused::Forbidden)) => return Err(End::close(4403, "Forbidden")),
            Ok(Err(Refused::Unavailable)) => {
                return Err(End::close(close_code::AGAIN, "Try again later"));
            }
            Ok(Ok(session)) => session,
        };
        self.send("connection_ack", None, None::<()>).await?;
        Ok(session)
    }

    /// The life of an acknowledged connection.
    async fn operate(
        &mut self,
        operations: &mut Operations,
        data: &(dyn Fn() -> async_graphql::Data + Send + Sync),
    ) -> Result<(), End> {
        let settings = &self.endpoint.inner.settings;
        let (ping_interval, silence) = (settings.ping_interval, settings.silence);
        let patience = settings.anonymous_idle;
        let mut next_ping = Instant::now() + ping_interval;
        let mut idle_since = None;
        loop {
            let silent = self.heard + silence;
            if self.anonymous.is_none() || operations.len() > 0 {
                idle_since = None;
            } else if idle_since.is_none() {
                idle_since = Some(Instant::now());
            }
            let idle_until = idle_since.unwrap_or_else(Instant::now) + patience;
            tokio::select! {
                message = self.receive() => match message? {
                    Incoming::Init(_) => {
                        return Err(End::close(4429, "Too many initialisation requests"));
                    }
                    Incoming::Ping(payload) => self.pong(payload).await?,
                    Incoming::Subscribe { id, params } => {
                        if operations.contains(&id) {
                            return Err(End::close(4409, format!("Subscriber for {id} already exists")));
                        }
                        match self.start(operations.len(), params, data) {
                            Ok(responses) => operations.begin(id, responses),
                            Err(error) => self.send("error", Some(&id), Some(error.errors)).await?,
                        }
                    }
                    Incoming::Complete { id } => operations.stop(&id).await,
                    Incoming::Nothing => {}
                },
                (id, output) = operations.next() => match output {
                    Output::Next(response, passage) => {
                        self.send("next", Some(&id), Some(response)).await?;
                        passage.written().await;
                        // Asked for more, an operation says whether it matters that this arrives.
                        if let Some(number) = self.answers.question() {
                            let number = number.to_be_bytes().to_vec();
                            self.write(Message::Ping(number.into())).await?;
                        }
                    }
                    Output::Error(errors) => self.send("error", Some(&id), Some(errors)).await?,
                    Output::Complete => self.send("complete", Some(&id), None::<()>).await?,
                },
                () = sleep_until(next_ping) => {
                    self.write(Message::Ping(Bytes::new())).await?;
                    next_ping = Instant::now() + ping_interval;
                }
                () = sleep_until(idle_until), if idle_since.is_some() => {
                    return Err(End::close(1000, "Nothing asked for too long"));
                }
                () = sleep_until(silent) => return Err(End::close(3008, "Nothing heard for too long")),
            }
        }
    }

    /// Begins an operation.
    fn start(
        &self,
        running: usize,
        params: Params,
        data: &(dyn Fn() -> async_graphql::Data + Send + Sync),
    ) -> Result<BoxStream<'static, GraphQlResponse>, RequestError> {
        let max = self.endpoint.inner.settings.operations_per_socket;
        if running >= max {
            let limit = "operations_per_socket";
            return Err(Violation::Exceeded { limit, max }.into());
        }
        let operation = self.endpoint.prepare(params)?;
        let mut data = data();
        data.insert(self.answers.arrivals());
        Ok(self.endpoint.stream(operation, data))
    }

    /// The next message. Cancelling it loses nothing.
    async fn receive(&mut self) -> Result<Incoming, End> {
        let message = match self.socket.recv().await {
            None => return Err(End::Gone),
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(broken(error)),
        };
        self.heard = Instant::now();
        match message {
            Message::Text(text) if text.len() > self.endpoint.inner.settings.message_bytes => {
                Err(End::close(close_code::SIZE, "Message too big"))
            }
            Message::Text(text) => decode(&text),
            Message::Binary(_) => Err(End::invalid("Messages must be text")),
            Message::Ping(_) => Ok(Incoming::Nothing),
            Message::Pong(number) => {
                if let Ok(number) = <[u8; 8]>::try_from(number.as_ref()) {
                    self.answers.answered(u64::from_be_bytes(number));
                }
                Ok(Incoming::Nothing)
            }
            Message::Close(_) => {
                self.answers.all();
                // Reading on sends the answer to the client's close frame.
                let _ = timeout(CLOSE_TIMEOUT, self.socket.recv()).await;
                Err(End::Gone)
            }
        }
    }

    async fn pong(&mut self, payload: Option<Value>) -> Result<(), End> {
        self.send("pong", None, payload).await
    }

    async fn send(
        &mut self,
        kind: &'static str,
        id: Option<&str>,
        payload: Option<impl Serialize>,
    ) -> Result<(), End> {
        let text = serde_json::to_string(&Outgoing { kind, id, payload })
            .map_err(|_| End::close(close_code::ERROR, "Internal server error"))?;
        self.write(Message::Text(text.into())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        let limit = self.endpoint.inner.settings.write_timeout;
        match timeout(limit, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    /// Closes the connection in order: says why, then waits for the client to close its side,
    /// because what it may still be sending would destroy the close frame on its way.
    async fn end(mut self, end: End) {
        let End::Close {
            code,
            reason,
            readable,
        } = end
        else {
            return;
        };
        let frame = CloseFrame {
            code,
            reason: short(&reason).into(),
        };
        let closed = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_err() {
                return;
            }
            if !readable {
                std::future::pending::<()>().await;
            }
            while let Some(Ok(_)) = self.socket.recv().await {}
        };
        let _ = timeout(CLOSE_TIMEOUT, closed).await;
    }
}

/// A close frame has room for 123 bytes of reason.
fn short(reason: &str) -> &str {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default()
}

/// What a failure to read says about the client.
fn broken(error: axum::Error) -> End {
    let error = error.into_inner();
    let (code, reason) = match error.downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => (close_code::SIZE, "Message too big"),
        Some(tungstenite::Error::Utf8(_)) => (close_code::INVALID, "Text must be UTF-8"),
        Some(tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )) => return End::Gone,
        Some(tungstenite::Error::Protocol(_)) => (close_code::PROTOCOL, "Protocol error"),
        _ => return End::Gone,
    };
    End::Close {
        code,
        reason: reason.into(),
        readable: false,
    }
}

/// Reads a message as the protocol document describes it, and nothing else.
fn decode(text: &str) -> Result<Incoming, End> {
    let Ok(Value::Object(mut message)) = serde_json::from_str(text) else {
        return Err(End::invalid("Message must be a JSON object"));
    };
    let kind = message.remove("type");
    let payload = match message.remove("payload") {
        None | Some(Value::Null) => None,
        Some(Value::Object(payload)) => Some(payload),
        Some(_) => return Err(End::invalid("Member 'payload' must be an object")),
    };
    let mut id = || match message.remove("id") {
        Some(Value::String(id)) if !id.is_empty() && id.len() <= MAX_ID_BYTES => Ok(id),
        _ => Err(End::invalid(
            "Member 'id' must be a string of 1 to 128 bytes",
        )),
    };
    match kind.as_ref().and_then(Value::as_str) {
        Some("connection_init") => Ok(Incoming::Init(payload.unwrap_or_default())),
        Some("ping") => Ok(Incoming::Ping(payload.map(Value::Object))),
        Some("pong") => Ok(Incoming::Nothing),
        Some("subscribe") => {
            let id = id()?;
            let payload = payload.ok_or(End::invalid("Member 'payload' is missing"))?;
            let params = Params::from_json(Value::Object(payload))
                .map_err(|_| End::invalid("Member 'payload' has members of the wrong type"))?;
            let named =
                params.document_id.is_some() || params.extensions.contains_key("persistedQuery");
            if params.query.is_none() && !named {
                return Err(End::invalid("Member 'payload.query' is missing"));
            }
            Ok(Incoming::Subscribe { id, params })
        }
        Some("complete") => Ok(Incoming::Complete { id: id()? }),
        Some(_) => Err(End::invalid("Unknown message type")),
        None => Err(End::invalid("Member 'type' must be a string")),
    }
}

/// The credentials in `connection_init`, else those of the handshake. Something else than text
/// where credentials belong is no good.
fn authorization(payload: &Map<String, Value>, handshake: &Parts) -> Result<Option<String>, End> {
    let forbidden = || End::close(4403, "Forbidden");
    let member = |wanted: &str| {
        let mut members = payload.iter();
        members
            .find(|(name, value)| name.eq_ignore_ascii_case(wanted) && !value.is_null())
            .map(|(_, value)| value.as_str().ok_or_else(forbidden))
            .transpose()
    };
    if let Some(header) = member("authorization")? {
        return Ok(Some(header.to_owned()));
    }
    if let Some(token) = member("token")? {
        return Ok(Some(format!("Token {token}")));
    }
    let header = handshake.headers.get(header::AUTHORIZATION);
    let header = header.map(|value| value.to_str().map_err(|_| forbidden()));
    Ok(header.transpose()?.map(str::to_owned))
}
