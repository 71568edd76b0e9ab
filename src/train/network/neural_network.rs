//! The network: its parameters, and the forward and backward pass of a whole batch.
//!
//! The preprocessing, the LSTM layers and the pooling run over shards of a batch in parallel. Each shard has
//! its own memory and its own gradients, which are added in the order of the shards, so that no sum depends
//! on the number of threads. The head runs once, over the pooled values of all shards.

use rand::Rng;
use rand_pcg::Pcg64;
use rayon::prelude::*;

use super::architecture::{Architecture, Layers};
use super::batch::{Example, TrainingStep};
use super::head::{Head, HeadMemory};
use super::loss::Loss;
use super::preprocessing::Preprocessing;
use super::shard::Shard;
use super::workspace::Workspace;
use crate::train::kernel::activation::softmax_rows;
use crate::train::layer::batch_norm::MovingStatistics;
use crate::train::layer::lstm::LstmPacked;
use crate::train::random_streams;

/// Windows in a shard, the part of a batch that one thread computes. The number is fixed, so that the order
/// of the sums does not depend on the number of threads.
const SHARD_WINDOWS: usize = 16;
/// Shards in a micro-batch. A larger batch is computed as several micro-batches whose gradients are added,
/// which limits the memory for the values of the forward pass. With batch normalisation the whole batch is
/// one micro-batch, because the statistics are those of the whole batch.
const MICRO_BATCH_SHARDS: usize = 32;

/// A network: its architecture, the preprocessing measured on the training windows, and its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    architecture: Architecture,
    preprocessing: Preprocessing,
    moving: MovingStatistics,
    parameters: Vec<f32>,
}

impl Network {
    /// A network with initial weights drawn from `rng`.
    pub fn new(architecture: Architecture, preprocessing: Preprocessing, rng: &mut impl Rng) -> Self {
        let layers = architecture.layers();
        let mut parameters = vec![0.0; layers.parameters()];
        for (lstm, range) in &layers.lstm {
            lstm.initialise(&mut parameters[range.clone()], rng);
        }
        if let Some((batch_norm, range)) = &layers.batch_norm {
            batch_norm.initialise(&mut parameters[range.clone()]);
        }
        for (dense, range) in layers.dense.iter().chain([&layers.output]) {
            dense.initialise(&mut parameters[range.clone()], rng);
        }
        let moving = MovingStatistics::new(architecture.features());
        Self { architecture, preprocessing, moving, parameters }
    }

    /// A network with known weights, in the order of [`Architecture::layers`].
    pub(crate) fn with_parameters(
        architecture: Architecture,
        preprocessing: Preprocessing,
        moving: MovingStatistics,
        parameters: Vec<f32>,
    ) -> Self {
        Self { architecture, preprocessing, moving, parameters }
    }

    /// The layers and their sizes.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The preprocessing of a window before the first layer.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The moving statistics of batch normalisation. Without batch normalisation they keep their initial
    /// values.
    pub fn moving(&self) -> &MovingStatistics {
        &self.moving
    }

    /// The moving statistics of batch normalisation, for changes in place.
    pub fn moving_mut(&mut self) -> &mut MovingStatistics {
        &mut self.moving
    }

    /// Every trained value, in the order of [`Architecture::layers`].
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Every trained value, for changes in place.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// Divides all logits by a temperature, by scaling the last layer's parameters (Guo et al. 2017).
    ///
    /// A temperature above 1 lowers the confidence of every prediction and one below 1 raises it; the order
    /// of the labels stays the same.
    pub fn scale_temperature(&mut self, temperature: f64) {
        let range = self.architecture.layers().output.1;
        self.parameters[range].iter_mut().for_each(|value| *value = (f64::from(*value) / temperature) as f32);
    }

    /// The logits, row-major [N, K], of windows that are each row-major [W, C]. Shards are computed in
    /// parallel.
    pub fn logits(&self, windows: &[&[f32]]) -> Vec<f32> {
        let examples: Vec<Example<'_>> = windows.iter().map(|window| Example::new(window, 0)).collect();
        self.logits_of(&examples)
    }

