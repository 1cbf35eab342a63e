//! Rules over the sources: what a sans-IO crate must not name, how a file opens, how long it may be.

use super::{SANS_IO, root, rust_files};
use std::path::Path;

/// A file longer than this before its tests hides a concept that wants a room of its own.
const MAX_LINES: usize = 600;

/// Words that bring I/O, async, threads, a clock or randomness; each as it would stand in code.
const BANNED: [&str; 20] = [
    "std::",
    "extern crate std",
    "Instant",
    "SystemTime",
    "tokio",
    "async fn",
    "async move",
    ".await",
    "Future",
    "thread",
    "rand::",
    "getrandom",
    "TcpStream",
    "UdpSocket",
    "File::",
    "RandomState",
    "println!",
    "eprintln!",
    "dbg!",
    "unsafe ",
];

/// Where a sans-IO crate may name such a word all the same: a pool of compressors is shared, and so behind a lock; which
/// vectors a processor has is std's to say, and to use them is unsafe.
const ALLOWED: [(&str, &str); 5] = [
    ("tidewire-ws/src/lib.rs", "extern crate std"),
    ("tidewire-ws/src/deflate/", "std::"),
    ("tidewire-ws/src/frame/mask.rs", "extern crate std"),
    ("tidewire-ws/src/frame/mask.rs", "std::"),
    ("tidewire-ws/src/frame/mask.rs", "unsafe "),
];

/// The one file that may allow unsafe code.
const UNSAFE: &str = "tidewire-ws/src/frame/mask.rs";

/// Ways to walk a hash map, whose order is not the program's.
const MAP_WALKS: [&str; 5] = [".keys()", ".values()", ".values_mut()", ".drain()", ".into_values()"];

/// The lines before the file's own tests, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line.split(" // ").next().unwrap_or(line)))
}

fn banned_words(path: &str, text: &str) -> Vec<String> {
    let is_allowed =
        |word: &str| ALLOWED.iter().any(|(place, allowed)| path.contains(place) && word == *allowed);
    let maps = text.contains("HashMap");
    code(text)
        .flat_map(|(number, line)| {
            let walks = if maps { &MAP_WALKS[..] } else { &[] };
            BANNED
                .iter()
                .chain(walks)
                .filter(|word| !is_allowed(word))
                .filter(move |word| line.contains(**word))
                .map(move |word| format!("line {number}: `{}` in a sans-IO crate", word.trim()))
        })
        .collect()
}

fn shape(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//! ") && !text.starts_with("#![no_main]\n//! ") {
        found.push("line 1: does not open with `//!` and its one job".to_owned());
    }
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
    if lines > MAX_LINES {
        found.push(format!("{lines} lines before its tests, {MAX_LINES} at most"));
    }
    found
}

fn report(path: &Path, found: Vec<String>) -> Vec<String> {
    let shown = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    found.into_iter().map(|line| format!("{shown}: {line}")).collect()
}

#[test]
fn sans_io_crates_name_no_clock_no_socket_and_no_chance() {
    let mut found = Vec::new();
    for member in SANS_IO {
        for path in rust_files(&root().join("crates").join(member).join("src")) {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(report(&path, banned_words(&path.display().to_string(), &text)));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The lint denies it, which a file could undo.
#[test]
fn one_file_alone_allows_unsafe_code() {
    let mut found = Vec::new();
    for folder in ["crates", "benches", "fuzz"] {
        for path in rust_files(&root().join(folder)) {
            let allowing = concat!("allow(", "unsafe_code)");
            if std::fs::read_to_string(&path).unwrap().contains(allowing) && !path.ends_with(UNSAFE) {
                found.push(path);
            }
        }
    }
    assert!(found.is_empty(), "{found:?}");
    assert!(root().join("crates").join(UNSAFE).exists());
}

#[test]
fn sans_io_crates_are_no_std() {
    for member in SANS_IO {
        let text = std::fs::read_to_string(root().join("crates").join(member).join("src/lib.rs")).unwrap();
        assert!(text.lines().any(|line| line.starts_with("#![no_std]")), "{member} is not no_std");
    }
}

#[test]
fn every_file_opens_with_its_job_and_stays_short() {
    let mut found = Vec::new();
    for folder in ["crates", "benches", "fuzz"] {
        for path in rust_files(&root().join(folder)) {
            found.extend(report(&path, shape(&std::fs::read_to_string(&path).unwrap())));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_clock_a_map_walk_and_a_shapeless_file_are_seen() {
    let text = "//! x\nuse std::time::Instant;\n// Instant in a comment\nlet m: HashMap<u8, u8>; m.keys();\n#[cfg(test)]\nstd::";
    let found = banned_words("tidewire-ws/src/frame/x.rs", text).join("\n");
    assert_eq!(found.matches("line 2").count(), 2, "{found}");
    assert!(banned_words("tidewire-ws/src/deflate/x.rs", "std::sync").is_empty());
    assert!(found.contains("line 4: `.keys()`"), "{found}");
    assert!(!found.contains("line 3") && !found.contains("line 6"), "{found}");
    assert_eq!(shape("use x;\n").len(), 1);
    assert_eq!(shape(&format!("//! x\n{}", "\n".repeat(MAX_LINES))).len(), 1);
    assert!(shape(&format!("//! x\n{}#[cfg(test)]\n{}", "\n".repeat(590), "\n".repeat(90))).is_empty());
}
