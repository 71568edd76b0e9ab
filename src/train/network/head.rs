//! The head of the network: from the pooled values and summaries of a batch to the logits, and back.
//!
//! The head's layers are batch normalisation, dropout, a dense layer with ReLU, and a dense layer to the
//! logits; all but the last are optional.

use rand_pcg::Pcg64;

use super::architecture::{Architecture, Layers};
use super::loss::{Loss, cross_entropy_gradient, softmax_cross_entropy};
use crate::train::kernel::rows::apply_mask;
use crate::train::layer::batch_norm::{BatchNormMemory, MovingStatistics};
use crate::train::layer::dense::{relu, relu_backward};
use crate::train::layer::dropout::fill_mask;

/// The head's layers with their parameters.
pub(crate) struct Head<'a> {
    pub(crate) layers: &'a Layers,
    /// The parameters of the whole network.
    pub(crate) parameters: &'a [f32],
    /// The moving statistics of batch normalisation.
    pub(crate) moving: &'a MovingStatistics,
}

/// The values of a batch in the head, kept from the forward to the backward pass and reused from step to
/// step. A row is one window.
#[derive(Debug, Default)]
pub(crate) struct HeadMemory {
    rows: usize,
    /// Values per row that come from pooling.
    pooled: usize,
    /// Values per row in all: the pooled values, followed by the summary.
    width: usize,
    /// The head's input, [rows, width]. The forward pass applies batch normalisation and dropout to it in
    /// place.
    features: Vec<f32>,
    batch_norm: BatchNormMemory,
    /// The dropout mask, [rows, width]; empty without dropout.
    mask: Vec<f32>,
    /// The outputs of the dense layer after ReLU, [rows, dense].
    hidden: Vec<f32>,
    /// [rows, classes]: the logits after the forward pass; the backward pass replaces them by their gradient.
    logits: Vec<f32>,
    /// The gradient of `hidden`, [rows, dense].
    hidden_gradient: Vec<f32>,
    /// The gradient of the head's input, [rows, width].
    feature_gradient: Vec<f32>,
    /// The part of `feature_gradient` that belongs to the pooled values, [rows, pooled].
    pooled_gradient: Vec<f32>,
}

impl HeadMemory {
    /// Clears the memory for a new batch.
    pub(crate) fn start(&mut self, architecture: &Architecture) {
        self.rows = 0;
        self.pooled = architecture.pooled_size();
        self.width = architecture.features();
        self.features.clear();
    }

    /// Appends the pooled values [N, pooled] and the summaries [N, width - pooled] of N windows.
    pub(crate) fn append(&mut self, pooled: &[f32], summary: &[f32]) {
        let summarised = self.width - self.pooled;
        for (row, pooled) in pooled.chunks_exact(self.pooled).enumerate() {
            self.features.extend_from_slice(pooled);
            self.features.extend_from_slice(&summary[row * summarised..(row + 1) * summarised]);
            self.rows += 1;
        }
    }

    /// The logits after [`Head::forward`], [rows, classes].
    pub(crate) fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// The gradient of the pooled values after [`Head::backward`], [rows, pooled].
    pub(crate) fn pooled_gradient(&self) -> &[f32] {
        &self.pooled_gradient
    }
}

impl Head<'_> {
    /// Computes the logits from the features in `memory`.
    ///
    /// `training` has the dropout rate and the random numbers of the dropout mask, and is `None` outside of
    /// training. In training, batch normalisation uses the batch's own statistics, and the updated moving
    /// statistics are returned; without batch normalisation and outside of training, the result is `None`.
    pub(crate) fn forward(
        &self,
        memory: &mut HeadMemory,
        training: Option<(f32, &mut Pcg64)>,
    ) -> Option<MovingStatistics> {
        let HeadMemory { rows, features, batch_norm, mask, hidden, logits, .. } = memory;
        let mut updated = None;
        if let Some((layer, range)) = &self.layers.batch_norm {
            let values = &self.parameters[range.clone()];
            if training.is_some() {
                let mut moving = self.moving.clone();
                layer.forward_training(values, features, &mut moving, batch_norm);
                updated = Some(moving);
            } else {
                layer.forward(values, features, self.moving);
            }
        }
        mask.clear();
        if let Some((rate, rng)) = training.filter(|(rate, _)| *rate > 0.0) {
            fill_mask(mask, features.len(), rate, rng);
            apply_mask(features, mask);
        }
        let (output, range) = &self.layers.output;
        let values = &self.parameters[range.clone()];
        if let Some((layer, range)) = &self.layers.dense {
            layer.forward(&self.parameters[range.clone()], features, *rows, hidden);
            relu(hidden);
            output.forward(values, hidden, *rows, logits);
        } else {
            output.forward(values, features, *rows, logits);
        }
        updated
    }

    /// Computes the loss of the last forward pass and its gradients.
    ///
    /// `labels` has one label per row, `weights` the weight of each label `[classes]`, and `batch` is the
    /// number of windows in the whole batch, whose mean loss the gradients are of. The gradients of the
    /// head's parameters are added to `gradients`, which is the flat vector of the whole network; that of the
    /// pooled values is kept in `memory`.
    pub(crate) fn backward(
        &self,
        memory: &mut HeadMemory,
        labels: &[usize],
        weights: &[f32],
        smoothing: f32,
        batch: usize,
        gradients: &mut [f32],
    ) -> Loss {
        let HeadMemory {
            rows,
            pooled,
            width,
            features,
            batch_norm,
            mask,
            hidden,
            logits,
            hidden_gradient,
            feature_gradient,
            pooled_gradient,
        } = memory;
        let rows = *rows;
        let loss = softmax_cross_entropy(logits, labels, weights, smoothing);
        cross_entropy_gradient(logits, labels, weights, smoothing, batch);
        let (output, range) = &self.layers.output;
        let values = &self.parameters[range.clone()];
        let output_gradients = &mut gradients[range.clone()];
        if let Some((layer, range)) = &self.layers.dense {
            output.backward(values, hidden, logits, rows, output_gradients, hidden_gradient);
            relu_backward(hidden, hidden_gradient);
            let (values, gradients) = (&self.parameters[range.clone()], &mut gradients[range.clone()]);
            layer.backward(values, features, hidden_gradient, rows, gradients, feature_gradient);
        } else {
            output.backward(values, features, logits, rows, output_gradients, feature_gradient);
        }
        apply_mask(feature_gradient, mask);
        if let Some((layer, range)) = &self.layers.batch_norm {
            let values = &self.parameters[range.clone()];
            layer.backward(values, feature_gradient, batch_norm, &mut gradients[range.clone()]);
        }
        pooled_gradient.clear();
        for row in feature_gradient.chunks_exact(*width) {
            pooled_gradient.extend_from_slice(&row[..*pooled]);
        }
        loss
    }
}
