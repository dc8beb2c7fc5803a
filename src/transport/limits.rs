//! What a GraphQL document may cost, checked before it is validated or executed.
//!
//! A document is small and its meaning is not: 2 kB of fragments that spread each other twice
//! stand for a billion fields. [`scan`] looks at the text before the parser sees it, [`check`]
//! at the parsed document before the validator does. Both are linear in the size of the text:
//! what a fragment stands for is counted once and reused wherever it is spread.

use std::collections::HashMap;
use std::fmt;

use async_graphql::Positioned;
use async_graphql::parser::types::{Directive, ExecutableDocument, Selection, SelectionSet};
use async_graphql_value::Value;

/// The bounds of a request. A value equal to the bound is still allowed.
///
/// The defaults leave room for the introspection query that GraphiQL sends and for operations
/// several times the size of any that a client of haven has reason to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an HTTP body.
    pub body_bytes: usize,
    /// Bytes of the document's text.
    pub document_bytes: usize,
    /// Bytes of one name or number in the text: names are repeated in answers and errors.
    pub name_bytes: usize,
    /// Lexical tokens of the text, comments not counted.
    pub tokens: usize,
    /// Brackets of any kind open at once in the text. The parser recurses once per level, and
    /// refuses selection sets nested deeper than 64 itself.
    pub nesting: usize,
    /// Operations in one document.
    pub operations: usize,
    /// Fragment definitions in one document.
    pub fragments: usize,
    /// Fragment spreads, those inside spread fragments counted each time.
    pub fragment_spreads: usize,
    /// Aliases, fragments expanded.
    pub aliases: usize,
    /// Directives, fragments expanded.
    pub directives: usize,
    /// Fields, inline fragments and spreads together, fragments expanded.
    pub selections: usize,
    /// Fields nested in one another, through fragments.
    pub depth: usize,
    /// Fields answered, each as often as the lists above it have objects: as many as `first` or
    /// `last` ask for, or a usual number.
    pub complexity: usize,
    /// Like `complexity`, for the fields that describe the schema.
    pub introspection: usize,
    /// Bytes of the names in the answer, counted as often as `complexity` counts their fields.
    pub answer_names: usize,
    /// Bytes of the variables, about as long as their JSON text is.
    pub variable_bytes: usize,
    /// Lists and objects nested in one another in the variables.
    pub variable_nesting: usize,
    /// Bytes of the variables, defaults included, times the places they are used in: each place
    /// is given its copy.
    pub variable_copies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            document_bytes: 64 * 1024,
            name_bytes: 128,
            tokens: 5_000,
            nesting: 50,
            operations: 16,
            fragments: 64,
            fragment_spreads: 256,
            aliases: 100,
            directives: 64,
            selections: 2_000,
            depth: 20,
            complexity: 20_000,
            introspection: 100_000,
            answer_names: 4 * 1024 * 1024,
            variable_bytes: 128 * 1024,
            variable_nesting: 32,
            variable_copies: 4 * 1024 * 1024,
        }
    }
}

/// Why a document is refused before validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A bound is exceeded.
    Exceeded {
        /// Which one, by the name of the field of [`Limits`].
        limit: &'static str,
        /// The greatest value allowed.
        max: usize,
    },
    /// A fragment spreads itself, directly or through others.
    FragmentCycle {
        /// A fragment of the cycle, or one that leads into it.
        fragment: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exceeded { limit, max } => {
                let what = limit.replace('_', " ");
                write!(f, "The request exceeds the limit of {max} for {what}.")
            }
            Self::FragmentCycle { fragment } => {
                write!(f, "Cannot spread fragment \"{fragment}\" within itself.")
            }
        }
    }
}

impl std::error::Error for Violation {}

/// Refuses `value` above `max`.
pub(super) fn at_most(limit: &'static str, value: u64, max: usize) -> Result<(), Violation> {
    if value > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(Violation::Exceeded { limit, max });
    }
    Ok(())
}

/// Checks the text of a document for its length, the number of its tokens and the nesting of its
/// brackets, so that the parser, which recurses, is safe with it. Gives the number of tokens.
///
/// # Errors
/// The first bound that the text exceeds. A text that is no GraphQL passes: finding that out is
/// the parser's work, and it gets no deeper into the text than this function has looked.
pub fn scan(text: &str, limits: &Limits) -> Result<usize, Violation> {
    at_most("document_bytes", text.len() as u64, limits.document_bytes)?;
    let mut rest = text.as_bytes();
    let (mut tokens, mut open) = (0_u64, 0_u64);
    while let [byte, tail @ ..] = rest {
        match byte {
            b' ' | b',' | b'\t' | b'\r' | b'\n' | 0xEF | 0xBB | 0xBF => {
                rest = tail;
                continue;
            }
            b'#' => {
                let end = tail.iter().position(|b| matches!(b, b'\r' | b'\n'));
                rest = end.and_then(|end| tail.get(end..)).unwrap_or_default();
                continue;
            }
            b'"' => match after_string(rest) {
                Some(after) => rest = after,
                None => break,
            },
            b'.' => rest = rest.strip_prefix(b"...").unwrap_or(tail),
            b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                let after = tail
                    .iter()
                    .position(|b| !(b.is_ascii_alphanumeric() || *b == b'_'))
                    .unwrap_or(tail.len());
                at_most("name_bytes", after as u64 + 1, limits.name_bytes)?;
                rest = tail.get(after..).unwrap_or_default();
            }
            b'{' | b'[' | b'(' => {
                open += 1;
                at_most("nesting", open, limits.nesting)?;
                rest = tail;
            }
            b'}' | b']' | b')' => {
                open = open.saturating_sub(1);
                rest = tail;
            }
            _ => rest = tail,
        }
        tokens += 1;
        at_most("tokens", tokens, limits.tokens)?;
    }
    Ok(usize::try_from(tokens).unwrap_or(usize::MAX))
}

