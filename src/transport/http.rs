//! GraphQL over HTTP, as the specification of that name has it.

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, ServerError};
use async_graphql_axum::GraphQLResponse;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Serialize;
use tokio::time::timeout;

use super::errors::{RequestError, classify};
use super::limits::at_most;
use super::negotiate::{ResponseType, is_json};
use super::params::Params;
use super::prepare::Operation;
use super::{Asking, Endpoint, Session};

/// Answers GET and POST.
pub(super) async fn handle<E: Executor>(
    State(endpoint): State<Endpoint<E>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Some(accepted) = ResponseType::of(&parts.headers) else {
        return refuse(not_acceptable(), ResponseType::Json);
    };
    let operation = match endpoint.receive(&parts, body).await {
        Ok(operation) => operation,
        Err(error) => return refuse(error, accepted),
    };
    if operation.kind == OperationType::Subscription {
        let error = RequestError::of_code(
            "SUBSCRIPTION_NOT_SUPPORTED",
            "Subscriptions need a stream: use `graphql-transport-ws` at `/ws` below this address, \
             or `graphql-sse` at `/sse`.",
        );
        return refuse(error, accepted);
    }
    let session = match endpoint.caller(&parts, &operation).await {
        Ok(session) => session,
        Err(error) => return refuse(error, accepted),
    };
    let response = endpoint.run(operation, (session.data)()).await;
    match classify(response) {
        Ok(response) => {
            let mut answer = GraphQLResponse(response.into()).into_response();
            finish(&mut answer, accepted);
            answer
        }
        Err(errors) => refuse(RequestError::refused(errors), accepted),
    }
}

impl<E: Executor> Endpoint<E> {
    /// Who is calling, once it is known for what.
    pub(super) async fn caller(
        &self,
        parts: &Parts,
        operation: &Operation,
    ) -> Result<Session, RequestError> {
        let fields = &operation.fields;
        let caller = (self.inner.access.http)(Asking { parts, fields });
        Ok(caller.await?)
    }

    /// The operation in a GET or POST request; a mutation by GET is refused, so that no link can
    /// change anything.
    pub(super) async fn receive(
        &self,
        parts: &Parts,
        body: Body,
    ) -> Result<Operation, RequestError> {
        match parts.method {
            Method::POST => {
                if !is_json(&parts.headers) {
                    return Err(RequestError::malformed(
                        StatusCode::UNSUPPORTED_MEDIA_TYPE,
                        "UNSUPPORTED_MEDIA_TYPE",
                        "The body must be `application/json` in UTF-8, without content encoding.",
                    ));
                }
                let settings = &self.inner.settings;
                let body = read(body, settings.limits.body_bytes);
                let body = timeout(settings.body_timeout, body).await.map_err(|_| {
                    RequestError::malformed(
                        StatusCode::REQUEST_TIMEOUT,
                        "REQUEST_TIMEOUT",
                        "The body took too long to arrive.",
                    )
                })??;
                let value = serde_json::from_slice(&body)
                    .map_err(|_| RequestError::bad_request("The body is not JSON."))?;
                self.prepare(Params::from_json(value)?)
            }
            Method::GET | Method::HEAD => {
                let query = parts.uri.query().unwrap_or_default();
                let operation = self.prepare(Params::from_query(query)?)?;
                if operation.kind == OperationType::Mutation {
                    return Err(not_allowed("Mutations must be sent by POST."));
                }
                Ok(operation)
            }
            _ => Err(not_allowed("Only GET and POST are answered here.")),
        }
    }
}

fn not_allowed(message: &str) -> RequestError {
    RequestError::malformed(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        message,
    )
}

fn not_acceptable() -> RequestError {
    RequestError::malformed(
        StatusCode::NOT_ACCEPTABLE,
        "NOT_ACCEPTABLE",
        "Answers are `application/graphql-response+json` or `application/json`, in UTF-8.",
    )
}

/// Reads a body of up to `max` bytes.
async fn read(body: Body, max: usize) -> Result<Vec<u8>, RequestError> {
    let mut bytes = Vec::new();
    let mut seen = 0_u64;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|_| RequestError::bad_request("The body did not arrive whole."))?;
        seen = seen.saturating_add(chunk.len() as u64);
        if at_most("body_bytes", seen, max).is_ok() {
            bytes.extend_from_slice(&chunk);
        } else if at_most("body_bytes", seen, max.saturating_mul(4)).is_err() {
            break;
        }
        // A little too much is read to its end and thrown away: many clients look for an answer
        // only when they have sent everything.
    }
    at_most("body_bytes", seen, max).map_err(|violation| RequestError {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        well_formed: false,
        ..violation.into()
    })?;
    Ok(bytes)
}

/// The body of an answer to a request that wasn't executed: there is no `data`.
#[derive(Serialize)]
struct Refusal {
    errors: Vec<ServerError>,
}

/// The answer to a request that wasn't executed.
pub(super) fn refuse(error: RequestError, accepted: ResponseType) -> Response {
    let status = match accepted {
        ResponseType::Json if error.well_formed => StatusCode::OK,
        _ => error.status,
    };
    let mut answer = (
        status,
        axum::Json(Refusal {
            errors: error.errors,
        }),
    )
        .into_response();
    finish(&mut answer, accepted);
    let headers = answer.headers_mut();
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            headers.insert("accept-post", HeaderValue::from_static("application/json"));
        }
        _ => {}
    }
    answer
}

/// The headers that every answer has. Answers are about persons: nobody may keep them unless the
/// schema says so of a field.
fn finish(answer: &mut Response, accepted: ResponseType) {
    let headers = answer.headers_mut();
    let content_type = HeaderValue::from_static(accepted.content_type());
    headers.insert(header::CONTENT_TYPE, content_type);
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.append(header::VARY, HeaderValue::from_static("accept"));
}
