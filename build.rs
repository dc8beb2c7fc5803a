//! Writes the table of the files of `/graphiql` that `make web` built, to be embedded.
//! Where none are built, the table is empty and the page says so: Node is no condition for haven.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    // The folder is always there (it holds a .gitignore), so a build without the files doesn't
    // look like a changed one each time.
    println!("cargo::rerun-if-changed=web/dist");
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("web/dist");
    let mut names = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(&folder)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
    }
    names.sort_unstable();
    let mut table = String::from("&[\n");
    // A build that broke off has no page yet.
    if names.iter().any(|name| name == "index.html") {
        for name in &names {
            if name.starts_with('.') || name.ends_with(".gz") {
                continue;
            }
            let bytes = |name: &str| format!("include_bytes!({:?})", folder.join(name));
            let packed = format!("{name}.gz");
            let gzip = if names.contains(&packed) {
                format!("Some({})", bytes(&packed))
            } else {
                "None".to_owned()
            };
            let plain = bytes(name);
            writeln!(
                table,
                "    File {{ name: {name:?}, bytes: {plain}, gzip: {gzip} }},"
            )
            .map_err(io::Error::other)?;
        }
    }
    table.push_str("]\n");
    fs::write(Path::new(&variable("OUT_DIR")?).join("graphiql.rs"), table)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}
