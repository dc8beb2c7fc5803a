//! What answering an operation costs, from the schema's text and the operation's variables.
//!
//! A field costs one, and what is below it once for each object it may give: as many as `first`
//! or `last` ask for where it takes them, a usual number where it gives a list without pages. A
//! list of plain values costs as many as it may hold.
//! The executor has a complexity of its own, but its rules can't read an argument whose variable
//! the client left out, and would know nothing of page sizes.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, FieldDefinition, OperationDefinition, OperationType,
    Selection, SelectionSet, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::parser::{Error as ParserError, parse_schema};
use async_graphql_value::{ConstValue, Value};
use serde_json::{Map, Value as Json};

use super::limits::{self, Limits, Violation, at_most};

/// Rows of a page where the client says nothing.
const PAGE: u64 = 50;
/// Objects of a list that has no pages, as the contacts of a user.
const LIST: u64 = 10;
/// Values of a list of plain ones, as the sentences about an alarm: one for each contact, which
/// are long ones, and nothing below them is counted.
const VALUES: u64 = 100;
/// Lists without pages that nothing bounds but what is stored, by type and field, and how many
/// objects they may well have.
const LONG: [(&str, &str, u64); 3] = [
    ("User", "sessions", 100),
    ("Query", "musicTracks", 100),
    ("Query", "alarmScenarios", 100),
];
/// What a mutation or subscription costs besides what it answers: a transaction or a listener,
/// and for a log-in the hash of a password.
const ACT: u64 = 500;

/// How many there are of a thing in the description of a schema, on average: fields of a type,
/// counting types that have none; arguments of a field; directives.
const INTROSPECTION: [(&str, &str, &str, u64); 14] = [
    ("__Schema", "queryType", "__Type", 1),
    ("__Schema", "mutationType", "__Type", 1),
    ("__Schema", "subscriptionType", "__Type", 1),
    ("__Schema", "directives", "__Directive", 5),
    ("__Type", "fields", "__Field", 5),
    ("__Type", "interfaces", "__Type", 1),
    ("__Type", "possibleTypes", "__Type", 1),
    ("__Type", "enumValues", "__EnumValue", 1),
    ("__Type", "inputFields", "__InputValue", 1),
    ("__Type", "ofType", "__Type", 1),
    ("__Field", "args", "__InputValue", 1),
    ("__Field", "type", "__Type", 1),
    ("__InputValue", "type", "__Type", 1),
    ("__Directive", "args", "__InputValue", 1),
];

/// What is known of a field that gives objects, or a list of plain values.
struct Output {
    ty: String,
    count: Count,
    /// What it costs without what is below it.
    own: u64,
}

/// How many objects a field gives.
#[derive(Clone, Copy)]
enum Count {
    Fixed(u64),
    /// As many as its arguments `first` or `last` say.
    Page,
}

/// What a selection costs. The numbers stop at their greatest value instead of overflowing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    data: u64,
    introspection: u64,
    /// Bytes of the names in the answer: each is there again in every object.
    names: u64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.data = self.data.saturating_add(other.data);
        self.introspection = self.introspection.saturating_add(other.introspection);
        self.names = self.names.saturating_add(other.names);
    }

    fn times(self, count: u64) -> Self {
        Self {
            data: self.data.saturating_mul(count),
            introspection: self.introspection.saturating_mul(count),
            names: self.names.saturating_mul(count),
        }
    }
}

/// The output types of a schema, as far as they bear on costs.
pub(super) struct OutputTypes {
    /// The fields that give objects, or lists of plain values, by their type.
    types: HashMap<String, HashMap<String, Output>>,
    query: String,
    mutation: String,
    subscription: String,
}

impl OutputTypes {
    /// The name of the root type of subscriptions.
    pub fn subscription(&self) -> &str {
        &self.subscription
    }

