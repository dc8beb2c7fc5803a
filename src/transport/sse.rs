//! `graphql-sse` in distinct connections mode: one HTTP request, one operation, one event stream.

use std::convert::Infallible;
use std::pin::pin;

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Response as GraphQlResponse};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Duration, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument;

use super::errors::{RequestError, classify, coded};
use super::http::refuse;
use super::negotiate::{ResponseType, accepts_event_stream};
use super::{Endpoint, going_down};

/// Events made and not yet written to the client; more of them wait in their subscription. An
/// event may be large, and a client that doesn't read holds on to these until it is dropped.
const QUEUE: usize = 1;

/// Browsers dispatch an event only when it has a `data` line, be it empty.
const COMPLETE: &str = "event: complete\ndata: \n\n";

/// A comment, which clients ignore and proxies count as a sign of life.
const KEEP_ALIVE: &str = ":\n\n";

/// Answers GET and POST with an event stream. What is refused before execution is answered as
/// over HTTP, with a status of 4xx.
pub(super) async fn handle<E: Executor>(
    State(endpoint): State<Endpoint<E>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    if !accepts_event_stream(&parts.headers) {
        let error = RequestError::malformed(
            StatusCode::NOT_ACCEPTABLE,
            "NOT_ACCEPTABLE",
            "This address answers with `text/event-stream`.",
        );
        return refuse(error, ResponseType::GraphQl);
    }
    let operation = match endpoint.receive(&parts, body).await {
        Ok(operation) => operation,
        Err(error) => return refuse(error, ResponseType::GraphQl),
    };
    let Some(permit) = endpoint.connection() else {
        return refuse(too_many(), ResponseType::GraphQl);
    };
    let session = match endpoint.caller(&parts, &operation).await {
        Ok(session) => session,
        Err(error) => return refuse(error, ResponseType::GraphQl),
    };
    let kind = operation.kind;
    let mut responses = endpoint.stream(operation, (session.data)()).fuse().boxed();

    // What the executor refuses has to be answered before the stream begins. It validates when it
    // is first polled, so that one poll will do for a subscription, which may be silent for
    // hours afterwards. The one response of a query or mutation is waited for.
    let first = if kind == OperationType::Subscription {
        next_if_ready(&mut responses).await
    } else {
        responses.next().await
    };
    let first = match first.map(classify).transpose() {
        Ok(first) => first,
        Err(errors) => return refuse(RequestError::refused(errors), ResponseType::GraphQl),
    };
    let rest = responses.map(|response| match classify(response) {
        Ok(response) => response,
        Err(errors) => GraphQlResponse::from_errors(errors),
    });
    let (sender, receiver) = mpsc::channel(QUEUE);
    let task = pump(Pump {
        responses: stream::iter(first).chain(rest).boxed(),
        ended: session.ended,
        shutdown: endpoint.inner.shutdown.clone(),
        write_timeout: endpoint.inner.settings.write_timeout,
        keep_alive: endpoint.inner.settings.sse_keep_alive,
        sender,
        _permit: permit,
    });
    tokio::spawn(task.in_current_span());

    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // nginx gathers answers before it passes them on, unless told not to.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let events = ReceiverStream::new(receiver).map(Ok::<Bytes, Infallible>);
    (headers, Body::from_stream(events)).into_response()
}

impl<E> Endpoint<E> {
    /// A place among the connections that may be open.
    pub(super) fn connection(&self) -> Option<OwnedSemaphorePermit> {
        self.inner.connections.clone().try_acquire_owned().ok()
    }
}

/// The answer when as many connections are open as may be.
pub(super) fn too_many() -> RequestError {
    RequestError::malformed(
        StatusCode::SERVICE_UNAVAILABLE,
        "UNAVAILABLE",
        "Too many connections are open. Try again later.",
    )
}

/// The next response if it is there without waiting; the stream is left intact otherwise.
async fn next_if_ready(
    responses: &mut BoxStream<'static, GraphQlResponse>,
) -> Option<GraphQlResponse> {
    tokio::select! {
        biased;
        response = responses.next() => response,
        () = std::future::ready(()) => None,
    }
}

/// What moves responses from an operation to the client.
struct Pump {
    responses: BoxStream<'static, GraphQlResponse>,
    ended: BoxFuture<'static, ()>,
    shutdown: watch::Receiver<bool>,
    write_timeout: Duration,
    keep_alive: Duration,
    sender: mpsc::Sender<Bytes>,
    _permit: OwnedSemaphorePermit,
}

/// Runs until the operation is over, the client is gone or doesn't read, the credentials end, or
/// the server goes down. It is a task of its own so that a client which doesn't read can't hold
/// on to its subscription: the response's body is not asked for more then.
async fn pump(pump: Pump) {
    let Pump {
        mut responses,
        ended,
        shutdown,
        write_timeout,
        keep_alive,
        sender,
        _permit,
    } = pump;
    let send = async |event: String| {
        let sent = timeout(write_timeout, sender.send(event.into())).await;
        matches!(sent, Ok(Ok(())))
    };
    let flow = async {
        // Said while a comment waited for its place; `Some(None)` at the end.
        let mut said = None;
        loop {
            let response = match said.take() {
                Some(response) => Ok(response),
                None => timeout(keep_alive, responses.next()).await,
            };
            let sent = match response {
                // The operation has just spoken, and so holds nothing while this waits.
                Ok(Some(response)) => send(next_event(&response)).await,
                Ok(None) => break,
                // It may be in the middle of a query, and must not be left standing there.
                Err(_) => {
                    let mut sent = pin!(send(KEEP_ALIVE.to_owned()));
                    loop {
                        tokio::select! {
                            biased;
                            sent = &mut sent => break sent,
                            response = responses.next(), if said.is_none() => {
                                said = Some(response);
                            }
                        }
                    }
                }
            };
            if !sent {
                return;
            }
        }
        send(COMPLETE.to_owned()).await;
    };
    tokio::select! {
        biased;
        () = sender.closed() => {}
        () = going_down(shutdown) => {}
        () = ended => {
            let error = async_graphql::ServerError::new("The credentials have ended.", None);
            let response = GraphQlResponse::from_errors(vec![coded(error, "UNAUTHENTICATED")]);
            if send(next_event(&response)).await {
                send(COMPLETE.to_owned()).await;
            }
        }
        () = flow => {}
    }
}

/// JSON text has no line breaks, so that it is one `data` line.
fn next_event(response: &GraphQlResponse) -> String {
    match serde_json::to_string(response) {
        Ok(json) => format!("event: next\ndata: {json}\n\n"),
        Err(_) => COMPLETE.to_owned(),
    }
}
