//! Reading a body as the old server took it: JSON, a form, or a form in parts.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};
use encoding_rs::{Encoding, UTF_8};
use futures_util::StreamExt;
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

/// The longest body, in bytes.
const LIMIT: usize = 64 * 1024;
/// Up to here, what is too much is read and thrown away: many clients look for an answer only
/// when they have sent everything.
const DISCARD: usize = 16 * LIMIT;
/// How long a client may take to send one.
const PATIENCE: Duration = Duration::from_secs(30);

/// The fields of a body.
#[derive(Debug, Default, PartialEq)]
pub struct Fields {
    /// By name; of a name that is there twice, the last.
    pub values: Map<String, Value>,
    /// Whether they come from a form, where every value is a text.
    pub form: bool,
}

/// Why a body is of no use.
#[derive(Debug, PartialEq)]
pub enum Unusable {
    /// It is longer than 64 KiB.
    TooLong,
    /// It did not arrive within 30 s.
    TooSlow,
    /// It broke off.
    Broken,
    /// It does not parse, for this reason, which holds nothing of it.
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

/// The fields of a body. No body has none; a body of no stated type is taken for JSON.
///
/// # Errors
/// If it can't be used.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Fields, Unusable> {
    let bytes = tokio::time::timeout(PATIENCE, collect(body))
        .await
        .map_err(|_| Unusable::TooSlow)??;
    if bytes.is_empty() {
        return Ok(Fields::default());
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map_or(Cow::Borrowed("application/json"), |value| {
            String::from_utf8_lossy(value.as_bytes())
        });
    let (media, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
    let charset = charset(parameters);
    match media.trim().to_ascii_lowercase().as_str() {
        "application/json" => json(&bytes, charset),
        "application/x-www-form-urlencoded" => urlencoded(&bytes, charset),
        "multipart/form-data" => multipart(&content_type, bytes, charset).await,
        _ => Err(Unusable::Type(content_type.into_owned())),
    }
}

async fn collect(body: Body) -> Result<Bytes, Unusable> {
    let mut kept = Vec::new();
    let mut seen = 0_usize;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Unusable::Broken)?;
        seen = seen.saturating_add(chunk.len());
        if seen <= LIMIT {
            kept.extend_from_slice(&chunk);
        } else if seen > DISCARD {
            break;
        }
    }
    if seen > LIMIT {
        return Err(Unusable::TooLong);
    }
    Ok(kept.into())
}

fn malformed(what: &str, why: impl std::fmt::Display) -> Unusable {
    Unusable::Malformed(format!("{what} parse error - {why}"))
}

/// The encoding that the content type names; UTF-8 where it names none that is known, as the
/// old framework had it.
fn charset(parameters: &str) -> &'static Encoding {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .and_then(|(_, value)| Encoding::for_label(value.trim().trim_matches('"').as_bytes()))
        .unwrap_or(UTF_8)
}

fn decode<'a>(
    bytes: &'a [u8],
    charset: &'static Encoding,
    what: &str,
) -> Result<Cow<'a, str>, Unusable> {
    match charset.decode_with_bom_removal(bytes) {
        (text, false) => Ok(text),
        (_, true) => Err(malformed(what, format_args!("not {}", charset.name()))),
    }
}

fn json(bytes: &[u8], charset: &'static Encoding) -> Result<Fields, Unusable> {
    let text = decode(bytes, charset, "JSON")?;
    // The parser bounds the nesting, and its messages name places, not content.
    let value = serde_json::from_str(&text).map_err(|error| malformed("JSON", error))?;
    Err(Unusable::NoObject(match value {
        Value::Object(values) => {
            return Ok(Fields {
                values,
                form: false,
            });
        }
        Value::Array(_) => "list",
        Value::String(_) => "str",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::Bool(_) => "bool",
        Value::Null => "NoneType",
    }))
}

fn urlencoded(bytes: &[u8], charset: &'static Encoding) -> Result<Fields, Unusable> {
    let text = |part: &[u8]| {
        let spaced: Vec<u8> = part
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect();
        let bytes: Cow<[u8]> = percent_decode(&spaced).into();
        decode(&bytes, charset, "Form").map(Cow::into_owned)
    };
    let mut values = Map::new();
    for pair in bytes.split(|byte| *byte == b'&') {
        let mut sides = pair.splitn(2, |byte| *byte == b'=');
        let name = text(sides.next().unwrap_or_default())?;
        let value = text(sides.next().unwrap_or_default())?;
        values.insert(name, value.into());
    }
    Ok(Fields { values, form: true })
}

