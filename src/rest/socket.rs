//! The legacy sockets: `/ws/chat/{user_id}/` and `/ws/chat/admin/`.
//!
//! A socket is authenticated before the upgrade, then drains a subscription of the schema into
//! the documented frames, and turns the frames that come in into the mutation that sends.
//! Whoever may not follow a room is told so by the subscription itself, and that refuses the
//! handshake; and no handshake is answered before the subscription listens, so that a client
//! misses nothing that is said once it is connected.
//!
//! Closed by the server with: 1001 when it goes down, 1002, 1007 and 1009 for what breaks the
//! protocol, is no text or is too big, 1008 when the login session ends, 1011 for a fault of
//! the server.

mod connection;
mod frames;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_graphql::futures_util::future::BoxFuture;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Request, Response as GraphQlResponse, Variables};
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::{Semaphore, watch};
use url::form_urlencoded;
use uuid::Uuid;

use self::connection::{Connection, Way};
use super::errors;
use crate::auth::{Viewer, parse_id};
use crate::error::{Error, Result, Unauthenticated};
use crate::graphql::HavenSchema;
use crate::graphql::context::{Listening, Origin};
use crate::graphql::errors::RequestId;

/// What a socket shows to say who it is.
pub enum Credential {
    /// The token of a login session.
    Token(String),
    /// A one-time ticket, used up by looking at it.
    Ticket(String),
}

/// Finds out who shows a credential. A bad one is nobody, with the reason.
pub type Authenticate = Arc<dyn Fn(Credential) -> BoxFuture<'static, Result<Viewer>> + Send + Sync>;

/// Bounds and times of the sockets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Sockets open at once.
    pub connections: usize,
    /// Bytes of a frame from a client.
    pub frame_bytes: usize,
    /// Time between two pings where nothing else is said.
    pub ping_interval: Duration,
    /// A peer from which nothing comes for this long, pongs included, is gone.
    pub silence: Duration,
    /// A peer that does not take a frame for this long is gone.
    pub write_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: 10_000,
            frame_bytes: 64 * 1024,
            ping_interval: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
        }
    }
}

/// What every socket shares.
struct Sockets {
    schema: HavenSchema,
    authenticate: Authenticate,
    settings: Settings,
    documents: Documents,
    connections: Arc<Semaphore>,
    shutdown: watch::Receiver<bool>,
}

/// The operations of the sockets, parsed once.
struct Documents {
    room: ExecutableDocument,
    desk: ExecutableDocument,
    send: ExecutableDocument,
    give_back: ExecutableDocument,
}

/// The routes of the sockets. Once `shutdown` holds `true`, or its sender is gone, each stores
/// what it is storing and closes; a task holds a receiver until then.
///
/// # Errors
/// If a checked-in operation can't be read, which a test rules out.
pub fn routes(
    schema: HavenSchema,
    authenticate: Authenticate,
    settings: Settings,
    shutdown: watch::Receiver<bool>,
) -> anyhow::Result<Router> {
    let read = |text| parse_query(text).context("an operation of the sockets can't be read");
    let sockets = Arc::new(Sockets {
        schema,
        authenticate,
        documents: Documents {
            room: read(include_str!("operations/socket_room.graphql"))?,
            desk: read(include_str!("operations/socket_desk.graphql"))?,
            send: read(include_str!("operations/socket_send.graphql"))?,
            give_back: read(include_str!("operations/socket_return.graphql"))?,
        },
        connections: Arc::new(Semaphore::new(settings.connections)),
        settings,
        shutdown,
    });
    Ok(Router::new()
        .route("/ws/chat/{room}", any(handle))
        .route("/ws/chat/{room}/", any(handle))
        .with_state(sockets))
}

/// Who a socket is, and what goes with each of its operations.
#[derive(Clone)]
struct Caller {
    viewer: Viewer,
    origin: Origin,
    request_id: RequestId,
}