    /// Reads the output types from the schema's SDL.
    pub fn new(sdl: &str) -> Result<Self, ParserError> {
        let mut this = Self {
            types: HashMap::new(),
            query: "Query".to_owned(),
            mutation: "Mutation".to_owned(),
            subscription: "Subscription".to_owned(),
        };
        let mut definitions = Vec::new();
        for definition in parse_schema(sdl)?.definitions {
            match definition {
                TypeSystemDefinition::Schema(schema) => {
                    let schema = schema.node;
                    for (root, name) in [
                        (&mut this.query, schema.query),
                        (&mut this.mutation, schema.mutation),
                        (&mut this.subscription, schema.subscription),
                    ] {
                        if let Some(name) = name {
                            *root = name.node.to_string();
                        }
                    }
                }
                TypeSystemDefinition::Type(definition) => definitions.push(definition.node),
                TypeSystemDefinition::Directive(_) => {}
            }
        }
        let leaves: HashSet<String> = definitions
            .iter()
            .filter(|d| matches!(d.kind, TypeKind::Scalar | TypeKind::Enum(_)))
            .map(|d| d.name.node.to_string())
            .chain(["Int", "Float", "String", "Boolean", "ID"].map(str::to_owned))
            .collect();
        let described = definitions.len() as u64;
        for definition in definitions {
            let fields = match definition.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                _ => continue,
            };
            let outputs = fields.iter().filter_map(|field| {
                let mut output = output(&field.node);
                if leaves.contains(&output.ty) {
                    let list = matches!(field.node.ty.node.base, BaseType::List(_));
                    output.own = list.then_some(VALUES)?;
                }
                Some((field.node.name.node.to_string(), output))
            });
            let name = definition.name.node.to_string();
            this.types.entry(name).or_default().extend(outputs);
        }
        this.count_pages_once();
        for (ty, field, count) in LONG {
            let fields = this.types.get_mut(ty);
            if let Some(output) = fields.and_then(|fields| fields.get_mut(field)) {
                output.count = Count::Fixed(count);
            }
        }
        for (ty, field, gives, count) in INTROSPECTION {
            this.insert(ty, field, gives, count);
        }
        this.insert("__Schema", "types", "__Type", described);
        let query = this.query.clone();
        this.insert(&query, "__schema", "__Schema", 1);
        this.insert(&query, "__type", "__Type", 1);
        Ok(this)
    }

    fn insert(&mut self, ty: &str, field: &str, gives: &str, count: u64) {
        let output = Output {
            ty: gives.to_owned(),
            count: Count::Fixed(count),
            own: 1,
        };
        let fields = self.types.entry(ty.to_owned()).or_default();
        fields.insert(field.to_owned(), output);
    }

    /// The lists inside a page, `edges` and `nodes`, have been counted with the page.
    fn count_pages_once(&mut self) {
        let outputs = self.types.values().flat_map(HashMap::values);
        let pages: HashSet<String> = outputs
            .filter(|output| matches!(output.count, Count::Page))
            .map(|output| output.ty.clone())
            .collect();
        for (ty, fields) in &mut self.types {
            if pages.contains(ty) {
                for output in fields.values_mut() {
                    output.count = Count::Fixed(1);
                }
            }
        }
    }

    /// Refuses an operation that costs too much. `variables` are those the client sent, coerced.
    /// Each fragment is counted once for all its spreads, so that time and memory are linear in
    /// the size of the document.
    ///
    /// # Errors
    /// The bound exceeded: `complexity`, `introspection` or `answer_names`.
    pub fn check(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Map<String, Json>,
        limits: &Limits,
    ) -> Result<(), Violation> {
        let mut counter = Counter {
            types: self,
            fragments: HashMap::new(),
            operation,
            variables,
        };
        for name in limits::order(document)? {
            if let Some(fragment) = document.fragments.get(name) {
                let fragment = &fragment.node;
                let ty = fragment.type_condition.node.on.node.as_str();
                let cost = counter.cost(&fragment.selection_set.node, ty);
                counter.fragments.insert(name, cost);
            }
        }
        let root = match operation.ty {
            OperationType::Query => &self.query,
            OperationType::Mutation => &self.mutation,
            OperationType::Subscription => &self.subscription,
        };
        let cost = counter.cost(&operation.selection_set.node, root);
        at_most("complexity", cost.data, limits.complexity)?;
        at_most("introspection", cost.introspection, limits.introspection)?;
        at_most("answer_names", cost.names, limits.answer_names)
    }
}

