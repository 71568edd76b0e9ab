//! The LSTM cell: the elementwise part of one step, between the matrix products.
//!
//! The inner loops are functions of their own over slices of equal length, so that the compiler turns them
//! into vector code. The formulas are those of the module `lstm`.

use crate::train::kernel::activation::{sigmoid_all, tanh, tanh_all};

/// Computes one step's gates, cell states and outputs.
///
/// `z` [sequences, 4 units] has the values before the activations and receives the gates' activations. From
/// the cell states before the step, `cell`, this computes those after it, `next_cell`, their tanh,
/// `cell_tanh`, and the step's `output`, each [sequences, units].
#[inline(always)]
pub(crate) fn cells_forward(
    units: usize,
    z: &mut [f32],
    cell: &[f32],
    next_cell: &mut [f32],
    cell_tanh: &mut [f32],
    output: &mut [f32],
) {
    for (row, z) in z.chunks_exact_mut(4 * units).enumerate() {
        let range = row * units..(row + 1) * units;
        let (input_forget, rest) = z.split_at_mut(2 * units);
        let (cell_gate, output_gate) = rest.split_at_mut(units);
        sigmoid_all(input_forget);
        tanh_all(cell_gate);
        sigmoid_all(output_gate);
        let (input_gate, forget_gate) = input_forget.split_at(units);
        cell_row(
            input_gate,
            forget_gate,
            cell_gate,
            output_gate,
            &cell[range.clone()],
            &mut next_cell[range.clone()],
            &mut cell_tanh[range.clone()],
            &mut output[range],
        );
    }
}

/// One sequence of [`cells_forward`] after the activations; every slice is `[units]`.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "each is a slice of its own so that the loop vectorises")]
fn cell_row(
    input_gate: &[f32],
    forget_gate: &[f32],
    cell_gate: &[f32],
    output_gate: &[f32],
    cell: &[f32],
    next_cell: &mut [f32],
    cell_tanh: &mut [f32],
    output: &mut [f32],
) {
    let units = next_cell.len();
    let (input_gate, forget_gate, cell_gate) =
        (&input_gate[..units], &forget_gate[..units], &cell_gate[..units]);
    let (output_gate, cell, cell_tanh, output) =
        (&output_gate[..units], &cell[..units], &mut cell_tanh[..units], &mut output[..units]);
    for unit in 0..units {
        let value = forget_gate[unit] * cell[unit] + input_gate[unit] * cell_gate[unit];
        next_cell[unit] = value;
        cell_tanh[unit] = tanh(value);
        output[unit] = output_gate[unit] * cell_tanh[unit];
    }
}

/// Backpropagates through one step's cells, from the gradients of its outputs and cell states.
///
/// `gates` [sequences, 4 units] has the gates' activations and receives the gradients of the values before
/// the activations. `cell_gradient` has the part of the gradient of this step's cell states that comes from
/// the next step, and receives the gradient of the cell states before this step. `cell` has the cell states
/// before this step, `cell_tanh` the tanh of those after it; these and `output_gradient` are [sequences,
/// units].
#[inline(always)]
pub(crate) fn cells_backward(
    units: usize,
    gates: &mut [f32],
    cell: &[f32],
    cell_tanh: &[f32],
    output_gradient: &[f32],
    cell_gradient: &mut [f32],
) {
    for (row, gates) in gates.chunks_exact_mut(4 * units).enumerate() {
        let range = row * units..(row + 1) * units;
        let (input_gate, rest) = gates.split_at_mut(units);
        let (forget_gate, rest) = rest.split_at_mut(units);
        let (cell_gate, output_gate) = rest.split_at_mut(units);
        cell_row_backward(
            input_gate,
            forget_gate,
            cell_gate,
            output_gate,
            &cell[range.clone()],
            &cell_tanh[range.clone()],
            &output_gradient[range.clone()],
            &mut cell_gradient[range],
        );
    }
}

/// One sequence of [`cells_backward`]; every slice is `[units]`.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "each is a slice of its own so that the loop vectorises")]
fn cell_row_backward(
    input_gate: &mut [f32],
    forget_gate: &mut [f32],
    cell_gate: &mut [f32],
    output_gate: &mut [f32],
    cell: &[f32],
    cell_tanh: &[f32],
    output_gradient: &[f32],
    cell_gradient: &mut [f32],
) {
    let units = input_gate.len();
    let (forget_gate, cell_gate, output_gate) =
        (&mut forget_gate[..units], &mut cell_gate[..units], &mut output_gate[..units]);
    let (cell, cell_tanh) = (&cell[..units], &cell_tanh[..units]);
    let (output_gradient, cell_gradient) = (&output_gradient[..units], &mut cell_gradient[..units]);
    for unit in 0..units {
        // The gates i, f, g and o, the gradient dh of the output h, and the gradient dc of the cell state c.
        let (i, f, g, o) = (input_gate[unit], forget_gate[unit], cell_gate[unit], output_gate[unit]);
        let (dh, tanh_c) = (output_gradient[unit], cell_tanh[unit]);
        let dc = cell_gradient[unit] + dh * o * (1.0 - tanh_c * tanh_c);
        input_gate[unit] = dc * g * i * (1.0 - i);
        forget_gate[unit] = dc * cell[unit] * f * (1.0 - f);
        cell_gate[unit] = dc * i * (1.0 - g * g);
        output_gate[unit] = dh * tanh_c * o * (1.0 - o);
        cell_gradient[unit] = dc * f;
    }
}
