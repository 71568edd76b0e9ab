//! The LSTM layer: its sizes, its forward pass and its backward pass.

use rand::Rng;

use super::cell::{cells_backward, cells_forward};
use super::memory::LstmMemory;
use super::parameters::{LstmPacked, LstmParameters, MAX_DIRECT_INPUTS};
use crate::train::kernel::activation::vectorised;
use crate::train::kernel::matrix::{Matrix, Update, multiply};
use crate::train::kernel::rows::{add_rows, apply_mask, masked_rows};
use crate::train::layer::initial_weights::{glorot_uniform, orthogonal};

/// The sizes of an LSTM layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lstm {
    /// Values per step of the input.
    pub inputs: usize,
    /// Units: values of the hidden state, of the cell state and of each step's output.
    pub units: usize,
}

/// Dropout masks, which are the same at each step of a sequence (Gal and Ghahramani 2016).
///
/// Each value is 0 or 1 / (1 - dropout rate). An empty mask means no dropout.
#[derive(Clone, Copy, Debug, Default)]
pub struct LstmMasks<'a> {
    /// The mask of the inputs, [sequences, inputs].
    pub input: &'a [f32],
    /// The mask of the previous hidden state where it enters the gates, [sequences, units].
    pub recurrent: &'a [f32],
}

