//! The dense layer, y = x · W + b, and the ReLU activation.

use rand::Rng;

use super::initial_weights::glorot_uniform;
use crate::train::kernel::matrix::{Matrix, Update, multiply};
use crate::train::kernel::rows::add_rows;

/// A dense layer. Its parameters are the kernel W `[inputs, outputs]`, followed by the bias b `[outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Values per row of the input.
    pub inputs: usize,
    /// Values per row of the output.
    pub outputs: usize,
}

impl Dense {
    /// The number of parameters.
    pub fn parameters(&self) -> usize {
        (self.inputs + 1) * self.outputs
    }

    /// Divides a flat vector of [`Dense::parameters`] values into the kernel and the bias.
    pub fn view<'a>(&self, values: &'a [f32]) -> (&'a [f32], &'a [f32]) {
        values.split_at(self.inputs * self.outputs)
    }

    /// Draws initial values as Keras does: a Glorot uniform kernel and a bias of 0.
    pub fn initialise(&self, values: &mut [f32], rng: &mut impl Rng) {
        let (kernel, bias) = values.split_at_mut(self.inputs * self.outputs);
        glorot_uniform(kernel, self.inputs, self.outputs, rng);
        bias.fill(0.0);
    }

    /// Computes `output` [rows, outputs] from `input` [rows, inputs]. `values` are the layer's parameters.
    pub fn forward(&self, values: &[f32], input: &[f32], rows: usize, output: &mut Vec<f32>) {
        let (kernel, bias) = self.view(values);
        output.clear();
        for _ in 0..rows {
            output.extend_from_slice(bias);
        }
        let kernel = Matrix::new("dense kernel", kernel, self.inputs, self.outputs);
        multiply(output, Update::Add, Matrix::new("dense input", input, rows, self.inputs), kernel);
    }

    /// Adds the gradients of the parameters to `gradients`, and writes the gradient of the input, [rows,
    /// inputs], to `input_gradient`. `values` and `input` are those of the forward pass; `output_gradient` is
    /// [rows, outputs].
    ///
    /// dW = xᵀ · dy, db = Σ dy over the rows, and dx = dy · Wᵀ.
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
        let output_gradient_matrix =
            Matrix::new("dense output gradient", output_gradient, rows, self.outputs);
        multiply(kernel, Update::Add, input.transposed(), output_gradient_matrix);
        add_rows(bias, output_gradient);
        input_gradient.resize(rows * self.inputs, 0.0);
        let kernel = Matrix::new("dense kernel", self.view(values).0, self.inputs, self.outputs);
        multiply(input_gradient, Update::Overwrite, output_gradient_matrix, kernel.transposed());
    }
}

/// Replaces each negative value by 0 (the rectified linear unit, Nair and Hinton 2010).
pub(crate) fn relu(values: &mut [f32]) {
    // `f32::max` would turn NaN into 0 and so hide that the training has diverged.
    values.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
}

/// Replaces the gradient of the output of [`relu`] by that of its input. `outputs` are the values after
/// [`relu`].
pub(crate) fn relu_backward(outputs: &[f32], gradient: &mut [f32]) {
    for (gradient, output) in gradient.iter_mut().zip(outputs) {
        if *output <= 0.0 {
            *gradient = 0.0;
        }
    }
}
