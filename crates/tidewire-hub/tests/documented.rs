//! The limits as the documentation gives them: each default in the crate's page and beside its field is the one that
//! the code has.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use tidewire_hub::{Budget, Config};

const PAGE: &str = include_str!("../src/lib.rs");
const FIELDS: &str = include_str!("../src/config.rs");

fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn bytes(number: usize) -> String {
    match number.trailing_zeros() {
        20.. => format!("{} MiB", number >> 20),
        10.. => format!("{} KiB", number >> 10),
        _ => format!("{number} bytes"),
    }
}

fn time(time: Duration) -> String {
    match time.as_secs() {
        secs if secs % 3600 == 0 => format!("{} hours", secs / 3600),
        secs if secs % 60 == 0 => format!("{} minutes", secs / 60),
        secs => format!("{secs} s"),
    }
}

#[test]
fn every_default_is_the_documented_one() {
    let config = Config::default();
    let limits = [
        ("max_topics", count(config.max_topics)),
        ("max_subscribers", count(config.max_subscribers)),
        ("max_subscriptions", count(config.max_subscriptions)),
        ("max_topics_per_subscriber", count(config.max_topics_per_subscriber)),
        ("max_messages_per_topic", count(config.max_messages_per_topic)),
        ("max_bytes_per_topic", bytes(config.max_bytes_per_topic)),
        ("max_bytes", bytes(config.max_bytes)),
        ("max_age", time(config.max_age)),
        ("topic_expiry", time(config.topic_expiry)),
        ("max_idempotency_keys", count(config.max_idempotency_keys)),
        ("idempotency_window", time(config.idempotency_window)),
        ("max_policies", count(config.max_policies)),
        ("max_inbox_messages", count(config.max_inbox_messages)),
        ("max_inbox_bytes", bytes(config.max_inbox_bytes)),
        ("max_inboxes_bytes", bytes(config.max_inboxes_bytes)),
        ("max_turn_messages", count(config.max_turn_messages)),
        ("max_turn_bytes", bytes(config.max_turn_bytes)),
    ];
    for (name, default) in &limits {
        let cell = format!("//! | [`Config::{name}`] | ");
        let cells = PAGE.lines().filter_map(|line| line.strip_prefix(&cell));
        let defaults: Vec<&str> = cells.filter_map(|rest| rest.split(" |").next()).collect();
        let is_it = |found: &&str| found.starts_with(default.as_str());
        assert!(defaults.len() == 1 && defaults.iter().all(is_it), "{name}: {default}, not {defaults:?}");
        let (before, _) = FIELDS.split_once(&format!("    pub {name}: ")).unwrap();
        let comment = before.rsplit("\n    pub ").next().unwrap().replace("\n    ///", "");
        assert!(comment.contains(&format!("Default {default}")), "{name}: {default}, not {comment}");
    }
    let budget = Budget::default();
    for (name, default) in [("messages", count(budget.max_messages)), ("bytes", bytes(budget.max_bytes))] {
        assert!(PAGE.contains(&format!("| [`Budget::max_{name}`] | {default} |")), "{name}: {default}");
    }
    let rows = PAGE.lines().filter(|line| line.starts_with("//! | [`Config::"));
    assert_eq!(rows.count(), limits.len(), "each limit has a row, and each row a limit");
}