/// The text after the string that `text` begins with, or `None` when the string doesn't end; the
/// parser fails there too. A block string that doesn't end is an empty string and the start of
/// another, as it is to the parser.
fn after_string(text: &[u8]) -> Option<&[u8]> {
    if let Some(mut block) = text.strip_prefix(b"\"\"\"") {
        while !block.is_empty() {
            if let Some(after) = block.strip_prefix(b"\\\"\"\"") {
                block = after;
            } else if let Some(after) = block.strip_prefix(b"\"\"\"") {
                return Some(after);
            } else {
                block = block.get(1..)?;
            }
        }
        return text.get(2..);
    }
    let mut rest = text.get(1..)?;
    loop {
        match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', _, after @ ..] => rest = after,
            [b'\r' | b'\n', ..] | [] => return None,
            [_, after @ ..] => rest = after,
        }
    }
}

/// What a document stands for when its fragments are expanded. The numbers stop at their
/// greatest value instead of overflowing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Fragment spreads.
    pub fragment_spreads: u64,
    /// Aliases.
    pub aliases: u64,
    /// Directives.
    pub directives: u64,
    /// Fields, inline fragments and spreads.
    pub selections: u64,
    /// Fields nested in one another.
    pub depth: u64,
    /// Uses of variables in arguments.
    pub variable_uses: u64,
}

impl Cost {
    fn add(&mut self, other: &Self, at_depth: u64) {
        self.fragment_spreads = self.fragment_spreads.saturating_add(other.fragment_spreads);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.selections = self.selections.saturating_add(other.selections);
        self.variable_uses = self.variable_uses.saturating_add(other.variable_uses);
        self.depth = self.depth.max(at_depth.saturating_add(other.depth));
    }

    fn max(self, other: &Self) -> Self {
        Self {
            fragment_spreads: self.fragment_spreads.max(other.fragment_spreads),
            aliases: self.aliases.max(other.aliases),
            directives: self.directives.max(other.directives),
            selections: self.selections.max(other.selections),
            depth: self.depth.max(other.depth),
            variable_uses: self.variable_uses.max(other.variable_uses),
        }
    }

    fn within(&self, limits: &Limits) -> Result<(), Violation> {
        at_most(
            "fragment_spreads",
            self.fragment_spreads,
            limits.fragment_spreads,
        )?;
        at_most("aliases", self.aliases, limits.aliases)?;
        at_most("directives", self.directives, limits.directives)?;
        at_most("selections", self.selections, limits.selections)?;
        at_most("depth", self.depth, limits.depth)
    }
}

/// A definition by itself: its own cost, and what it spreads at which depth.
#[derive(Default)]
struct Definition<'a> {
    own: Cost,
    spreads: Vec<(&'a str, u64)>,
}

impl<'a> Definition<'a> {
    fn new(directives: &[Positioned<Directive>], selection_set: &'a SelectionSet) -> Self {
        let mut this = Self::default();
        this.count_directives(directives);
        this.walk(selection_set, 0);
        this
    }

    /// Recurses once per nested selection set, of which the parser lets 64 pass.
    fn walk(&mut self, selection_set: &'a SelectionSet, depth: u64) {
        for selection in &selection_set.items {
            #[cfg(test)]
            VISITED.with(|visited| visited.set(visited.get() + 1));
            self.own.selections += 1;
            self.count_directives(selection.node.directives());
            match &selection.node {
                Selection::Field(field) => {
                    self.own.depth = self.own.depth.max(depth + 1);
                    self.own.aliases += u64::from(field.node.alias.is_some());
                    for (_, value) in &field.node.arguments {
                        self.own.variable_uses += variable_uses(&value.node);
                    }
                    self.walk(&field.node.selection_set.node, depth + 1);
                }
                Selection::InlineFragment(fragment) => {
                    self.walk(&fragment.node.selection_set.node, depth);
                }
                Selection::FragmentSpread(spread) => {
                    self.own.fragment_spreads += 1;
                    self.spreads
                        .push((spread.node.fragment_name.node.as_str(), depth));
                }
            }
        }
    }

    fn count_directives(&mut self, directives: &[Positioned<Directive>]) {
        self.own.directives += directives.len() as u64;
        for directive in directives {
            for (_, value) in &directive.node.arguments {
                self.own.variable_uses += variable_uses(&value.node);
            }
        }
    }

