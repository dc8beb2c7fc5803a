//! The life of one socket.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Response;
use async_graphql::futures_util::stream::BoxStream;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite;

use super::frames::{Incoming, error_frame, incoming, outgoing, refused};
use super::{Caller, Sockets, failure};
use crate::error::Error;

/// How long a peer may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Messages remembered until the peer answers a ping. One that never does is still bounded.
const UNANSWERED: usize = 1000;

/// What a socket is connected to.
pub(super) enum Way {
    /// The room of a user, by id or `me`.
    Room(String),
    /// The desk of admins, with every room.
    Desk,
}

/// Why a socket ends.
enum End {
    /// The peer closed it, and has all that was sent.
    Closed,
    /// The peer is gone; what was sent last may be lost.
    Lost,
    /// The server closes it.
    Close {
        code: u16,
        reason: &'static str,
        /// Whether more can be read from the socket.
        readable: bool,
    },
}

impl End {
    const fn close(code: u16, reason: &'static str) -> Self {
        Self::Close {
            code,
            reason,
            readable: true,
        }
    }

    const fn fault() -> Self {
        Self::close(close_code::ERROR, "Internal server error")
    }
}

/// One socket: a single task that reads, stores and writes. While the peer takes its time to
/// receive a frame, nothing is queued for it.
pub(super) struct Connection {
    sockets: Arc<Sockets>,
    caller: Caller,
    way: Way,
    /// What the subscription says.
    said: BoxStream<'static, Response>,
    socket: WebSocket,
    /// When the peer was last heard of.
    heard: Instant,
    /// Pings sent so far.
    pings: u64,
    /// Something was sent since the last ping.
    ping_due: bool,
    /// Messages sent, with the number of the ping whose answer says that they arrived.
    unanswered: VecDeque<(u64, String)>,
}

impl Connection {
    pub(super) fn new(
        sockets: Arc<Sockets>,
        caller: Caller,
        way: Way,
        said: BoxStream<'static, Response>,
        socket: WebSocket,
    ) -> Self {
        Self {
            sockets,
            caller,
            way,
            said,
            socket,
            heard: Instant::now(),
            pings: 0,
            ping_due: false,
            unanswered: VecDeque::new(),
        }
    }

    /// Lives until the socket closes. `first` is what the subscription said already.
    pub(super) async fn run(mut self, first: Option<Response>) {
        let shutdown = self.sockets.shutdown.clone();
        let end = match self.talk(first, shutdown).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        // Whoever is being closed is no longer there, and gets nothing that is given back below.
        self.said = stream::empty().boxed();
        let lost = match end {
            End::Closed => false,
            End::Lost => true,
            End::Close {
                code,
                reason,
                readable,
            } => !self.close(code, reason, readable).await,
        };
        if lost && !self.unanswered.is_empty() {
            let ids: Vec<&str> = self.unanswered.iter().map(|(_, id)| id.as_str()).collect();
            let give_back = &self.sockets.documents.give_back;
            let request = self.caller.request(give_back, json!({"ids": ids}));
            // A failure is logged by the schema; the messages count as delivered then.
            self.sockets.schema.execute(request).await;
        }
    }

    async fn talk(
        &mut self,
        first: Option<Response>,
        mut shutdown: watch::Receiver<bool>,
    ) -> Result<std::convert::Infallible, End> {
        if let Some(first) = first {
            self.pass_on(first).await?;
        }
        let mut next_ping = Instant::now() + self.sockets.settings.ping_interval;
        loop {
            let silent = self.heard + self.sockets.settings.silence;
            // In this order: asking the subscription for more says that what it said arrived,
            // and that has to come before the news that the peer hangs up, or the server does.
            tokio::select! {
                biased;
                response = self.said.next() => {
                    self.pass_on(response.ok_or(End::fault())?).await?;
                }
                () = going_down(&mut shutdown) => {
                    return Err(End::close(close_code::AWAY, "The server is going down"));
                }
                () = std::future::ready(()), if self.ping_due => self.ping().await?,
                message = self.socket.recv() => self.take(message).await?,
                () = sleep_until(silent) => return Err(End::Lost),
                () = sleep_until(next_ping) => {
                    self.ping().await?;
                    next_ping = Instant::now() + self.sockets.settings.ping_interval;
                }
            }
        }
    }

