//! One LSTM layer, forward and backward, with the semantics of Keras.
//!
//! Gates stand in the order input, forget, cell, output; z = x·W + h·U + b;
//! c' = f∘c + i∘g; h' = o∘tanh(c') (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

use rand::Rng;

use super::cell::{cells_backward, cells_forward};
use super::initial_weights::{glorot_uniform, orthogonal};
use crate::train::kernel::activation::vectorised;
use crate::train::kernel::matrix::{Keep, Matrix, multiply};
use crate::train::kernel::packed_matrix::PackedMatrix;

/// The sizes of an LSTM layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lstm {
    /// Values a step.
    pub inputs: usize,
    /// Units, and values in the state.
    pub units: usize,
}

/// A layer's parameters, or their gradients, as they lie one after the other in a flat vector.
#[derive(Clone, Copy, Debug)]
pub struct LstmParameters<'a> {
    /// [inputs, 4 units], gates in the order input, forget, cell, output.
    pub kernel: &'a [f32],
    /// [units, 4 units].
    pub recurrent: &'a [f32],
    /// [4 units].
    pub bias: &'a [f32],
}

/// What a forward pass leaves for the backward pass; its memory is used again from batch to batch.
#[derive(Clone, Debug, Default)]
pub struct LstmMemory {
    /// Gates after their activations, then the gradients before them: [steps, sequences, 4 units].
    gates: Vec<f32>,
    /// Cell states from before the first step on: [steps + 1, sequences, units].
    cells: Vec<f32>,
    /// Their tanh: [steps, sequences, units].
    squashed: Vec<f32>,
    /// Outputs from before the first step on: [steps + 1, sequences, units].
    outputs: Vec<f32>,
    /// What the masks leave of the input, and of the outputs.
    masked: Vec<f32>,
    taken: Vec<f32>,
    /// Gradients of the output and of the cell at the step at hand: [sequences, units] each.
    output_gradient: Vec<f32>,
    cell_gradient: Vec<f32>,
}

/// Weights laid out for the products of a step: made once a training step, for all shards.
#[derive(Clone, Debug, Default)]
pub struct LstmPacked {
    kernel: Vec<f32>,
    bias: Vec<f32>,
    /// The kernel, where there are more inputs than [`FEW`].
    inputs: PackedMatrix,
    inputs_transposed: PackedMatrix,
    recurrent: PackedMatrix,
    recurrent_transposed: PackedMatrix,
}

/// Up to so many inputs are added one by one, while the step's gates are at hand; more are a matrix product.
const FEW: usize = 8;

/// Dropout masks, the same at each step of a sequence; each value is 0 or 1 / (1 - share). Empty: nothing is left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct LstmMasks<'a> {
    /// [sequences, inputs].
    pub input: &'a [f32],
    /// [sequences, units].
    pub recurrent: &'a [f32],
}

