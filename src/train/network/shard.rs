//! A shard of a batch: its windows through the preprocessing, the LSTM layers and the pooling, and back.
//!
//! A shard is the part of a batch that one thread computes. Shards do not depend on each other; the network
//! adds the gradients of all shards.

use rand_pcg::Pcg64;

use super::architecture::{Architecture, Layers, Pooling};
use super::augment::Augmentation;
use super::batch::{Example, Regularisation};
use super::preprocessing::Preprocessing;
use crate::train::kernel::rows::apply_mask;
use crate::train::layer::dropout::fill_mask;
use crate::train::layer::lstm::{LstmMasks, LstmMemory, LstmPacked, OutputGradient};

/// The values of a shard, kept from the forward to the backward pass and reused from step to step. A row is
/// one window.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    rows: usize,
    /// One window after augmentation, [W, C].
    augmented: Vec<f32>,
    /// The input of the first LSTM layer, time-major [U, rows, inputs].
    input: Vec<f32>,
    /// The summaries, [rows, summary size].
    summary: Vec<f32>,
    layers: Vec<LayerMemory>,
    /// The pooled outputs of the last LSTM layer, [rows, pooled size].
    pooled: Vec<f32>,
    /// For max pooling, the step of each unit's largest output, [rows, hidden].
    step_of_maximum: Vec<u32>,
    /// The gradient of a layer's outputs, [W, rows, hidden]. Unused for the last layer if only its last step
    /// is pooled.
    output_gradient: Vec<f32>,
    /// The gradient of the last layer's outputs at the last step, [rows, hidden], if only that step is
    /// pooled.
    last_gradient: Vec<f32>,
    /// The gradient of a layer's input, [W, rows, inputs].
    input_gradient: Vec<f32>,
    /// The gradients of all LSTM layers' parameters, in the order of the parameters.
    gradients: Vec<f32>,
}

/// The memory of one LSTM layer in a shard. A mask is empty where there is no dropout.
#[derive(Debug, Default)]
struct LayerMemory {
    lstm: LstmMemory,
    /// The dropout mask of the inputs, [rows, inputs].
    input_mask: Vec<f32>,
    /// The dropout mask of the hidden state, [rows, hidden].
    recurrent_mask: Vec<f32>,
    /// The outputs after dropout, which are the next layer's input, [W, rows, hidden]; unused in the last
    /// layer.
    next_input: Vec<f32>,
    /// The dropout mask of the outputs, [W, rows, hidden].
    output_mask: Vec<f32>,
}