    /// Writes what the subscription said.
    async fn pass_on(&mut self, response: Response) -> Result<(), End> {
        match failure(&response) {
            Some(Error::Unauthenticated(_) | Error::Forbidden) => {
                return Err(End::close(close_code::POLICY, "The login session ended"));
            }
            Some(_) => return Err(End::fault()),
            None => {}
        }
        let frame = outgoing(&self.way, response.data).map_err(|_| End::fault())?;
        if let Some(id) = frame.message_id {
            if self.unanswered.len() == UNANSWERED {
                self.unanswered.pop_front();
            }
            self.unanswered.push_back((self.pings + 1, id));
            self.ping_due = true;
        }
        self.write(Message::text(frame.text)).await
    }

    /// Asks the peer to say that it is there and has everything up to now.
    async fn ping(&mut self) -> Result<(), End> {
        self.pings += 1;
        self.ping_due = false;
        let number = self.pings.to_be_bytes().to_vec();
        self.write(Message::Ping(number.into())).await
    }

    /// Takes what came in.
    async fn take(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let message = match message {
            None => return Err(End::Lost),
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(broken(error)),
        };
        self.heard = Instant::now();
        match message {
            Message::Text(text) if text.len() > self.sockets.settings.frame_bytes => {
                Err(too_big(true))
            }
            Message::Binary(bytes) if bytes.len() > self.sockets.settings.frame_bytes => {
                Err(too_big(true))
            }
            Message::Text(text) => match incoming(&self.way, &text) {
                Ok(incoming) => self.send(incoming).await,
                Err(what) => self.object(&what).await,
            },
            Message::Binary(_) => self.object("Frames have to be text.").await,
            Message::Ping(_) => Ok(()),
            Message::Pong(number) => {
                if let Ok(number) = <[u8; 8]>::try_from(number.as_ref()) {
                    let answered = u64::from_be_bytes(number);
                    self.unanswered.retain(|(ping, _)| *ping > answered);
                }
                Ok(())
            }
            Message::Close(_) => {
                // Reading on sends the answer to the peer's close frame.
                let _ = timeout(CLOSE_TIMEOUT, self.socket.recv()).await;
                Err(End::Closed)
            }
        }
    }

    /// Stores a message. The next frame is read when that is done.
    async fn send(&mut self, incoming: Incoming) -> Result<(), End> {
        match self.store(incoming).await {
            None => Ok(()),
            Some(error) => self.object(&refused(&error)).await,
        }
    }

    /// Stores a message; why it was refused, if it was.
    async fn store(&mut self, incoming: Incoming) -> Option<Error> {
        let variables = json!({"user_id": incoming.user_id, "message": incoming.message});
        let request = self.caller.request(&self.sockets.documents.send, variables);
        failure(&self.sockets.schema.execute(request).await)
    }

    /// Says that a frame was wrong.
    async fn object(&mut self, what: &str) -> Result<(), End> {
        let frame = error_frame(what).map_err(|_| End::fault())?;
        self.write(Message::text(frame)).await
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        let limit = self.sockets.settings.write_timeout;
        match timeout(limit, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Lost),
        }
    }

    /// Closes the socket in order: says why, then waits for the peer to close its side, because
    /// what it may still be sending would destroy the close frame on its way. Whether the peer
    /// answered, and so has all that was sent.
    async fn close(&mut self, code: u16, reason: &'static str, readable: bool) -> bool {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let closed = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_err() {
                return false;
            }
            if !readable {
                return std::future::pending().await;
            }
            loop {
                match self.socket.recv().await {
                    Some(Ok(Message::Close(_))) => return true,
                    // Said before the peer knew that the server goes down.
                    Some(Ok(Message::Text(text))) if code == close_code::AWAY => {
                        if text.len() <= self.sockets.settings.frame_bytes
                            && let Ok(incoming) = incoming(&self.way, &text)
                        {
                            self.store(incoming).await;
                        }
                    }
                    Some(Ok(_)) => {}
                    None | Some(Err(_)) => return false,
                }
            }
        };
        timeout(CLOSE_TIMEOUT, closed).await.unwrap_or(false)
    }
}

async fn going_down(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and the server with it.
    let _ = shutdown.wait_for(|down| *down).await;
}

const fn too_big(readable: bool) -> End {
    End::Close {
        code: close_code::SIZE,
        reason: "Frame too big",
        readable,
    }
}

/// What a failure to read says about the peer.
fn broken(error: axum::Error) -> End {
    let unreadable = |code, reason| End::Close {
        code,
        reason,
        readable: false,
    };
    let error = error.into_inner();
    match error.downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => too_big(false),
        Some(tungstenite::Error::Utf8(_)) => {
            unreadable(close_code::INVALID, "Text has to be UTF-8")
        }
        Some(tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )) => End::Lost,
        Some(tungstenite::Error::Protocol(_)) => unreadable(close_code::PROTOCOL, "Protocol error"),
        _ => End::Lost,
    }
}
