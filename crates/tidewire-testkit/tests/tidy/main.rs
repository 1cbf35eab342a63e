//! The architecture invariants that a machine can check (docs/architecture.md): dependency edges, the sans-IO
//! rule, file openings, file lengths, inherited manifests. Each rule is also shown a violation, so it can fail.
#![allow(clippy::unwrap_used, missing_docs)]

mod manifests;
mod sources;

use std::path::{Path, PathBuf};

/// The workspace's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// Every file below `folder` whose name ends in `.rs`, in name order, build output left out.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != "node_modules" && name != ".venv" {
                found.extend(rust_files(&path));
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found
}

/// The crates that hold no I/O, no async, no thread, no clock and no randomness.
const SANS_IO: [&str; 5] =
    ["tidewire-ws", "tidewire-sse", "tidewire-lifecycle", "tidewire-hub", "tidewire-connection"];
