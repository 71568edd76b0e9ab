//! The network: scaling, LSTM, dense, softmax; its parameters lie in one flat vector.

use rand::{Rng, RngExt};
use rayon::prelude::*;

use super::dense::Dense;
use super::loss::{Loss, cross_entropy_gradient, softmax_cross_entropy};
use super::lstm::{Lstm, LstmMemory};

/// Sequences in a shard: what is computed as one, on one thread. Fixed, so that sums do not depend on the threads.
pub const SHARD: usize = 16;

/// The sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Steps in a window.
    pub window: usize,
    /// Channels a step.
    pub channels: usize,
    /// Units of the LSTM.
    pub hidden: usize,
    /// Labels.
    pub classes: usize,
}

/// What a network takes from each channel before anything else: (value - mean) / deviation.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// One mean a channel.
    pub mean: Vec<f32>,
    /// One factor a channel: 1 / deviation, or 1 for a channel that never changes.
    pub factor: Vec<f32>,
}

/// Scaling, LSTM, dropout in training, dense, softmax.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    sizes: Sizes,
    scaling: Scaling,
    parameters: Vec<f32>,
}

/// The network's parameters by name.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The LSTM's parameters.
    pub lstm: super::lstm::LstmParameters<'a>,
    /// [hidden, classes].
    pub dense_kernel: &'a [f32],
    /// `[classes]`.
    pub dense_bias: &'a [f32],
}

/// One shard's memory, used again from batch to batch.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    input: Vec<f32>,
    lstm: LstmMemory,
    hidden: Vec<f32>,
    mask: Vec<f32>,
    logits: Vec<f32>,
    hidden_gradient: Vec<f32>,
    gradients: Vec<f32>,
}

impl Workspace {
    /// The gradients that [`Network::train_shard`] left, laid out as the parameters are.
    pub fn gradients(&self) -> &[f32] {
        &self.gradients
    }
}

/// A window for training: its values, and the order that its channels are taken in.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// Row-major [W, C].
    pub values: &'a [f32],
    /// For each channel of the network, the channel of `values` it is taken from; `None` for as they are.
    pub order: Option<&'a [usize]>,
    /// The index of its label.
    pub label: usize,
}

impl Network {
    /// A network with first weights drawn from `rng`.
    pub fn new(sizes: Sizes, scaling: Scaling, rng: &mut impl Rng) -> Self {
        let mut network = Self { sizes, scaling, parameters: Vec::new() };
        network.parameters.resize(network.lstm().parameters() + network.dense().parameters(), 0.0);
        let (lstm, dense) = (network.lstm(), network.dense());
        let (first, second) = network.parameters.split_at_mut(lstm.parameters());
        lstm.initialise(first, rng);
        dense.initialise(second, rng);
        network
    }

