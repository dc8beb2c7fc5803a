//! haven's own GraphQL transport: HTTP, `graphql-transport-ws` and `graphql-sse`.
//!
//! It knows nothing of haven's schema: any executor with its SDL will do. Every operation, by
//! whatever way it comes, takes the same steps ([`Endpoint::prepare`]): the limits on its text,
//! one parse, the limits on what it stands for, the coercion of its variables; then the executor
//! validates and runs it. What is refused on the way has `extensions.code`:
//!
//! | code | meaning |
//! |---|---|
//! | `BAD_REQUEST` | the body, URL or parameter has the wrong form |
//! | `BATCH_NOT_SUPPORTED` | a list of requests |
//! | `METHOD_NOT_ALLOWED`, `NOT_ACCEPTABLE`, `REQUEST_TIMEOUT`, `UNSUPPORTED_MEDIA_TYPE`, `UPGRADE_REQUIRED` | as in HTTP |
//! | `LIMIT_EXCEEDED` | `extensions.limit` names the limit, `extensions.max` its value |
//! | `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED` | the document is wrong |
//! | `OPERATION_RESOLUTION_FAILURE` | no such operation, or several and none named |
//! | `BAD_USER_INPUT` | a variable has the wrong type; `extensions.variable` names it |
//! | `SUBSCRIPTION_NOT_SUPPORTED` | a subscription by plain HTTP |
//! | `PERSISTED_QUERY_NOT_FOUND`, `PERSISTED_QUERY_NOT_SUPPORTED`, `PERSISTED_QUERY_HASH_MISMATCH` | Apollo's protocol |
//! | `PERSISTED_QUERY_NOT_IN_LIST`, `QUERY_NOT_IN_SAFELIST` | only the operations of a list run here, and the hash or the text is of none of them |
//! | `UNAVAILABLE` | as many connections are open as may be, or the credentials can't be checked now |
//! | `FORBIDDEN` | the credentials are refused |
//! | `UNAUTHENTICATED` | the credentials behind an event stream ended |
//! | `INTERNAL` | a resolver panicked |

mod complexity;
mod errors;
mod http;
mod limits;
mod manifest;
mod negotiate;
mod operations;
mod params;
mod persisted;
mod prepare;
mod sse;
mod subscriptions;
mod variables;
mod ws;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Data, Executor, Name, parser};
use axum::Router;
use axum::http::request::Parts;
use axum::routing::any;
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, watch};

pub use limits::{Cost, Limits, Violation, check, scan};
pub use manifest::{Manifest, ManifestError};
pub use persisted::PersistedLimits;
pub use variables::ScalarCheck;

/// Who is behind a request or a socket, as the transport sees it.
pub struct Session {
    /// Makes the request data of one execution: called anew for each operation, so that what is
    /// cached per request never outlives it.
    pub data: Arc<dyn Fn() -> Data + Send + Sync>,
    /// Resolves when the credentials end: log-out, revocation, expiry. Sockets are closed then
    /// and event streams ended; a plain request doesn't look at it.
    pub ended: BoxFuture<'static, ()>,
}

/// What a client showed when it opened a socket.
pub struct Credentials {
    /// In the form of an `Authorization` header: the one in `connection_init` (members
    /// `authorization` in any case, or `token`, which becomes `Token …`), else the handshake's.
    pub authorization: Option<String>,
    /// The handshake: its headers, and the extensions that middleware put there.
    pub handshake: Parts,
}

/// Why a socket is not opened, or a request not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The credentials are no good: closed with 4403, answered with 403.
    Forbidden,
    /// They can't be checked now: closed with 1013, answered with 503, so the client tries again.
    Unavailable,
}

/// A request over HTTP whose operation may run as far as the transport can tell.
pub struct Asking<'a> {
    /// Its headers, and the extensions that middleware put there.
    pub parts: &'a Parts,
    /// What it asks for: the fields at the root of its operation, as the schema names them.
    pub fields: &'a [Name],
}

/// Who is calling, once that is found out.
pub type Admission = BoxFuture<'static, Result<Session, Refused>>;

