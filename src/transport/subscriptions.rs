//! What the specification says of the root of a subscription, and the executor leaves out.
//!
//! The executor looks at the fields that stand in the root themselves, starts each of them, and
//! passes fragments over. So a subscription is refused here unless it has a single root field, and
//! what reaches the executor has that field alone, whatever fragments it came by.

use std::collections::HashSet;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
    SelectionSet,
};
use async_graphql::{Name, Pos, Positioned, ServerError};

use super::errors::{RequestError, coded};

/// Checks the validation rule "Single Root Field" for every subscription of a document whose
/// fragments make no cycles: one response key, no field of introspection, and neither `@skip` nor
/// `@include`, because what is followed may not depend on variables.
///
/// # Errors
/// `GRAPHQL_VALIDATION_FAILED` for the first subscription that breaks it.
pub(super) fn single_root(document: &ExecutableDocument) -> Result<(), RequestError> {
    for (_, operation) in document.operations.iter() {
        if operation.node.ty == OperationType::Subscription {
            root(document, &operation.node).map_err(|(text, place)| {
                let error = ServerError::new(text, Some(place));
                RequestError::refused(vec![coded(error, "GRAPHQL_VALIDATION_FAILED")])
            })?;
        }
    }
    Ok(())
}

fn root(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) -> Result<(), (&'static str, Pos)> {
    let mut seen = HashSet::new();
    let mut key: Option<&Name> = None;
    let mut waiting = in_order(&operation.selection_set.node);
    while let Some(selection) = waiting.pop() {
        let conditional = selection.node.directives().iter().find(|directive| {
            let name = directive.node.name.node.as_str();
            name == "skip" || name == "include"
        });
        if let Some(directive) = conditional {
            let text = "The root field of a subscription can't be under `@skip` or `@include`.";
            return Err((text, directive.pos));
        }
        match &selection.node {
            Selection::Field(field) => {
                if field.node.name.node.starts_with("__") {
                    let text = "The root field of a subscription can't be one of introspection.";
                    return Err((text, field.pos));
                }
                let this = &field.node.response_key().node;
                if key.is_some_and(|key| key != this) {
                    return Err(("A subscription must have a single root field.", field.pos));
                }
                key = Some(this);
            }
            Selection::InlineFragment(fragment) => {
                waiting.extend(in_order(&fragment.node.selection_set.node));
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                // One that is not defined is for validation to find.
                if let Some(fragment) = document.fragments.get(name)
                    && seen.insert(name)
                {
                    waiting.extend(in_order(&fragment.node.selection_set.node));
                }
            }
        }
    }
    Ok(())
}

/// The selections as a stack, the first on top.
fn in_order(selections: &SelectionSet) -> Vec<&Positioned<Selection>> {
    selections.items.iter().rev().collect()
}

/// Puts the one field of a subscription's root, which has passed [`single_root`], in the place of
/// whatever stands there. What can't be valid stays as it is, for validation to say so.
pub(super) fn gather(document: &mut ExecutableDocument, name: Option<&str>, root: &str) {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) => operations.values().next(),
    };
    let Some(operation) = operation else {
        return;
    };
    let items = &operation.node.selection_set.node.items;
    if let [one] = items.as_slice()
        && matches!(one.node, Selection::Field(_))
    {
        return;
    }
    let Some((field, spread)) = gathered(document, &operation.node, root) else {
        return;
    };
    let place = field.pos;
    let only = vec![Positioned::new(Selection::Field(field), place)];
    let operation = match (&mut document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get_mut(name),
        (DocumentOperations::Multiple(operations), None) => operations.values_mut().next(),
    };
    if let Some(operation) = operation {
        operation.node.selection_set.node.items = only;
    }
    // What was spread in the root alone is not spread any more, which would be a mistake.
    let used = reachable(document);
    document
        .fragments
        .retain(|name, _| used.contains(name) || !spread.contains(name));
}

/// The one root field with all that is selected below it, and the fragments spread in the root.
fn gathered(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    root: &str,
) -> Option<(Positioned<Field>, HashSet<Name>)> {
    let mut gathered: Option<Positioned<Field>> = None;
    let mut spread = HashSet::new();
    let mut waiting = in_order(&operation.selection_set.node);
    while let Some(selection) = waiting.pop() {
        match &selection.node {
            Selection::Field(field) => match &mut gathered {
                None => gathered = Some(field.clone()),
                Some(first) if same(&first.node, &field.node) => {
                    let more = field.node.selection_set.node.items.iter().cloned();
                    first.node.selection_set.node.items.extend(more);
                }
                Some(_) => return None,
            },
            Selection::InlineFragment(fragment) => {
                let fragment = &fragment.node;
                let condition = fragment.type_condition.as_ref();
                let fits = condition.is_none_or(|condition| condition.node.on.node == root);
                if !fits || !fragment.directives.is_empty() {
                    return None;
                }
                waiting.extend(in_order(&fragment.selection_set.node));
            }
            Selection::FragmentSpread(selected) => {
                let name = &selected.node.fragment_name.node;
                let fragment = &document.fragments.get(name)?.node;
                let fits = fragment.type_condition.node.on.node == root;
                let plain = selected.node.directives.is_empty() && fragment.directives.is_empty();
                if !fits || !plain {
                    return None;
                }
                if spread.insert(name.clone()) {
                    waiting.extend(in_order(&fragment.selection_set.node));
                }
            }
        }
    }
    Some((gathered?, spread))
}

/// Whether two fields with one response key are the same but for what is selected below.
fn same(one: &Field, other: &Field) -> bool {
    one.name.node == other.name.node
        && other.directives.is_empty()
        && one.arguments.len() == other.arguments.len()
        && one.arguments.iter().all(|(name, value)| {
            let counterpart = other.get_argument(name.node.as_str());
            counterpart.is_some_and(|counterpart| counterpart.node == value.node)
        })
}

/// The fragments that some operation spreads, itself or by another.
fn reachable(document: &ExecutableDocument) -> HashSet<Name> {
    let mut found = HashSet::new();
    let operations = document.operations.iter();
    let mut waiting: Vec<&SelectionSet> = operations
        .map(|(_, operation)| &operation.node.selection_set.node)
        .collect();
    while let Some(selections) = waiting.pop() {
        for selection in &selections.items {
            match &selection.node {
                Selection::Field(field) => waiting.push(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => {
                    waiting.push(&fragment.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = document.fragments.get(name)
                        && found.insert(name.clone())
                    {
                        waiting.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    found
}