impl Caller {
    fn request(&self, document: &ExecutableDocument, variables: serde_json::Value) -> Request {
        let mut request = Request::new("")
            .variables(Variables::from_json(variables))
            .data(self.viewer.clone())
            .data(self.origin)
            .data(self.request_id.clone());
        request.set_parsed_query(document.clone());
        request
    }
}

/// What a client says in the query of the URL.
#[derive(Default)]
struct Wishes {
    token: Option<String>,
    ticket: Option<String>,
    echo: bool,
    colleagues: bool,
}

impl Wishes {
    fn read(query: &str) -> Self {
        let mut wishes = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let on = || value == "1" || value.eq_ignore_ascii_case("true");
            match name.as_ref() {
                "token" if !value.is_empty() => wishes.token = Some(value.into_owned()),
                "ticket" if !value.is_empty() => wishes.ticket = Some(value.into_owned()),
                "echo" => wishes.echo = on(),
                "colleagues" => wishes.colleagues = on(),
                _ => {}
            }
        }
        wishes
    }
}

async fn handle(
    State(sockets): State<Arc<Sockets>>,
    room: Result<Path<String>, PathRejection>,
    mut parts: Parts,
) -> Response {
    if parts.method != Method::GET {
        return method_not_allowed(&parts.method);
    }
    let request_id = parts.extensions.get().cloned();
    let request_id = request_id.unwrap_or_else(|| RequestId(Uuid::new_v4().simple().to_string()));
    // What is no text is no id either.
    let room = room.map_or_else(|_| String::new(), |Path(room)| room);
    match open(sockets, &room, &mut parts, &request_id).await {
        Ok(response) | Err(Refusal::Answer(response)) => response,
        Err(Refusal::Error(error)) => refuse(&error, &request_id),
    }
}

