//! The shapes of the documented bodies that aliases can't express.

use async_graphql::{Name, Value, indexmap::IndexMap};
use axum::http::StatusCode;

use super::endpoints::{Answer, Endpoint};

/// The documented status and body for the data of an operation.
#[must_use]
pub fn body(endpoint: &Endpoint, data: &Value) -> (StatusCode, Value) {
    let ok = StatusCode::OK;
    match endpoint.answer {
        Answer::Whole => (ok, legacy(data, endpoint)),
        Answer::Only(field) => {
            let value = member(data, field).map_or(Value::Null, |value| legacy(value, endpoint));
            (ok, object([(field, value)]))
        }
        Answer::Message(status, text) => (
            StatusCode::from_u16(status).unwrap_or(ok),
            object([("message", text.into())]),
        ),
        Answer::Beside(text, name) => (
            ok,
            object([("message", text.into()), (name, legacy(data, endpoint))]),
        ),
        Answer::Saved { created, updated } => {
            let is_new = matches!(member(data, "created"), Some(Value::Boolean(true)));
            let (status, text) = if is_new {
                (StatusCode::CREATED, created)
            } else {
                (ok, updated)
            };
            let saved = member(data, "data").map_or(Value::Null, |data| legacy(data, endpoint));
            (status, object([("message", text.into()), ("data", saved)]))
        }
    }
}

/// An object with its fields in this order.
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(
        fields
            .into_iter()
            .map(|(name, value)| (Name::new(name), value))
            .collect::<IndexMap<_, _>>(),
    )
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields.get(name),
        _ => None,
    }
}

/// In the legacy bodies an id is a number, and a link, which is an object of nothing but an
/// `id`, is that number.
fn legacy(value: &Value, endpoint: &Endpoint) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| {
                    let value = match value {
                        Value::Null if endpoint.empty_for_null.contains(&name.as_str()) => {
                            "".into()
                        }
                        Value::Object(link) if link.len() == 1 && link.contains_key("id") => {
                            link.get("id").map_or(Value::Null, number)
                        }
                        value if name.as_str() == "id" => number(value),
                        value => legacy(value, endpoint),
                    };
                    (name.clone(), value)
                })
                .collect(),
        ),
        Value::List(items) => {
            Value::List(items.iter().map(|item| legacy(item, endpoint)).collect())
        }
        other => other.clone(),
    }
}

fn number(id: &Value) -> Value {
    match id {
        Value::String(text) => text.parse::<i64>().map_or_else(|_| id.clone(), Into::into),
        other => other.clone(),
    }
}
