//! Prints the medians of the last criterion run as tables, ours first, each peer with the ratio of ours to it:
//! `cargo bench -p tidewire-bench --features peers -- && cargo run -p tidewire-bench --bin table`.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

/// Nanoseconds by group, size and who.
type Medians = BTreeMap<String, BTreeMap<(u64, String), BTreeMap<String, f64>>>;

fn main() -> Result<(), Box<dyn Error>> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let medians = read(&target.join("criterion"))?;
    for (group, sizes) in &medians {
        println!("### {group}\n");
        for ((_, size), by) in sizes {
            let Some(ours) = by.iter().find(|(who, _)| *who == "tidewire").map(|(_, median)| *median) else {
                let all: Vec<String> = by.iter().map(|(who, median)| format!("{who} {median:.1}")).collect();
                println!("- {size}: {}", all.join(" · "));
                continue;
            };
            let peers: Vec<String> = by
                .iter()
                .filter(|(who, _)| *who != "tidewire")
                .map(|(who, median)| format!("{who} {median:.1} (×{:.2})", ours / median))
                .collect();
            println!("- {size}: **{ours:.1} ns** · {}", peers.join(" · "));
        }
        println!();
    }
    Ok(())
}

/// Reads `GROUP/WHO/SIZE/new/estimates.json`; a stream's time is divided by the messages in it.
fn read(folder: &Path) -> Result<Medians, Box<dyn Error>> {
    let mut medians = Medians::new();
    for group in folders(folder)? {
        for who in folders(&group)? {
            for size in folders(&who)? {
                let latest = size.join("new");
                let Ok(estimates) = fs::read_to_string(latest.join("estimates.json")) else { continue };
                let estimates: serde_json::Value = serde_json::from_str(&estimates)?;
                let described = fs::read_to_string(latest.join("benchmark.json"))?;
                let described: serde_json::Value = serde_json::from_str(&described)?;
                let count = described["throughput"]["Elements"].as_f64().unwrap_or(1.0);
                let median = estimates["median"]["point_estimate"].as_f64().ok_or("no median")? / count;
                let size = name(&size);
                let order = size.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
                let group = medians.entry(name(&group)).or_default();
                group.entry((order, size)).or_default().insert(name(&who), median);
            }
        }
    }
    Ok(medians)
}

fn folders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut found: Vec<PathBuf> = entries.collect::<Result<_, _>>()?;
    found.retain(|path| path.is_dir() && name(path) != "report");
    found.sort();
    Ok(found)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
