//! Batch normalisation (Ioffe and Szegedy 2015) with the semantics of Keras.
//!
//! For each feature: y = gamma · (x - mean) / sqrt(variance + epsilon) + beta. In training, the mean and the
//! variance are those of the batch. Afterwards they are the moving statistics, the exponential moving
//! averages of the batches' own.

/// Added to each variance, so that a constant feature does not divide by 0. Keras's default.
pub const EPSILON: f32 = 1e-3;
/// The decay of the moving statistics: the share of their previous value that each training step keeps.
/// Keras's default.
pub const MOMENTUM: f32 = 0.99;

/// A batch normalisation layer. Its parameters are gamma `[features]`, followed by beta `[features]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchNorm {
    /// Values per row.
    pub features: usize,
}

/// The mean and the variance of each feature, as the layer uses them outside of training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MovingStatistics {
    /// The mean of each feature, `[features]`.
    pub mean: Vec<f32>,
    /// The variance of each feature, `[features]`.
    pub variance: Vec<f32>,
}

impl MovingStatistics {
    /// The statistics before the first training step: means of 0 and variances of 1.
    pub fn new(features: usize) -> Self {
        Self { mean: vec![0.0; features], variance: vec![1.0; features] }
    }

    /// The statistics with which gamma is the factor and beta the shift of each feature; see [`BatchNorm::folded`].
    pub(crate) fn folded(features: usize) -> Self {
        Self { mean: vec![0.0; features], variance: vec![1.0 - EPSILON; features] }
    }
}

/// The values that a forward pass in training keeps for the backward pass.
#[derive(Clone, Debug, Default)]
pub struct BatchNormMemory {
    /// The input with a mean of 0 and a variance of 1 per feature, before gamma and beta: [rows, features].
    normalised: Vec<f32>,
    /// 1 / sqrt(variance + epsilon) of each feature of the batch, `[features]`.
    inverse_deviation: Vec<f32>,
}

impl BatchNorm {
    /// The number of parameters.
    pub fn parameters(&self) -> usize {
        2 * self.features
    }

    /// Sets the initial values of the parameters: 1 for gamma and 0 for beta.
    pub fn initialise(&self, values: &mut [f32]) {
        let (gamma, beta) = values.split_at_mut(self.features);
        gamma.fill(1.0);
        beta.fill(0.0);
    }

    /// Normalises `input` [rows, features] in place by its own mean and variance, and moves the moving
    /// statistics towards these. `values` are the layer's parameters. `memory` keeps what
    /// [`BatchNorm::backward`] needs.
    ///
    /// The variance is the mean squared deviation, without Bessel's correction, as in Keras.
    pub fn forward_training(
        &self,
        values: &[f32],
        input: &mut [f32],
        moving: &mut MovingStatistics,
        memory: &mut BatchNormMemory,
    ) {
        let rows = (input.len() / self.features.max(1)).max(1) as f64;
        let (mut mean, mut variance) = (vec![0.0f64; self.features], vec![0.0f64; self.features]);
        for row in input.chunks_exact(self.features) {
            mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value) / rows);
        }
        for row in input.chunks_exact(self.features) {
            for (index, value) in row.iter().enumerate() {
                variance[index] += (f64::from(*value) - mean[index]).powi(2) / rows;
            }
        }
        memory.inverse_deviation.clear();
        memory
            .inverse_deviation
            .extend(variance.iter().map(|variance| (1.0 / (variance + f64::from(EPSILON)).sqrt()) as f32));
        let update =
            |moving: &mut f32, batch: f64| *moving = MOMENTUM * *moving + (1.0 - MOMENTUM) * batch as f32;
        moving.mean.iter_mut().zip(&mean).for_each(|(moving, batch)| update(moving, *batch));
        moving.variance.iter_mut().zip(&variance).for_each(|(moving, batch)| update(moving, *batch));
        let (gamma, beta) = values.split_at(self.features);
        memory.normalised.clear();
        for row in input.chunks_exact_mut(self.features) {
            for (index, value) in row.iter_mut().enumerate() {
                let normalised = (*value - mean[index] as f32) * memory.inverse_deviation[index];
                memory.normalised.push(normalised);
                *value = gamma[index] * normalised + beta[index];
            }
        }
    }

    /// Normalises `input` [rows, features] in place by the moving statistics. `values` are the layer's
    /// parameters.
    pub fn forward(&self, values: &[f32], input: &mut [f32], moving: &MovingStatistics) {
        let (scale, shift) = self.folded(values, moving);
        for row in input.chunks_exact_mut(self.features) {
            for (index, value) in row.iter_mut().enumerate() {
                *value = *value * scale[index] + shift[index];
            }
        }
    }

    /// Replaces the gradient of the output, `gradient` [rows, features], by that of the input, and adds the
    /// gradients of the parameters to `gradients`. `values` are the layer's parameters; `memory` is that of
    /// the forward pass.
    ///
    /// With n for the normalised input and dy for the gradient of the output, over a batch of N rows (Ioffe
    /// and Szegedy 2015): dgamma = Σ dy · n, dbeta = Σ dy, and dx = gamma / sqrt(variance + epsilon) · (dy -
    /// (dbeta + n · dgamma) / N).
    pub fn backward(
        &self,
        values: &[f32],
        gradient: &mut [f32],
        memory: &BatchNormMemory,
        gradients: &mut [f32],
    ) {
        let features = self.features;
        let rows = (gradient.len() / features.max(1)).max(1) as f32;
        let (mut beta_gradient, mut gamma_gradient) = (vec![0.0f32; features], vec![0.0f32; features]);
        for (row, normalised) in gradient.chunks_exact(features).zip(memory.normalised.chunks_exact(features))
        {
            for index in 0..features {
                beta_gradient[index] += row[index];
                gamma_gradient[index] += row[index] * normalised[index];
            }
        }
        let gamma = &values[..features];
        for (row, normalised) in
            gradient.chunks_exact_mut(features).zip(memory.normalised.chunks_exact(features))
        {
            for index in 0..features {
                let centred =
                    row[index] - (beta_gradient[index] + normalised[index] * gamma_gradient[index]) / rows;
                row[index] = gamma[index] * memory.inverse_deviation[index] * centred;
            }
        }
        gradients[..features].iter_mut().zip(&gamma_gradient).for_each(|(sum, part)| *sum += part);
        gradients[features..2 * features].iter_mut().zip(&beta_gradient).for_each(|(sum, part)| *sum += part);
    }

    /// The layer outside of training as one factor and one shift per feature, `[features]` each: y = factor ·
    /// x + shift. `values` are the layer's parameters.
    pub fn folded(&self, values: &[f32], moving: &MovingStatistics) -> (Vec<f32>, Vec<f32>) {
        let (gamma, beta) = values.split_at(self.features);
        let scale: Vec<f32> = gamma
            .iter()
            .zip(&moving.variance)
            .map(|(gamma, variance)| gamma / (variance + EPSILON).sqrt())
            .collect();
        let shift =
            beta.iter().zip(&scale).zip(&moving.mean).map(|((beta, scale), mean)| beta - scale * mean);
        let shift = shift.collect();
        (scale, shift)
    }
}