async fn multipart(
    content_type: &str,
    bytes: Bytes,
    charset: &'static Encoding,
) -> Result<Fields, Unusable> {
    const WHAT: &str = "Multipart form";
    let request = Request::builder()
        .header(header::CONTENT_TYPE, content_type)
        .body(Body::from(bytes))
        .map_err(|_| malformed(WHAT, "invalid content type"))?;
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|_| malformed(WHAT, "invalid boundary"))?;
    let broken = |_| malformed(WHAT, "malformed parts");
    let mut values = Map::new();
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let Some(name) = part.name().map(str::to_owned) else {
            continue;
        };
        let is_file = part.file_name().is_some();
        let bytes = part.bytes().await.map_err(broken)?;
        let value = if is_file {
            // No field takes a file, and none takes this.
            Value::Object(Map::new())
        } else {
            decode(&bytes, charset, WHAT)?.into()
        };
        values.insert(name, value);
    }
    Ok(Fields { values, form: true })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn fields(content_type: &str, body: impl Into<Body>) -> Result<Fields, Unusable> {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        read(&headers, body.into()).await
    }

    async fn values(content_type: &str, body: impl Into<Body>) -> Value {
        fields(content_type, body).await.unwrap().values.into()
    }

    #[tokio::test]
    async fn json_is_read_with_and_without_saying_so() {
        for content_type in [
            "",
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json; charset=nonsense",
        ] {
            let body = r#"{"a":"ж","a":"я"}"#;
            assert_eq!(values(content_type, body).await, json!({"a": "я"}));
        }
        assert_eq!(values("application/json", "\u{feff}{}").await, json!({}));
    }

    #[tokio::test]
    async fn no_body_is_no_fields_whatever_its_type() {
        for content_type in ["", "application/json", "image/png", "multipart/form-data"] {
            assert_eq!(fields(content_type, "").await, Ok(Fields::default()));
        }
    }

    #[tokio::test]
    async fn other_encodings_are_read() {
        let (body, _, _) = encoding_rs::WINDOWS_1251.encode(r#"{"a": "Брат"}"#);
        let body = body.into_owned();
        let content_type = "application/json; charset=windows-1251";
        assert_eq!(values(content_type, body).await, json!({"a": "Брат"}));
        let content_type = "application/x-www-form-urlencoded; charset=windows-1251";
        assert_eq!(values(content_type, "a=%C1").await, json!({"a": "Б"}));
    }

    #[tokio::test]
    async fn malformed_json_is_told_without_its_content() {
        let deep = "[".repeat(60_000);
        let bodies: [&[u8]; 8] = [
            b"{\"secret",
            b"{\"a\": \"\\ud800\"}",
            b"{\"a\": \"\xff\"}",
            b"{\"a\": NaN}",
            b"{\"a\": 1e999}",
            b"secret",
            b" ",
            deep.as_bytes(),
        ];
        for body in bodies {
            let Err(Unusable::Malformed(text)) = fields("application/json", body.to_vec()).await
            else {
                panic!("{} was taken", String::from_utf8_lossy(body));
            };
            assert!(text.starts_with("JSON parse error - "), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[tokio::test]
    async fn json_that_is_no_object_is_named_by_its_type() {
        for (body, name) in [
            ("[]", "list"),
            ("\"a\"", "str"),
            ("1", "int"),
            ("1.5", "float"),
            ("true", "bool"),
            ("null", "NoneType"),
        ] {
            let error = fields("application/json", body).await;
            assert_eq!(error, Err(Unusable::NoObject(name)));
        }
    }

    #[tokio::test]
    async fn forms_are_decoded() {
        let content_type = "application/x-www-form-urlencoded";
        let body = "a=%D0%96+%2B&b=&c&a=%D0%AF";
        let read = fields(content_type, body).await.unwrap();
        assert!(read.form);
        let expected = json!({"a": "Я", "b": "", "c": ""});
        assert_eq!(Value::from(read.values), expected);
        let error = fields(content_type, "a=%FF").await;
        let text = "Form parse error - not UTF-8".to_owned();
        assert_eq!(error, Err(Unusable::Malformed(text)));
    }

    #[tokio::test]
    async fn multipart_forms_are_read_and_files_fit_no_field() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nж\r\n--x\r\n\
             Content-Disposition: form-data; name=\"b\"; filename=\"b.txt\"\r\n\r\nb\r\n--x--\r\n";
        let content_type = "multipart/form-data; boundary=x";
        assert_eq!(values(content_type, body).await, json!({"a": "ж", "b": {}}));
        for (content_type, body) in [
            ("multipart/form-data", body),
            (content_type, "--x\r\nsecret"),
            (content_type, "secret"),
        ] {
            let Err(Unusable::Malformed(text)) = fields(content_type, body).await else {
                panic!("{body} was taken");
            };
            assert!(text.starts_with("Multipart form parse error - "), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[tokio::test]
    async fn other_types_are_refused_by_name() {
        let error = fields("text/plain; a=b", "{}").await;
        assert_eq!(error, Err(Unusable::Type("text/plain; a=b".to_owned())));
    }

    #[tokio::test]
    async fn the_limit_is_64_kib() {
        let body = |size: usize| format!("\"{}\"", "a".repeat(size - 2));
        let error = fields("application/json", body(64 * 1024)).await;
        assert_eq!(error, Err(Unusable::NoObject("str")));
        let error = fields("application/json", body(64 * 1024 + 1)).await;
        assert_eq!(error, Err(Unusable::TooLong));
        let endless = futures_util::stream::repeat_with(|| {
            Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024]))
        });
        let error = fields("application/json", Body::from_stream(endless)).await;
        assert_eq!(error, Err(Unusable::TooLong));
    }
}
