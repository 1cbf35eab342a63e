//! Rules over the manifests: who may depend on whom, and what is inherited.

use super::{SANS_IO, root};
use toml::{Table, Value};

/// Each package and the packages of ours that it may depend on; dev-dependencies are free.
const EDGES: [(&str, &[&str]); 10] = [
    ("tidewire-ws", &[]),
    ("tidewire-sse", &[]),
    ("tidewire-lifecycle", &[]),
    ("tidewire-hub", &[]),
    ("tidewire-connection", &["tidewire-ws", "tidewire-sse", "tidewire-lifecycle"]),
    (
        "tidewire-tokio",
        &["tidewire-connection", "tidewire-hub", "tidewire-ws", "tidewire-sse", "tidewire-lifecycle"],
    ),
    (
        "tidewire",
        &[
            "tidewire-tokio",
            "tidewire-connection",
            "tidewire-hub",
            "tidewire-ws",
            "tidewire-sse",
            "tidewire-lifecycle",
        ],
    ),
    (
        "tidewire-sim",
        &["tidewire-connection", "tidewire-hub", "tidewire-ws", "tidewire-sse", "tidewire-lifecycle"],
    ),
    ("tidewire-testkit", &["tidewire-ws", "tidewire-sse", "tidewire-lifecycle", "tidewire-hub"]),
    (
        "tidewire-bench",
        &[
            "tidewire-ws",
            "tidewire-lifecycle",
            "tidewire-sse",
            "tidewire-hub",
            "tidewire-tokio",
            "tidewire-testkit",
        ],
    ),
];

/// What a sans-IO crate may use from outside.
const OUTSIDE: [(&str, &[&str]); 5] = [
    ("tidewire-ws", &["base64", "bytes", "flate2", "http", "httparse", "memchr", "sha1", "simdutf8"]),
    ("tidewire-sse", &["bytes", "futures-core", "http-body", "memchr", "pin-project-lite"]),
    ("tidewire-lifecycle", &[]),
    ("tidewire-hub", &["base64", "bytes", "hashbrown", "slab"]),
    ("tidewire-connection", &[]),
];

/// The packages that may see tokio.
const TOKIO: [&str; 3] = ["tidewire-tokio", "tidewire", "tidewire-bench"];

/// Package fields that every member takes from the workspace.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "authors"];

fn manifests() -> Vec<Table> {
    let mut folders: Vec<_> =
        std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.push(root().join("benches"));
    folders
        .iter()
        .map(|folder| std::fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse::<Table>().unwrap())
        .collect()
}

fn name(manifest: &Table) -> &str {
    manifest["package"]["name"].as_str().unwrap()
}

fn dependencies<'a>(manifest: &'a Table, section: &str) -> Vec<(&'a str, &'a Value)> {
    manifest
        .get(section)
        .and_then(Value::as_table)
        .map(|table| table.iter().map(|(dependency, value)| (dependency.as_str(), value)).collect())
        .unwrap_or_default()
}

/// What is wrong with one manifest, a line each.
fn violations(manifest: &Table) -> Vec<String> {
    let package = name(manifest);
    let mut found = Vec::new();
    match EDGES.iter().find(|(member, _)| *member == package) {
        None => found.push(format!("{package}: not in the table of members")),
        Some((_, allowed)) => {
            for (dependency, _) in dependencies(manifest, "dependencies") {
                if dependency.starts_with("tidewire") && !allowed.contains(&dependency) {
                    found.push(format!("{package}: may not depend on {dependency}"));
                }
                if dependency.starts_with("tokio") && !TOKIO.contains(&package) {
                    found.push(format!("{package}: may not see tokio"));
                }
            }
        }
    }
    if let Some((_, allowed)) = OUTSIDE.iter().find(|(member, _)| *member == package) {
        for (dependency, _) in dependencies(manifest, "dependencies") {
            if !dependency.starts_with("tidewire") && !allowed.contains(&dependency) {
                found.push(format!("{package}: {dependency} is not among what a sans-IO crate may use"));
            }
        }
    }
    for field in INHERITED {
        if !inherits(&manifest["package"], field) {
            found.push(format!("{package}: package.{field} is not inherited"));
        }
    }
    if !manifest.get("lints").is_some_and(|lints| lints.get("workspace") == Some(&Value::Boolean(true))) {
        found.push(format!("{package}: lints are not inherited"));
    }
    for section in ["dependencies", "dev-dependencies"] {
        for (dependency, value) in dependencies(manifest, section) {
            if value.get("workspace") != Some(&Value::Boolean(true)) {
                found.push(format!("{package}: {dependency} is not inherited from the workspace"));
            }
        }
    }
    found
}

fn inherits(table: &Value, field: &str) -> bool {
    table.get(field).and_then(|value| value.get("workspace")) == Some(&Value::Boolean(true))
}

#[test]
fn every_manifest_keeps_the_edges_and_inherits() {
    let found: Vec<String> = manifests().iter().flat_map(violations).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_member_of_the_table_exists() {
    let manifests = manifests();
    for (member, _) in EDGES {
        assert!(manifests.iter().any(|manifest| name(manifest) == member), "{member} is gone");
    }
    for member in SANS_IO {
        assert!(EDGES.iter().any(|(known, _)| *known == member));
    }
}

#[test]
fn a_wrong_edge_an_unknown_member_and_a_manifest_of_its_own_are_seen() {
    let wrong = r#"
        [package]
        name = "tidewire-hub"
        version = "9.9.9"
        [dependencies]
        tidewire-ws.workspace = true
        tokio.workspace = true
        libc = "0.2"
    "#
    .parse::<Table>()
    .unwrap();
    let found = violations(&wrong).join("\n");
    for expected in [
        "tidewire-hub: may not depend on tidewire-ws",
        "tidewire-hub: may not see tokio",
        "tidewire-hub: libc is not among what a sans-IO crate may use",
        "tidewire-hub: package.version is not inherited",
        "tidewire-hub: lints are not inherited",
        "tidewire-hub: libc is not inherited from the workspace",
    ] {
        assert!(found.contains(expected), "{expected} is missing in:\n{found}");
    }
    let stranger = "[package]\nname = \"tidewire-extra\"".parse::<Table>().unwrap();
    assert!(violations(&stranger)[0].contains("not in the table"));
}

#[test]
fn the_supported_rust_version_is_stated_once() {
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert_eq!(workspace.matches("rust-version = ").count(), 1);
}