/// Why there is no socket.
enum Refusal {
    /// The schema said so.
    Error(Error),
    /// The request itself is wrong.
    Answer(Response),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

async fn open(
    sockets: Arc<Sockets>,
    room: &str,
    parts: &mut Parts,
    request_id: &RequestId,
) -> Result<Response, Refusal> {
    let wishes = Wishes::read(parts.uri.query().unwrap_or_default());
    let upgrade = WebSocketUpgrade::from_request_parts(parts, &()).await;
    let viewer = identify(&sockets, &wishes, parts, upgrade.is_ok()).await?;
    viewer.person()?;
    let way = match room {
        "admin" => Way::Desk,
        "me" => Way::Room("me".to_owned()),
        id if parse_id(id).is_some() => Way::Room(id.to_owned()),
        _ => return Err(Refusal::Answer(errors::not_found())),
    };
    let upgrade = upgrade.map_err(|_| Refusal::Answer(upgrade_required()))?;
    let permit = sockets
        .connections
        .clone()
        .try_acquire_owned()
        .map_err(|_| Error::Unavailable)?;
    let caller = Caller {
        viewer,
        origin: Origin(Uuid::new_v4()),
        request_id: request_id.clone(),
    };
    let listening = Listening::default();
    let documents = &sockets.documents;
    let request = match &way {
        Way::Room(user_id) => caller.request(
            &documents.room,
            json!({"user_id": user_id, "echo": wishes.echo}),
        ),
        Way::Desk => caller.request(&documents.desk, json!({"colleagues": wishes.colleagues})),
    };
    let mut said = sockets
        .schema
        .execute_stream(request.data(listening.clone()));
    let first = tokio::select! {
        biased;
        first = said.next() => Some(first.ok_or(Error::Unavailable)?),
        () = listening.0.notified() => None,
    };
    if let Some(error) = first.as_ref().and_then(failure) {
        return Err(error.into());
    }
    let bytes = sockets.settings.frame_bytes;
    Ok(upgrade
        // More than is allowed is still read, so that a client in the middle of sending lives
        // to see why it is closed.
        .max_message_size(bytes.saturating_mul(16))
        .max_frame_size(bytes.saturating_mul(16))
        .read_buffer_size(8 * 1024)
        .protocols(["token"])
        .on_upgrade(move |socket| async move {
            let connection = Connection::new(sockets, caller, way, said, socket);
            connection.run(first).await;
            drop(permit);
        }))
}

/// Who opens the socket: by the token in the query, the `Authorization` header, which the
/// router has read, the subprotocol, or the ticket, in this order.
async fn identify(
    sockets: &Sockets,
    wishes: &Wishes,
    parts: &Parts,
    upgrade: bool,
) -> Result<Viewer, Refusal> {
    let by_header = parts.extensions.get::<Viewer>().cloned();
    let nobody = Viewer::Nobody(Unauthenticated::NotProvided);
    let credential = if let Some(token) = &wishes.token {
        Credential::Token(token.clone())
    } else if let Some(
        viewer @ (Viewer::Person(_)
        | Viewer::Nobody(
            Unauthenticated::NoToken
            | Unauthenticated::TokenWithSpaces
            | Unauthenticated::InvalidToken
            | Unauthenticated::Inactive
            | Unauthenticated::WrongCredentials,
        )),
    ) = by_header
    {
        return Ok(viewer);
    } else if let Some(token) = token_of_protocols(&parts.headers) {
        Credential::Token(token)
    } else if let Some(ticket) = &wishes.ticket {
        // A page that looks at the URL must not use the ticket up.
        if !upgrade {
            return Err(Refusal::Answer(upgrade_required()));
        }
        Credential::Ticket(ticket.clone())
    } else {
        return Ok(nobody);
    };
    Ok((sockets.authenticate)(credential).await?)
}

/// The token behind the subprotocol `token`, for browsers, which can't set headers.
fn token_of_protocols(headers: &HeaderMap) -> Option<String> {
    let mut offered = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    offered.find(|protocol| *protocol == "token")?;
    offered
        .find(|protocol| !protocol.is_empty())
        .map(str::to_owned)
}

/// The error in an answer of the schema, if there is one, as the domain meant it.
fn failure(response: &GraphQlResponse) -> Option<Error> {
    let error = response.errors.first()?;
    Some(match error.source::<Error>() {
        Some(Error::Unauthenticated(reason)) => Error::Unauthenticated(*reason),
        Some(Error::Forbidden) => Error::Forbidden,
        Some(Error::NotFound(noun)) => Error::NotFound(*noun),
        Some(Error::Invalid(fields)) => Error::Invalid(fields.clone()),
        Some(Error::Conflict(what)) => Error::Conflict(what),
        Some(Error::RateLimited) => Error::RateLimited,
        Some(Error::Unavailable) => Error::Unavailable,
        // Logged where the schema presented it, which is why the cause need not come along.
        Some(Error::Database(_) | Error::Internal(_)) | None => {
            Error::Internal(anyhow::anyhow!("an operation of a socket failed"))
        }
    })
}

fn refuse(error: &Error, request_id: &RequestId) -> Response {
    match error {
        Error::Unauthenticated(reason) => errors::unauthenticated(*reason),
        Error::Forbidden => errors::error(
            StatusCode::FORBIDDEN,
            "You are not authorized to access this chat",
        ),
        Error::NotFound(_) => errors::error(StatusCode::NOT_FOUND, "User not found"),
        Error::Database(_) | Error::Internal(_) => errors::fault(&request_id.0),
        Error::Invalid(_) | Error::Conflict(_) | Error::RateLimited | Error::Unavailable => {
            let status = error.code().parts().1;
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            errors::detail(status, &error.to_string())
        }
    }
}

fn method_not_allowed(method: &Method) -> Response {
    let text = format!("Method \"{method}\" not allowed.");
    let mut response = errors::detail(StatusCode::METHOD_NOT_ALLOWED, &text);
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("GET"));
    response
}

fn upgrade_required() -> Response {
    let mut response = errors::detail(
        StatusCode::UPGRADE_REQUIRED,
        "This address speaks WebSocket only.",
    );
    response
        .headers_mut()
        .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
}
