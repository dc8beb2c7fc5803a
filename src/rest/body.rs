//! Reading a body as the old server took it: JSON, a form, or a form in parts.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use serde_json::{Map, Value};

/// The longest body, in bytes.
const LIMIT: usize = 64 * 1024;
/// How long a client may take to send one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a body is of no use.
#[derive(Debug)]
pub enum Unusable {
    /// It is longer than [`LIMIT`].
    TooLong,
    /// It did not arrive in time.
    TooSlow,
    /// It broke off.
    Broken,
    /// It does not parse, for this reason.
    Malformed(String),
    /// It has a type that nobody reads here.
    Type(String),
    /// It is JSON but no object: what Python calls the type it has.
    NoObject(&'static str),
}

impl Unusable {
    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Type(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Broken | Self::Malformed(_) | Self::NoObject(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// The fields of a body. No body has none.
///
/// # Errors
/// If it can't be used.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Unusable> {
    let bytes = tokio::time::timeout(PATIENCE, collect(headers, body))
        .await
        .map_err(|_| Unusable::TooSlow)??;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "" | "application/json" => json(&bytes),
        "application/x-www-form-urlencoded" => Ok(url::form_urlencoded::parse(&bytes)
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect()),
        "multipart/form-data" => parts(headers, bytes).await,
        _ => Err(Unusable::Type(content_type)),
    }
}

async fn collect(headers: &HeaderMap, body: Body) -> Result<Bytes, Unusable> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|length| length > LIMIT as u64) {
        return Err(Unusable::TooLong);
    }
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Unusable::Broken)?;
        if bytes.len() + chunk.len() > LIMIT {
            return Err(Unusable::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

fn json(bytes: &[u8]) -> Result<Map<String, Value>, Unusable> {
    // The parser's errors say where and what, and never repeat what was sent.
    let value = serde_json::from_slice(bytes)
        .map_err(|error| Unusable::Malformed(format!("JSON parse error - {error}")))?;
    match value {
        Value::Object(fields) => Ok(fields),
        Value::Array(_) => Err(Unusable::NoObject("list")),
        Value::String(_) => Err(Unusable::NoObject("str")),
        Value::Bool(_) => Err(Unusable::NoObject("bool")),
        Value::Number(number) if number.is_f64() => Err(Unusable::NoObject("float")),
        Value::Number(_) => Err(Unusable::NoObject("int")),
        Value::Null => Err(Unusable::NoObject("NoneType")),
    }
}

async fn parts(headers: &HeaderMap, bytes: Bytes) -> Result<Map<String, Value>, Unusable> {
    let malformed = || Unusable::Malformed("Multipart form parse error".to_owned());
    let mut request = Request::new(Body::from(bytes));
    *request.headers_mut() = headers.clone();
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|_| malformed())?;
    let mut fields = Map::new();
    while let Some(part) = parts.next_field().await.map_err(|_| malformed())? {
        let Some(name) = part.name().map(str::to_owned) else {
            continue;
        };
        let value = if part.file_name().is_some() {
            // No field is a file. A list is no field's value either, so it is refused by name.
            Value::Array(Vec::new())
        } else {
            Value::String(part.text().await.map_err(|_| malformed())?)
        };
        fields.insert(name, value);
    }
    Ok(fields)
}
