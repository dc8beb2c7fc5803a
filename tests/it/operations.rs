//! The checked-in operation documents of the REST adapter and the sockets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use async_graphql::{Request, Variables};
use haven::auth::Viewer;
use haven::error::{Error, Unauthenticated};
use haven::graphql;
use haven::rest::endpoints::ENDPOINTS;
use haven::rest::operation::{Kind, Operation};
use serde_json::{Map, Value, json};
use tokio_stream::StreamExt;

use crate::support::databases::Database;
use crate::support::haven::Haven;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rest/operations")
}

/// Name and text of every document in the folder.
fn documents() -> Vec<(String, String)> {
    let mut documents: Vec<(String, String)> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    documents.sort();
    documents
}

#[test]
fn the_table_is_the_documentation() {
    let rows: BTreeSet<(&str, &str)> = ENDPOINTS.iter().map(|row| (row.method, row.path)).collect();
    let documented = BTreeSet::from([
        ("POST", "/api/v1/user/registration"),
        ("POST", "/api/v1/user/login"),
        ("GET", "/api/v1/user/{user_id}"),
        ("PATCH", "/api/v1/user/edit/{user_id}"),
        ("PATCH", "/api/v1/user/edit/contact/{user_id}"),
        ("PUT", "/api/v1/user/create/therapist/{user_id}"),
        ("PATCH", "/api/v1/user/edit/therapist/{user_id}"),
        ("GET", "/api/v1/user/music"),
        ("POST", "/api/v1/user/music/edit/{user_id}"),
        ("GET", "/api/v1/event/trigger/{user_id}"),
        ("POST", "/api/v1/event/trigger/{user_id}"),
        ("POST", "/api/v1/chat/{user_id}"),
        ("GET", "/api/v1/chat/user/support/{user_id}"),
    ]);
    assert_eq!(rows, documented);
    assert_eq!(rows.len(), ENDPOINTS.len());
}

#[test]
fn every_document_says_which_row_it_serves() {
    for row in ENDPOINTS {
        let first = row.operation.lines().next().unwrap();
        assert!(
            first.starts_with('#')
                && first.contains(row.method)
                && first.ends_with(&format!("{}/", row.path)),
            "{first}"
        );
    }
}

#[test]
fn no_document_is_left_over() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rest");
    let sources: String = [
        "endpoints.rs",
        "socket.rs",
        "socket/connection.rs",
        "socket/frames.rs",
    ]
    .iter()
    .map(|file| std::fs::read_to_string(root.join(file)).unwrap())
    .collect();
    let left: Vec<String> = documents()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !sources.contains(&format!("operations/{name}")))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

/// A value of each kind that is good enough to be let into the operation.
fn variables(operation: &Operation) -> Map<String, Value> {
    operation
        .variables
        .iter()
        .map(|variable| {
            let value = match variable.kind {
                Kind::Int => json!(1),
                Kind::Boolean => json!(true),
                Kind::String => json!(""),
                Kind::Id => json!("1"),
            };
            (variable.name.clone(), value)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_document_fits_the_schema() {
    let haven = Haven::start(Database::Sqlite).await;
    let schema = graphql::schema(haven.app.clone());
    let mut seen = 0;
    for (name, text) in documents() {
        // The socket documents have lists among their variables; they are checked without.
        let variables = if name.starts_with("socket_") {
            json!({"user_id": "1", "message": "", "ids": ["1"], "echo": true, "colleagues": true})
        } else {
            let text: &'static str = Box::leak(text.clone().into_boxed_str());
            Value::Object(variables(&Operation::parse(text).unwrap()))
        };
        let request = Request::new(text)
            .variables(Variables::from_json(variables))
            .data(Viewer::Nobody(Unauthenticated::NotProvided));
        let response = schema.execute_stream(request).next().await.unwrap();
        // Nobody may do anything, so the operation itself refuses; a document that does not fit
        // is refused before, by the library, without an error of haven's own.
        assert!(!response.errors.is_empty(), "{name}");
        for error in &response.errors {
            assert!(
                error.source::<Error>().is_some(),
                "{name}: {}",
                error.message
            );
        }
        seen += 1;
    }
    assert!(seen >= 12, "only {seen} documents");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_does_not_fit_is_seen() {
    let haven = Haven::start(Database::Sqlite).await;
    let schema = graphql::schema(haven.app.clone());
    let response = schema
        .execute("query { user(id: \"1\", nothing: 1) { id } }")
        .await;
    assert!(
        response
            .errors
            .iter()
            .all(|error| error.source::<Error>().is_none())
    );
    assert!(!response.errors.is_empty());
}

#[test]
fn the_readme_has_the_table_that_haven_prints() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let table = haven::rest::endpoints::markdown().unwrap();
    assert!(readme.unwrap().contains(&table), "run `haven endpoints`");
}
