//! Every operation of the schema with every kind of bad argument: an answer with a code, never
//! a fault.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};
use haven::graphql;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::databases::Database;
use crate::support::haven::{Haven, Person};

/// The types of the schema by name.
struct Types(BTreeMap<String, TypeKind>);

impl Types {
    fn read() -> Self {
        let document = parse_schema(graphql::sdl()).unwrap();
        let types = document.definitions.into_iter().filter_map(|definition| {
            let TypeSystemDefinition::Type(definition) = definition else {
                return None;
            };
            let definition = definition.node;
            Some((definition.name.node.to_string(), definition.kind))
        });
        Self(types.collect())
    }

    /// Literals of a type, among them what nobody should send. The first is harmless.
    fn literals(&self, declared: &Type, depth: usize) -> Vec<String> {
        let name = match &declared.base {
            BaseType::Named(name) => name.as_str(),
            BaseType::List(inner) => {
                let inner = self.literals(inner, depth);
                let many = vec![inner[0].clone(); 50].join(", ");
                let mut lists: Vec<String> = inner.iter().map(|one| format!("[{one}]")).collect();
                lists.extend(["[]".to_owned(), format!("[{many}]")]);
                return lists;
            }
        };
        let long = "я".repeat(5000);
        let strings = [
            "x",
            "",
            " ",
            "\\u0000",
            "a\\u0000b",
            "\\uFFFF",
            "'; DROP TABLE users; --",
            "%_\\\\",
            "<script>",
            "\\r\\nBcc: x@example.com",
            "\\u202e",
            long.as_str(),
        ];
        let mut literals: Vec<String> = match name {
            "String" => strings.iter().map(|text| format!("\"{text}\"")).collect(),
            "ID" => [
                "1",
                "me",
                "0",
                "-1",
                "abc",
                "9223372036854775807",
                "9223372036854775808",
            ]
            .iter()
            .chain(&strings)
            .map(|text| format!("\"{text}\""))
            .chain(["1".to_owned(), "-9223372036854775808".to_owned()])
            .collect(),
            "Int" => ["1", "0", "-1", "100", "101", "2147483647", "-2147483648"]
                .map(str::to_owned)
                .to_vec(),
            "Float" => ["1.5", "0", "-90.0", "90.1", "1e308", "-1e308", "1e-300"]
                .map(str::to_owned)
                .to_vec(),
            "Boolean" => ["true", "false"].map(str::to_owned).to_vec(),
            other => match self.0.get(other) {
                Some(TypeKind::Enum(values)) => values
                    .values
                    .iter()
                    .map(|value| value.node.value.node.to_string())
                    .collect(),
                Some(TypeKind::InputObject(input)) if depth < 3 => {
                    let fields: Vec<&InputValueDefinition> =
                        input.fields.iter().map(|field| &field.node).collect();
                    let good: Vec<String> = fields
                        .iter()
                        .map(|field| self.literals(&field.ty.node, depth + 1)[0].clone())
                        .collect();
                    let object = |special: usize, value: &str| {
                        let mut text = "{".to_owned();
                        for (index, field) in fields.iter().enumerate() {
                            let value = if index == special {
                                value
                            } else {
                                &good[index]
                            };
                            write!(text, "{}: {value}, ", field.name.node).unwrap();
                        }
                        text + "}"
                    };
                    let mut objects = vec![object(usize::MAX, "")];
                    for (index, field) in fields.iter().enumerate() {
                        for value in self.literals(&field.ty.node, depth + 1) {
                            objects.push(object(index, &value));
                        }
                    }
                    objects.push("{}".to_owned());
                    objects
                }
                _ => [
                    "2026-01-01T00:00:00Z",
                    "0000-01-01T00:00:00Z",
                    "-4800-01-01T00:00:00Z",
                    "9999-12-31T23:59:60+23:59",
                    "+262142-12-31T23:59:59Z",
                    "yesterday",
                ]
                .map(|moment| format!("\"{moment}\""))
                .to_vec(),
            },
        };
        if declared.nullable {
            literals.push("null".to_owned());
        }
        literals
    }

