//! A shard of a batch: its windows through the LSTM layers and pooling, and back.

use rand_pcg::Pcg64;

use super::Network;
use super::architecture::{Layers, Pooling};
use super::augment::Augmentation;
use super::batch::{Example, Regularisation};
use crate::train::layer::dropout::fill_mask;
use crate::train::layer::lstm::{LstmMasks, LstmMemory, LstmPacked, OutputGradient};

/// A shard's memory, used again from step to step.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    rows: usize,
    /// One augmented window.
    window: Vec<f32>,
    /// Time-major [W, rows, inputs].
    input: Vec<f32>,
    /// [rows, summarised].
    summary: Vec<f32>,
    layers: Vec<Layer>,
    /// [rows, pooled].
    pooled: Vec<f32>,
    /// For max pooling, the step of each unit's largest output: [rows, hidden].
    largest: Vec<u32>,
    /// Of the last layer's outputs: [W, rows, hidden], where more than the last step is pooled.
    output_gradient: Vec<f32>,
    last_gradient: Vec<f32>,
    /// Of a layer's input, on its way down.
    input_gradient: Vec<f32>,
    gradients: Vec<f32>,
}

/// One LSTM layer's part of it.
#[derive(Debug, Default)]
struct Layer {
    memory: LstmMemory,
    input_mask: Vec<f32>,
    recurrent_mask: Vec<f32>,
    /// The outputs that the next layer takes, with some left out, and which: [W, rows, hidden] each.
    handed_on: Vec<f32>,
    mask: Vec<f32>,
}

