//! The network: layers over one flat vector of parameters, forward and backward over a batch.
//!
//! The LSTM layers run over shards of a batch in parallel, each shard with memory and gradients of its own, which are added in
//! order: the sums do not depend on the number of threads. What is pooled of all shards goes through the head at once.

pub mod architecture;
pub(crate) mod augment;
pub mod batch;
pub(crate) mod head;
pub mod loss;
pub mod preprocessing;
pub(crate) mod shard;
pub(crate) mod summary;

use rand::Rng;
use rand_pcg::Pcg64;
use rayon::prelude::*;

use self::architecture::{Architecture, Layers};
use self::batch::{Example, TrainingStep};
use self::head::{Head, HeadMemory};
use self::loss::Loss;
use self::preprocessing::Preprocessing;
use self::shard::Shard;
use crate::train::layer::batch_norm::MovingStatistics;
use crate::train::layer::lstm::LstmPacked;
use crate::train::random_streams;

/// Sequences in a shard: what is computed as one, on one thread. Fixed, so that sums do not depend on the threads.
pub const SHARD: usize = 16;
/// Shards whose memory is held at once; a larger batch is worked through in blocks, unless it is normalised as a whole.
const BLOCK: usize = 32;

/// A network: what it is made of, what its input was measured to be, and its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    architecture: Architecture,
    input: Preprocessing,
    moving: MovingStatistics,
    parameters: Vec<f32>,
}

/// A batch's memory, used again from step to step.
#[derive(Debug, Default)]
pub struct Workspace {
    packed: Vec<LstmPacked>,
    shards: Vec<Shard>,
    head: HeadMemory,
    gradients: Vec<f32>,
}

impl Workspace {
    /// The gradients that [`Network::backward`] left, laid out as the parameters are.
    pub fn gradients(&self) -> &[f32] {
        &self.gradients
    }

    /// The same, to be changed.
    pub fn gradients_mut(&mut self) -> &mut [f32] {
        &mut self.gradients
    }
}

impl Network {
    /// A network with first weights drawn from `rng`.
    pub fn new(architecture: Architecture, input: Preprocessing, rng: &mut impl Rng) -> Self {
        let layers = architecture.layers();
        let mut parameters = vec![0.0; layers.parameters()];
        for (lstm, place) in &layers.lstm {
            lstm.initialise(&mut parameters[place.clone()], rng);
        }
        if let Some((batch_norm, place)) = &layers.batch_norm {
            batch_norm.initialise(&mut parameters[place.clone()]);
        }
        for (dense, place) in layers.dense.iter().chain([&layers.output]) {
            dense.initialise(&mut parameters[place.clone()], rng);
        }
        let features = architecture.pooled() + architecture.summarised();
        Self { architecture, input, moving: MovingStatistics::new(features), parameters }
    }

    /// What it is made of.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// What it makes of a window before the first layer.
    pub fn input(&self) -> &Preprocessing {
        &self.input
    }

    /// What batch normalisation takes for the mean and variance once it is trained.
    pub fn moving(&self) -> &MovingStatistics {
        &self.moving
    }

    /// The same, to be changed.
    pub fn moving_mut(&mut self) -> &mut MovingStatistics {
        &mut self.moving
    }

    /// Every trained value, in the order of [`Architecture::layers`].
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// Divides every logit by a temperature, which leaves the order of the labels and changes how sure it is.
    pub fn scale_temperature(&mut self, temperature: f64) {
        let place = self.architecture.layers().output.1;
        self.parameters[place].iter_mut().for_each(|value| *value = (f64::from(*value) / temperature) as f32);
    }

    /// Logits, row-major [N, K], of windows, each row-major [W, C]; parallel over shards.
    pub fn logits(&self, windows: &[&[f32]]) -> Vec<f32> {
        let layers = self.architecture.layers();
        let mut packed = Vec::new();
        self.pack(&layers, &mut packed);
        let shards: Vec<Vec<f32>> = windows
            .par_chunks(SHARD)
            .map_init(
                || (Shard::default(), HeadMemory::default()),
                |(shard, memory), windows| {
                    shard.read(self, windows.iter().copied());
                    shard.forward(self, &layers, &packed, None);
                    memory.start(self);
                    memory.take(self, shard);
                    self.head(&layers).forward(memory, None);
                    memory.logits().to_vec()
                },
            )
            .collect();
        shards.concat()
    }

