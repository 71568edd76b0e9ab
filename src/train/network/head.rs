//! The head: from what is pooled of a batch, and its summaries, to logits; and back.

use rand_pcg::Pcg64;

use super::Network;
use super::architecture::Layers;
use super::loss::{Loss, cross_entropy_gradient, softmax_cross_entropy};
use super::shard::Shard;
use crate::train::layer::batch_norm::{BatchNormMemory, MovingStatistics};
use crate::train::layer::dense::{relu, relu_backward};
use crate::train::layer::dropout::fill_mask;

/// The head's layers with their parameters.
pub(crate) struct Head<'a> {
    pub(crate) layers: &'a Layers,
    /// Those of the whole network.
    pub(crate) parameters: &'a [f32],
    pub(crate) moving: &'a MovingStatistics,
}

/// The head's memory of a batch, used again from step to step.
#[derive(Debug, Default)]
pub(crate) struct HeadMemory {
    rows: usize,
    /// Pooled values a row, and those with the summary.
    pooled: usize,
    width: usize,
    /// [rows, width], after batch normalisation and dropout.
    features: Vec<f32>,
    batch_norm: BatchNormMemory,
    mask: Vec<f32>,
    /// After ReLU: [rows, dense].
    dense: Vec<f32>,
    logits: Vec<f32>,
    dense_gradient: Vec<f32>,
    feature_gradient: Vec<f32>,
    pooled_gradient: Vec<f32>,
}

impl HeadMemory {
    /// Empties it for a batch.
    pub(crate) fn start(&mut self, network: &Network) {
        let architecture = network.architecture();
        self.rows = 0;
        self.pooled = architecture.pooled();
        self.width = self.pooled + architecture.summarised();
        self.features.clear();
    }

    /// Takes what a shard pooled, and its summaries.
    pub(crate) fn take(&mut self, network: &Network, shard: &Shard) {
        let summarised = network.architecture().summarised();
        for (row, pooled) in shard.pooled().chunks_exact(self.pooled).enumerate() {
            self.features.extend_from_slice(pooled);
            self.features.extend_from_slice(&shard.summary()[row * summarised..(row + 1) * summarised]);
            self.rows += 1;
        }
    }

    /// The logits, or their probabilities once there was a loss: [rows, classes].
    pub(crate) fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// The gradient of what was pooled: [rows, pooled].
    pub(crate) fn pooled_gradient(&self) -> &[f32] {
        &self.pooled_gradient
    }
}

impl Head<'_> {
    /// From features to logits. In training, with this share left out; then what batch normalisation takes for the mean and
    /// variance afterwards is given back.
    pub(crate) fn forward(
        &self,
        memory: &mut HeadMemory,
        training: Option<(f32, &mut Pcg64)>,
    ) -> Option<MovingStatistics> {
        let HeadMemory { rows, features, batch_norm: normal, mask, dense: hidden, logits, .. } = memory;
        let mut moved = None;
        if let Some((layer, place)) = &self.layers.batch_norm {
            let values = &self.parameters[place.clone()];
            if training.is_some() {
                let mut moving = self.moving.clone();
                layer.forward_training(values, features, &mut moving, normal);
                moved = Some(moving);
            } else {
                layer.forward(values, features, self.moving);
            }
        }
        mask.clear();
        if let Some((share, rng)) = training.filter(|(share, _)| *share > 0.0) {
            fill_mask(mask, features.len(), share, rng);
            features.iter_mut().zip(&*mask).for_each(|(value, mask)| *value *= mask);
        }
        let (output, place) = &self.layers.output;
        let values = &self.parameters[place.clone()];
        if let Some((layer, place)) = &self.layers.dense {
            layer.forward(&self.parameters[place.clone()], features, *rows, hidden);
            relu(hidden);
            output.forward(values, hidden, *rows, logits);
        } else {
            output.forward(values, features, *rows, logits);
        }
        moved
    }

    /// From labels back to the gradients of the head's parameters, which are added, and of what was pooled.
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
            batch_norm: normal,
            mask,
            dense: hidden,
            logits,
            dense_gradient: inner,
            feature_gradient: target,
            pooled_gradient,
        } = memory;
        let rows = *rows;
        let loss = softmax_cross_entropy(logits, labels, weights, smoothing);
        cross_entropy_gradient(logits, labels, weights, smoothing, batch);
        let (output, place) = &self.layers.output;
        let values = &self.parameters[place.clone()];
        if let Some((layer, dense_place)) = &self.layers.dense {
            output.backward(values, hidden, logits, rows, &mut gradients[place.clone()], inner);
            relu_backward(hidden, inner);
            let (values, gradients) =
                (&self.parameters[dense_place.clone()], &mut gradients[dense_place.clone()]);
            layer.backward(values, features, inner, rows, gradients, target);
        } else {
            output.backward(values, features, logits, rows, &mut gradients[place.clone()], target);
        }
        if !mask.is_empty() {
            target.iter_mut().zip(&*mask).for_each(|(value, mask)| *value *= mask);
        }
        if let Some((layer, place)) = &self.layers.batch_norm {
            let values = &self.parameters[place.clone()];
            layer.backward(values, target, normal, &mut gradients[place.clone()]);
        }
        pooled_gradient.clear();
        for row in target.chunks_exact(*width) {
            pooled_gradient.extend_from_slice(&row[..*pooled]);
        }
        loss
    }
}