impl Shard {
    /// Takes windows, each row-major [W, C].
    pub(crate) fn read<'a>(&mut self, network: &Network, windows: impl ExactSizeIterator<Item = &'a [f32]>) {
        self.start(network, windows.len());
        for (row, window) in windows.enumerate() {
            network.input().write(window, row, self.rows, &mut self.input, &mut self.summary);
        }
    }

    /// Takes windows with changes drawn from `rng`.
    pub(crate) fn read_augmented(
        &mut self,
        network: &Network,
        examples: &[Example<'_>],
        augment: &Augmentation,
        rng: &mut Pcg64,
    ) {
        self.start(network, examples.len());
        for (row, example) in examples.iter().enumerate() {
            augment.apply(example.window, rng, &mut self.window);
            network.input().write(&self.window, row, self.rows, &mut self.input, &mut self.summary);
        }
    }

    fn start(&mut self, network: &Network, rows: usize) {
        self.rows = rows;
        self.input.resize(network.architecture().window * rows * network.input().width(), 0.0);
        self.summary.clear();
    }

    /// What is pooled of the last layer's outputs: [rows, pooled].
    pub(crate) fn pooled(&self) -> &[f32] {
        &self.pooled
    }

    /// The windows' summaries: [rows, summarised].
    pub(crate) fn summary(&self) -> &[f32] {
        &self.summary
    }

    /// The gradients of the LSTM layers' parameters.
    pub(crate) fn gradients(&self) -> &[f32] {
        &self.gradients
    }

    /// Runs the windows through the LSTM layers and pools their outputs; with dropout where it is given.
    pub(crate) fn forward(
        &mut self,
        network: &Network,
        layers: &Layers,
        packed: &[LstmPacked],
        mut training: Option<(Regularisation, &mut Pcg64)>,
    ) {
        let rows = self.rows;
        self.layers.resize_with(layers.lstm.len(), Layer::default);
        for (index, ((lstm, _), packed)) in layers.lstm.iter().zip(packed).enumerate() {
            let (below, rest) = self.layers.split_at_mut(index);
            let Some(layer) = rest.first_mut() else { continue };
            layer.input_mask.clear();
            layer.recurrent_mask.clear();
            if let Some((share, rng)) = &mut training {
                if share.input_dropout > 0.0 {
                    fill_mask(&mut layer.input_mask, rows * lstm.inputs, share.input_dropout, rng);
                }
                if share.recurrent_dropout > 0.0 {
                    fill_mask(&mut layer.recurrent_mask, rows * lstm.units, share.recurrent_dropout, rng);
                }
            }
            let input = below.last().map_or(&self.input, |below| &below.handed_on);
            let masks = LstmMasks { input: &layer.input_mask, recurrent: &layer.recurrent_mask };
            let outputs = lstm.forward(packed, input, rows, masks, &mut layer.memory);
            if index + 1 < layers.lstm.len() {
                layer.handed_on.clear();
                layer.handed_on.extend_from_slice(outputs);
                layer.mask.clear();
                if let Some((share, rng)) = training.as_mut().filter(|(share, _)| share.dropout > 0.0) {
                    fill_mask(&mut layer.mask, outputs.len(), share.dropout, rng);
                    layer.handed_on.iter_mut().zip(&layer.mask).for_each(|(value, mask)| *value *= mask);
                }
            }
        }
        self.pool(network);
    }

    fn pool(&mut self, network: &Network) {
        let architecture = network.architecture();
        let (units, width) = (architecture.hidden, architecture.pooled());
        let (rows, state) = (self.rows, self.rows * units);
        let Some(outputs) = self.layers.last().map(|layer| layer.memory.outputs()) else { return };
        self.pooled.clear();
        self.pooled.resize(rows * width, 0.0);
        let steps = outputs.len() / state.max(1);
        for (part, pooling) in architecture.pooling.iter().enumerate() {
            let place = |row: usize| row * width + part * units;
            match pooling {
                Pooling::Last => {
                    for (row, last) in outputs[(steps - 1) * state..].chunks_exact(units).enumerate() {
                        self.pooled[place(row)..][..units].copy_from_slice(last);
                    }
                }
                Pooling::Mean => {
                    let share = 1.0 / steps as f32;
                    for (index, output) in outputs.chunks_exact(units).enumerate() {
                        let target = &mut self.pooled[place(index % rows)..][..units];
                        target.iter_mut().zip(output).for_each(|(sum, value)| *sum += share * value);
                    }
                }
                Pooling::Max => {
                    self.largest.clear();
                    self.largest.resize(state, 0);
                    for (index, output) in outputs.chunks_exact(units).enumerate() {
                        let (step, row) = (index / rows, index % rows);
                        let target = &mut self.pooled[place(row)..][..units];
                        let largest = &mut self.largest[row * units..][..units];
                        for unit in 0..units {
                            let larger = step == 0 || output[unit] > target[unit];
                            target[unit] = if larger { output[unit] } else { target[unit] };
                            largest[unit] = if larger { step as u32 } else { largest[unit] };
                        }
                    }
                }
            }
        }
    }

    /// Follows the gradient of what was pooled, [rows, pooled], back to the LSTM layers' parameters.
    pub(crate) fn backward(
        &mut self,
        network: &Network,
        layers: &Layers,
        packed: &[LstmPacked],
        pooled_gradient: &[f32],
    ) {
        self.gradients.clear();
        self.gradients.resize(layers.recurrent(), 0.0);
        self.unpool(network, pooled_gradient);
        let only_last = network.architecture().pooling == [Pooling::Last];
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
        for (index, ((lstm, place), packed)) in layers.lstm.iter().zip(packed).enumerate().rev() {
            let top = index + 1 == layers.lstm.len();
            let outputs = if top && only_last {
                OutputGradient::Last(last_gradient)
            } else {
                OutputGradient::All(output_gradient)
            };
            let (below, rest) = memories.split_at_mut(index);
            let Some(layer) = rest.first_mut() else { continue };
            let input = below.last().map_or(&*input, |below| &below.handed_on);
            let wanted = (index > 0).then_some(&mut *input_gradient);
            let masks = (std::mem::take(&mut layer.input_mask), std::mem::take(&mut layer.recurrent_mask));
            let given = LstmMasks { input: &masks.0, recurrent: &masks.1 };
            let gradients = &mut gradients[place.clone()];
            lstm.backward(packed, input, outputs, *rows, given, &mut layer.memory, gradients, wanted);
            (layer.input_mask, layer.recurrent_mask) = masks;
            if let Some(below) = below.last() {
                if !below.mask.is_empty() {
                    input_gradient.iter_mut().zip(&below.mask).for_each(|(value, mask)| *value *= mask);
                }
                std::mem::swap(output_gradient, input_gradient);
            }
        }
    }

    /// From the gradient of what was pooled to that of the last layer's outputs.
    fn unpool(&mut self, network: &Network, pooled_gradient: &[f32]) {
        let architecture = network.architecture();
        let (units, width) = (architecture.hidden, architecture.pooled());
        let (rows, state) = (self.rows, self.rows * units);
        if architecture.pooling == [Pooling::Last] {
            self.last_gradient.clear();
            self.last_gradient.extend_from_slice(pooled_gradient);
            return;
        }
        let steps = architecture.window;
        self.output_gradient.clear();
        self.output_gradient.resize(steps * state, 0.0);
        for (part, pooling) in architecture.pooling.iter().enumerate() {
            let from = |row: usize| &pooled_gradient[row * width + part * units..][..units];
            match pooling {
                Pooling::Last => {
                    let last = self.output_gradient[(steps - 1) * state..].chunks_exact_mut(units);
                    for (row, target) in last.enumerate() {
                        target.iter_mut().zip(from(row)).for_each(|(sum, value)| *sum += value);
                    }
                }
                Pooling::Mean => {
                    let share = 1.0 / steps as f32;
                    for (index, target) in self.output_gradient.chunks_exact_mut(units).enumerate() {
                        target
                            .iter_mut()
                            .zip(from(index % rows))
                            .for_each(|(sum, value)| *sum += share * value);
                    }
                }
                Pooling::Max => {
                    for (index, step) in self.largest.iter().enumerate() {
                        let (row, unit) = (index / units, index % units);
                        self.output_gradient[*step as usize * state + index] += from(row)[unit];
                    }
                }
            }
        }
    }
}
