//! Errors that the transport itself answers with: requests that never reach a resolver.

use async_graphql::parser::Error as ParserError;
use async_graphql::{ErrorExtensionValues, Response, ServerError};
use axum::http::StatusCode;

use super::Refused;
use super::limits::Violation;

/// How many errors one answer holds at most: a document can have as many mistakes as it has
/// tokens, and each is answered with a sentence.
const MAX_ERRORS: usize = 20;

/// A request that is refused before anything of it is executed.
#[derive(Debug)]
pub(super) struct RequestError {
    /// The status over HTTP.
    pub status: StatusCode,
    /// Whether the request has the form that the GraphQL over HTTP specification asks for, and
    /// only its document or variables are at fault. Then the answer is 200 where the client
    /// accepts nothing but `application/json`, as the specification advises.
    pub well_formed: bool,
    /// Never empty; each has `extensions.code`.
    pub errors: Vec<ServerError>,
}

impl RequestError {
    /// A request that isn't what the protocol asks for.
    pub fn malformed(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            well_formed: false,
            errors: vec![coded(ServerError::new(message, None), code)],
        }
    }

    /// A request of the right form which asks for something that can't be done.
    pub fn refused(errors: Vec<ServerError>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            well_formed: true,
            errors,
        }
    }

    /// Like [`Self::refused`] with a single error without a place in the document.
    pub fn of_code(code: &str, message: impl Into<String>) -> Self {
        Self::refused(vec![coded(ServerError::new(message, None), code)])
    }

    /// The answer to a body, URL or message that has the wrong form.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::malformed(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }
}

impl From<Refused> for RequestError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Forbidden => Self::malformed(
                StatusCode::FORBIDDEN,
                "FORBIDDEN",
                "The credentials are refused.",
            ),
            Refused::Unavailable => Self::malformed(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                "The service is busy. Try again later.",
            ),
        }
    }
}

impl From<Violation> for RequestError {
    fn from(violation: Violation) -> Self {
        let message = violation.to_string();
        let error = match violation {
            Violation::Exceeded { limit, max } => {
                exceeded(ServerError::new(message, None), limit, Some(max))
            }
            Violation::FragmentCycle { .. } => {
                coded(ServerError::new(message, None), "GRAPHQL_VALIDATION_FAILED")
            }
        };
        Self::refused(vec![error])
    }
}

impl From<ParserError> for RequestError {
    fn from(error: ParserError) -> Self {
        let locations = error.positions().collect();
        let mut answer = match &error {
            // The parser's message draws the offending line, however long it is; its last line
            // says what was expected.
            ParserError::Syntax { message, .. } => {
                let expected = message.lines().last().unwrap_or_default();
                let expected = expected.trim_start_matches([' ', '=']);
                let text = format!("Syntax error: {expected}");
                coded(ServerError::new(text, None), "GRAPHQL_PARSE_FAILED")
            }
            ParserError::RecursionLimitExceeded => exceeded(
                ServerError::new("The document is nested too deeply.", None),
                "nesting",
                None,
            ),
            ParserError::MissingOperation => coded(
                ServerError::new("The document has no operation.", None),
                "GRAPHQL_PARSE_FAILED",
            ),
            other => coded(
                ServerError::new(other.to_string(), None),
                "GRAPHQL_VALIDATION_FAILED",
            ),
        };
        answer.locations = locations;
        Self::refused(vec![answer])
    }
}

/// A name of the client's making as errors repeat it: no name that means anything is longer.
pub(super) fn shown(name: &str) -> String {
    const MOST: usize = 128;
    name.chars().take(MOST).collect()
}

/// `error` with `extensions.code`.
pub(super) fn coded(mut error: ServerError, code: &str) -> ServerError {
    error
        .extensions
        .get_or_insert_with(ErrorExtensionValues::default)
        .set("code", code);
    error
}

/// `error` as the answer to a limit exceeded: the code, the name of the limit, its value.
fn exceeded(error: ServerError, limit: &str, max: Option<usize>) -> ServerError {
    let mut error = coded(error, "LIMIT_EXCEEDED");
    let extensions = error
        .extensions
        .get_or_insert_with(ErrorExtensionValues::default);
    extensions.set("limit", limit);
    if let Some(max) = max {
        extensions.set("max", max);
    }
    error
}

/// The answer when a resolver panicked or its task was lost.
pub(super) fn internal() -> Response {
    let error = ServerError::new("Internal server error.", None);
    Response::from_errors(vec![coded(error, "INTERNAL")])
}

/// Gives each error of an executed or refused response its `extensions.code`, and tells which of
/// the two it is: `Err` holds the errors of a request that was refused before execution.
///
/// A refused request has no data and none of its errors has a path, because the executor gives
/// every error it meets the path of the field; before execution there are no fields.
pub(super) fn classify(mut response: Response) -> Result<Response, Vec<ServerError>> {
    response.errors.truncate(MAX_ERRORS);
    let before_execution = !response.errors.is_empty()
        && response.data == async_graphql::Value::Null
        && response.errors.iter().all(|error| error.path.is_empty());
    let errors = std::mem::take(&mut response.errors).into_iter();
    let errors = errors
        .map(|error| with_code(error, before_execution))
        .collect();
    if before_execution {
        return Err(errors);
    }
    response.errors = errors;
    Ok(response)
}

/// Errors that the GraphQL library makes come without a code. Its texts are the only thing that
/// tells them apart; a test pins each of them to the version in use.
fn with_code(error: ServerError, before_execution: bool) -> ServerError {
    let has_code = error
        .extensions
        .as_ref()
        .is_some_and(|extensions| extensions.get("code").is_some());
    if has_code {
        return error;
    }
    let text = error.message.as_str();
    if before_execution {
        if text == "Query is too complex." {
            return exceeded(error, "complexity", None);
        }
        if text == "Query is nested too deep."
            || text.starts_with("The recursion depth of the query")
        {
            return exceeded(error, "depth", None);
        }
        if text.starts_with("The number of directives on the field") {
            return exceeded(error, "directives", None);
        }
        if text.starts_with("The amount of aliases of the query") {
            return exceeded(error, "aliases", None);
        }
        return coded(error, "GRAPHQL_VALIDATION_FAILED");
    }
    let code =
        if text.starts_with("Failed to parse \"") || text.starts_with("Expected input type \"") {
            "BAD_USER_INPUT"
        } else {
            "INTERNAL"
        };
    coded(error, code)
}
