//! The schema as a contract.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_checked_in_schema_is_the_one_that_haven_serves() {
    let checked_in = include_str!("../../schema.graphql");
    assert_eq!(
        checked_in,
        haven::graphql::sdl(),
        "schema.graphql has drifted: run `make schema` and read the difference"
    );
}

#[test]
fn everything_in_the_schema_is_described() {
    use async_graphql::parser::parse_schema;
    use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
    let document = parse_schema(haven::graphql::sdl()).unwrap();
    let mut bare = Vec::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else {
            continue;
        };
        let definition = definition.node;
        let name = definition.name.node.as_str();
        if definition.description.is_none() {
            bare.push(name.to_owned());
        }
        match &definition.kind {
            TypeKind::Object(object) => {
                for field in &object.fields {
                    let path = format!("{name}.{}", field.node.name.node);
                    for argument in &field.node.arguments {
                        if argument.node.description.is_none() {
                            bare.push(format!("{path}({})", argument.node.name.node));
                        }
                    }
                    if field.node.description.is_none() {
                        bare.push(path);
                    }
                }
            }
            TypeKind::InputObject(input) => {
                for field in &input.fields {
                    if field.node.description.is_none() {
                        bare.push(format!("{name}.{}", field.node.name.node));
                    }
                }
            }
            TypeKind::Enum(values) => {
                for value in &values.values {
                    if value.node.description.is_none() {
                        bare.push(format!("{name}.{}", value.node.value.node));
                    }
                }
            }
            _ => {}
        }
    }
    assert_eq!(bare, Vec::<String>::new(), "without a description");
}

/// Words in capitals between these marks.
fn codes_between(text: &str, mark: char) -> BTreeSet<String> {
    text.split(mark)
        .filter(|word| word.len() > 4)
        .filter(|word| word.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .map(str::to_owned)
        .collect()
}

/// The string literals of the sources are the codes that there are: whoever adds one is told where
/// it is missing.
#[test]
fn every_error_code_is_described_wherever_codes_are() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut codes = codes_between(include_str!("../../src/error.rs"), '"');
    for file in std::fs::read_dir(sources.join("transport")).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        codes.append(&mut codes_between(&source, '"'));
    }
    assert!(codes.len() > 20, "{codes:?}");

    let sdl = haven::graphql::sdl();
    let (before, _) = sdl.split_once("\ntype Query {").unwrap();
    let description = before.rsplit("\"\"\"").nth(1).unwrap();
    assert_eq!(codes_between(description, '`'), codes, "the schema");

    let readme = include_str!("../../README.md");
    let (_, table) = readme.split_once("| code | meaning |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    assert_eq!(codes_between(table, '`'), codes, "the README");

    let transport = include_str!("../../src/transport/mod.rs");
    let table: String = transport
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .collect();
    let domain_alone = ["NOT_FOUND", "CONFLICT", "RATE_LIMITED"];
    codes.retain(|code| !domain_alone.contains(&code.as_str()));
    assert_eq!(codes_between(&table, '`'), codes, "the transport");
}

/// A scalar without a check would let wrong variables through until a resolver asks for them.
#[test]
fn every_custom_scalar_is_checked_in_variables() {
    let sdl = haven::graphql::sdl();
    let scalars: BTreeSet<&str> = sdl
        .lines()
        .filter_map(|line| line.strip_prefix("scalar "))
        .collect();
    let checked = haven::graphql::scalars::CHECKS
        .iter()
        .map(|(name, _)| *name);
    assert_eq!(scalars, checked.collect());
}
