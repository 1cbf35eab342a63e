//! What a contest found, as a table: each beside the floor and beside us, and whether the goals are met.

use super::contest::Kind;

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

/// One figure of a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Whose it is.
    pub name: String,
    /// What that is.
    pub kind: Kind,
    /// The median, where there were several; less is better.
    pub figure: f64,
    /// The least.
    pub least: f64,
}

impl Row {
    /// The median of some figures.
    #[must_use]
    pub fn median(name: String, kind: Kind, mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let figure = figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN);
        Self { name, kind, figure, least: figures.first().copied().unwrap_or(f64::NAN) }
    }
}

fn best(rows: &[Row], kind: Kind) -> Option<&Row> {
    rows.iter().filter(|row| row.kind == kind).min_by(|one, other| one.figure.total_cmp(&other.figure))
}

fn against(rows: &[Row], against: Against) -> Option<&Row> {
    match against {
        Against::Floor => rows.iter().find(|row| row.kind == Kind::Floor),
        Against::BestPeer => best(rows, Kind::Peer),
        Against::BestBatching => best(rows, Kind::Batching),
        Against::Named(name) => rows.iter().find(|row| row.name == name),
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
    let ours = rows.iter().find(|row| row.kind == Kind::Ours);
    let floor = against(rows, Against::Floor);
    let ratio = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => format!("{:.2}", one / other),
        (None, _) | (_, None) => String::new(),
    };
    let mut text = format!(
        "### {title}\n\n| Server | {unit} | least | to the floor | ours to it |\n|---|---|---|---|---|\n"
    );
    for row in rows {
        let to_floor = ratio(Some(row.figure), floor.map(|floor| floor.figure));
        let ours_to_it = ratio(ours.map(|ours| ours.figure), Some(row.figure));
        let (figure, least) = (number(row.figure), number(row.least));
        text.push_str(&format!("| {} | {figure} | {least} | {to_floor} | {ours_to_it} |\n", row.name));
    }
    text.push('\n');
    for goal in goals {
        let of = match goal.of {
            Some(name) => against(rows, Against::Named(name)),
            None => ours,
        };
        let Some(ours) = of else { continue };
        let verdict = |found: f64| if found <= goal.at_most { "met" } else { "short" };
        if goal.against == Against::Bytes {
            let verdict = verdict(ours.figure);
            text.push_str(&format!(
                "- {}: {:.0} bytes, at most {}: {verdict}\n",
                ours.name, ours.figure, goal.at_most
            ));
        } else if let Some(other) = against(rows, goal.against) {
            let found = ours.figure / other.figure;
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
        Row::median(name.to_owned(), kind, vec![figure, figure - 1.0, figure + 1.0])
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