impl Shard {
    /// Preprocesses windows.
    pub(crate) fn read(
        &mut self,
        architecture: &Architecture,
        preprocessing: &Preprocessing,
        examples: &[Example<'_>],
    ) {
        self.start(architecture, examples.len());
        for (row, example) in examples.iter().enumerate() {
            let Example { window, statistics, .. } = *example;
            preprocessing.write(window, statistics, row, self.rows, &mut self.input, &mut self.summary);
        }
    }

    /// Augments windows by changes drawn from `rng`, and preprocesses them.
    pub(crate) fn read_augmented(
        &mut self,
        architecture: &Architecture,
        preprocessing: &Preprocessing,
        examples: &[Example<'_>],
        augment: &Augmentation,
        rng: &mut Pcg64,
    ) {
        self.start(architecture, examples.len());
        for (row, example) in examples.iter().enumerate() {
            augment.apply(example.window, rng, &mut self.augmented);
            preprocessing.write(
                &self.augmented,
                example.statistics,
                row,
                self.rows,
                &mut self.input,
                &mut self.summary,
            );
        }
    }

    /// Makes room for the preprocessed input of `rows` windows.
    fn start(&mut self, architecture: &Architecture, rows: usize) {
        self.rows = rows;
        self.input.resize(architecture.updates() * rows * architecture.inputs(), 0.0);
        self.summary.clear();
    }

    /// The pooled outputs of the last LSTM layer, [rows, pooled size].
    pub(crate) fn pooled(&self) -> &[f32] {
        &self.pooled
    }

    /// The windows' summaries, [rows, summary size].
    pub(crate) fn summary(&self) -> &[f32] {
        &self.summary
    }

    /// The gradients of the LSTM layers' parameters after [`Shard::backward`], in the order of the
    /// parameters.
    pub(crate) fn gradients(&self) -> &[f32] {
        &self.gradients
    }

    /// Runs the windows through the LSTM layers and pools the outputs of the last one.
    ///
    /// `training` has the dropout rates and the random numbers of the dropout masks, and is `None` outside of
    /// training.
    pub(crate) fn forward(
        &mut self,
        architecture: &Architecture,
        layers: &Layers,
        packed: &[LstmPacked],
        mut training: Option<(Regularisation, &mut Pcg64)>,
    ) {
        let rows = self.rows;
        self.layers.resize_with(layers.lstm.len(), LayerMemory::default);
        for (index, ((lstm, _), packed)) in layers.lstm.iter().zip(packed).enumerate() {
            let (below, rest) = self.layers.split_at_mut(index);
            let Some(layer) = rest.first_mut() else { continue };
            layer.input_mask.clear();
            layer.recurrent_mask.clear();
            if let Some((rates, rng)) = &mut training {
                if rates.input_dropout > 0.0 {
                    fill_mask(&mut layer.input_mask, rows * lstm.inputs, rates.input_dropout, rng);
                }
                if rates.recurrent_dropout > 0.0 {
                    fill_mask(&mut layer.recurrent_mask, rows * lstm.units, rates.recurrent_dropout, rng);
                }
            }
            let input = below.last().map_or(&self.input, |below| &below.next_input);
            let masks = LstmMasks { input: &layer.input_mask, recurrent: &layer.recurrent_mask };
            let outputs = lstm.forward(packed, input, rows, masks, &mut layer.lstm);
            if index + 1 < layers.lstm.len() {
                layer.next_input.clear();
                layer.next_input.extend_from_slice(outputs);
                layer.output_mask.clear();
                if let Some((rates, rng)) = training.as_mut().filter(|(rates, _)| rates.dropout > 0.0) {
                    fill_mask(&mut layer.output_mask, outputs.len(), rates.dropout, rng);
                    apply_mask(&mut layer.next_input, &layer.output_mask);
                }
            }
        }
        self.pool(architecture);
    }

    /// Reduces the last LSTM layer's outputs over the steps.
    fn pool(&mut self, architecture: &Architecture) {
        let (units, width) = (architecture.hidden, architecture.pooled_size());
        let (rows, state) = (self.rows, self.rows * units);
        let Some(outputs) = self.layers.last().map(|layer| layer.lstm.outputs()) else { return };
        self.pooled.clear();
        self.pooled.resize(rows * width, 0.0);
        let steps = outputs.len() / state.max(1);
        for (part, pooling) in architecture.pooling.iter().enumerate() {
            let start = |row: usize| row * width + part * units;
            match pooling {
                Pooling::Last => {
                    for (row, last) in outputs[(steps - 1) * state..].chunks_exact(units).enumerate() {
                        self.pooled[start(row)..][..units].copy_from_slice(last);
                    }
                }
                Pooling::Mean => {
                    let share = 1.0 / steps as f32;
                    for (index, output) in outputs.chunks_exact(units).enumerate() {
                        let target = &mut self.pooled[start(index % rows)..][..units];
                        target.iter_mut().zip(output).for_each(|(sum, value)| *sum += share * value);
                    }
                }
                Pooling::Max => {
                    self.step_of_maximum.clear();
                    self.step_of_maximum.resize(state, 0);
                    for (index, output) in outputs.chunks_exact(units).enumerate() {
                        let (step, row) = (index / rows, index % rows);
                        let target = &mut self.pooled[start(row)..][..units];
                        let step_of_maximum = &mut self.step_of_maximum[row * units..][..units];
                        for unit in 0..units {
                            let larger = step == 0 || output[unit] > target[unit];
                            target[unit] = if larger { output[unit] } else { target[unit] };
                            step_of_maximum[unit] = if larger { step as u32 } else { step_of_maximum[unit] };
                        }
                    }
                }
            }
        }
    }

    /// Computes the gradients of the LSTM layers' parameters from that of the pooled outputs, [rows, pooled
    /// size].
    pub(crate) fn backward(
        &mut self,
        architecture: &Architecture,
        layers: &Layers,
        packed: &[LstmPacked],
        pooled_gradient: &[f32],
    ) {
        self.gradients.clear();
        self.gradients.resize(layers.lstm_parameters(), 0.0);
        self.unpool(architecture, pooled_gradient);
        let only_last = architecture.pooling == [Pooling::Last];
        let Self {
            rows,
            input,
            layers: memories,
            output_gradient,
            last_gradient,
            input_gradient,
            gradients,
            ..
        } = self;
        for (index, ((lstm, range), packed)) in layers.lstm.iter().zip(packed).enumerate().rev() {
            let top = index + 1 == layers.lstm.len();
            let outputs = if top && only_last {
                OutputGradient::Last(last_gradient)
            } else {
                OutputGradient::All(output_gradient)
            };
            let (below, rest) = memories.split_at_mut(index);
            let Some(layer) = rest.first_mut() else { continue };
            let input = below.last().map_or(&*input, |below| &below.next_input);
            // The first layer's input is data, so its gradient is not needed.
            let input_gradient_wanted = (index > 0).then_some(&mut *input_gradient);
            let masks = LstmMasks { input: &layer.input_mask, recurrent: &layer.recurrent_mask };
            let gradients = &mut gradients[range.clone()];
            lstm.backward(
                packed,
                input,
                outputs,
                *rows,
                masks,
                &mut layer.lstm,
                gradients,
                input_gradient_wanted,
            );
            if let Some(below) = below.last() {
                apply_mask(input_gradient, &below.output_mask);
                std::mem::swap(output_gradient, input_gradient);
            }
        }
    }

    /// Computes the gradient of the last LSTM layer's outputs from that of the pooled outputs.
    fn unpool(&mut self, architecture: &Architecture, pooled_gradient: &[f32]) {
        let (units, width) = (architecture.hidden, architecture.pooled_size());
        let (rows, state) = (self.rows, self.rows * units);
        if architecture.pooling == [Pooling::Last] {
            self.last_gradient.clear();
            self.last_gradient.extend_from_slice(pooled_gradient);
            return;
        }
        let steps = architecture.updates();
        self.output_gradient.clear();
        self.output_gradient.resize(steps * state, 0.0);
        for (part, pooling) in architecture.pooling.iter().enumerate() {
            let gradient = |row: usize| &pooled_gradient[row * width + part * units..][..units];
            match pooling {
                Pooling::Last => {
                    let last = self.output_gradient[(steps - 1) * state..].chunks_exact_mut(units);
                    for (row, target) in last.enumerate() {
                        target.iter_mut().zip(gradient(row)).for_each(|(sum, value)| *sum += value);
                    }
                }
                Pooling::Mean => {
                    let share = 1.0 / steps as f32;
                    for (index, target) in self.output_gradient.chunks_exact_mut(units).enumerate() {
                        target
                            .iter_mut()
                            .zip(gradient(index % rows))
                            .for_each(|(sum, value)| *sum += share * value);
                    }
                }
                Pooling::Max => {
                    for (index, step) in self.step_of_maximum.iter().enumerate() {
                        let (row, unit) = (index / units, index % units);
                        self.output_gradient[*step as usize * state + index] += gradient(row)[unit];
                    }
                }
            }
        }
    }
}