/// The gradient of a layer's outputs.
#[derive(Clone, Copy, Debug)]
pub enum OutputGradient<'a> {
    /// Of the last step, [sequences, units]; that of the others is 0.
    Last(&'a [f32]),
    /// Of every step, [steps, sequences, units].
    All(&'a [f32]),
}

impl Lstm {
    /// How many parameters the layer has.
    pub fn parameters(&self) -> usize {
        4 * self.units * (self.inputs + self.units + 1)
    }

    /// The parts of a flat vector of [`Lstm::parameters`] values.
    pub fn view<'a>(&self, values: &'a [f32]) -> LstmParameters<'a> {
        let (kernel, rest) = values.split_at(4 * self.units * self.inputs);
        let (recurrent, bias) = rest.split_at(4 * self.units * self.units);
        LstmParameters { kernel, recurrent, bias: &bias[..4 * self.units] }
    }

    /// First values: Glorot uniform kernel, orthogonal recurrent kernel, bias 1 at the forget gate and 0 elsewhere.
    pub fn initialise(&self, values: &mut [f32], rng: &mut impl Rng) {
        let (units, gates) = (self.units, 4 * self.units);
        let (kernel, rest) = values.split_at_mut(gates * self.inputs);
        let (recurrent, bias) = rest.split_at_mut(gates * units);
        glorot_uniform(kernel, self.inputs, gates, rng);
        orthogonal(recurrent, units, gates, rng);
        bias.fill(0.0);
        bias[units..2 * units].fill(1.0);
    }

    /// Lays the weights out for the products of a step.
    pub fn pack(&self, values: &[f32], packed: &mut LstmPacked) {
        let LstmParameters { kernel, recurrent, bias } = self.view(values);
        let (units, gates) = (self.units, 4 * self.units);
        packed.kernel.clear();
        packed.kernel.extend_from_slice(kernel);
        packed.bias.clear();
        packed.bias.extend_from_slice(bias);
        if self.inputs > FEW {
            packed.inputs.fill(kernel, self.inputs, gates);
        }
        packed.inputs_transposed.fill_transposed(kernel, gates, self.inputs);
        packed.recurrent.fill(recurrent, units, gates);
        packed.recurrent_transposed.fill_transposed(recurrent, gates, units);
    }

    /// Runs `sequences` sequences, `input` in time-major layout [steps, sequences, inputs], and gives the outputs of every
    /// step [steps, sequences, units].
    pub fn forward<'m>(
        &self,
        packed: &LstmPacked,
        input: &[f32],
        sequences: usize,
        masks: LstmMasks<'_>,
        memory: &'m mut LstmMemory,
    ) -> &'m [f32] {
        let units = self.units;
        let steps = input.len() / (sequences * self.inputs).max(1);
        let state = sequences * units;
        memory.resize(steps, sequences, units);
        let LstmMemory { gates: z, cells, squashed, outputs, masked, taken, .. } = memory;
        let input = times(input, masks.input, masked);
        cells[..state].fill(0.0);
        outputs[..state].fill(0.0);
        for (step, z) in z.chunks_exact_mut(state * 4).enumerate() {
            let input = &input[step * sequences * self.inputs..][..sequences * self.inputs];
            let (before, after) = outputs[step * state..].split_at_mut(state);
            let (cell, next) = cells[step * state..].split_at_mut(state);
            let squashed = &mut squashed[step * state..][..state];
            vectorised(
                #[inline(always)]
                || self.gates_of_input(packed, input, z),
            );
            if self.inputs > FEW {
                packed.inputs.multiply(input, z, true);
            }
            if step > 0 {
                packed.recurrent.multiply(times(before, masks.recurrent, taken), z, true);
            }
            vectorised(
                #[inline(always)]
                || cells_forward(units, z, cell, &mut next[..state], squashed, &mut after[..state]),
            );
        }
        &outputs[state..]
    }

    /// The bias in each row of `z` [sequences, 4 units] and, where there are few inputs, their part.
    #[inline(always)]
    fn gates_of_input(&self, packed: &LstmPacked, input: &[f32], z: &mut [f32]) {
        let gates = packed.bias.len();
        for (row, z) in z.chunks_exact_mut(gates).enumerate() {
            z.copy_from_slice(&packed.bias);
            if self.inputs <= FEW {
                let values = &input[row * self.inputs..][..self.inputs];
                for (value, kernel) in values.iter().zip(packed.kernel.chunks_exact(gates)) {
                    z.iter_mut().zip(kernel).for_each(|(z, weight)| *z = value.mul_add(*weight, *z));
                }
            }
        }
    }

    /// Follows the gradient of the outputs back through every step, and adds to `gradients`, laid out as the parameters are;
    /// writes the input's [steps, sequences, inputs] where it is asked for. `memory`, `masks` and `input` are those of the
    /// forward pass; the gates are used up.
    #[allow(clippy::too_many_arguments, reason = "a pass has as many parts")]
    pub fn backward(
        &self,
        packed: &LstmPacked,
        input: &[f32],
        output: OutputGradient<'_>,
        sequences: usize,
        masks: LstmMasks<'_>,
        memory: &mut LstmMemory,
        gradients: &mut [f32],
        mut input_gradient: Option<&mut Vec<f32>>,
    ) {
        let (units, gates) = (self.units, 4 * self.units);
        let width = sequences * self.inputs;
        let steps = input.len() / width.max(1);
        let state = sequences * units;
        let LstmMemory { gates: z, cells, squashed, outputs, masked, taken, output_gradient, cell_gradient } =
            memory;
        let (kernel, rest) = gradients.split_at_mut(gates * self.inputs);
        let (recurrent, bias) = rest.split_at_mut(gates * units);
        let input = times(input, masks.input, masked);
        if let Some(target) = &mut input_gradient {
            target.resize(steps * width, 0.0);
        }
        output_gradient.fill(0.0);
        cell_gradient.fill(0.0);
        for step in (0..steps).rev() {
            let given = match output {
                OutputGradient::Last(last) if step + 1 == steps => last,
                OutputGradient::Last(_) => &[],
                OutputGradient::All(all) => &all[step * state..][..state],
            };
            let z = &mut z[step * state * 4..][..state * 4];
            let (cell, squashed) = (&cells[step * state..][..state], &squashed[step * state..][..state]);
            let input = &input[step * width..][..width];
            vectorised(
                #[inline(always)]
                || {
                    output_gradient.iter_mut().zip(given).for_each(|(sum, value)| *sum += value);
                    cells_backward(units, z, cell, squashed, output_gradient, cell_gradient);
                    add_rows(bias, z);
                    if self.inputs <= FEW {
                        add_outer(kernel, input, z, self.inputs);
                    }
                },
            );
            if let Some(target) = &mut input_gradient {
                let target = &mut target[step * width..][..width];
                packed.inputs_transposed.multiply(z, target, false);
                if !masks.input.is_empty() {
                    target.iter_mut().zip(masks.input).for_each(|(value, mask)| *value *= mask);
                }
            }
            if step > 0 {
                packed.recurrent_transposed.multiply(z, output_gradient, false);
                if !masks.recurrent.is_empty() {
                    output_gradient.iter_mut().zip(masks.recurrent).for_each(|(value, mask)| *value *= mask);
                }
            }
        }
        // Once for all steps: a sum over so many rows is what a general product is good at.
        let all = Matrix::new("gate gradients", z, steps * sequences, gates);
        let before = times(&outputs[..steps * state], masks.recurrent, taken);
        let before = Matrix::new("outputs", before, steps * sequences, units);
        multiply(recurrent, Keep::Sum, before.transposed(), all);
        if self.inputs > FEW {
            let input = Matrix::new("input", input, steps * sequences, self.inputs);
            multiply(kernel, Keep::Sum, input.transposed(), all);
        }
    }
}