    /// Probabilities, row-major [N, K], of windows, each row-major [W, C].
    pub fn probabilities(&self, windows: &[&[f32]]) -> Vec<f32> {
        let mut logits = self.logits(windows);
        crate::train::kernel::activation::softmax_rows(&mut logits, self.architecture.classes);
        logits
    }

    /// Runs a batch forward and backward: leaves the gradients of its mean loss in `workspace`.
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
        let whole = self.architecture.batch_norm;
        let block = if whole { batch.len().max(1) } else { BLOCK * SHARD };
        shards.resize_with(batch.len().min(block).div_ceil(SHARD), Shard::default);
        let mut total = Loss::default();
        for (index, examples) in batch.chunks(block).enumerate() {
            let first = (index * BLOCK) as u128;
            let network = &*self;
            let count = examples.len().div_ceil(SHARD);
            let each = shards[..count].par_iter_mut().zip(examples.par_chunks(SHARD)).enumerate();
            each.for_each(|(shard_index, (shard, examples))| {
                let mut rng = Pcg64::new(step.seed, random_streams::DROPOUT + first + shard_index as u128);
                match step.augment {
                    Some(augment) => shard.read_augmented(network, examples, augment, &mut rng),
                    None => shard.read(network, examples.iter().map(|example| example.window)),
                }
                shard.forward(network, &layers, packed, Some((step.regularisation, &mut rng)));
            });
            memory.start(network);
            shards[..count].iter().for_each(|shard| memory.take(network, shard));
            let mut rng = Pcg64::new(step.seed, random_streams::HEAD + first);
            let moving = self.head(&layers).forward(memory, Some((step.regularisation.dropout, &mut rng)));
            let smoothing = step.regularisation.label_smoothing;
            let labels: Vec<usize> = examples.iter().map(|example| example.label).collect();
            let head = self.head(&layers);
            total.add(head.backward(memory, &labels, step.weights, smoothing, batch.len(), gradients));
            let network = &*self;
            let each = shards[..count]
                .par_iter_mut()
                .zip(memory.pooled_gradient().par_chunks(SHARD * network.architecture.pooled()));
            each.for_each(|(shard, gradient)| shard.backward(network, &layers, packed, gradient));
            add_in_order(&mut gradients[..layers.recurrent()], &shards[..count]);
            if let Some(moving) = moving {
                self.moving = moving;
            }
        }
        total
    }

    fn head<'a>(&'a self, layers: &'a Layers) -> Head<'a> {
        Head { layers, parameters: &self.parameters, moving: &self.moving }
    }

    fn pack(&self, layers: &Layers, packed: &mut Vec<LstmPacked>) {
        packed.resize_with(layers.lstm.len(), LstmPacked::default);
        for ((lstm, place), packed) in layers.lstm.iter().zip(packed) {
            lstm.pack(&self.parameters[place.clone()], packed);
        }
    }
}