    /// The logits, row-major [N, K], of windows whatever their labels are.
    pub(crate) fn logits_of(&self, examples: &[Example<'_>]) -> Vec<f32> {
        let layers = self.architecture.layers();
        let mut packed = Vec::new();
        self.pack(&layers, &mut packed);
        let shards: Vec<Vec<f32>> = examples
            .par_chunks(SHARD_WINDOWS)
            .map_init(
                || (Shard::default(), HeadMemory::default()),
                |(shard, memory), examples| {
                    shard.read(&self.architecture, &self.preprocessing, examples);
                    shard.forward(&self.architecture, &layers, &packed, None);
                    memory.start(&self.architecture);
                    memory.append(shard.pooled(), shard.summary());
                    self.head(&layers).forward(memory, None);
                    memory.logits().to_vec()
                },
            )
            .collect();
        shards.concat()
    }

    /// The probabilities, row-major [N, K], of windows that are each row-major [W, C].
    pub fn probabilities(&self, windows: &[&[f32]]) -> Vec<f32> {
        let mut logits = self.logits(windows);
        softmax_rows(&mut logits, self.architecture.classes);
        logits
    }

    /// Runs a batch forward and backward. The gradients of its mean loss are then in
    /// [`Workspace::gradients`]; the parameters stay the same, and the moving statistics of batch
    /// normalisation are updated.
    pub fn backward(
        &mut self,
        batch: &[Example<'_>],
        step: TrainingStep<'_>,
        workspace: &mut Workspace,
    ) -> Loss {
        let layers = self.architecture.layers();
        let Workspace { packed, shards, head: memory, gradients } = workspace;
        self.pack(&layers, packed);
        gradients.clear();
        gradients.resize(self.parameters.len(), 0.0);
        let micro_batch = if self.architecture.batch_norm {
            batch.len().max(1)
        } else {
            MICRO_BATCH_SHARDS * SHARD_WINDOWS
        };
        shards.resize_with(batch.len().min(micro_batch).div_ceil(SHARD_WINDOWS), Shard::default);
        let mut total = Loss::default();
        for (index, examples) in batch.chunks(micro_batch).enumerate() {
            // Each shard has its own stream of random numbers, numbered through the whole batch.
            let first = (index * MICRO_BATCH_SHARDS) as u128;
            let Self { architecture, preprocessing, .. } = &*self;
            let shards = &mut shards[..examples.len().div_ceil(SHARD_WINDOWS)];
            let each = shards.par_iter_mut().zip(examples.par_chunks(SHARD_WINDOWS)).enumerate();
            each.for_each(|(shard_index, (shard, examples))| {
                let mut rng = Pcg64::new(step.seed, random_streams::DROPOUT + first + shard_index as u128);
                match step.augment {
                    Some(augment) => {
                        shard.read_augmented(architecture, preprocessing, examples, augment, &mut rng);
                    }
                    None => shard.read(architecture, preprocessing, examples),
                }
                shard.forward(architecture, &layers, packed, Some((step.regularisation, &mut rng)));
            });
            memory.start(architecture);
            shards.iter().for_each(|shard| memory.append(shard.pooled(), shard.summary()));
            let mut rng = Pcg64::new(step.seed, random_streams::HEAD + first);
            let head = self.head(&layers);
            let moving = head.forward(memory, Some((step.regularisation.dropout, &mut rng)));
            let smoothing = step.regularisation.label_smoothing;
            let labels: Vec<usize> = examples.iter().map(|example| example.label).collect();
            total.add(head.backward(memory, &labels, step.weights, smoothing, batch.len(), gradients));
            let pooled_gradients =
                memory.pooled_gradient().par_chunks(SHARD_WINDOWS * architecture.pooled_size());
            let each = shards.par_iter_mut().zip(pooled_gradients);
            each.for_each(|(shard, gradient)| shard.backward(architecture, &layers, packed, gradient));
            add_in_order(&mut gradients[..layers.lstm_parameters()], shards);
            if let Some(moving) = moving {
                self.moving = moving;
            }
        }
        total
    }

    /// The head with this network's parameters.
    fn head<'a>(&'a self, layers: &'a Layers) -> Head<'a> {
        Head { layers, parameters: &self.parameters, moving: &self.moving }
    }

    /// Packs the parameters of every LSTM layer for the matrix products.
    fn pack(&self, layers: &Layers, packed: &mut Vec<LstmPacked>) {
        packed.resize_with(layers.lstm.len(), LstmPacked::default);
        for ((lstm, range), packed) in layers.lstm.iter().zip(packed) {
            lstm.pack(&self.parameters[range.clone()], packed);
        }
    }
}

/// Adds the shards' gradients of the LSTM layers to `sum`, for each parameter from the first shard to the
/// last. Ranges of parameters are added in parallel.
fn add_in_order(sum: &mut [f32], shards: &[Shard]) {
    const RANGE: usize = 8192;
    sum.par_chunks_mut(RANGE).enumerate().for_each(|(index, sum)| {
        for shard in shards {
            let gradients = &shard.gradients()[index * RANGE..][..sum.len()];
            sum.iter_mut().zip(gradients).for_each(|(sum, gradient)| *sum += gradient);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::export::exact;
    use crate::train::fit::ensemble::Ensemble;
    use crate::train::network::architecture::Pooling;
    use crate::train::network::augment::Augmentation;
    use crate::train::network::batch::Regularisation;
    use crate::train::network::scaling::Scaling;

    /// `count` windows of `size` values each.
    fn windows(count: usize, size: usize) -> Vec<f32> {
        (0..count * size).map(|i| (i as f32 * 0.7).sin() + (i % 5) as f32 * 0.1).collect()
    }

    /// A network with measured preprocessing, initial weights and biases that are not 0.
    fn network(architecture: Architecture) -> Network {
        let size = architecture.window * architecture.channels;
        let values = windows(20, size);
        let windows: Vec<&[f32]> = values.chunks_exact(size).collect();
        let preprocessing = Preprocessing::measure(&architecture, &windows, &windows);
        let mut network = Network::new(architecture, preprocessing, &mut Pcg64::new(7, 0));
        // Biases start at 0 and would hide errors in their gradients.
        let values = network.parameters_mut().iter_mut().enumerate();
        values.for_each(|(i, value)| *value += 0.1 * (i as f32).sin());
        network
    }

    /// A step without regularisation and augmentation.
    fn step(weights: &[f32]) -> TrainingStep<'_> {
        TrainingStep { weights, regularisation: Regularisation::default(), augment: None, seed: 3 }
    }

    /// An architecture with every part except for batch normalisation.
    fn all_parts() -> Architecture {
        Architecture {
            layers: 2,
            pooling: vec![Pooling::Last, Pooling::Mean, Pooling::Max],
            differences: true,
            patch: 2,
            summary: true,
            summary_bins: 3,
            dense: 5,
            orders: vec![vec![0, 1, 2], vec![1, 2, 0], vec![2, 0, 1]],
            ..Architecture::plain(9, 3, 6, 4)
        }
    }

    #[test]
    fn every_gradient_agrees_with_finite_differences_in_double_precision() {
        for (architecture, smoothing) in [(Architecture::plain(9, 3, 6, 4), 0.0), (all_parts(), 0.1)] {
            let (mut network, weights) = (network(architecture), [0.5, 1.0, 2.0, 1.5]);
            let values = windows(37, 27);
            let examples: Vec<_> =
                values.chunks_exact(27).enumerate().map(|(i, window)| Example::new(window, i % 4)).collect();
            let exact = |network: &Network, parameters: &[f64]| {
                let losses = examples.iter().map(|example| {
                    let mut row = exact::logits(network, parameters, example.window);
                    exact::softmax(&mut row);
                    let target = |label| {
                        let own = f64::from(u8::from(label == example.label));
                        (1.0 - smoothing) * own + smoothing / 4.0
                    };
                    let cost: f64 = row.iter().enumerate().map(|(label, p)| -target(label) * p.ln()).sum();
                    f64::from(weights[example.label]) * cost
                });
                losses.sum::<f64>() / examples.len() as f64
            };
            let mut workspace = Workspace::default();
            let regularisation =
                Regularisation { label_smoothing: smoothing as f32, ..Regularisation::default() };
            let step = TrainingStep { regularisation, ..step(&weights) };
            let loss = network.backward(&examples, step, &mut workspace);
            let parameters = exact::double_parameters(&network);
            let expected = exact(&network, &parameters);
            // The summary statistics are in single precision, and narrow bins of their encoding amplify their rounding.
            let rounding = if network.architecture().summary { 5.0 } else { 1.0 };
            assert!((loss.mean() - expected).abs() < 2e-6 * rounding, "{} {expected}", loss.mean());
            for (index, gradient) in workspace.gradients().iter().enumerate().step_by(3) {
                let loss_with = |by: f64| {
                    let mut parameters = parameters.clone();
                    parameters[index] += by;
                    exact(&network, &parameters)
                };
                let difference = (loss_with(1e-6) - loss_with(-1e-6)) / 2e-6;
                let error = (f64::from(*gradient) - difference).abs();
                assert!(
                    error < 2e-6 * rounding + 1e-4 * difference.abs(),
                    "parameter {index}: {gradient} {difference}"
                );
            }
        }
    }

    /// The largest difference between a gradient and the finite difference of the training loss, in single
    /// precision.
    fn largest_error(
        network: &mut Network,
        regularisation: Regularisation,
        augment: Option<&Augmentation>,
    ) -> f64 {
        let size = network.architecture().window * network.architecture().channels;
        let values = windows(21, size);
        let examples: Vec<_> =
            values.chunks_exact(size).enumerate().map(|(i, window)| Example::new(window, i % 4)).collect();
        let step = TrainingStep { regularisation, augment, ..step(&[1.0; 4]) };
        let mut workspace = Workspace::default();
        network.backward(&examples, step, &mut workspace);
        let gradients = workspace.gradients().to_vec();
        let mut worst: f64 = 0.0;
        for index in (0..gradients.len()).step_by(7) {
            let mut loss_with = |by: f32| {
                network.parameters_mut()[index] += by;
                let loss = network.backward(&examples, step, &mut workspace).mean();
                network.parameters_mut()[index] -= by;
                loss
            };
            let difference = (loss_with(1e-2) - loss_with(-1e-2)) / 2e-2;
            worst = worst.max((difference - f64::from(gradients[index])).abs());
        }
        worst
    }

    #[test]
    fn the_backward_pass_uses_the_same_masks_as_the_forward_pass() {
        let pooling = vec![Pooling::Last, Pooling::Mean];
        let architecture =
            Architecture { layers: 2, pooling, batch_norm: true, ..Architecture::plain(6, 2, 8, 4) };
        let mut network = network(architecture);
        let regularisation =
            Regularisation { dropout: 0.4, input_dropout: 0.2, recurrent_dropout: 0.3, label_smoothing: 0.1 };
        let augment = Augmentation { jitter: 0.1, scaling: Scaling::none(2), ..Augmentation::default() };
        assert!(largest_error(&mut network, regularisation, Some(&augment)) < 2e-3);
        assert!(largest_error(&mut network, Regularisation::default(), None) < 2e-3);
    }

    #[test]
    fn rounding_errors_stay_small_over_a_hundred_steps_of_saturated_gates() {
        let mut network = network(Architecture::plain(100, 2, 16, 3));
        network.parameters_mut().iter_mut().for_each(|value| *value *= 3.0);
        let values = windows(64, 200);
        let windows: Vec<&[f32]> = values.chunks_exact(200).collect();
        let ours = network.probabilities(&windows);
        let ensemble = Ensemble::of(vec![network]);
        let errors = ours.into_iter().zip(exact::probabilities(&ensemble, &windows));
        let worst = errors.map(|(ours, exact)| (f64::from(ours) - exact).abs()).fold(0.0, f64::max);
        assert!(worst < 4e-6, "{worst}");
    }

    #[test]
    fn a_windows_probabilities_sum_to_1_and_do_not_depend_on_its_batch() {
        let network = network(all_parts());
        let values = windows(41, 27);
        let windows: Vec<&[f32]> = values.chunks_exact(27).collect();
        let all = network.probabilities(&windows);
        assert_eq!(all.len(), 41 * 4);
        for (row, window) in all.chunks_exact(4).zip(windows) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(row.iter().zip(network.probabilities(&[window])).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }

    #[test]
    fn a_batch_of_several_micro_batches_has_the_mean_gradient_of_its_parts() {
        let mut network = network(Architecture::plain(3, 1, 2, 2));
        let values = windows(MICRO_BATCH_SHARDS * SHARD_WINDOWS + 20, 3);
        let examples: Vec<_> =
            values.chunks_exact(3).enumerate().map(|(i, window)| Example::new(window, i % 2)).collect();
        let mut workspace = Workspace::default();
        let weights = [1.0, 1.0];
        let whole = network.backward(&examples, step(&weights), &mut workspace);
        let gradients = workspace.gradients().to_vec();
        let mut sum = vec![0.0; gradients.len()];
        for part in examples.chunks(97) {
            network.backward(part, step(&weights), &mut workspace);
            let share = part.len() as f32 / examples.len() as f32;
            sum.iter_mut().zip(workspace.gradients()).for_each(|(sum, part)| *sum += share * part);
        }
        assert_eq!(whole.windows, examples.len());
        assert!(gradients.iter().zip(sum).all(|(whole, sum)| (whole - sum).abs() < 1e-6));
    }
}