    /// The sizes.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The scaling.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// Every trained value: LSTM kernel, recurrent kernel, bias, dense kernel, bias.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// The parameters by name.
    pub fn parts(&self) -> Parts<'_> {
        let (first, second) = self.parameters.split_at(self.lstm().parameters());
        let (dense_kernel, dense_bias) = self.dense().view(second);
        Parts { lstm: self.lstm().view(first), dense_kernel, dense_bias }
    }

    fn lstm(&self) -> Lstm {
        Lstm { inputs: self.sizes.channels, units: self.sizes.hidden }
    }

    fn dense(&self) -> Dense {
        Dense { inputs: self.sizes.hidden, outputs: self.sizes.classes }
    }

    /// Probabilities, row-major [N, K], of windows, row-major [N, W, C]; parallel over shards.
    pub fn probabilities(&self, windows: &[f32]) -> Vec<f32> {
        let size = self.sizes.window * self.sizes.channels;
        let shards = windows.par_chunks(size * SHARD);
        let shards: Vec<Vec<f32>> = shards
            .map_init(Workspace::default, |workspace, shard| {
                let rows = shard.chunks_exact(size).map(|values| (values, None));
                self.gather(rows, &mut workspace.input);
                self.logits(shard.len() / size, workspace, None::<(f32, &mut rand_pcg::Pcg64)>);
                super::activation::softmax_rows(&mut workspace.logits, self.sizes.classes);
                workspace.logits.clone()
            })
            .collect();
        shards.concat()
    }

    /// Runs a shard forward and backward: leaves its gradients of the batch's mean loss in `workspace`.
    ///
    /// `batch` is the whole batch's size. `dropout` is the share of the LSTM's outputs that are left out, the others
    /// being raised to make up for it.
    pub fn train_shard(
        &self,
        shard: &[Example<'_>],
        weights: &[f32],
        batch: usize,
        dropout: f32,
        rng: &mut impl Rng,
        workspace: &mut Workspace,
    ) -> Loss {
        let rows = shard.len();
        self.gather(shard.iter().map(|example| (example.values, example.order)), &mut workspace.input);
        self.logits(rows, workspace, (dropout > 0.0).then_some((dropout, rng)));
        let labels: Vec<usize> = shard.iter().map(|example| example.label).collect();
        let loss = softmax_cross_entropy(&mut workspace.logits, &labels, weights);
        cross_entropy_gradient(&mut workspace.logits, &labels, weights, batch);
        let Workspace { input, lstm: memory, hidden, mask, logits, hidden_gradient, gradients } = workspace;
        gradients.clear();
        gradients.resize(self.parameters.len(), 0.0);
        let (lstm, dense) = (self.lstm(), self.dense());
        let (lstm_values, dense_values) = self.parameters.split_at(lstm.parameters());
        let (lstm_gradients, dense_gradients) = gradients.split_at_mut(lstm.parameters());
        dense.backward(dense_values, hidden, logits, rows, dense_gradients, hidden_gradient);
        if dropout > 0.0 {
            hidden_gradient.iter_mut().zip(&*mask).for_each(|(value, mask)| *value *= mask);
        }
        lstm.backward(lstm_values, input, hidden_gradient, rows, memory, lstm_gradients);
        loss
    }

    fn logits(&self, rows: usize, workspace: &mut Workspace, dropout: Option<(f32, &mut impl Rng)>) {
        let Workspace { input, lstm: memory, hidden, mask, logits, .. } = workspace;
        let (lstm_values, dense_values) = self.parameters.split_at(self.lstm().parameters());
        hidden.clear();
        hidden.extend_from_slice(self.lstm().forward(lstm_values, input, rows, memory));
        if let Some((share, rng)) = dropout {
            let kept = 1.0 / (1.0 - share);
            mask.clear();
            mask.extend((0..hidden.len()).map(|_| if rng.random::<f32>() < share { 0.0 } else { kept }));
            hidden.iter_mut().zip(&*mask).for_each(|(value, mask)| *value *= mask);
        }
        self.dense().forward(dense_values, hidden, rows, logits);
    }

    /// Scales windows [W, C] into the time-major [W, N, C] that the LSTM takes.
    fn gather<'a>(
        &self,
        windows: impl ExactSizeIterator<Item = (&'a [f32], Option<&'a [usize]>)>,
        input: &mut Vec<f32>,
    ) {
        let (channels, rows) = (self.sizes.channels, windows.len());
        let Scaling { mean, factor } = &self.scaling;
        input.resize(self.sizes.window * rows * channels, 0.0);
        for (row, (values, order)) in windows.enumerate() {
            for (step, values) in values.chunks_exact(channels).enumerate() {
                let target = &mut input[(step * rows + row) * channels..][..channels];
                for (channel, target) in target.iter_mut().enumerate() {
                    let from = order.map_or(channel, |order| order[channel]);
                    *target = (values[from] - mean[channel]) * factor[channel];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_pcg::Pcg64;

    fn network(sizes: Sizes) -> Network {
        let scaling = Scaling {
            mean: vec![0.3; sizes.channels],
            factor: (1..=sizes.channels).map(|c| c as f32).collect(),
        };
        let mut network = Network::new(sizes, scaling, &mut Pcg64::new(7, 0));
        // Every bias takes part.
        network
            .parameters_mut()
            .iter_mut()
            .enumerate()
            .for_each(|(i, value)| *value += 0.1 * (i as f32).sin());
        network
    }

    /// The loss in double precision.
    fn exact(network: &Network, parameters: &[f64], examples: &[Example<'_>], weights: &[f32]) -> f64 {
        let channels = network.sizes().channels;
        let loss = |example: &Example<'_>| {
            let moved = |step: &[f32]| {
                (0..channels).map(|i| step[example.order.map_or(i, |order| order[i])]).collect::<Vec<_>>()
            };
            let window: Vec<f32> = example.values.chunks_exact(channels).flat_map(moved).collect();
            let row = crate::train::exact::of_window(network, parameters, &window);
            -f64::from(weights[example.label]) * row[example.label].ln()
        };
        examples.iter().map(loss).sum::<f64>() / examples.len() as f64
    }

    #[test]
    fn every_gradient_agrees_with_finite_differences_in_double_precision() {
        let sizes = Sizes { window: 9, channels: 3, hidden: 6, classes: 4 };
        let (network, weights) = (network(sizes), [0.5, 1.0, 2.0, 1.5]);
        let values: Vec<f32> = (0..5 * 27).map(|i| (i as f32 * 0.7).sin()).collect();
        let examples: Vec<_> = values
            .chunks_exact(27)
            .enumerate()
            .map(|(i, values)| Example {
                values,
                order: (i % 2 == 1).then_some(&[2, 0, 1][..]),
                label: i % 4,
            })
            .collect();
        let mut workspace = Workspace::default();
        let rng = &mut Pcg64::new(0, 0);
        let loss = network.train_shard(&examples, &weights, examples.len(), 0.0, rng, &mut workspace);
        let parameters: Vec<f64> = network.parameters().iter().map(|value| f64::from(*value)).collect();
        let expected = exact(&network, &parameters, &examples, &weights);
        assert!((loss.mean() - expected).abs() < 1e-6, "{} {expected}", loss.mean());
        for (index, gradient) in workspace.gradients().iter().enumerate() {
            let moved = |by: f64| {
                let mut parameters = parameters.clone();
                parameters[index] += by;
                exact(&network, &parameters, &examples, &weights)
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let error = (f64::from(*gradient) - difference).abs();
            assert!(error < 1e-6 + 1e-4 * difference.abs(), "parameter {index}: {gradient} {difference}");
        }
    }

    #[test]
    fn rounding_does_not_add_up_over_a_hundred_steps_of_saturated_gates() {
        let sizes = Sizes { window: 100, channels: 2, hidden: 16, classes: 3 };
        let mut network = network(sizes);
        network.parameters_mut().iter_mut().for_each(|value| *value *= 3.0);
        let windows: Vec<f32> = (0..64 * 200).map(|i| (i as f32 * 0.37).sin()).collect();
        let exact = crate::train::exact::probabilities(&network, &windows);
        let errors = network.probabilities(&windows).into_iter().zip(exact);
        let worst = errors.map(|(ours, exact)| (f64::from(ours) - exact).abs()).fold(0.0, f64::max);
        assert!(worst < 2e-6, "{worst}");
    }

    #[test]
    fn dropout_is_the_same_in_forward_and_backward() {
        let sizes = Sizes { window: 4, channels: 1, hidden: 8, classes: 2 };
        let mut network = network(sizes);
        let values = [0.1, 0.9, -0.4, 0.2];
        let example = [Example { values: &values, order: None, label: 1 }];
        let run = |network: &Network| {
            let mut workspace = Workspace::default();
            let rng = &mut Pcg64::new(3, 0);
            let loss = network.train_shard(&example, &[1.0, 1.0], 1, 0.5, rng, &mut workspace);
            (loss.mean(), workspace.gradients().to_vec())
        };
        let gradients = run(&network).1;
        for index in (0..gradients.len()).step_by(7) {
            let mut moved = |by: f32| {
                network.parameters_mut()[index] += by;
                let loss = run(&network).0;
                network.parameters_mut()[index] -= by;
                loss
            };
            let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((difference - f64::from(gradients[index])).abs() < 1e-3, "parameter {index}");
        }
    }

    #[test]
    fn a_windows_probabilities_sum_to_one_whatever_its_batch() {
        let sizes = Sizes { window: 5, channels: 2, hidden: 4, classes: 3 };
        let network = network(sizes);
        let windows: Vec<f32> = (0..41 * 10).map(|i| (i as f32).cos()).collect();
        let all = network.probabilities(&windows);
        assert_eq!(all.len(), 41 * 3);
        for (row, window) in all.chunks_exact(3).zip(windows.chunks_exact(10)) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(row.iter().zip(network.probabilities(window)).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }
}
