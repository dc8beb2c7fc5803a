//! The parameters of a request, from a JSON body, a URL's query or a socket's message.

use serde_json::{Map, Value};

use super::errors::RequestError;

/// The parameters that the GraphQL over HTTP specification names, `documentId` of its appendix on
/// persisted documents included.
#[derive(Debug, Default)]
pub(super) struct Params {
    pub query: Option<String>,
    /// The id of a document that the server knows.
    pub document_id: Option<String>,
    pub operation_name: Option<String>,
    pub variables: Map<String, Value>,
    pub extensions: Map<String, Value>,
}

impl Params {
    /// Reads the parameters from JSON. Members with other names are ignored, as the
    /// specification has it.
    ///
    /// # Errors
    /// `BATCH_NOT_SUPPORTED` for a list of requests, `BAD_REQUEST` for a wrong shape.
    pub fn from_json(value: Value) -> Result<Self, RequestError> {
        let mut members = match value {
            Value::Object(members) => members,
            Value::Array(_) => {
                return Err(RequestError::malformed(
                    axum::http::StatusCode::BAD_REQUEST,
                    "BATCH_NOT_SUPPORTED",
                    "Batches are not supported: send one request at a time.",
                ));
            }
            _ => {
                return Err(RequestError::bad_request(
                    "The request must be a JSON object.",
                ));
            }
        };
        Ok(Self {
            query: text(&mut members, "query")?,
            document_id: text(&mut members, "documentId")?.filter(|id| !id.is_empty()),
            operation_name: text(&mut members, "operationName")?.filter(|name| !name.is_empty()),
            variables: object(&mut members, "variables")?,
            extensions: object(&mut members, "extensions")?,
        })
    }

    /// Reads the parameters from the query of a URL.
    ///
    /// # Errors
    /// `BAD_REQUEST` for a parameter that is there twice, isn't UTF-8 or, for the two objects,
    /// isn't JSON.
    pub fn from_query(query: &str) -> Result<Self, RequestError> {
        let mut members = Map::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = decode(key)?;
            let name = match key.as_str() {
                name @ ("query" | "documentId" | "operationName") => {
                    let value = Value::String(decode(value)?);
                    members.insert(name.to_owned(), value)
                }
                name @ ("variables" | "extensions") => {
                    let text = decode(value)?;
                    let value = if text.is_empty() {
                        Value::Null
                    } else {
                        serde_json::from_str(&text).map_err(|_| {
                            RequestError::bad_request(format!("Parameter `{name}` must be JSON."))
                        })?
                    };
                    members.insert(name.to_owned(), value)
                }
                _ => continue,
            };
            if name.is_some() {
                return Err(RequestError::bad_request(format!(
                    "Parameter `{key}` is there more than once."
                )));
            }
        }
        Self::from_json(Value::Object(members))
    }
}

fn text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, RequestError> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(RequestError::bad_request(format!(
            "Parameter `{name}` must be a string."
        ))),
    }
}

fn object(
    members: &mut Map<String, Value>,
    name: &str,
) -> Result<Map<String, Value>, RequestError> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(RequestError::bad_request(format!(
            "Parameter `{name}` must be an object."
        ))),
    }
}

/// Undoes `application/x-www-form-urlencoded` and refuses what isn't UTF-8, where the usual
/// decoders put replacement characters into the document.
fn decode(text: &str) -> Result<String, RequestError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low].map(|digit| char::from(digit).to_digit(16));
                let [Some(high), Some(low)] = digits else {
                    return Err(not_utf8());
                };
                bytes.push(u8::try_from(high * 16 + low).map_err(|_| not_utf8())?);
                rest = after;
            }
            (b'%', _) => return Err(not_utf8()),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| not_utf8())
}

fn not_utf8() -> RequestError {
    RequestError::bad_request("The URL's query is not well-formed UTF-8.")
}
