//! The whole HTTP surface and its middleware on one page.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tower_http::catch_panic::CatchPanicLayer;
use url::Url;
use uuid::Uuid;

use crate::access;
use crate::app::App;
use crate::auth::{Viewer, token_of_header};
use crate::bounces;
use crate::delivery;
use crate::domain::{accounts, alarms, assistant, support};
use crate::error::Error;
use crate::graphiql;
use crate::graphql::context::BaseUrl;
use crate::graphql::errors::RequestId;
use crate::graphql::{self, HavenSchema};
use crate::pages;
use crate::receipts;
use crate::rest::{self, socket};
use crate::transport;

mod connections;
mod health;

/// How long sockets may take to store what is under way and to close.
const CLOSING_PATIENCE: Duration = Duration::from_secs(15);

/// Every route of haven.
///
/// # Errors
/// If the schema does not fit its own text, which a test rules out; if the manifest of operations
/// can't be read, or holds one that can't run here.
pub async fn router(app: Arc<App>, shutdown: watch::Receiver<bool>) -> anyhow::Result<Router> {
    let schema: HavenSchema = graphql::schema(app.clone());
    let endpoint = transport::Endpoint::new(
        schema.clone(),
        &schema.sdl(),
        access::access(&app),
        transport_settings(&app).await?,
        shutdown.clone(),
    )?;
    let sockets = socket::routes(
        schema.clone(),
        access::sockets(&app),
        socket::Settings::default(),
        shutdown.clone(),
    )?;
    // GraphQL finds out who is asking once it knows for what.
    let graphql = transport::router(endpoint, "/graphql")
        .layer(middleware::from_fn_with_state(app.clone(), locate));
    let legacy = rest::router(&schema)?
        .merge(sockets)
        .layer(middleware::from_fn_with_state(app.clone(), identify))
        .layer(middleware::from_fn_with_state(app.clone(), locate));
    Ok(graphql
        .merge(legacy)
        .merge(health::routes(app.clone(), shutdown))
        .merge(receipts::router(app.clone()))
        .merge(bounces::router(app.clone()))
        .merge(graphiql::router(graphiql::FILES))
        .merge(pages::router(app.clone())?)
        .layer(CatchPanicLayer::custom(|_| fault(&new_request_id())))
        .layer(middleware::from_fn_with_state(app, observe)))
}

async fn transport_settings(app: &App) -> anyhow::Result<transport::Settings> {
    let mut settings = transport::Settings {
        scalars: graphql::scalars::CHECKS.to_vec(),
        ..transport::Settings::default()
    };
    if let Some(path) = &app.config.operations_manifest {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("HAVEN_OPERATIONS_MANIFEST: cannot read {}", path.display())
        })?;
        let manifest = transport::Manifest::parse(&text, &settings.limits)
            .with_context(|| format!("{} is no manifest of operations", path.display()))?;
        let validator = graphql::Validator::default();
        for (id, document) in manifest.documents() {
            validator
                .check(document)
                .await
                .with_context(|| format!("{}: operation {id}", path.display()))?;
        }
        settings.manifest = Some(Arc::new(manifest));
    }
    Ok(settings)
}

/// Serves, and sends notifications, until `shutdown` turns true; then finishes what is under way,
/// within bounds: a client that keeps its connection open can't keep the server from going. `ready`
/// is awaited once nothing is left that could keep it from serving.
///
/// # Errors
/// If the routes don't fit the schema, or the deliveries can't be written down; that of `ready`.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    shutdown: watch::Receiver<bool>,
    ready: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    // Before anything is started that a port in use would break off.
    let figures = match app.config.metrics_listen {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address} for metrics"))?,
        ),
        None => None,
    };
    // Whatever outlives its request, as sockets do, holds a receiver of this until it is done.
    let (down, going_down) = watch::channel(false);
    let router = router(app.clone(), going_down).await?;
    ready.await?;
    // Stopped after the last request, so that what that one started still goes out.
    let (served, all_served) = oneshot::channel::<()>();
    let delivering = tokio::spawn(delivery::run(app.clone(), async {
        let _ = all_served.await;
    }));
    let mending = tokio::spawn(assistant::mend(app.clone()));
    let keeping = tokio::spawn(alarms::keep(app.clone()));
    let mut watching = JoinSet::new();
    watching.spawn(delivery::watch(app.clone()));
    if let Some(listener) = figures {
        let (app, down) = (app.clone(), down.subscribe());
        watching.spawn(async move {
            let limits = connections::Limits::default();
            let stop = stopped(down);
            connections::serve(listener, health::metrics(app), limits, stop, || ()).await;
        });
    }
    let stop = async {
        stopped(shutdown).await;
        down.send_replace(true);
        // The guide finishes what the model is still at, so that nobody waits for it.
        app.answers.close();
    };
    connections::serve(
        listener,
        router,
        connections::Limits::default(),
        stop,
        || app.metrics.connection(),
    )
    .await;
    let _ = tokio::time::timeout(CLOSING_PATIENCE, down.closed()).await;
    mending.abort();
    keeping.abort();
    let _ = tokio::time::timeout(CLOSING_PATIENCE, app.answers.finished()).await;
    support::settle(&app).await?;
    drop(served);
    delivering.await?;
    Ok(())
}

