//! The cells of an LSTM: the loops over units between the products, in functions of their own so that they vectorise.

use crate::train::kernel::activation::{sigmoid_all, tanh, tanh_all};

/// One step's cells: gates before their activations in `z` become those after them.
#[inline(always)]
pub(crate) fn cells_forward(
    units: usize,
    z: &mut [f32],
    cell: &[f32],
    next: &mut [f32],
    squashed: &mut [f32],
    output: &mut [f32],
) {
    for (row, z) in z.chunks_exact_mut(4 * units).enumerate() {
        let range = row * units..(row + 1) * units;
        let (input_forget, rest) = z.split_at_mut(2 * units);
        let (candidate, gate) = rest.split_at_mut(units);
        sigmoid_all(input_forget);
        tanh_all(candidate);
        sigmoid_all(gate);
        let (input, forget) = input_forget.split_at(units);
        cell_row(
            input,
            forget,
            candidate,
            gate,
            &cell[range.clone()],
            &mut next[range.clone()],
            &mut squashed[range.clone()],
            &mut output[range],
        );
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "each is a slice of its own so that the loop vectorises")]
fn cell_row(
    input: &[f32],
    forget: &[f32],
    candidate: &[f32],
    gate: &[f32],
    cell: &[f32],
    next: &mut [f32],
    squashed: &mut [f32],
    output: &mut [f32],
) {
    let units = next.len();
    let (input, forget, candidate) = (&input[..units], &forget[..units], &candidate[..units]);
    let (gate, cell, squashed, output) =
        (&gate[..units], &cell[..units], &mut squashed[..units], &mut output[..units]);
    for unit in 0..units {
        let value = forget[unit] * cell[unit] + input[unit] * candidate[unit];
        next[unit] = value;
        squashed[unit] = tanh(value);
        output[unit] = gate[unit] * squashed[unit];
    }
}

/// One step's cells backward: gates after their activations in `z` become the gradients before them, and the gradient of
/// the cell becomes that of the step before.
#[inline(always)]
pub(crate) fn cells_backward(
    units: usize,
    z: &mut [f32],
    cell: &[f32],
    squashed: &[f32],
    output_gradient: &[f32],
    cell_gradient: &mut [f32],
) {
    for (row, z) in z.chunks_exact_mut(4 * units).enumerate() {
        let range = row * units..(row + 1) * units;
        let (input, rest) = z.split_at_mut(units);
        let (forget, rest) = rest.split_at_mut(units);
        let (candidate, gate) = rest.split_at_mut(units);
        cell_row_backward(
            input,
            forget,
            candidate,
            gate,
            &cell[range.clone()],
            &squashed[range.clone()],
            &output_gradient[range.clone()],
            &mut cell_gradient[range],
        );
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "each is a slice of its own so that the loop vectorises")]
fn cell_row_backward(
    input: &mut [f32],
    forget: &mut [f32],
    candidate: &mut [f32],
    gate: &mut [f32],
    cell: &[f32],
    squashed: &[f32],
    output_gradient: &[f32],
    cell_gradient: &mut [f32],
) {
    let units = input.len();
    let (forget, candidate, gate) = (&mut forget[..units], &mut candidate[..units], &mut gate[..units]);
    let (cell, squashed) = (&cell[..units], &squashed[..units]);
    let (output_gradient, cell_gradient) = (&output_gradient[..units], &mut cell_gradient[..units]);
    for unit in 0..units {
        let (i, f, g, o) = (input[unit], forget[unit], candidate[unit], gate[unit]);
        let (dh, th) = (output_gradient[unit], squashed[unit]);
        let dc = cell_gradient[unit] + dh * o * (1.0 - th * th);
        input[unit] = dc * g * i * (1.0 - i);
        forget[unit] = dc * cell[unit] * f * (1.0 - f);
        candidate[unit] = dc * i * (1.0 - g * g);
        gate[unit] = dh * th * o * (1.0 - o);
        cell_gradient[unit] = dc * f;
    }
}
