//! What one step of training takes: labelled windows, weights, regularisation and augmentation.

use super::augment::Augmentation;

/// What is changed or left out in training, so that the network does not learn its windows by heart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regularisation {
    /// The share of the outputs between layers, and of what is pooled, that are left out.
    pub dropout: f32,
    /// The share of each LSTM layer's inputs that are left out, the same at each step.
    pub input_dropout: f32,
    /// The share of each LSTM layer's state that is left out of its recurrence, the same at each step.
    pub recurrent_dropout: f32,
    /// The share of the target that is spread over all labels.
    pub label_smoothing: f32,
}

/// A window for training.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// Row-major [W, C].
    pub window: &'a [f32],
    /// The index of its label.
    pub label: usize,
}

/// How a batch is trained on.
#[derive(Clone, Copy, Debug)]
pub struct TrainingStep<'a> {
    /// One weight a label.
    pub weights: &'a [f32],
    /// What is left out.
    pub regularisation: Regularisation,
    /// What is done to the windows.
    pub augment: Option<&'a Augmentation>,
    /// The seed of what is drawn, another for each step.
    pub seed: u128,
}