/// Resolves once `shutdown` is true, or its sender is gone.
pub async fn stopped(mut shutdown: watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}

fn new_request_id() -> String {
    Uuid::new_v4().simple().to_string()
}

fn fault(request_id: &str) -> Response {
    let body = serde_json::json!({
        "detail": "Internal server error.",
        "request_id": request_id,
    });
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

/// Names each request, counts and logs it: method, route, status and time, never a path or a
/// query, because those hold ids and tokens.
async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let id = new_request_id();
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let started = Instant::now();
    let mut response = next.run(request).await;
    let (status, time) = (response.status().as_u16(), started.elapsed());
    tracing::debug!(
        request_id = id,
        %method,
        route,
        status,
        milliseconds = time.as_millis(),
        "answered"
    );
    app.metrics.answered(method.as_str(), route, status, time);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// Finds out under which URL a client asks.
async fn locate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| *peer);
    let base = base_url(&app, request.headers(), peer);
    request.extensions_mut().insert(base);
    let mut response = next.run(request).await;
    // Whatever is said to somebody who is logged in is theirs alone.
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Finds out who is asking, for REST and the legacy sockets. Decides nothing: a bad token is
/// nobody, with the reason.
async fn identify(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let alarm = request
        .extensions()
        .get::<MatchedPath>()
        .is_some_and(|path| rest::belongs_to_alarm(path.as_str()));
    let header = request
        .headers()
        .get(header::AUTHORIZATION)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let header = header.as_deref();
    let viewer = match token_of_header(header) {
        Err(reason) => Viewer::Nobody(reason),
        Ok(token) => {
            let found = if alarm {
                accounts::authenticate_alarm(&app, token).await
            } else {
                accounts::authenticate(&app, token).await
            };
            match found {
                Ok(viewer) => viewer,
                Err(error) => return unavailable(&request, &error),
            }
        }
    };
    request.extensions_mut().insert(viewer);
    next.run(request).await
}

fn unavailable(request: &Request<Body>, error: &Error) -> Response {
    let id = request
        .extensions()
        .get::<RequestId>()
        .map_or_else(new_request_id, |id| id.0.clone());
    tracing::error!(request_id = id, %error, "a token could not be looked up");
    let mut answer = fault(&id);
    if matches!(error, Error::Unavailable) {
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    answer
}

/// The URL under which the client reached this server: the configured one, else what a
/// trusted proxy says, else the `Host` header.
fn base_url(app: &App, headers: &HeaderMap, peer: Option<SocketAddr>) -> BaseUrl {
    if let Some(url) = &app.config.public_url {
        return BaseUrl(url.clone());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (mut scheme, mut host) = (None, text("host").map(str::to_owned));
    let trusted = peer.is_some_and(|peer| {
        let networks = &app.config.trusted_proxies;
        networks
            .iter()
            .any(|net| net.contains(&peer.ip().to_canonical()))
    });
    if trusted {
        // The last entry is the one that the trusted proxy itself wrote.
        let last = |value: &str| value.rsplit(',').next().map(|part| part.trim().to_owned());
        if let Some(forwarded) = text("forwarded").and_then(last) {
            for pair in forwarded.split(';') {
                match pair.trim().split_once('=') {
                    Some((name, value)) if name.eq_ignore_ascii_case("proto") => {
                        scheme = Some(value.trim_matches('"').to_owned());
                    }
                    Some((name, value)) if name.eq_ignore_ascii_case("host") => {
                        host = Some(value.trim_matches('"').to_owned());
                    }
                    _ => {}
                }
            }
        } else {
            scheme = text("x-forwarded-proto").and_then(last);
            host = text("x-forwarded-host").and_then(last).or(host);
        }
    }
    let scheme = scheme
        .filter(|scheme| scheme.eq_ignore_ascii_case("https"))
        .map_or("http", |_| "https");
    host.and_then(|host| Url::parse(&format!("{scheme}://{host}")).ok())
        .filter(|url| url.path() == "/" && url.query().is_none() && url.username().is_empty())
        .map_or_else(|| BaseUrl(app.local_url.clone()), BaseUrl)
}
