//! From the fields of a body to the variables of an operation, by their declared types.

use serde_json::{Number, Value};

use super::body::Fields;
use super::operation::{Kind, Variable};
use crate::error::Problem;

/// Reads one variable out of the fields. Absent ones stay absent, so that a partial update
/// leaves them alone. A form can't say null: there, nothing at all is null to all but texts.
///
/// # Errors
/// What is wrong with it.
pub fn read(variable: &Variable, fields: &mut Fields) -> Result<Option<Value>, Problem> {
    let nothing = fields.form && variable.kind != Kind::String;
    match fields.values.remove(&variable.name) {
        None if variable.required => Err(Problem::Required),
        None => Ok(None),
        Some(value) if value.is_null() || nothing && value.as_str() == Some("") => {
            if variable.required {
                Err(Problem::Null)
            } else {
                Ok(Some(Value::Null))
            }
        }
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
        (Kind::Id, Value::Number(number)) => Ok(Value::String(id(&number))),
        // Whatever else stands for an id goes on as its text, which is nobody's: the operation
        // answers that.
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

/// The text of a number that stands for an id. `2.0` is 2, as some JSON libraries write it.
fn id(number: &Number) -> String {
    let whole = number
        .as_f64()
        .filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT);
    whole.map_or_else(|| number.to_string(), |float| format!("{float:.0}"))
}

/// Below it, a float holds every integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rest::endpoints::ENDPOINTS;
    use crate::rest::operation::Operation;

    fn edit(body: Value) -> (Value, Vec<(String, String)>) {
        read_all("/api/v1/user/edit/{user_id}", body, false)
    }

    /// What a row's operation gets of a body, and what is refused.
    fn read_all(path: &str, body: Value, form: bool) -> (Value, Vec<(String, String)>) {
        let Value::Object(values) = body else {
            panic!("the body of a test is an object");
        };
        let endpoint = ENDPOINTS.iter().find(|row| row.path == path).unwrap();
        let operation = Operation::parse(endpoint.operation).unwrap();
        let mut fields = Fields { values, form };
        let (mut taken, mut wrong) = (serde_json::Map::new(), Vec::new());
        for variable in &operation.variables {
            match read(variable, &mut fields) {
                _ if variable.name == "user_id" => {}
                Ok(Some(value)) => drop(taken.insert(variable.name.clone(), value)),
                Ok(None) => {}
                Err(problem) => wrong.push((variable.name.clone(), problem.to_string())),
            }
        }
        (taken.into(), wrong)
    }

    #[test]
    fn what_is_left_out_stays_out_and_null_stays_null() {
        assert_eq!(edit(json!({})), (json!({}), vec![]));
        assert_eq!(
            edit(json!({"age": null, "scenario": null, "shoe_size": 44})),
            (json!({"age": null, "scenario": null}), vec![])
        );
    }

    #[test]
    fn integers_come_in_many_spellings() {
        for (given, taken) in [
            (json!(35), 35),
            (json!(35.0), 35),
            (json!("35"), 35),
            (json!(" +35 "), 35),
            (json!("-1"), -1),
            (json!("007"), 7),
            (json!(99_999_999_999_i64), i32::MAX),
            (json!(u64::MAX), i32::MAX),
            (json!(-1e300), i32::MIN),
            (json!("123456789012345678901234567890"), i32::MAX),
            (json!("-123456789012345678901234567890"), i32::MIN),
        ] {
            assert_eq!(
                edit(json!({"age": given})),
                (json!({"age": taken}), vec![]),
                "{given}"
            );
        }
        for given in [
            json!(""),
            json!("+"),
            json!("3 5"),
            json!("٣"),
            json!("35.0"),
            json!(35.5),
            json!(true),
            json!([]),
            json!({}),
        ] {
            let (_, wrong) = edit(json!({"age": given}));
            let expected = ("age".to_owned(), "A valid integer is required.".to_owned());
            assert_eq!(wrong, [expected], "{given}");
        }
    }

    #[test]
    fn booleans_come_in_a_few_spellings() {
        for (given, taken) in [
            (json!(true), true),
            (json!("true"), true),
            (json!("True"), true),
            (json!("1"), true),
            (json!(1), true),
            (json!(false), false),
            (json!("false"), false),
            (json!("False"), false),
            (json!("0"), false),
            (json!(0), false),
        ] {
            let (variables, wrong) = edit(json!({"military_status": given}));
            assert_eq!(
                (variables, wrong),
                (json!({"military_status": taken}), vec![]),
                "{given}"
            );
        }
        for given in [json!("yes"), json!(2), json!(""), json!([true]), json!(0.5)] {
            let (_, wrong) = edit(json!({"military_status": given}));
            let expected = (
                "military_status".to_owned(),
                "Must be a valid boolean.".to_owned(),
            );
            assert_eq!(wrong, [expected], "{given}");
        }
    }

    #[test]
    fn texts_are_texts_only() {
        for given in [json!(1), json!(true), json!(["a"]), json!({"a": 1})] {
            let (_, wrong) = edit(json!({"location": given}));
            let expected = ("location".to_owned(), "Not a valid string.".to_owned());
            assert_eq!(wrong, [expected], "{given}");
        }
    }

    #[test]
    fn ids_pass_as_text_whatever_they_are() {
        for (given, taken) in [
            (json!(2), "2"),
            (json!(2.0), "2"),
            (json!(2.5), "2.5"),
            (json!(-1), "-1"),
            (json!("2"), "2"),
            (json!("x"), "x"),
            (json!(true), "true"),
            (json!([1]), "[1]"),
        ] {
            let expected = (json!({"scenario": taken}), vec![]);
            assert_eq!(edit(json!({"scenario": given})), expected, "{given}");
        }
    }

    #[test]
    fn required_variables_are_missed() {
        let path = "/api/v1/user/registration";
        let (variables, wrong) = read_all(path, json!({"username": "anna", "email": null}), false);
        let expected = [
            ("email", "This field may not be null."),
            ("password", "This field is required."),
        ];
        assert_eq!(
            wrong,
            expected.map(|(name, text)| (name.to_owned(), text.to_owned()))
        );
        assert_eq!(variables, json!({"username": "anna"}));
    }

    #[test]
    fn nothing_in_a_form_is_null_to_all_but_texts() {
        let path = "/api/v1/user/edit/{user_id}";
        assert_eq!(
            read_all(
                path,
                json!({"age": "", "scenario": "", "location": ""}),
                true
            ),
            (
                json!({"age": null, "scenario": null, "location": ""}),
                vec![]
            )
        );
    }
}