fn output(field: &FieldDefinition) -> Output {
    let mut arguments = field.arguments.iter().map(|argument| &argument.node);
    let paged = arguments.any(|argument| {
        let number = matches!(&argument.ty.node.base, BaseType::Named(name) if name == "Int");
        number && matches!(argument.name.node.as_str(), "first" | "last")
    });
    let (ty, list) = innermost(&field.ty.node);
    Output {
        ty: ty.to_owned(),
        count: match (paged, list) {
            (true, _) => Count::Page,
            (false, true) => Count::Fixed(LIST),
            (false, false) => Count::Fixed(1),
        },
        own: 1,
    }
}

/// The named type inside, and whether it is in a list.
fn innermost(ty: &Type) -> (&str, bool) {
    match &ty.base {
        BaseType::Named(name) => (name.as_str(), false),
        BaseType::List(item) => (innermost(item).0, true),
    }
}

struct Counter<'a> {
    types: &'a OutputTypes,
    /// What each fragment costs, as far as it is known.
    fragments: HashMap<&'a str, Cost>,
    operation: &'a OperationDefinition,
    variables: &'a Map<String, Json>,
}

impl Counter<'_> {
    /// Recurses once per nested selection set, of which the parser lets 64 pass.
    fn cost(&self, selection_set: &SelectionSet, ty: &str) -> Cost {
        let mut cost = Cost::default();
        for selection in &selection_set.items {
            cost.add(match &selection.node {
                Selection::Field(field) => self.field(&field.node, ty),
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let ty = condition.map_or(ty, |condition| condition.node.on.node.as_str());
                    self.cost(&fragment.node.selection_set.node, ty)
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    self.fragments.get(name).copied().unwrap_or_default()
                }
            });
        }
        cost
    }

    fn field(&self, field: &Field, ty: &str) -> Cost {
        let name = field.name.node.as_str();
        let names = field.response_key().node.len() as u64;
        // Clients add it to every object of theirs, and it is known without looking.
        if name == "__typename" {
            return Cost {
                names,
                ..Cost::default()
            };
        }
        let output = self.types.types.get(ty).and_then(|fields| fields.get(name));
        let count = match output.map(|output| output.count) {
            None => 1,
            Some(Count::Fixed(count)) => count,
            Some(Count::Page) => self.page(field),
        };
        let below = output.map_or("", |output| output.ty.as_str());
        let mut cost = self.cost(&field.selection_set.node, below).times(count);
        cost.names = cost.names.saturating_add(names);
        if ty.starts_with("__") || below.starts_with("__") {
            cost.introspection = cost.introspection.saturating_add(1);
        } else if ty == self.types.mutation || ty == self.types.subscription {
            cost.data = cost.data.saturating_add(ACT);
        } else {
            let own = output.map_or(1, |output| output.own);
            cost.data = cost.data.saturating_add(own);
        }
        cost
    }

    /// How many rows a field asks for.
    fn page(&self, field: &Field) -> u64 {
        ["first", "last"]
            .into_iter()
            .filter_map(|name| match &field.get_argument(name)?.node {
                Value::Number(number) => number.as_u64(),
                Value::Variable(name) => self.variable(name),
                _ => None,
            })
            .max()
            // An empty page is looked for all the same.
            .map_or(PAGE, |rows| rows.max(1))
    }

    fn variable(&self, name: &str) -> Option<u64> {
        match self.variables.get(name) {
            Some(value) => value.as_u64(),
            None => {
                let definitions = self.operation.variable_definitions.iter();
                let mut definitions = definitions.map(|definition| &definition.node);
                let definition = definitions.find(|definition| definition.name.node == name)?;
                match &definition.default_value.as_ref()?.node {
                    ConstValue::Number(number) => number.as_u64(),
                    _ => None,
                }
            }
        }
    }
}
