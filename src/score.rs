//! How well predictions agree with labels: the confusion table, and the scores that are computed from it.

use serde::Serialize;

use crate::model::card::Scores;

/// A confusion table: how often each label was predicted for each true label.
///
/// Predictions of `unknown` are counted separately for each true label; they are not part of
/// [`Confusion::table`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Confusion {
    labels: Vec<String>,
    counts: Vec<Vec<u64>>,
    unknown: Vec<u64>,
}

impl Confusion {
    /// Creates a table for these labels without any counts.
    pub(crate) fn new(labels: &[String]) -> Self {
        let classes = labels.len();
        Self { labels: labels.to_vec(), counts: vec![vec![0; classes]; classes], unknown: vec![0; classes] }
    }

    /// Counts one prediction. `truth` and `predicted` are indices of labels, and `predicted` is `None` for
    /// `unknown`.
    ///
    /// Indices that are not those of a label are ignored.
    pub(crate) fn add(&mut self, truth: usize, predicted: Option<usize>) {
        let Some(row) = self.counts.get_mut(truth) else { return };
        match predicted {
            None => self.unknown[truth] += 1,
            Some(class) => {
                if let Some(cell) = row.get_mut(class) {
                    *cell += 1;
                }
            }
        }
    }

    /// Adds the counts of another table for the same labels.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (row, other) in self.counts.iter_mut().zip(&other.counts) {
            row.iter_mut().zip(other).for_each(|(count, other)| *count += other);
        }
        self.unknown.iter_mut().zip(&other.unknown).for_each(|(count, other)| *count += other);
    }

    /// The labels, in the order of rows and columns.
    pub(crate) fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The counts, with a row for each true label and a column for each predicted label.
    pub(crate) fn table(&self) -> &[Vec<u64>] {
        &self.counts
    }

    /// The number of predictions of `unknown` for each true label.
    pub(crate) fn unknown(&self) -> &[u64] {
        &self.unknown
    }

    /// The share of the predictions that are `unknown`. NaN if the table is empty.
    pub(crate) fn withheld(&self) -> f64 {
        self.unknown.iter().sum::<u64>() as f64 / self.total() as f64
    }

    /// The number of all predictions, including `unknown`.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().flatten().sum::<u64>() + self.unknown.iter().sum::<u64>()
    }

    /// The fraction of correct predictions; `unknown` is not correct. NaN if the table is empty.
    pub(crate) fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.total() as f64
    }

    /// The mean of the recalls of the labels that occur as true labels. NaN if the table is empty.
    pub(crate) fn balanced_accuracy(&self) -> f64 {
        mean((0..self.labels.len()).filter_map(|class| {
            let support = self.support(class);
            (support > 0).then(|| self.counts[class][class] as f64 / support as f64)
        }))
    }

    /// The mean of the F1 scores of the labels that occur as true or predicted labels. NaN if the table is
    /// empty.
    pub(crate) fn macro_f1(&self) -> f64 {
        mean((0..self.labels.len()).filter_map(|class| {
            let correct = self.counts[class][class];
            let predicted: u64 = self.counts.iter().map(|row| row[class]).sum();
            let sum = predicted + self.support(class);
            (sum > 0).then(|| 2.0 * correct as f64 / sum as f64)
        }))
    }

    /// All three scores.
    pub(crate) fn scores(&self) -> Scores {
        Scores {
            accuracy: self.accuracy(),
            balanced_accuracy: self.balanced_accuracy(),
            macro_f1: self.macro_f1(),
        }
    }

    fn correct(&self) -> u64 {
        (0..self.labels.len()).map(|class| self.counts[class][class]).sum()
    }

    /// The number of predictions for a true label, including `unknown`.
    fn support(&self, class: usize) -> u64 {
        self.counts[class].iter().sum::<u64>() + self.unknown[class]
    }
}

impl std::fmt::Display for Confusion {
    /// Writes the table for people: a row for each true label with its recall, and a column for each
    /// predicted label.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let with_unknown = self.unknown.iter().any(|&count| count > 0);
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        let mut header = vec!["actual \\ predicted".to_owned()];
        header.extend(self.labels.iter().cloned());
        if with_unknown {
            header.push(crate::model::card::UNKNOWN.into());
        }
        header.push("recall".into());
        table.set_header(header);
        for (class, label) in self.labels.iter().enumerate() {
            let mut row = vec![label.clone()];
            row.extend(self.counts[class].iter().map(u64::to_string));
            if with_unknown {
                row.push(self.unknown[class].to_string());
            }
            let support = self.support(class);
            row.push(if support == 0 {
                "-".into()
            } else {
                format!("{:.3}", self.counts[class][class] as f64 / support as f64)
            });
            table.add_row(row);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
        write!(f, "{table}")
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(usize, Option<usize>, u64)]) -> Confusion {
        let mut confusion = Confusion::new(&["a".into(), "b".into(), "c".into()]);
        for &(truth, predicted, count) in rows {
            for _ in 0..count {
                confusion.add(truth, predicted);
            }
        }
        confusion
    }

    #[test]
    fn scores_agree_with_values_computed_by_hand() {
        // recalls 3/4 and 1/2; F1 of a: 6/8, of b: 2/4
        let confusion = table(&[(0, Some(0), 3), (0, Some(1), 1), (1, Some(1), 1), (1, Some(0), 1)]);
        assert!((confusion.accuracy() - 4.0 / 6.0).abs() < 1e-12);
        assert!((confusion.balanced_accuracy() - 0.625).abs() < 1e-12);
        assert!((confusion.macro_f1() - (6.0 / 8.0 + 2.0 / 4.0) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn unknown_lowers_the_recall_and_is_shown() {
        let confusion = table(&[(0, Some(0), 1), (0, None, 1)]);
        assert!((confusion.accuracy() - 0.5).abs() < 1e-12);
        assert!((confusion.withheld() - 0.5).abs() < 1e-12);
        assert!(confusion.to_string().contains("unknown"));
    }

    #[test]
    fn the_scores_of_an_empty_table_are_nan() {
        assert!(table(&[]).accuracy().is_nan());
        assert!(table(&[]).balanced_accuracy().is_nan());
    }
}
