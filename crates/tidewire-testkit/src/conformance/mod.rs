//! Which sentences of a standard are cited beside the code that keeps them and the tests that prove it.
//!
//! A citation is a comment of a line `//= URL#section-N`, one `//= type=test` if it belongs to a test, and lines of
//! `//# ` with the standard's own words. An inventory (docs/conformance/*.toml) has every sentence that binds somebody,
//! and the others that are quoted.

mod citation;
mod inventory;
mod report;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use citation::{Beside, Citation};
use inventory::{Inventory, Level, Rule};
pub use report::Report;

/// The inventories, below the workspace's root.
const INVENTORIES: [&str; 2] = ["docs/conformance/rfc6455.toml", "docs/conformance/whatwg-sse.toml"];

/// Standards that are cited and have no inventory: their quotations are not compared with anything.
const WITHOUT_INVENTORY: [&str; 3] = [
    "https://www.rfc-editor.org/rfc/rfc7692",
    "https://www.rfc-editor.org/rfc/rfc8441",
    "https://www.rfc-editor.org/rfc/rfc9112",
];

/// Where citations stand, below the workspace's root.
const FOLDERS: [&str; 2] = ["crates", "fuzz/fuzz_targets"];

/// Compares the inventories below `root`, the workspace's root, with the citations in its sources.
///
/// # Errors
/// A file cannot be read, or an inventory is not one.
pub fn report(root: &Path) -> io::Result<Report> {
    let mut inventories = Vec::new();
    for path in INVENTORIES {
        let inventory = fs::read_to_string(root.join(path))?.parse();
        inventories.push(inventory.map_err(|error| invalid(&format!("{path}: {error}")))?);
    }
    let mut files = Vec::new();
    for folder in FOLDERS {
        sources(&root.join(folder), &mut files)?;
    }
    let mut citations = Vec::new();
    for file in files {
        let place = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        citations.extend(citation::citations(&place, &fs::read_to_string(&file)?));
    }
    Ok(report::compare(inventories, &WITHOUT_INVENTORY, &citations))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// Every Rust file below `folder`, in name order, what tools put there left out.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<PathBuf>>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            let name = path.file_name().unwrap_or_default();
            if !["target", "node_modules", ".venv"].iter().any(|tool| name == *tool) {
                sources(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Words as they are compared: one space between them, and none where a line of the standard was cut at a hyphen.
fn normalised(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("- ", "-")
}
