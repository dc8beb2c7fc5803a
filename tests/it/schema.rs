//! The schema as a contract.

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
