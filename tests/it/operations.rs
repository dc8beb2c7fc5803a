//! The checked-in operation documents: each fits the schema, and each is used.

use std::collections::BTreeMap;
use std::path::Path;

use async_graphql::futures_util::StreamExt;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{BaseType, OperationType, Type};
use async_graphql::{Name, Request, ServerError, Value, Variables};
use haven::error::Error;
use haven::graphql::{self, HavenSchema};
use haven::rest::endpoints::ENDPOINTS;

use crate::support::databases::Database;
use crate::support::haven::Haven;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/rest/operations");

/// The documents by file name.
fn documents() -> BTreeMap<String, String> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    std::fs::read_dir(FOLDER).unwrap().map(read).collect()
}

/// All Rust code below a folder, as one text.
fn code(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &code(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &std::fs::read_to_string(path).unwrap();
        }
    }
    text
}

#[test]
fn every_document_is_used_and_every_row_has_one() {
    let documents = documents();
    let code = code(&Path::new(FOLDER).join(".."));
    for name in documents.keys() {
        assert!(
            code.contains(&format!("operations/{name}\")")),
            "nothing includes {name}"
        );
    }
    for row in &ENDPOINTS {
        assert!(
            documents.values().any(|text| text == row.operation),
            "{} {} has no document",
            row.method,
            row.path
        );
        let first = row.operation.lines().next().unwrap();
        assert!(
            first.starts_with("# ")
                && first.contains(row.method)
                && first.ends_with(&format!(" {}/", row.path)),
            "{first:?} is not {} {}",
            row.method,
            row.path
        );
    }
}

/// A value of a variable's type, and one that changes nothing.
fn any(ty: &Type) -> Value {
    match &ty.base {
        BaseType::List(item) => Value::List(vec![any(item)]),
        BaseType::Named(name) => match name.as_str() {
            "Boolean" => Value::from(false),
            "Int" => Value::from(i32::MIN),
            "ID" => Value::from("0"),
            "String" => Value::from("\0"),
            other => panic!("no value of {other}"),
        },
    }
}

/// What is wrong with a document, as nobody executes it: all that is haven's own error is not
/// the document's.
async fn wrong(schema: &HavenSchema, text: &str) -> Vec<ServerError> {
    let document = parse_query(text).unwrap();
    let (_, operation) = document.operations.iter().next().unwrap();
    let mut variables = Variables::default();
    for definition in &operation.node.variable_definitions {
        let name = Name::new(&definition.node.name.node);
        variables.insert(name, any(&definition.node.var_type.node));
    }
    let request = Request::new(text).variables(variables);
    let response = if operation.node.ty == OperationType::Subscription {
        schema.execute_stream(request).next().await.unwrap()
    } else {
        schema.execute(request).await
    };
    let mut errors = response.errors;
    errors.retain(|error| error.source::<Error>().is_none());
    errors
}

#[tokio::test]
async fn every_document_fits_the_schema() {
    let haven = Haven::start(Database::Sqlite).await;
    let schema = graphql::schema(haven.app.clone());
    for (name, text) in documents() {
        assert_eq!(wrong(&schema, &text).await, [], "{name}");
        // That a misfit is seen: a field that nothing has.
        let comment = text.find('\n').unwrap();
        let open = comment + text[comment..].find('{').unwrap();
        let (head, selection) = text.split_at(open + 1);
        let misfit = format!("{head} nothingHasThis {selection}");
        assert_ne!(wrong(&schema, &misfit).await, [], "{name}");
    }
}
