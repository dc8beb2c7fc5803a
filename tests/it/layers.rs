//! The arrows of the map: a wrong import fails here, with one clear line.

use std::path::{Path, PathBuf};

/// A layer, and what its code may not name.
const ARROWS: [(&str, &[&str]); 6] = [
    (
        "src/domain",
        &[
            "axum",
            "async_graphql",
            "crate::graphql",
            "crate::rest",
            "crate::http",
        ],
    ),
    ("src/graphql", &["axum", "crate::rest", "crate::http"]),
    (
        "src/rest",
        &["crate::domain", "entity", "sea_orm", "crate::db"],
    ),
    (
        "src/delivery",
        &[
            "axum",
            "async_graphql",
            "crate::graphql",
            "crate::rest",
            "crate::http",
        ],
    ),
    (
        "src/pages",
        &[
            "async_graphql",
            "sea_orm",
            "crate::db",
            "crate::graphql",
            "crate::rest",
            "crate::http",
        ],
    ),
    ("entity/src", &["axum", "async_graphql", "haven"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Whether a line of code names a module or crate, as in `axum::Router` or `use axum;`.
fn names(line: &str, module: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(module).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = &code[start + module.len()..];
        let begins = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        begins && (after.starts_with("::") || after.starts_with(';') && code.contains("use "))
    })
}

#[test]
fn arrows_point_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for (layer, forbidden) in ARROWS {
        for file in sources(&root.join(layer)) {
            let text = std::fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                for module in forbidden {
                    if names(line, module) {
                        let file = file.strip_prefix(root).unwrap().display();
                        wrong.push(format!(
                            "{file}:{}: {layer} may not name {module}",
                            number + 1
                        ));
                    }
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_wrong_import_is_seen() {
    assert!(names("use axum::Router;", "axum"));
    assert!(names(
        "    let x = crate::domain::users::any();",
        "crate::domain"
    ));
    assert!(!names("// like axum::Router", "axum"));
    assert!(!names("use haven_axum::x;", "axum"));
}
