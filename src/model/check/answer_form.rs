//! What the numbers of a model's answers are.

/// How far the probabilities of a window may be from a sum of 1.
const TOLERANCE: f32 = 1e-3;

/// What the numbers of an output are, which has one for each label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum AnswerForm {
    /// At least 0, with a sum of 1.
    Probabilities,
    /// Some are NaN or infinite.
    NotNumbers,
    /// The logarithms of probabilities.
    Logarithms,
    /// Any numbers: what a softmax takes.
    Logits,
    /// From 0 to 1, with other sums than 1, as of a sigmoid for each label.
    Independent,
}

impl AnswerForm {
    /// The form of the answers to several windows, and the index of an answer that shows it.
    pub(in crate::model) fn of(rows: &[Vec<f32>]) -> (Self, usize) {
        let first = |is: &dyn Fn(&[f32]) -> bool| rows.iter().position(|row| is(row));
        let is_logarithms = |row: &Vec<f32>| {
            let total: f32 = row.iter().map(|value| value.exp()).sum();
            row.iter().all(|value| *value <= TOLERANCE) && (total - 1.0).abs() < TOLERANCE
        };
        let is_outside = |value: &f32| *value < -TOLERANCE || *value > 1.0 + TOLERANCE;
        if let Some(row) = first(&|row| row.iter().any(|value| !value.is_finite())) {
            (Self::NotNumbers, row)
        } else if rows.iter().all(is_logarithms) {
            (Self::Logarithms, 0)
        } else if let Some(row) = first(&|row| row.iter().any(is_outside)) {
            (Self::Logits, row)
        } else if let Some(row) = first(&|row| (row.iter().sum::<f32>() - 1.0).abs() > TOLERANCE) {
            (Self::Independent, row)
        } else {
            (Self::Probabilities, 0)
        }
    }
}
