//! Batch normalisation (Ioffe and Szegedy 2015) with the semantics of Keras.

/// Added to the variance.
pub const EPSILON: f32 = 1e-3;
/// The share of the moving statistics that stays at each step.
pub const MOMENTUM: f32 = 0.99;

/// The size of a layer. Its parameters are gamma `[features]`, then beta `[features]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchNorm {
    /// Values a row.
    pub features: usize,
}

/// What a layer takes for the mean and variance once it is trained.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MovingStatistics {
    /// One mean a feature.
    pub mean: Vec<f32>,
    /// One variance a feature.
    pub variance: Vec<f32>,
}

impl MovingStatistics {
    /// Before the first batch: means of 0, variances of 1.
    pub fn new(features: usize) -> Self {
        Self { mean: vec![0.0; features], variance: vec![1.0; features] }
    }
}

/// What a forward pass leaves for the backward pass.
#[derive(Clone, Debug, Default)]
pub struct BatchNormMemory {
    /// [rows, features], with a mean of 0 and a variance of 1.
    normal: Vec<f32>,
    /// 1 / standard deviation of each feature.
    inverse: Vec<f32>,
}

impl BatchNorm {
    /// How many parameters the layer has.
    pub fn parameters(&self) -> usize {
        2 * self.features
    }

    /// First values: gamma 1, beta 0.
    pub fn initialise(&self, values: &mut [f32]) {
        let (gamma, beta) = values.split_at_mut(self.features);
        gamma.fill(1.0);
        beta.fill(0.0);
    }

    /// Normalises [rows, features] in place by the batch's own mean and variance, and moves the moving statistics towards them.
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
        memory.inverse.clear();
        memory
            .inverse
            .extend(variance.iter().map(|variance| (1.0 / (variance + f64::from(EPSILON)).sqrt()) as f32));
        let moved = |before: &mut f32, now: f64| *before = MOMENTUM * *before + (1.0 - MOMENTUM) * now as f32;
        moving.mean.iter_mut().zip(&mean).for_each(|(before, now)| moved(before, *now));
        moving.variance.iter_mut().zip(&variance).for_each(|(before, now)| moved(before, *now));
        let (gamma, beta) = values.split_at(self.features);
        memory.normal.clear();
        for row in input.chunks_exact_mut(self.features) {
            for (index, value) in row.iter_mut().enumerate() {
                let normal = (*value - mean[index] as f32) * memory.inverse[index];
                memory.normal.push(normal);
                *value = gamma[index] * normal + beta[index];
            }
        }
    }

    /// Normalises [rows, features] in place by the moving statistics.
    pub fn forward(&self, values: &[f32], input: &mut [f32], moving: &MovingStatistics) {
        let (scale, shift) = self.folded(values, moving);
        for row in input.chunks_exact_mut(self.features) {
            for (index, value) in row.iter_mut().enumerate() {
                *value = *value * scale[index] + shift[index];
            }
        }
    }

    /// From the gradient of the output to that of the input, in place; adds the parameters' to `gradients`.
    pub fn backward(
        &self,
        values: &[f32],
        gradient: &mut [f32],
        memory: &BatchNormMemory,
        gradients: &mut [f32],
    ) {
        let features = self.features;
        let rows = (gradient.len() / features.max(1)).max(1) as f32;
        let (mut sum, mut product) = (vec![0.0f32; features], vec![0.0f32; features]);
        for (row, normal) in gradient.chunks_exact(features).zip(memory.normal.chunks_exact(features)) {
            for index in 0..features {
                sum[index] += row[index];
                product[index] += row[index] * normal[index];
            }
        }
        let gamma = &values[..features];
        for (row, normal) in gradient.chunks_exact_mut(features).zip(memory.normal.chunks_exact(features)) {
            for index in 0..features {
                let centred = row[index] - (sum[index] + normal[index] * product[index]) / rows;
                row[index] = gamma[index] * memory.inverse[index] * centred;
            }
        }
        gradients[..features].iter_mut().zip(&product).for_each(|(sum, part)| *sum += part);
        gradients[features..2 * features].iter_mut().zip(&sum).for_each(|(sum, part)| *sum += part);
    }

    /// The trained layer as a factor and a shift for each feature.
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