/// Adds the shards' gradients, for each parameter from the first shard to the last; parallel over parameters.
fn add_in_order(sum: &mut [f32], shards: &[Shard]) {
    const PART: usize = 8192;
    sum.par_chunks_mut(PART).enumerate().for_each(|(part, sum)| {
        for shard in shards {
            let gradients = &shard.gradients()[part * PART..][..sum.len()];
            sum.iter_mut().zip(gradients).for_each(|(sum, gradient)| *sum += gradient);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::augment::Augmentation;
    use super::batch::Regularisation;
    use super::*;
    use crate::train::export::exact;
    use crate::train::network::architecture::Pooling;

    fn windows(count: usize, size: usize) -> Vec<f32> {
        (0..count * size).map(|i| (i as f32 * 0.7).sin() + (i % 5) as f32 * 0.1).collect()
    }

    fn network(architecture: Architecture) -> Network {
        let size = architecture.window * architecture.channels;
        let values = windows(20, size);
        let input = Preprocessing::measure(&architecture, values.chunks_exact(size));
        let mut network = Network::new(architecture, input, &mut Pcg64::new(7, 0));
        // Every bias takes part.
        let values = network.parameters_mut().iter_mut().enumerate();
        values.for_each(|(i, value)| *value += 0.1 * (i as f32).sin());
        network
    }

    fn step(weights: &[f32]) -> TrainingStep<'_> {
        TrainingStep { weights, regularisation: Regularisation::default(), augment: None, seed: 3 }
    }

    fn all_parts() -> Architecture {
        Architecture {
            layers: 2,
            pooling: vec![Pooling::Last, Pooling::Mean, Pooling::Max],
            differences: true,
            summary: true,
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
            let examples: Vec<_> = values
                .chunks_exact(27)
                .enumerate()
                .map(|(i, window)| Example { window, label: i % 4 })
                .collect();
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
            let parameters = exact::widened(&network);
            let expected = exact(&network, &parameters);
            assert!((loss.mean() - expected).abs() < 2e-6, "{} {expected}", loss.mean());
            for (index, gradient) in workspace.gradients().iter().enumerate().step_by(3) {
                let moved = |by: f64| {
                    let mut parameters = parameters.clone();
                    parameters[index] += by;
                    exact(&network, &parameters)
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let error = (f64::from(*gradient) - difference).abs();
                assert!(error < 2e-6 + 1e-4 * difference.abs(), "parameter {index}: {gradient} {difference}");
            }
        }
    }

    /// The largest difference of a gradient from a finite difference of the loss in training, in single precision.
    fn worst(network: &mut Network, regularisation: Regularisation, augment: Option<&Augmentation>) -> f64 {
        let size = network.architecture().window * network.architecture().channels;
        let values = windows(21, size);
        let examples: Vec<_> = values
            .chunks_exact(size)
            .enumerate()
            .map(|(i, window)| Example { window, label: i % 4 })
            .collect();
        let step = TrainingStep { regularisation, augment, ..step(&[1.0; 4]) };
        let mut workspace = Workspace::default();
        network.backward(&examples, step, &mut workspace);
        let gradients = workspace.gradients().to_vec();
        let mut worst: f64 = 0.0;
        for index in (0..gradients.len()).step_by(7) {
            let mut moved = |by: f32| {
                network.parameters_mut()[index] += by;
                let loss = network.backward(&examples, step, &mut workspace).mean();
                network.parameters_mut()[index] -= by;
                loss
            };
            let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            worst = worst.max((difference - f64::from(gradients[index])).abs());
        }
        worst
    }

    #[test]
    fn what_is_left_out_is_the_same_in_forward_and_backward() {
        let pooling = vec![Pooling::Last, Pooling::Mean];
        let architecture =
            Architecture { layers: 2, pooling, batch_norm: true, ..Architecture::plain(6, 2, 8, 4) };
        let mut network = network(architecture);
        let share =
            Regularisation { dropout: 0.4, input_dropout: 0.2, recurrent_dropout: 0.3, label_smoothing: 0.1 };
        let augment = Augmentation {
            jitter: 0.1,
            scaling: crate::train::network::preprocessing::Scaling::none(2),
            ..Augmentation::default()
        };
        assert!(worst(&mut network, share, Some(&augment)) < 2e-3);
        assert!(worst(&mut network, Regularisation::default(), None) < 2e-3);
    }

    #[test]
    fn rounding_does_not_add_up_over_a_hundred_steps_of_saturated_gates() {
        let mut network = network(Architecture::plain(100, 2, 16, 3));
        network.parameters_mut().iter_mut().for_each(|value| *value *= 3.0);
        let values = windows(64, 200);
        let windows: Vec<&[f32]> = values.chunks_exact(200).collect();
        let ours = network.probabilities(&windows);
        let ensemble = crate::train::fit::ensemble::Ensemble::of(vec![network]);
        let errors = ours.into_iter().zip(exact::probabilities(&ensemble, &windows));
        let worst = errors.map(|(ours, exact)| (f64::from(ours) - exact).abs()).fold(0.0, f64::max);
        assert!(worst < 4e-6, "{worst}");
    }

    #[test]
    fn a_windows_probabilities_sum_to_one_whatever_its_batch() {
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
    fn a_batch_of_several_blocks_has_the_gradients_of_its_parts() {
        let mut network = network(Architecture::plain(3, 1, 2, 2));
        let values = windows(BLOCK * SHARD + 20, 3);
        let examples: Vec<_> =
            values.chunks_exact(3).enumerate().map(|(i, window)| Example { window, label: i % 2 }).collect();
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
