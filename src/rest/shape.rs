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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rest::endpoints::ENDPOINTS;

    fn shaped(path: &str, data: serde_json::Value) -> (u16, String) {
        let endpoint = ENDPOINTS.iter().find(|row| row.path == path).unwrap();
        let (status, body) = body(endpoint, &Value::from_json(data).unwrap());
        (status.as_u16(), serde_json::to_string(&body).unwrap())
    }

    #[test]
    fn links_become_numbers_or_null() {
        let data = json!({
            "id": "7", "user": {"id": "3"}, "music": null, "scenario": {"id": "12"},
        });
        let body = r#"{"id":7,"music":null,"scenario":12,"user":3}"#;
        let answer = shaped("/api/v1/user/{user_id}", data);
        assert_eq!(answer, (200, body.to_owned()));
    }

    #[test]
    fn members_keep_the_order_of_the_document() {
        let data = object([
            ("z", Value::from(1)),
            ("id", Value::from("2")),
            ("a", Value::Null),
        ]);
        let endpoint = ENDPOINTS.iter().find(|row| row.method == "GET").unwrap();
        let (_, body) = body(endpoint, &data);
        let text = serde_json::to_string(&body).unwrap();
        assert_eq!(text, r#"{"z":1,"id":2,"a":null}"#);
    }

    #[test]
    fn a_login_shows_the_token_alone() {
        let data = json!({"token": "t", "user": {"id": "5"}});
        let answer = shaped("/api/v1/user/login", data);
        assert_eq!(answer, (200, r#"{"token":"t"}"#.to_owned()));
    }

    #[test]
    fn what_is_new_is_created_and_what_was_there_is_updated() {
        let path = "/api/v1/user/edit/contact/{user_id}";
        let saved = |new| json!({"created": new, "data": {"id": "1", "email": null}});
        let body =
            r#"{"message":"A new emergency contact has been created.","data":{"email":"","id":1}}"#;
        assert_eq!(shaped(path, saved(true)), (201, body.to_owned()));
        let body =
            r#"{"message":"Emergency contact has been updated.","data":{"email":"","id":1}}"#;
        assert_eq!(shaped(path, saved(false)), (200, body.to_owned()));
    }

    #[test]
    fn lists_are_shaped_item_by_item() {
        let data = json!([{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]);
        let body = r#"[{"id":1,"name":"a"},{"id":2,"name":"b"}]"#;
        let answer = shaped("/api/v1/user/music", data);
        assert_eq!(answer, (200, body.to_owned()));
    }
}