/// The gradient of a layer's outputs.
#[derive(Clone, Copy, Debug)]
pub enum OutputGradient<'a> {
    /// The gradient of the last step's outputs, [sequences, units]; that of the other steps is 0.
    Last(&'a [f32]),
    /// The gradients of every step's outputs, [steps, sequences, units].
    All(&'a [f32]),
}

impl Lstm {
    /// The number of parameters.
    pub fn parameters(&self) -> usize {
        4 * self.units * (self.inputs + self.units + 1)
    }

    /// Divides a flat vector of [`Lstm::parameters`] values into the layer's arrays.
    pub fn view<'a>(&self, values: &'a [f32]) -> LstmParameters<'a> {
        let (kernel, rest) = values.split_at(4 * self.units * self.inputs);
        let (recurrent, bias) = rest.split_at(4 * self.units * self.units);
        LstmParameters { kernel, recurrent, bias: &bias[..4 * self.units] }
    }

    /// Draws initial values as Keras does: a Glorot uniform kernel, an orthogonal recurrent kernel, and a
    /// bias of 1 for the forget gate (Jozefowicz et al. 2015) and 0 for the other gates.
    pub fn initialise(&self, values: &mut [f32], rng: &mut impl Rng) {
        let (units, gates) = (self.units, 4 * self.units);
        let (kernel, rest) = values.split_at_mut(gates * self.inputs);
        let (recurrent, bias) = rest.split_at_mut(gates * units);
        glorot_uniform(kernel, self.inputs, gates, rng);
        orthogonal(recurrent, units, gates, rng);
        bias.fill(0.0);
        bias[units..2 * units].fill(1.0);
    }

    /// Packs the parameters, a flat vector of [`Lstm::parameters`] values, for the forward and the backward
    /// pass.
    pub fn pack(&self, values: &[f32], packed: &mut LstmPacked) {
        packed.fill(self.view(values), self.inputs, self.units);
    }

    /// Computes the outputs of every step, [steps, sequences, units], from an `input` in time-major layout,
    /// [steps, sequences, inputs]. The number of steps follows from the input's length.
    ///
    /// `memory` keeps what [`Lstm::backward`] needs.
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
        let LstmMemory { gates, cells, cell_tanh, outputs, masked_input, masked_state, .. } = memory;
        let input = masked_rows(input, masks.input, masked_input);
        cells[..state].fill(0.0);
        outputs[..state].fill(0.0);
        for (step, z) in gates.chunks_exact_mut(state * 4).enumerate() {
            let input = &input[step * sequences * self.inputs..][..sequences * self.inputs];
            let (before, after) = outputs[step * state..].split_at_mut(state);
            let (cell, next_cell) = cells[step * state..].split_at_mut(state);
            let cell_tanh = &mut cell_tanh[step * state..][..state];
            vectorised(
                #[inline(always)]
                || self.start_gates(packed, input, z),
            );
            if self.inputs > MAX_DIRECT_INPUTS {
                packed.packed_kernel.multiply(input, z, Update::Add);
            }
            if step > 0 {
                packed.recurrent.multiply(masked_rows(before, masks.recurrent, masked_state), z, Update::Add);
            }
            vectorised(
                #[inline(always)]
                || cells_forward(units, z, cell, &mut next_cell[..state], cell_tanh, &mut after[..state]),
            );
        }
        &outputs[state..]
    }

    /// Sets each row of `z` [sequences, 4 units] to the bias and, in a layer with few inputs, adds `input ·
    /// kernel`.
    #[inline(always)]
    fn start_gates(&self, packed: &LstmPacked, input: &[f32], z: &mut [f32]) {
        let gates = packed.bias.len();
        for (row, z) in z.chunks_exact_mut(gates).enumerate() {
            z.copy_from_slice(&packed.bias);
            if self.inputs <= MAX_DIRECT_INPUTS {
                let values = &input[row * self.inputs..][..self.inputs];
                for (value, kernel) in values.iter().zip(packed.kernel.chunks_exact(gates)) {
                    z.iter_mut().zip(kernel).for_each(|(z, weight)| *z = value.mul_add(*weight, *z));
                }
            }
        }
    }

    /// Backpropagates the gradient of the outputs through every step (Werbos 1990).
    ///
    /// Adds the gradients of the parameters to `gradients`, a flat vector in the order of the parameters, and
    /// writes the gradient of the input, [steps, sequences, inputs], to `input_gradient` unless it is `None`.
    /// `packed`, `input`, `masks` and `memory` are those of the forward pass. The gates in `memory` are
    /// overwritten, so each forward pass allows one backward pass.
    #[allow(
        clippy::too_many_arguments,
        reason = "the backward pass needs every argument of the forward pass"
    )]
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
        let LstmMemory {
            gates: z,
            cells,
            cell_tanh,
            outputs,
            masked_input,
            masked_state,
            output_gradient,
            cell_gradient,
        } = memory;
        let (kernel, rest) = gradients.split_at_mut(gates * self.inputs);
        let (recurrent, bias) = rest.split_at_mut(gates * units);
        let input = masked_rows(input, masks.input, masked_input);
        if let Some(target) = &mut input_gradient {
            target.resize(steps * width, 0.0);
        }
        output_gradient.fill(0.0);
        cell_gradient.fill(0.0);
        for step in (0..steps).rev() {
            let from_above = match output {
                OutputGradient::Last(last) if step + 1 == steps => last,
                OutputGradient::Last(_) => &[],
                OutputGradient::All(all) => &all[step * state..][..state],
            };
            let z = &mut z[step * state * 4..][..state * 4];
            let (cell, cell_tanh) = (&cells[step * state..][..state], &cell_tanh[step * state..][..state]);
            let input = &input[step * width..][..width];
            vectorised(
                #[inline(always)]
                || {
                    output_gradient.iter_mut().zip(from_above).for_each(|(sum, value)| *sum += value);
                    cells_backward(units, z, cell, cell_tanh, output_gradient, cell_gradient);
                    add_rows(bias, z);
                    if self.inputs <= MAX_DIRECT_INPUTS {
                        add_outer(kernel, input, z, self.inputs);
                    }
                },
            );
            if let Some(target) = &mut input_gradient {
                let target = &mut target[step * width..][..width];
                packed.kernel_transposed.multiply(z, target, Update::Overwrite);
                apply_mask(target, masks.input);
            }
            if step > 0 {
                packed.recurrent_transposed.multiply(z, output_gradient, Update::Overwrite);
                apply_mask(output_gradient, masks.recurrent);
            }
        }
        // One product for all steps, because a general matrix product is fastest on a sum over many rows.
        let gate_gradients = Matrix::new("gate gradients", z, steps * sequences, gates);
        let before = masked_rows(&outputs[..steps * state], masks.recurrent, masked_state);
        let before = Matrix::new("outputs", before, steps * sequences, units);
        multiply(recurrent, Update::Add, before.transposed(), gate_gradients);
        if self.inputs > MAX_DIRECT_INPUTS {
            let input = Matrix::new("input", input, steps * sequences, self.inputs);
            multiply(kernel, Update::Add, input.transposed(), gate_gradients);
        }
    }
}

/// Adds `input`ᵀ · `z` to a kernel's gradient [inputs, 4 units]; `input` is [sequences, inputs], and `z`, the
/// gradient before the activations, is [sequences, 4 units].
#[inline(always)]
fn add_outer(kernel: &mut [f32], input: &[f32], z: &[f32], inputs: usize) {
    let gates = kernel.len() / inputs.max(1);
    for (values, z) in input.chunks_exact(inputs).zip(z.chunks_exact(gates)) {
        for (value, kernel) in values.iter().zip(kernel.chunks_exact_mut(gates)) {
            kernel.iter_mut().zip(z).for_each(|(sum, z)| *sum = value.mul_add(*z, *sum));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_pcg::Pcg64;

    #[test]
    fn the_initial_recurrent_kernel_is_orthogonal_and_the_forget_gates_bias_is_1() {
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
    fn a_reused_memory_does_not_change_the_outputs() {
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