    /// A document for each bad value of each argument of each field of a root type.
    fn documents(&self, root: &str, kind: &str) -> Vec<String> {
        let Some(TypeKind::Object(object)) = self.0.get(root) else {
            panic!("no {root}");
        };
        let mut documents = Vec::new();
        for field in &object.fields {
            let field = &field.node;
            let name = field.name.node.as_str();
            let mut inner = &field.ty.node;
            while let BaseType::List(of) = &inner.base {
                inner = of;
            }
            let BaseType::Named(of) = &inner.base else {
                continue;
            };
            let composite = matches!(
                self.0.get(of.as_str()),
                Some(TypeKind::Object(_) | TypeKind::Union(_) | TypeKind::Interface(_))
            );
            let selection = if composite { " { __typename }" } else { "" };
            let arguments: Vec<&InputValueDefinition> = field
                .arguments
                .iter()
                .map(|argument| &argument.node)
                .collect();
            if arguments.is_empty() {
                documents.push(format!("{kind} {{ {name}{selection} }}"));
            }
            let good: Vec<String> = arguments
                .iter()
                .map(|argument| self.literals(&argument.ty.node, 0)[0].clone())
                .collect();
            for (special, argument) in arguments.iter().enumerate() {
                for value in self.literals(&argument.ty.node, 0) {
                    let mut list = String::new();
                    for (index, argument) in arguments.iter().enumerate() {
                        // Relay's page arguments exclude each other.
                        let page = ["first", "last", "before", "after"]
                            .contains(&argument.name.node.as_str());
                        let value = if index == special {
                            value.as_str()
                        } else if page {
                            "null"
                        } else {
                            &good[index]
                        };
                        write!(list, "{}: {value}, ", argument.name.node).unwrap();
                    }
                    documents.push(format!("{kind} {{ {name}({list}){selection} }}"));
                }
            }
        }
        documents
    }
}

/// Sends a document and holds the answer to its promise.
async fn send(haven: &Haven, person: Option<&Person>, document: &str) -> Value {
    let answer = haven.graphql(person, document, json!({})).await;
    let short: String = document.chars().take(300).collect();
    for error in answer["errors"].as_array().into_iter().flatten() {
        let code = error["extensions"]["code"].as_str();
        assert!(
            code.is_some_and(|code| code != "INTERNAL"),
            "{short}\n{answer:#}"
        );
        if code == Some("BAD_USER_INPUT") && error["extensions"]["fields"].is_array() {
            assert_ne!(error["extensions"]["fields"], json!([]), "{short}");
        }
    }
    answer
}

/// As the specification of GraphQL over HTTP has it: coercion comes before execution.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_moment_in_a_variable_refuses_the_request_as_a_whole() {
    let haven = Haven::start(Database::Sqlite).await;
    let admin = haven.admin("boss").await;
    let query =
        "query($since: DateTime) { me { id } notifications(since: $since) { nodes { id } } }";
    let ask = |since: Value, accept: &'static str| {
        let body = json!({"query": query, "variables": {"since": since}});
        let call = haven.by(&admin, "POST", "/graphql");
        call.header("accept", accept).json(&body).send()
    };
    for wrong in [
        json!("yesterday"),
        json!(""),
        json!(1_767_225_600),
        json!(true),
        json!(["2026-01-31T08:30:00Z"]),
    ] {
        for (accept, status) in [
            ("application/graphql-response+json", 400),
            ("application/json", 200),
        ] {
            let answer = ask(wrong.clone(), accept).await;
            answer.assert_status(status);
            let answer = answer.json();
            assert_eq!(answer.get("data"), None, "{answer}");
            let extensions = &answer["errors"][0]["extensions"];
            assert_eq!(extensions["code"], "BAD_USER_INPUT", "{answer}");
            assert_eq!(extensions["variable"], "since", "{answer}");
        }
    }
    for good in [
        json!(null),
        json!("2026-01-31T08:30:00.123456+03:00"),
        json!("2026-01-31T08:30:00Z"),
    ] {
        let answer = ask(good, "application/json").await.json();
        assert_eq!(answer.get("errors"), None, "{answer}");
    }
}

on_both! {
    async fn no_argument_of_any_operation_is_a_fault_of_the_server(database) {
        let haven = Haven::start(database).await;
        let types = Types::read();
        let mut documents = types.documents("Query", "query");
        documents.extend(types.documents("Mutation", "mutation"));
        assert!(documents.len() > 400, "only {}", documents.len());
        let admin = haven.admin("boss").await;
        let anna = haven.person("anna").await;
        for document in &documents {
            send(&haven, None, document).await;
        }
        // What ends a session or an account would end the test's own with it.
        let ends = ["logout", "changePassword", "revokeSession", "setUser"];
        for document in documents.iter().filter(|text| !ends.iter().any(|end| text.contains(end))) {
            for person in [&anna, &admin] {
                send(&haven, Some(person), document).await;
            }
        }
        assert_eq!(haven.data(&anna, "{ me { username } }", json!({})).await["me"]["username"], "anna");
    }
}
