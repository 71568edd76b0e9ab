//! A model's answers to windows.

/// The answers to N windows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// The probabilities of the K surfaces, row-major [N, K].
    pub probabilities: Vec<f32>,
    /// How unlike the training data each window is, `[N]`; empty if the model does not say it.
    ///
    /// It is one minus the conformal p-value of the window among held-out windows of the training surfaces, from 0
    /// to 1. Windows of these surfaces have each value equally often, so that 5 % of them lie above 0.95.
    pub novelty: Vec<f32>,
}

/// The answer to one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answer<'a> {
    /// The probability of each surface.
    pub probabilities: &'a [f32],
    /// How unlike the training data the window is; `None` if the model does not say it.
    pub novelty: Option<f32>,
}

impl Answers {
    /// The answer to each window, for a model with this number of labels.
    pub fn rows(&self, labels: usize) -> impl Iterator<Item = Answer<'_>> {
        let rows = self.probabilities.chunks_exact(labels.max(1)).enumerate();
        rows.map(|(index, probabilities)| Answer { probabilities, novelty: self.novelty.get(index).copied() })
    }
}

impl Answer<'_> {
    /// Whether every probability is a number and the novelty is from 0 to 1.
    pub fn is_valid(&self) -> bool {
        self.probabilities.iter().all(|probability| probability.is_finite())
            && self.novelty.is_none_or(|novelty| (0.0..=1.0).contains(&novelty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_has_its_probabilities_and_its_novelty() {
        let answers = Answers { probabilities: vec![0.9, 0.1, 0.2, 0.8], novelty: vec![0.5, 1.5] };
        let rows: Vec<_> = answers.rows(2).collect();
        assert_eq!(rows[0], Answer { probabilities: &[0.9, 0.1], novelty: Some(0.5) });
        assert_eq!((rows[0].is_valid(), rows[1].is_valid()), (true, false));
        let without = Answers { novelty: Vec::new(), ..answers };
        assert!(without.rows(2).all(|answer| answer.novelty.is_none() && answer.is_valid()));
    }
}
