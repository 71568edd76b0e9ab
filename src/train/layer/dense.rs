//! A dense layer: y = x·W + b.

use rand::Rng;

use super::initial_weights::glorot_uniform;
use super::lstm::add_rows;
use crate::train::kernel::matrix::{Keep, Matrix, multiply};

/// The sizes of a dense layer. Its parameters are the kernel `[inputs, outputs]`, then the bias `[outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Values in.
    pub inputs: usize,
    /// Values out.
    pub outputs: usize,
}

impl Dense {
    /// How many parameters the layer has.
    pub fn parameters(&self) -> usize {
        (self.inputs + 1) * self.outputs
    }

    /// The kernel and the bias in a flat vector.
    pub fn view<'a>(&self, values: &'a [f32]) -> (&'a [f32], &'a [f32]) {
        values.split_at(self.inputs * self.outputs)
    }

    /// First values: Glorot uniform kernel, no bias.
    pub fn initialise(&self, values: &mut [f32], rng: &mut impl Rng) {
        let (kernel, bias) = values.split_at_mut(self.inputs * self.outputs);
        glorot_uniform(kernel, self.inputs, self.outputs, rng);
        bias.fill(0.0);
    }

    /// `input` [rows, inputs] to `output` [rows, outputs].
    pub fn forward(&self, values: &[f32], input: &[f32], rows: usize, output: &mut Vec<f32>) {
        let (kernel, bias) = self.view(values);
        output.clear();
        for _ in 0..rows {
            output.extend_from_slice(bias);
        }
        let kernel = Matrix::new("dense kernel", kernel, self.inputs, self.outputs);
        multiply(output, Keep::Sum, Matrix::new("dense input", input, rows, self.inputs), kernel);
    }

    /// Adds the parameters' gradients to `gradients`, and writes the input's [rows, inputs].
    pub fn backward(
        &self,
        values: &[f32],
        input: &[f32],
        output_gradient: &[f32],
        rows: usize,
        gradients: &mut [f32],
        input_gradient: &mut Vec<f32>,
    ) {
        let (kernel, bias) = gradients.split_at_mut(self.inputs * self.outputs);
        let input = Matrix::new("dense input", input, rows, self.inputs);
        let outer = Matrix::new("dense output gradient", output_gradient, rows, self.outputs);
        multiply(kernel, Keep::Sum, input.transposed(), outer);
        add_rows(bias, output_gradient);
        input_gradient.resize(rows * self.inputs, 0.0);
        let kernel = Matrix::new("dense kernel", self.view(values).0, self.inputs, self.outputs);
        multiply(input_gradient, Keep::Nothing, outer, kernel.transposed());
    }
}

/// The larger of each value and 0, in place.
pub(crate) fn relu(values: &mut [f32]) {
    // Not `max`, which would hide a value that is no number.
    values.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
}

/// From the gradient of what [`relu`] gave to that of what it took, in place.
pub(crate) fn relu_backward(outputs: &[f32], gradient: &mut [f32]) {
    for (gradient, output) in gradient.iter_mut().zip(outputs) {
        if *output <= 0.0 {
            *gradient = 0.0;
        }
    }
}
