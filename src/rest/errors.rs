//! How an error looks to the legacy app: the documented status and text.

use async_graphql::{Name, ServerError, Value, indexmap::IndexMap};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::body::Unusable;
use super::endpoints::Endpoint;
use super::operation::Operation;
use super::shape::object;
use crate::error::{Code, Error, Noun, Problem, Unauthenticated};

/// A body with its status, as compact JSON.
pub fn answer(status: StatusCode, body: &Value) -> Response {
    let text = serde_json::to_string(body).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// `{"detail": …}`, for what the documentation has no text for.
pub fn detail(status: StatusCode, text: &str) -> Response {
    answer(status, &object([("detail", text.into())]))
}

/// `{"error": …}`, for what the documentation has a text for.
pub fn error(status: StatusCode, text: &str) -> Response {
    answer(status, &object([("error", text.into())]))
}

/// For a path that nobody serves.
pub fn not_found() -> Response {
    detail(StatusCode::NOT_FOUND, "Not found.")
}

/// For something that the data of an answer says is not there.
pub fn missing(endpoint: &Endpoint, noun: Noun) -> Response {
    match endpoint.not_found.iter().find(|(known, _)| *known == noun) {
        Some((_, text)) => error(StatusCode::NOT_FOUND, text),
        None => not_found(),
    }
}

/// For a body of no use.
pub fn unusable(endpoint: &Endpoint, problem: &Unusable) -> Response {
    let status = problem.status();
    match problem {
        Unusable::TooLong => detail(status, "Request body is too large."),
        Unusable::TooSlow => detail(status, "The request body did not arrive in time."),
        Unusable::Broken => detail(status, "The request body broke off."),
        Unusable::Malformed(text) => detail(status, text),
        Unusable::Type(name) => detail(
            status,
            &format!("Unsupported media type \"{name}\" in request."),
        ),
        Unusable::NoObject(kind) => match endpoint.missing {
            Some(text) => error(status, text),
            None => {
                let text = format!("Invalid data. Expected a dictionary, but got {kind}.");
                let messages = Value::List(vec![text.into()]);
                answer(status, &object([("non_field_errors", messages)]))
            }
        },
    }
}

/// For fields that are wrong, by the names the legacy app knows.
fn fields(endpoint: &Endpoint, wrong: &[(&str, &Problem)]) -> Response {
    let status = StatusCode::BAD_REQUEST;
    if let Some(text) = endpoint.missing
        && wrong.iter().any(|(_, problem)| problem.is_missing())
    {
        return error(status, text);
    }
    let mut body: IndexMap<Name, Value> = IndexMap::new();
    for (name, problem) in wrong {
        let message = Value::from(problem.to_string());
        let entry = body
            .entry(Name::new(name))
            .or_insert_with(|| Value::List(Vec::new()));
        if let Value::List(messages) = entry {
            messages.push(message);
        }
    }
    answer(status, &Value::Object(body))
}

/// For an error of the operation itself.
pub fn of_operation(
    endpoint: &Endpoint,
    operation: &Operation,
    failed: &ServerError,
    request_id: &str,
) -> Response {
    let Some(source) = failed.source::<Error>() else {
        // Only a document or a variable that does not fit the schema has no typed error; tests
        // rule both out. The library's texts quote values, so they are kept out of the log.
        let (path, method) = (endpoint.path, endpoint.method);
        tracing::error!(request_id, method, path, "an operation document failed");
        return fault(request_id);
    };
    match source {
        Error::Unauthenticated(reason) => unauthenticated(*reason),
        Error::Forbidden => error(StatusCode::FORBIDDEN, endpoint.forbidden),
        Error::NotFound(noun) => missing(endpoint, *noun),
        Error::Invalid(wrong) => {
            let unknown = wrong.iter().find_map(|wrong| match wrong.problem {
                Problem::Unknown(noun) => Some(noun),
                _ => None,
            });
            if let Some(noun) = unknown {
                let name = match noun {
                    Noun::AlarmScenario => "AlarmScenario",
                    Noun::MusicTrack => "MusicTrack",
                    _ => "Therapist",
                };
                let text = format!("{name} not found with this id.");
                return error(StatusCode::BAD_REQUEST, &text);
            }
            let mut wrong: Vec<(&str, &Problem)> = wrong
                .iter()
                .map(|wrong| (operation.legacy_name(wrong.field), &wrong.problem))
                .collect();
            wrong.sort_by_key(|(name, _)| operation.position(name));
            fields(endpoint, &wrong)
        }
        other => {
            let code = other.code();
            if code == Code::Internal {
                return fault(request_id);
            }
            let status =
                StatusCode::from_u16(code.parts().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            detail(status, &other.to_string())
        }
    }
}

/// For nobody, with the reason.
pub fn unauthenticated(reason: Unauthenticated) -> Response {
    let text = reason.to_string();
    let mut response = match reason {
        Unauthenticated::WrongCredentials => error(StatusCode::UNAUTHORIZED, &text),
        _ => detail(StatusCode::UNAUTHORIZED, &text),
    };
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Token"));
    response
}

/// For a fault of the server. The request id finds it in the log.
pub fn fault(request_id: &str) -> Response {
    let body = object([
        ("detail", "Internal server error.".into()),
        ("request_id", request_id.into()),
    ]);
    answer(StatusCode::INTERNAL_SERVER_ERROR, &body)
}