    fn expanded(&self, fragments: &HashMap<&str, Cost>) -> Cost {
        let mut cost = self.own;
        for (name, depth) in &self.spreads {
            if let Some(fragment) = fragments.get(name) {
                cost.add(fragment, *depth);
            }
        }
        cost
    }
}

fn variable_uses(value: &Value) -> u64 {
    match value {
        Value::Variable(_) => 1,
        Value::List(items) => items.iter().map(variable_uses).sum(),
        Value::Object(fields) => fields.values().map(variable_uses).sum(),
        _ => 0,
    }
}

/// Counts what a document stands for and refuses it above the bounds. All operations are added
/// up, since all of them are validated, and fragments that nothing spreads have to keep within
/// the bounds as well.
///
/// Time and memory are linear in the size of the document, whatever it stands for.
///
/// # Errors
/// The first bound exceeded, or a fragment that spreads itself. A spread of a fragment that is
/// not defined passes: validation finds it.
pub fn check(document: &ExecutableDocument, limits: &Limits) -> Result<Cost, Violation> {
    at_most(
        "operations",
        document.operations.iter().len() as u64,
        limits.operations,
    )?;
    at_most(
        "fragments",
        document.fragments.len() as u64,
        limits.fragments,
    )?;
    let fragments = fragment_costs(document)?;
    let mut total = Cost::default();
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        let mut definition = Definition::new(&operation.directives, &operation.selection_set.node);
        for variable in &operation.variable_definitions {
            definition.count_directives(&variable.node.directives);
        }
        total.add(&definition.expanded(&fragments), 0);
    }
    // One comparison for all of them: which limit is named must not depend on the order in which
    // a hash map gives the fragments.
    let greatest = fragments.values().fold(total, Cost::max);
    greatest.within(limits)?;
    Ok(total)
}

/// The cost of each fragment, computed once from finished ones.
fn fragment_costs(document: &ExecutableDocument) -> Result<HashMap<&str, Cost>, Violation> {
    let mut costs = HashMap::with_capacity(document.fragments.len());
    for name in order(document)? {
        if let Some(fragment) = document.fragments.get(name) {
            let fragment = &fragment.node;
            let definition = Definition::new(&fragment.directives, &fragment.selection_set.node);
            costs.insert(name, definition.expanded(&costs));
        }
    }
    Ok(costs)
}

/// The names of the fragments, those that spread nothing first (Kahn's algorithm): whoever walks
/// them so has what a fragment spreads before the fragment, and needs no recursion that follows
/// the chain of spreads.
///
/// # Errors
/// A fragment that spreads itself.
pub(super) fn order(document: &ExecutableDocument) -> Result<Vec<&str>, Violation> {
    let mut waiting_for: HashMap<&str, usize> = HashMap::new();
    let mut spread_by: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, fragment) in &document.fragments {
        let name = name.as_str();
        let definition = Definition::new(&[], &fragment.node.selection_set.node);
        let known = definition.spreads.iter().map(|(callee, _)| *callee);
        let known: Vec<&str> = known
            .filter(|callee| document.fragments.contains_key(*callee))
            .collect();
        waiting_for.insert(name, known.len());
        for callee in known {
            spread_by.entry(callee).or_default().push(name);
        }
    }
    let mut ready: Vec<&str> = waiting_for
        .iter()
        .filter_map(|(name, count)| (*count == 0).then_some(*name))
        .collect();
    let mut order = Vec::with_capacity(waiting_for.len());
    while let Some(name) = ready.pop() {
        order.push(name);
        waiting_for.remove(name);
        for caller in spread_by.remove(name).unwrap_or_default() {
            if let Some(count) = waiting_for.get_mut(caller) {
                *count -= 1;
                if *count == 0 {
                    ready.push(caller);
                }
            }
        }
    }
    match waiting_for.keys().min() {
        Some(fragment) => Err(Violation::FragmentCycle {
            fragment: (*fragment).to_owned(),
        }),
        None => Ok(order),
    }
}

#[cfg(test)]
thread_local! {
    /// Selections looked at, for the test below.
    static VISITED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::{Limits, VISITED, check};

    /// The selections that are looked at to refuse a document in which each fragment spreads the
    /// next twice.
    fn looked_at(fragments: usize) -> usize {
        let mut text = "{ ...F0 }".to_owned();
        for n in 0..fragments {
            let next = n + 1;
            text += &format!(" fragment F{n} on Query {{ a b ...F{next} ...F{next} }}");
        }
        text += &format!(" fragment F{fragments} on Query {{ a }}");
        let document = async_graphql::parser::parse_query(text).unwrap();
        VISITED.with(|visited| visited.set(0));
        assert!(check(&document, &Limits::default()).is_err());
        VISITED.with(std::cell::Cell::get)
    }

    #[test]
    fn the_work_grows_with_the_text_and_not_with_what_it_stands_for() {
        // Twice: for the order of the fragments, and for their costs.
        for fragments in [10, 20, 31, 60] {
            assert_eq!(looked_at(fragments), 2 * (4 * fragments + 1) + 1);
        }
    }
}
