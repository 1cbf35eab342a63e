//! What a contest found, as a table: each beside the floor and beside us, and whether the goals are met.

use super::contest::{Contestant, Kind};

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

/// A bound for ours.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// By what it is divided.
    pub against: Against,
    /// The most that it may be.
    pub at_most: f64,
}

/// One figure of a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Whose it is.
    pub name: String,
    /// What that is.
    pub kind: Kind,
    /// Less is better.
    pub figure: f64,
}

impl From<&Contestant> for Row {
    fn from(contestant: &Contestant) -> Self {
        let entrant = &contestant.entrant;
        let name = match entrant.threads {
            1 => entrant.name.to_owned(),
            threads => format!("{}, {threads} threads", entrant.name),
        };
        Self { name, kind: entrant.kind, figure: contestant.median() }
    }
}

fn best(rows: &[Row], is_it: impl Fn(&Row) -> bool) -> Option<&Row> {
    rows.iter().filter(|row| is_it(row)).min_by(|one, other| one.figure.total_cmp(&other.figure))
}

fn against(rows: &[Row], against: Against) -> Option<&Row> {
    best(rows, |row| match against {
        Against::Floor => row.kind == Kind::Floor,
        Against::BestPeer => row.kind == Kind::Peer,
        Against::BestBatching => row.kind == Kind::Batching,
        Against::Named(name) => row.name == name,
        Against::Bytes => false,
    })
}

/// The figures with their ratios, and a line for each goal; goals against those who do not take part are left out.
#[must_use]
pub fn table(title: &str, unit: &str, rows: &[Row], goals: &[Goal]) -> String {
    let ours = best(rows, |row| row.kind == Kind::Ours);
    let floor = against(rows, Against::Floor);
    let ratio = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => format!("{:.2}", one / other),
        (None, _) | (_, None) => String::new(),
    };
    let mut text =
        format!("### {title}\n\n| Server | {unit} | to the floor | ours to it |\n|---|---|---|---|\n");
    for row in rows {
        let to_floor = ratio(Some(row.figure), floor.map(|floor| floor.figure));
        let ours_to_it = ratio(ours.map(|ours| ours.figure), Some(row.figure));
        let figure =
            if row.figure < 100.0 { format!("{:.1}", row.figure) } else { format!("{:.0}", row.figure) };
        text.push_str(&format!("| {} | {figure} | {to_floor} | {ours_to_it} |\n", row.name));
    }
    text.push('\n');
    for goal in goals {
        let Some(ours) = ours else { continue };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, kind: Kind, figure: f64) -> Row {
        Row { name: name.to_owned(), kind, figure }
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
            Goal { against: Against::Floor, at_most: 1.15 },
            Goal { against: Against::BestPeer, at_most: 0.09 },
            Goal { against: Against::BestBatching, at_most: 1.0 },
        ];
        let text = table("Echo", "ns", &rows, &goals);
        assert!(text.contains("| slower | 4400 | 22.00 | 0.05 |"), "{text}");
        assert!(text.contains("tidewire to floor: 1.10, at most 1.15: met"), "{text}");
        assert!(text.contains("tidewire to slow: 0.10, at most 0.09: short"), "{text}");
        assert_eq!(text.matches("at most").count(), 2);
    }
}
