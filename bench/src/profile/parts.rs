//! The parts of a server that a source file belongs to.

use super::output::is_standard_library;

/// The parts of a server, and the crates that belong to each. What is in none of them is listed as
/// "other".
const PARTS: [(&str, &[&str]); 8] = [
    (
        "HTTP (hyper, axum, tower)",
        &[
            "axum",
            "axum-core",
            "bytes",
            "http",
            "http-body",
            "http-body-util",
            "httparse",
            "httpdate",
            "hyper",
            "hyper-util",
            "matchit",
            "mime",
            "sync_wrapper",
            "tokio-io-timeout",
            "tower",
            "tower-http",
            "tower-layer",
            "tower-service",
        ],
    ),
    (
        "GraphQL (async-graphql, serde_json)",
        &[
            "async-graphql",
            "async-graphql-axum",
            "async-graphql-parser",
            "async-graphql-value",
            "indexmap",
            "itoa",
            "pest",
            "psm",
            "serde",
            "serde_core",
            "serde_json",
            "stacker",
        ],
    ),
    ("SQLite", &["SQLite", "rusqlite", "hashlink"]),
    (
        "async runtime (tokio)",
        &[
            "atomic-waker",
            "futures-channel",
            "futures-core",
            "futures-util",
            "mio",
            "parking_lot",
            "parking_lot_core",
            "tokio",
            "tokio-util",
        ],
    ),
    ("allocator (mimalloc)", &["mimalloc"]),
    ("C library (copies, threads)", &["C library"]),
    (STANDARD_LIBRARY, &[STANDARD_LIBRARY]),
    ("the ceiling", &["the ceiling"]),
];

const STANDARD_LIBRARY: &str = "Rust's standard library";

/// The part of a server that a crate belongs to.
pub(super) fn part_of(name: &str) -> &'static str {
    if name.starts_with(OWN) {
        return "sessiond";
    }
    PARTS
        .iter()
        .find(|(_, crates)| crates.contains(&name))
        .map_or("other", |(part, _)| part)
}

/// The start of the names of this repository's modules.
const OWN: &str = "sessiond, ";

/// The crate that a source file belongs to, or the part of this repository.
pub(super) fn crate_of(file: &str) -> String {
    if is_standard_library(file) {
        return STANDARD_LIBRARY.to_owned();
    }
    if let Some((_, path)) = file.split_once("/registry/src/") {
        // An index, the crate with its version, and the path in it.
        let name = path.split('/').nth(1).unwrap_or(path);
        return match without_version(name) {
            "libsqlite3-sys" => "SQLite".to_owned(),
            "libmimalloc-sys" => "mimalloc".to_owned(),
            name => name.to_owned(),
        };
    }
    if file.contains("sqlite3.c") {
        return "SQLite".to_owned();
    }
    if file.starts_with("./") || file.contains("/lib/") {
        return "C library".to_owned();
    }
    match file.rsplit_once("/src/") {
        Some((folder, _)) if folder.ends_with("/bench") => "the ceiling".to_owned(),
        Some((_, path)) => {
            let module = path.split('/').next().unwrap_or(path);
            format!("{OWN}{}", module.trim_end_matches(".rs"))
        }
        None => "unknown".to_owned(),
    }
}

/// Removes the version from the name of a crate's folder.
fn without_version(folder: &str) -> &str {
    let version = folder
        .match_indices('-')
        .find(|(dash, _)| folder[dash + 1..].starts_with(|c: char| c.is_ascii_digit()));
    version.map_or(folder, |(dash, _)| &folder[..dash])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_file_belongs_to_its_crate() {
        for (file, expected) in [
            (
                "/home/a/.cargo/registry/src/index-1949/async-graphql-8.0.0-rc.5/src/a.rs",
                "async-graphql",
            ),
            (
                "/home/a/.cargo/registry/src/index-1949/libsqlite3-sys-0.38.2/sqlite3/sqlite3.c",
                "SQLite",
            ),
            (
                "/rustc/5980/library/core/src/ptr/mod.rs",
                "Rust's standard library",
            ),
            ("/home/a/sessiond/src/http/verify.rs", "sessiond, http"),
            ("/home/a/sessiond/src/app.rs", "sessiond, app"),
            ("/home/a/sessiond/bench/src/ceilings.rs", "the ceiling"),
            ("./string/../sysdeps/x86_64/memmove.S", "C library"),
            ("/usr/lib/x86_64-linux-gnu/libm.so.6", "C library"),
        ] {
            assert_eq!(crate_of(file), expected, "{file}");
        }
    }

    #[test]
    fn a_crate_belongs_to_one_part() {
        assert_eq!(part_of("sessiond, http"), "sessiond");
        assert_eq!(part_of("hyper"), PARTS[0].0);
        assert_eq!(part_of("sha2"), "other");
        let mut crates: Vec<_> = PARTS.iter().flat_map(|(_, crates)| *crates).collect();
        let number = crates.len();
        crates.sort_unstable();
        crates.dedup();
        assert_eq!(crates.len(), number);
    }
}
