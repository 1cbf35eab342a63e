//! What a contest found, as a table: each beside the floor and beside us, and whether the goals are met.

use super::{contest::Kind, row::Row};

/// What ours is to be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The floor.
    Floor,
    /// The best of the peers in their documented loops.
    BestPeer,
    /// The best of those that gather their answers.
    BestBatching,
    /// The server of this name.
    Named(&'static str),
    /// Nobody: it is a bound in bytes.
    Bytes,
}

/// A bound for one of ours.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// Whose figure it is for; ours, unless it is named.
    pub of: Option<&'static str>,
    /// By what that is divided.
    pub against: Against,
    /// The most that it may be.
    pub at_most: f64,
}

impl Goal {
    /// A bound for ours.
    #[must_use]
    pub const fn new(against: Against, at_most: f64) -> Self {
        Self { of: None, against, at_most }
    }

    /// A bound for one row divided by another.
    #[must_use]
    pub const fn between(of: &'static str, other: &'static str, at_most: f64) -> Self {
        Self { of: Some(of), against: Against::Named(other), at_most }
    }
}

/// The one of a kind beside which `one` looks the worst.
fn best<'a>(rows: &'a [Row], kind: Kind, one: &Row) -> Option<&'a Row> {
    let them = rows.iter().filter(|row| row.kind == kind);
    them.max_by(|first, second| one.times(first).total_cmp(&one.times(second)))
}

fn named<'a>(rows: &'a [Row], name: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.name == name)
}

fn of_kind(rows: &[Row], kind: Kind) -> Option<&Row> {
    rows.iter().find(|row| row.kind == kind)
}

/// Whom `one` is to be compared with.
fn against<'a>(rows: &'a [Row], against: Against, one: &Row) -> Option<&'a Row> {
    match against {
        Against::Floor => of_kind(rows, Kind::Floor),
        Against::BestPeer => best(rows, Kind::Peer, one),
        Against::BestBatching => best(rows, Kind::Batching, one),
        Against::Named(name) => named(rows, name),
        Against::Bytes => None,
    }
}

/// A number with its thousands apart.
#[must_use]
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length in bytes, KiB or MiB.
#[must_use]
pub fn length(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 0x10_0000),
    }
}

/// The figures with their ratios, and a line for each goal; goals against those who do not take part are left out.
#[must_use]
pub fn table(title: &str, unit: &str, rows: &[Row], goals: &[Goal]) -> String {
    let (ours, floor) = (of_kind(rows, Kind::Ours), of_kind(rows, Kind::Floor));
    let ratio = |one: Option<&Row>, other: Option<&Row>| match (one, other) {
        (Some(one), Some(other)) => format!("{:.2}", one.times(other)),
        (None, _) | (_, None) => String::new(),
    };
    let mut text = format!(
        "### {title}\n\n| Server | {unit} | least | to the floor | ours to it |\n|---|---|---|---|---|\n"
    );
    for row in rows {
        let (to_floor, ours_to_it) = (ratio(Some(row), floor), ratio(ours, Some(row)));
        let (figure, least) = (number(row.median()), number(row.least()));
        text.push_str(&format!("| {} | {figure} | {least} | {to_floor} | {ours_to_it} |\n", row.name));
    }
    text.push('\n');
    for goal in goals {
        let of = match goal.of {
            Some(name) => named(rows, name),
            None => ours,
        };
        let Some(ours) = of else { continue };
        let verdict = |found: f64| if found <= goal.at_most { "met" } else { "short" };
        if goal.against == Against::Bytes {
            let found = ours.median();
            let verdict = verdict(found);
            text.push_str(&format!(
                "- {}: {found:.0} bytes, at most {}: {verdict}\n",
                ours.name, goal.at_most
            ));
        } else if let Some(other) = against(rows, goal.against, ours) {
            let found = ours.times(other);
            let verdict = verdict(found);
            text.push_str(&format!(
                "- {} to {}: {found:.2}, at most {}: {verdict}\n",
                ours.name, other.name, goal.at_most
            ));
        }
    }
    text
}

fn number(figure: f64) -> String {
    if figure < 100.0 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, kind: Kind, figure: f64) -> Row {
        let figures = [figure, figure - 1.0, figure + 1.0].into_iter().enumerate().collect();
        Row::of_rounds(name.to_owned(), kind, figures)
    }

    #[test]
    fn numbers_are_written_as_people_do() {
        assert_eq!(
            [0, 999, 1_000, 15_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "15,000", "1,234,567"]
        );
        assert_eq!([32, 1024, 16_384, 1 << 20].map(length), ["32 B", "1 KiB", "16 KiB", "1 MiB"]);
    }

    #[test]
    fn goals_are_against_the_best_of_those_they_name() {
        let rows = [
            row("floor", Kind::Floor, 200.0),
            row("tidewire", Kind::Ours, 220.0),
            row("slow", Kind::Peer, 2200.0),
            row("slower", Kind::Peer, 4400.0),
        ];
        let goals = [
            Goal::new(Against::Floor, 1.15),
            Goal::new(Against::BestPeer, 0.09),
            Goal::new(Against::BestBatching, 1.0),
            Goal::between("slower", "slow", 1.5),
        ];
        let text = table("Echo", "ns", &rows, &goals);
        assert!(text.contains("| slower | 4400 | 4399 | 22.00 | 0.05 |"), "{text}");
        assert!(text.contains("tidewire to floor: 1.10, at most 1.15: met"), "{text}");
        assert!(text.contains("tidewire to slow: 0.10, at most 0.09: short"), "{text}");
        assert!(text.contains("slower to slow: 2.00, at most 1.5: short"), "{text}");
        assert_eq!(text.matches("at most").count(), 3);
    }
}
