//! The input of one training step: labelled windows, class weights, regularisation and augmentation.

use super::augment::Augmentation;

/// Dropout and label smoothing, which keep the network from overfitting. All are shares from 0 (off) to below
/// 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regularisation {
    /// The dropout rate of the outputs between LSTM layers and of the head's input (Srivastava et al. 2014).
    pub dropout: f32,
    /// The dropout rate of each LSTM layer's inputs, with the same mask at each step (Gal and Ghahramani
    /// 2016).
    pub input_dropout: f32,
    /// The dropout rate of each LSTM layer's hidden state where it enters the next step's gates, with the
    /// same mask at each step (Gal and Ghahramani 2016).
    pub recurrent_dropout: f32,
    /// The share of each target probability that is spread evenly over all labels (Szegedy et al. 2016).
    pub label_smoothing: f32,
}

/// A labelled window.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// The values, row-major [W, C].
    pub window: &'a [f32],
    /// The index of the label.
    pub label: usize,
    /// The summary statistics, `[F]`; `None` to compute them from the window.
    pub statistics: Option<&'a [f32]>,
}

impl<'a> Example<'a> {
    /// A labelled window whose summary statistics are not known yet.
    pub fn new(window: &'a [f32], label: usize) -> Self {
        Self { window, label, statistics: None }
    }
}

/// The settings of one training step.
#[derive(Clone, Copy, Debug)]
pub struct TrainingStep<'a> {
    /// The weight of each label in the loss, `[K]`.
    pub weights: &'a [f32],
    /// Dropout and label smoothing.
    pub regularisation: Regularisation,
    /// Random changes to the windows; `None` leaves them unchanged.
    pub augment: Option<&'a Augmentation>,
    /// The seed of the dropout masks and the augmentation; each step has its own.
    pub seed: u128,
}
