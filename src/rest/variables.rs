//! From the fields of a body to the variables of an operation, by their declared types.

use serde_json::{Map, Number, Value};

use super::operation::{Kind, Variable};
use crate::error::Problem;

/// Reads one variable out of the fields. Absent ones stay absent, so that a partial update
/// leaves them alone.
///
/// # Errors
/// What is wrong with it.
pub fn read(
    variable: &Variable,
    fields: &mut Map<String, Value>,
) -> Result<Option<Value>, Problem> {
    match fields.remove(&variable.name) {
        None if variable.required => Err(Problem::Required),
        None => Ok(None),
        Some(Value::Null) if variable.required => Err(Problem::Null),
        Some(Value::Null) => Ok(Some(Value::Null)),
        Some(value) => coerce(variable.kind, value).map(Some),
    }
}

/// What stands in for a required variable that was refused, so that the operation can still say
/// who may not and what else is wrong.
#[must_use]
pub fn stand_in(variable: &Variable) -> Option<Value> {
    variable.required.then(|| match variable.kind {
        Kind::Int => Value::from(0),
        Kind::Boolean => Value::from(false),
        Kind::String | Kind::Id => Value::from(""),
    })
}

fn coerce(kind: Kind, value: Value) -> Result<Value, Problem> {
    match (kind, value) {
        (Kind::Int, value) => integer(&value)
            .map(|number| Value::Number(number.into()))
            .ok_or(Problem::NotInteger),
        (Kind::Boolean, value) => boolean(&value).map(Value::Bool).ok_or(Problem::NotBoolean),
        (Kind::String, Value::String(text)) => Ok(Value::String(text)),
        (Kind::String, _) => Err(Problem::NotString),
        (Kind::Id, Value::String(text)) => Ok(Value::String(text)),
        // Whatever else stands for an id goes on as its text: a number is one, and the rest is
        // nobody's, which the operation answers.
        (Kind::Id, other) => Ok(Value::String(other.to_string())),
    }
}

/// An integer, or its decimal digits. What is beyond 32 bits becomes the nearest value within,
/// because every integer field has bounds far inside them and says so itself.
fn integer(value: &Value) -> Option<i32> {
    match value {
        Value::Number(number) => whole(number),
        Value::String(text) => {
            let text = text.trim();
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            Some(text.parse().unwrap_or(if text.starts_with('-') {
                i32::MIN
            } else {
                i32::MAX
            }))
        }
        _ => None,
    }
}

fn whole(number: &Number) -> Option<i32> {
    if let Some(number) = number.as_i64() {
        let bounded = number.clamp(i32::MIN.into(), i32::MAX.into());
        return i32::try_from(bounded).ok();
    }
    if number.is_u64() {
        return Some(i32::MAX);
    }
    // `35.0` is an integer in JSON.
    let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, as wanted"
    )]
    Some(number as i32)
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => match number.as_i64() {
            Some(1) => Some(true),
            Some(0) => Some(false),
            _ => None,
        },
        Value::String(text) => match text.as_str() {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
