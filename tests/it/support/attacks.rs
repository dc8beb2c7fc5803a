//! What somebody sends who wants a server to choke on it.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// 31 fragments, each of which spreads the next twice: 2^30 fields in 2 kB.
fn doubling() -> String {
    let mut text = String::from("{ me { ...F0 } }");
    for n in 0..30 {
        let next = n + 1;
        write!(text, " fragment F{n} on User {{ ...F{next} ...F{next} }}").unwrap();
    }
    text + " fragment F30 on User { id }"
}

fn repeat(item: impl Fn(usize) -> String, times: usize) -> String {
    (0..times).map(item).collect()
}

fn nested(open: &str, inside: &str, close: &str, times: usize) -> String {
    format!("{}{inside}{}", open.repeat(times), close.repeat(times))
}

/// Requests that would fell a server, against haven's own schema, and the limit that each exceeds.
pub fn attacks() -> Vec<(Value, &'static str)> {
    let documents = [
        (doubling(), "fragment_spreads"),
        (
            format!("{{ me {{ id }} }} #{}", "x".repeat(70_000)),
            "document_bytes",
        ),
        (format!("{{ me {{ {} }} }}", "id ".repeat(5_000)), "tokens"),
        (
            format!("{{ me {{ {} }} }}", "id ".repeat(2_001)),
            "selections",
        ),
        (
            format!("{{ me {} }}", nested("{ profile { user ", "{ id }", "} }", 10)),
            "depth",
        ),
        (
            format!("{{ me {} }}", nested("{ profile { user ", "{ id }", "} }", 1_000)),
            "nesting",
        ),
        (
            repeat(|n| format!("query Q{n} {{ me {{ id }} }} "), 17),
            "operations",
        ),
        (
            format!(
                "{{ me {{ id }} }} {}",
                repeat(|n| format!("fragment F{n} on User {{ id }} "), 65)
            ),
            "fragments",
        ),
        (
            format!("{{ me {{ {} }} }}", repeat(|n| format!("a{n}: id "), 101)),
            "aliases",
        ),
        (
            format!("{{ me {{ id {} }} }}", "@skip(if: false) ".repeat(65)),
            "directives",
        ),
        // Pages multiply: by what is asked for, by 50 where nothing is said.
        (
            "{ users(first: 100) { nodes { alarms(first: 100) { nodes { notifications { id } } } } } }"
                .to_owned(),
            "complexity",
        ),
        (
            "{ users { nodes { alarms { nodes { notifications { id } } } } } }".to_owned(),
            "complexity",
        ),
        (
            "query ($n: Int = 100) { users(last: $n) { edges { node { supportChat { messages(last: \
             $n) { nodes { id author { id } } } } } } } }"
                .to_owned(),
            "complexity",
        ),
        (
            "{ users(first: 2147483647) { nodes { id } } }".to_owned(),
            "complexity",
        ),
        // Sentences about each alarm's contacts, many times over.
        (
            format!(
                "{{ me {{ alarms(first: 100) {{ nodes {{ {} }} }} }} }}",
                repeat(|n| format!("m{n}: messages "), 98)
            ),
            "complexity",
        ),
        // A long name is repeated in every object of the answer.
        (
            format!(
                "{{ __schema {{ types {{ fields {{ {}: name }} }} }} }}",
                "a".repeat(129)
            ),
            "name_bytes",
        ),
        (
            format!("{{ me {{ {} }} }}", "a".repeat(60_000)),
            "name_bytes",
        ),
        (
            format!(
                "{{ users(first: 100) {{ nodes {{ alarms(first: 40) {{ nodes {{ {} }} }} }} }} }}",
                repeat(|n| format!("{}{n}: __typename ", "a".repeat(100)), 20)
            ),
            "answer_names",
        ),
        // The same behind fragments.
        (
            "{ users(first: 100) { ...U } } fragment U on UserConnection { nodes { ...N } } \
             fragment N on User { alarms(first: 100) { nodes { ... on Alarm { id playMusic } } } }"
                .to_owned(),
            "complexity",
        ),
        // Each is a hash of a password.
        (
            format!(
                "mutation {{ {} }}",
                repeat(
                    |n| format!(
                        "a{n}: login(input: {{username: \"a\", password: \"b\"}}) {{ token }} "
                    ),
                    41
                )
            ),
            "complexity",
        ),
        (
            format!(
                "{{ __schema {{ types {{ fields {} }} }} }}",
                nested("{ type { fields ", "{ name }", "} }", 6)
            ),
            "introspection",
        ),
        (
            format!(
                "{{ {} }}",
                repeat(
                    |n| format!("a{n}: __schema {{ types {{ fields {{ args {{ name type {{ name }} }} }} }} }} "),
                    90
                )
            ),
            "introspection",
        ),
    ];
    let mut attacks: Vec<(Value, &str)> = documents
        .into_iter()
        .map(|(query, limit)| (json!({"query": query}), limit))
        .collect();
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!([deep]);
    }
    let user = "query ($n: ID!) { user(id: $n) { id } }";
    let page = "query ($n: Int, $m: Int) { users(first: $n) { nodes { alarms(last: $m) { nodes { id } } } } }";
    let users = repeat(|n| format!("a{n}: user(id: $n) {{ id }} "), 80);
    attacks.extend([
        (
            json!({"query": user, "variables": {"n": "x".repeat(140_000)}}),
            "variable_bytes",
        ),
        (
            json!({"query": user, "variables": {"n": deep}}),
            "variable_nesting",
        ),
        (
            json!({
                "query": format!("query ($n: ID!) {{ {users} }}"),
                "variables": {"n": "x".repeat(55_000)},
            }),
            "variable_copies",
        ),
        (
            json!({"query": page, "variables": {"n": 100, "m": 100}}),
            "complexity",
        ),
        // Left out, null, and given for one of the two.
        (
            json!({"query": page, "variables": {"n": 1000}}),
            "complexity",
        ),
        (
            json!({"query": page, "variables": {"n": null, "m": 1_000_000}}),
            "complexity",
        ),
    ]);
    attacks
}
