//! Variables: their size, and their coercion to the types that the operation declares, before
//! anything is executed.
//!
//! The executor coerces a variable when a resolver asks for it, so a wrong one would come out as
//! the error of a field, beside the data of others, after mutations had run. The specification
//! has it the other way round: a request with wrong variables is refused as a whole.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    BaseType, OperationDefinition, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::parser::{Error as ParserError, parse_schema};
use async_graphql::{ErrorExtensionValues, Pos, ServerError};
use serde_json::{Map, Value};

use super::errors::{coded, shown};
use super::limits::{Limits, Violation, at_most};

/// How many wrong places one answer names.
const MAX_ERRORS: usize = 10;

/// Says whether a JSON value can be a value of a custom scalar.
pub type ScalarCheck = fn(&Value) -> bool;

/// The input types of a schema.
pub(super) struct InputTypes(HashMap<String, InputType>);

enum InputType {
    Int,
    Float,
    String,
    Boolean,
    Id,
    Scalar(Option<ScalarCheck>),
    Enum(HashSet<String>),
    Object {
        fields: HashMap<String, InputField>,
        one_of: bool,
    },
}

struct InputField {
    ty: Type,
    has_default: bool,
}

impl InputTypes {
    /// Reads the input types from the schema's SDL.
    pub fn new(sdl: &str, scalars: &[(&str, ScalarCheck)]) -> Result<Self, ParserError> {
        let mut types: HashMap<String, InputType> = [
            ("Int", InputType::Int),
            ("Float", InputType::Float),
            ("String", InputType::String),
            ("Boolean", InputType::Boolean),
            ("ID", InputType::Id),
        ]
        .into_iter()
        .map(|(name, ty)| (name.to_owned(), ty))
        .collect();
        for definition in parse_schema(sdl)?.definitions {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let definition = definition.node;
            let name = definition.name.node.to_string();
            let ty = match definition.kind {
                TypeKind::Scalar => {
                    let check = scalars.iter().find(|(scalar, _)| *scalar == name);
                    InputType::Scalar(check.map(|(_, check)| *check))
                }
                TypeKind::Enum(ty) => {
                    let values = ty.values.into_iter();
                    InputType::Enum(values.map(|v| v.node.value.node.to_string()).collect())
                }
                TypeKind::InputObject(ty) => {
                    let fields = ty.fields.into_iter().map(|field| {
                        let field = field.node;
                        let input = InputField {
                            ty: field.ty.node,
                            has_default: field.default_value.is_some(),
                        };
                        (field.name.node.to_string(), input)
                    });
                    InputType::Object {
                        fields: fields.collect(),
                        one_of: definition
                            .directives
                            .iter()
                            .any(|d| d.node.name.node == "oneOf"),
                    }
                }
                TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_) => continue,
            };
            types.insert(name, ty);
        }
        Ok(Self(types))
    }

    /// Coerces `variables` to the types that `operation` declares and drops those it doesn't.
    /// Types that the schema doesn't know are left to validation.
    ///
    /// The values themselves stay out of the errors: they may be somebody's words.
    pub fn coerce(
        &self,
        operation: &OperationDefinition,
        mut variables: Map<String, Value>,
    ) -> Result<Map<String, Value>, Vec<ServerError>> {
        let mut coerced = Map::new();
        let mut errors = Vec::new();
        for definition in &operation.variable_definitions {
            let (pos, definition) = (definition.pos, &definition.node);
            let name = definition.name.node.as_str();
            let ty = &definition.var_type.node;
            let Some(mut value) = variables.remove(name) else {
                if !ty.nullable && definition.default_value.is_none() {
                    let text =
                        format!("Variable \"${name}\" of required type \"{ty}\" was not provided.");
                    errors.push(invalid(text, name, pos));
                }
                continue;
            };
            let mut check = Check {
                types: &self.0,
                path: name.to_owned(),
                problems: Vec::new(),
            };
            check.value(&mut value, ty);
            for (path, problem) in check.problems {
                let text =
                    format!("Variable \"${name}\" has an invalid value at \"{path}\": {problem}");
                errors.push(invalid(text, name, pos));
            }
            coerced.insert(name.to_owned(), value);
            if errors.len() >= MAX_ERRORS {
                break;
            }
        }
        errors.truncate(MAX_ERRORS);
        if errors.is_empty() {
            Ok(coerced)
        } else {
            Err(errors)
        }
    }
}

fn invalid(message: String, variable: &str, pos: Pos) -> ServerError {
    let mut error = coded(ServerError::new(message, Some(pos)), "BAD_USER_INPUT");
    error
        .extensions
        .get_or_insert_with(ErrorExtensionValues::default)
        .set("variable", variable);
    error
}

/// One variable on its way to its type.
struct Check<'a> {
    types: &'a HashMap<String, InputType>,
    /// Where in the variable, as `input.contacts[0].phone`.
    path: String,
    problems: Vec<(String, String)>,
}