/// How the transport learns who is calling.
pub struct Access {
    /// For HTTP and event streams. Without credentials, or with bad ones, it is for the
    /// application to say who the caller is.
    pub http: Arc<dyn Fn(Asking<'_>) -> Admission + Send + Sync>,
    /// For sockets, once `connection_init` is there. Without credentials it is for the
    /// application to say who an anonymous caller is.
    pub socket: Arc<dyn Fn(Credentials) -> Admission + Send + Sync>,
}

/// Bounds and times of the transport.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Limits of each request.
    pub limits: Limits,
    /// The store of automatic persisted queries; `None` turns them off.
    pub persisted: Option<PersistedLimits>,
    /// The operations that alone may run; then there are no automatic persisted queries.
    /// `None` lets any operation run.
    pub manifest: Option<Arc<Manifest>>,
    /// What the custom scalars of the schema accept in variables; others accept anything here,
    /// and their resolvers decide.
    pub scalars: Vec<(&'static str, ScalarCheck)>,
    /// Sockets and event streams open at once.
    pub connections: usize,
    /// Sockets open at once of those who showed no credentials: they cost nothing to open, and
    /// must leave places to everybody else.
    pub anonymous_sockets: usize,
    /// A socket without credentials on which nothing runs for this long is closed.
    pub anonymous_idle: Duration,
    /// Operations running at once on a socket.
    pub operations_per_socket: usize,
    /// Bytes of a WebSocket message from a client.
    pub message_bytes: usize,
    /// Time for the body of an HTTP request to arrive.
    pub body_timeout: Duration,
    /// Time from the opening of a socket to its acknowledged `connection_init`.
    pub init_timeout: Duration,
    /// Time between two pings on a socket.
    pub ping_interval: Duration,
    /// A socket on which nothing arrives for this long, pongs included, is closed.
    pub silence: Duration,
    /// A client that doesn't take a message for this long is dropped.
    pub write_timeout: Duration,
    /// Time between two comments on an event stream that has nothing to say.
    pub sse_keep_alive: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            persisted: Some(PersistedLimits::default()),
            manifest: None,
            scalars: Vec::new(),
            connections: 10_000,
            anonymous_sockets: 500,
            anonymous_idle: Duration::from_secs(30),
            operations_per_socket: 32,
            message_bytes: 256 * 1024,
            body_timeout: Duration::from_secs(30),
            init_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
            sse_keep_alive: Duration::from_secs(15),
        }
    }
}

/// A GraphQL service as clients reach it.
pub struct Endpoint<E> {
    inner: Arc<Inner<E>>,
}

impl<E> Clone for Endpoint<E> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

struct Inner<E> {
    executor: E,
    access: Access,
    settings: Settings,
    types: variables::InputTypes,
    outputs: complexity::OutputTypes,
    persisted: Option<persisted::Persisted>,
    connections: Arc<Semaphore>,
    anonymous_sockets: Arc<Semaphore>,
    shutdown: watch::Receiver<bool>,
}

impl<E: Executor> Endpoint<E> {
    /// An endpoint for `executor`, whose schema is `sdl`. Once `shutdown` holds `true`, or its
    /// sender is gone, sockets are closed with 1001 and event streams end without `complete`, so
    /// that clients connect again elsewhere.
    ///
    /// # Errors
    /// `sdl` is not a schema.
    pub fn new(
        executor: E,
        sdl: &str,
        access: Access,
        settings: Settings,
        shutdown: watch::Receiver<bool>,
    ) -> Result<Self, parser::Error> {
        Ok(Self {
            inner: Arc::new(Inner {
                executor,
                access,
                types: variables::InputTypes::new(sdl, &settings.scalars)?,
                outputs: complexity::OutputTypes::new(sdl)?,
                persisted: settings.persisted.map(persisted::Persisted::new),
                connections: Arc::new(Semaphore::new(settings.connections)),
                anonymous_sockets: Arc::new(Semaphore::new(settings.anonymous_sockets)),
                settings,
                shutdown,
            }),
        })
    }
}

/// The routes of an endpoint: GraphQL over HTTP at `path`, `graphql-transport-ws` at `{path}/ws`
/// and distinct connections of `graphql-sse` at `{path}/sse`.
pub fn router<E: Executor>(endpoint: Endpoint<E>, path: &str) -> Router {
    let path = path.trim_end_matches('/');
    Router::new()
        .route(path, any(http::handle::<E>))
        .route(&format!("{path}/ws"), any(ws::handle::<E>))
        .route(&format!("{path}/sse"), any(sse::handle::<E>))
        .with_state(endpoint)
}

/// Resolves when the server is going down.
async fn going_down(mut shutdown: watch::Receiver<bool>) {
    // An error means that the sender is gone, and the server with it.
    let _ = shutdown.wait_for(|down| *down).await;
}
