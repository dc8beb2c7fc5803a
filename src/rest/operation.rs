//! A checked-in operation document, parsed once.

use anyhow::Context;
use async_graphql::Value;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{BaseType, ExecutableDocument, Selection};

/// How a variable is read from what a client of the old server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A 32-bit integer.
    Int,
    /// A boolean.
    Boolean,
    /// A text.
    String,
    /// An id.
    Id,
}

/// A variable as the document declares it.
#[derive(Clone, Debug)]
pub struct Variable {
    /// The field of the body it is read from.
    pub name: String,
    /// What it has to be.
    pub kind: Kind,
    /// Whether it has to be there.
    pub required: bool,
}

/// A parsed document and what it declares.
pub struct Operation {
    /// The document, to be cloned into each request.
    pub document: ExecutableDocument,
    /// Its variables.
    pub variables: Vec<Variable>,
    /// Input fields and arguments, and the variables that feed them.
    feeds: Vec<(&'static str, String)>,
}

impl Operation {
    /// Parses a document with one operation.
    ///
    /// # Errors
    /// If it does not parse, or declares a variable of a type that no row uses.
    pub fn parse(text: &'static str) -> anyhow::Result<Self> {
        let document = parse_query(text).context("an operation document does not parse")?;
        let mut operations = document.operations.iter().map(|(_, operation)| operation);
        let (Some(operation), None) = (operations.next(), operations.next()) else {
            anyhow::bail!("an operation document holds one operation");
        };
        let mut variables = Vec::new();
        for definition in &operation.node.variable_definitions {
            let declared = &definition.node.var_type.node;
            let kind = match &declared.base {
                BaseType::Named(name) => match name.as_str() {
                    "Int" => Kind::Int,
                    "Boolean" => Kind::Boolean,
                    "String" => Kind::String,
                    "ID" => Kind::Id,
                    other => anyhow::bail!("a variable of type {other}"),
                },
                BaseType::List(_) => anyhow::bail!("a variable that is a list"),
            };
            variables.push(Variable {
                name: definition.node.name.node.to_string(),
                kind,
                required: !declared.nullable,
            });
        }
        let mut feeds = Vec::new();
        for selection in &operation.node.selection_set.node.items {
            if let Selection::Field(field) = &selection.node {
                for (name, value) in &field.node.arguments {
                    collect(text, &name.node, &value.node, &mut feeds);
                }
            }
        }
        drop(operations);
        Ok(Self {
            document,
            variables,
            feeds,
        })
    }

    /// The name a client of the old server knows a schema's field by.
    #[must_use]
    pub fn legacy_name<'a>(&'a self, field: &'a str) -> &'a str {
        self.feeds
            .iter()
            .find(|(name, _)| *name == field)
            .map_or(field, |(_, variable)| variable)
    }

    /// Kind and root field, as in `mutation triggerAlarm`.
    #[must_use]
    pub fn summary(&self) -> String {
        let operations = self.document.operations.iter();
        let fields = operations.flat_map(|(_, operation)| {
            let items = operation.node.selection_set.node.items.iter();
            items.filter_map(|item| match &item.node {
                Selection::Field(field) => {
                    Some(format!("{} {}", operation.node.ty, field.node.name.node))
                }
                _ => None,
            })
        });
        fields.collect::<Vec<_>>().join(", ")
    }

    /// The name the schema knows a variable's field by.
    #[must_use]
    pub fn schema_name(&self, variable: &str) -> Option<&'static str> {
        self.feeds
            .iter()
            .find(|(_, name)| name == variable)
            .map(|(name, _)| *name)
    }

    /// Where a variable is declared: the order in which wrong fields are told.
    #[must_use]
    pub fn position(&self, variable: &str) -> usize {
        self.variables
            .iter()
            .position(|known| known.name == variable)
            .unwrap_or(usize::MAX)
    }
}

fn collect(
    text: &'static str,
    name: &str,
    value: &async_graphql_value::Value,
    feeds: &mut Vec<(&'static str, String)>,
) {
    match value {
        async_graphql_value::Value::Variable(variable) => {
            // The name as it stands in the document, which lives as long as the program.
            let place = text.find(name).and_then(|at| text.get(at..at + name.len()));
            if let Some(name) = place {
                feeds.push((name, variable.to_string()));
            }
        }
        async_graphql_value::Value::Object(fields) => {
            for (name, value) in fields {
                collect(text, name, value, feeds);
            }
        }
        _ => {}
    }
}

/// The part of an answer's data at a path such as `/login/user`, if nothing on the way is null.
#[must_use]
pub fn at<'a>(data: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/')
        .skip(1)
        .try_fold(data, |value, name| match value {
            Value::Object(fields) => fields.get(name),
            _ => None,
        })
        .filter(|value| !matches!(value, Value::Null))
}