impl Check<'_> {
    fn problem(&mut self, problem: impl Into<String>) {
        if self.problems.len() < MAX_ERRORS {
            self.problems.push((self.path.clone(), problem.into()));
        }
    }

    /// Recurses with the value, whose nesting was bounded before.
    fn value(&mut self, value: &mut Value, ty: &Type) {
        if value.is_null() {
            if !ty.nullable {
                self.problem(format!("expected a value of type \"{ty}\", found null."));
            }
            return;
        }
        match &ty.base {
            BaseType::List(item) => match value {
                Value::Array(values) => {
                    let length = self.path.len();
                    for (index, value) in values.iter_mut().enumerate() {
                        self.path.push_str(&format!("[{index}]"));
                        self.value(value, item);
                        self.path.truncate(length);
                    }
                }
                single => self.value(single, item),
            },
            BaseType::Named(name) => self.named(value, name),
        }
    }

    fn named(&mut self, value: &mut Value, name: &str) {
        let types = self.types;
        let fits = match types.get(name) {
            None | Some(InputType::Scalar(None)) => true,
            Some(InputType::Scalar(Some(check))) => check(value),
            Some(InputType::Int) => match as_int(value) {
                Some(int) => {
                    *value = int.into();
                    true
                }
                None => false,
            },
            Some(InputType::Float) => value.is_number(),
            Some(InputType::String) => value.is_string(),
            Some(InputType::Boolean) => value.is_boolean(),
            Some(InputType::Id) => value.is_string() || value.is_i64() || value.is_u64(),
            Some(InputType::Enum(values)) => match value.as_str() {
                Some(text) if values.contains(text) => true,
                Some(_) => return self.problem(format!("not a value of enum \"{name}\".")),
                None => false,
            },
            Some(InputType::Object { fields, one_of }) => match value {
                Value::Object(object) => return self.object(object, name, fields, *one_of),
                _ => false,
            },
        };
        if !fits {
            self.problem(format!("expected a value of type \"{name}\"."));
        }
    }

    fn object(
        &mut self,
        object: &mut Map<String, Value>,
        name: &str,
        fields: &HashMap<String, InputField>,
        one_of: bool,
    ) {
        if one_of && (object.len() != 1 || object.values().any(Value::is_null)) {
            self.problem(format!(
                "exactly one field of \"{name}\" must be given, and not as null."
            ));
        }
        let length = self.path.len();
        for (key, value) in object.iter_mut() {
            self.path.push('.');
            self.path.push_str(&shown(key));
            match fields.get(key) {
                Some(field) => self.value(value, &field.ty),
                None => self.problem(format!("no such field in \"{name}\".")),
            }
            self.path.truncate(length);
        }
        let mut missing: Vec<(&String, &InputField)> = fields
            .iter()
            .filter(|(key, field)| {
                !field.ty.nullable && !field.has_default && !object.contains_key(*key)
            })
            .collect();
        missing.sort_by_key(|(key, _)| *key);
        for (key, field) in missing {
            let ty = &field.ty;
            self.problem(format!(
                "field \"{key}\" of required type \"{ty}\" was not provided."
            ));
        }
    }
}

/// The value as the specification's `Int`: 32 bits, and a float counts when it is whole.
fn as_int(value: &Value) -> Option<i32> {
    if let Some(int) = value.as_i64() {
        return i32::try_from(int).ok();
    }
    let float = value.as_f64()?;
    let range = f64::from(i32::MIN)..=f64::from(i32::MAX);
    (float.fract() == 0.0 && range.contains(&float)).then_some(float as i32)
}

/// Checks the size and nesting of variables, and returns their size: about the bytes of their
/// JSON text.
pub(super) fn measure(variables: &Map<String, Value>, limits: &Limits) -> Result<u64, Violation> {
    let mut bytes = 0;
    for (key, value) in variables {
        bytes += key.len() as u64 + 4;
        measure_value(value, 1, limits, &mut bytes)?;
    }
    at_most("variable_bytes", bytes, limits.variable_bytes)?;
    Ok(bytes)
}

/// Recurses with the value; the JSON parser lets 128 levels pass, `limits` usually fewer.
fn measure_value(
    value: &Value,
    depth: u64,
    limits: &Limits,
    bytes: &mut u64,
) -> Result<(), Violation> {
    *bytes += 4;
    match value {
        Value::String(text) => *bytes += text.len() as u64,
        Value::Array(items) => {
            at_most("variable_nesting", depth, limits.variable_nesting)?;
            for item in items {
                measure_value(item, depth + 1, limits, bytes)?;
            }
        }
        Value::Object(fields) => {
            at_most("variable_nesting", depth, limits.variable_nesting)?;
            for (key, item) in fields {
                *bytes += key.len() as u64 + 4;
                measure_value(item, depth + 1, limits, bytes)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}