/// Adds to a kernel's gradient [inputs, 4 units] what each row of inputs and of gate gradients gives.
#[inline(always)]
fn add_outer(kernel: &mut [f32], input: &[f32], z: &[f32], inputs: usize) {
    let gates = kernel.len() / inputs.max(1);
    for (values, z) in input.chunks_exact(inputs).zip(z.chunks_exact(gates)) {
        for (value, kernel) in values.iter().zip(kernel.chunks_exact_mut(gates)) {
            kernel.iter_mut().zip(z).for_each(|(sum, z)| *sum = value.mul_add(*z, *sum));
        }
    }
}

/// Each step of `values` times the mask, in `target`; the values themselves where there is none.
fn times<'a>(values: &'a [f32], mask: &[f32], target: &'a mut Vec<f32>) -> &'a [f32] {
    if mask.is_empty() {
        return values;
    }
    target.clear();
    target.extend(values.chunks_exact(mask.len()).flat_map(|step| step.iter().zip(mask).map(|(v, m)| v * m)));
    target
}

impl LstmMemory {
    /// The outputs of every step of the last forward pass, [steps, sequences, units].
    pub fn outputs(&self) -> &[f32] {
        let state = self.output_gradient.len();
        &self.outputs[state..]
    }

    fn resize(&mut self, steps: usize, sequences: usize, units: usize) {
        let state = sequences * units;
        self.gates.resize(steps * state * 4, 0.0);
        self.cells.resize((steps + 1) * state, 0.0);
        self.squashed.resize(steps * state, 0.0);
        self.outputs.resize((steps + 1) * state, 0.0);
        self.output_gradient.resize(state, 0.0);
        self.cell_gradient.resize(state, 0.0);
    }
}

/// Adds each row of `rows` to `sum`.
#[inline(always)]
pub(crate) fn add_rows(sum: &mut [f32], rows: &[f32]) {
    for row in rows.chunks_exact(sum.len().max(1)) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_pcg::Pcg64;

    #[test]
    fn the_first_weights_are_orthogonal_and_the_forget_gate_is_open() {
        let lstm = Lstm { inputs: 3, units: 16 };
        let mut values = vec![0.0; lstm.parameters()];
        lstm.initialise(&mut values, &mut Pcg64::new(1, 0));
        let view = lstm.view(&values);
        let rows: Vec<_> = view.recurrent.chunks_exact(64).collect();
        for (i, a) in rows.iter().enumerate() {
            for (j, b) in rows.iter().enumerate() {
                let product: f32 = a.iter().zip(*b).map(|(a, b)| a * b).sum();
                assert!((product - f32::from(u8::from(i == j))).abs() < 1e-5);
            }
        }
        let limit = (6.0f32 / 67.0).sqrt();
        assert!(view.kernel.iter().all(|value| value.abs() <= limit));
        assert!(view.bias.iter().enumerate().all(|(i, b)| (*b == 1.0) == (16..32).contains(&i)));
    }

    #[test]
    fn memory_used_again_changes_nothing() {
        let lstm = Lstm { inputs: 2, units: 5 };
        let mut values = vec![0.0; lstm.parameters()];
        lstm.initialise(&mut values, &mut Pcg64::new(1, 0));
        let input: Vec<f32> = (0..7 * 3 * 2).map(|i| (i as f32).sin()).collect();
        let mut memory = LstmMemory::default();
        let (mut packed, masks) = (LstmPacked::default(), LstmMasks::default());
        lstm.pack(&values, &mut packed);
        let first = lstm.forward(&packed, &input, 3, masks, &mut memory).to_vec();
        lstm.forward(&packed, &input[..10 * 2], 1, masks, &mut memory);
        assert_eq!(lstm.forward(&packed, &input, 3, masks, &mut memory), first);
    }
}
