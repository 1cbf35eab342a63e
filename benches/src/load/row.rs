//! The figures of one contestant, a round each, and how they compare with another's.

use std::collections::BTreeMap;

use super::contest::Kind;

/// How far apart the rounds of two contests are numbered.
const ANOTHER_CONTEST: usize = 1 << 24;

/// What one contestant took, less being better.
#[derive(Clone, Debug)]
pub struct Row {
    /// Whose it is.
    pub name: String,
    /// What that is.
    pub kind: Kind,
    /// By the number of the round: those of one number were measured one after the other.
    figures: BTreeMap<usize, f64>,
}

impl Row {
    /// A figure that was found once.
    #[must_use]
    pub fn once(name: String, kind: Kind, figure: f64) -> Self {
        Self::of_rounds(name, kind, BTreeMap::from([(0, figure)]))
    }

    /// A figure for each round that it was in.
    #[must_use]
    pub fn of_rounds(name: String, kind: Kind, figures: BTreeMap<usize, f64>) -> Self {
        Self { name, kind, figures }
    }

    /// The same by another name, to be shown beside the rows of another contest, none of which it met.
    #[must_use]
    pub fn of_another_contest(self, name: String) -> Self {
        let figures =
            self.figures.into_iter().map(|(round, figure)| (round + ANOTHER_CONTEST, figure)).collect();
        Self { name, figures, ..self }
    }

    /// The median.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(self.figures.values().copied().collect())
    }

    /// The least.
    #[must_use]
    pub fn least(&self) -> f64 {
        self.figures.values().copied().min_by(f64::total_cmp).unwrap_or(f64::NAN)
    }

    /// How many times the other's figure this is: the median of what it is in each round that both were in, for a machine that
    /// is slow for a while is so for both. Where they never met, that of their medians.
    #[must_use]
    pub fn times(&self, other: &Self) -> f64 {
        let in_round = |(round, figure): (&usize, &f64)| other.figures.get(round).map(|other| figure / other);
        let ratios: Vec<f64> = self.figures.iter().filter_map(in_round).collect();
        if ratios.is_empty() { self.median() / other.median() } else { median(ratios) }
    }
}

/// The upper one of an even number.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(first: usize, figures: &[f64]) -> Row {
        let figures = figures.iter().enumerate().map(|(at, figure)| (first + at, *figure)).collect();
        Row::of_rounds("one".to_owned(), Kind::Ours, figures)
    }

    #[test]
    fn rounds_are_compared_one_by_one() {
        // The machine is slower and slower: the medians of 20 and 33 tell little.
        let (one, other) = (row(0, &[10.0, 20.0, 40.0]), row(0, &[11.0, 22.0, 44.0]));
        assert!((other.times(&one) - 1.1).abs() < 1e-9);
        assert_eq!((one.median().to_bits(), one.least().to_bits()), (20f64.to_bits(), 10f64.to_bits()));
        // Of those that were in other rounds, only what both were in.
        let late = row(2, &[80.0, 1.0, 1.0]);
        assert_eq!(late.times(&one).to_bits(), 2f64.to_bits());
        let never = row(9, &[60.0]);
        assert_eq!(never.times(&one).to_bits(), 3f64.to_bits());
        assert!(row(0, &[]).times(&one).is_nan());
        // Round by round it would be three times as much.
        let crowded = row(0, &[30.0, 60.0, 20.0]).of_another_contest("crowded".to_owned());
        assert_eq!((crowded.times(&one).to_bits(), crowded.name.as_str()), (1.5f64.to_bits(), "crowded"));
    }
}
