//! The parameters of an LSTM layer: in the flat vector, and packed for the matrix products of a step.

use crate::train::kernel::packed_matrix::PackedMatrix;

/// In layers with at most this many inputs, the product of the input and the kernel is computed by plain
/// loops, because the setup of a matrix product would cost more than the product itself.
pub(super) const MAX_DIRECT_INPUTS: usize = 8;

/// A layer's parameters, or their gradients, in the order in which they are stored in a flat vector.
///
/// The columns of each array are those of the input, forget, cell and output gate, `units` columns each.
#[derive(Clone, Copy, Debug)]
pub struct LstmParameters<'a> {
    /// The weights of the inputs, [inputs, 4 units].
    pub kernel: &'a [f32],
    /// The weights of the previous hidden state, [units, 4 units].
    pub recurrent: &'a [f32],
    /// The bias, [4 units].
    pub bias: &'a [f32],
}

/// A layer's parameters, packed for the matrix products of a step.
///
/// They are packed once per training step and then shared by all shards of the batch.
#[derive(Clone, Debug, Default)]
pub struct LstmPacked {
    /// The kernel as it is, row-major [inputs, 4 units].
    pub(super) kernel: Vec<f32>,
    /// The bias, [4 units].
    pub(super) bias: Vec<f32>,
    /// The kernel [inputs, 4 units]; empty if the layer has at most [`MAX_DIRECT_INPUTS`] inputs.
    pub(super) packed_kernel: PackedMatrix,
    /// The transposed kernel, [4 units, inputs].
    pub(super) kernel_transposed: PackedMatrix,
    /// The recurrent kernel, [units, 4 units].
    pub(super) recurrent: PackedMatrix,
    /// The transposed recurrent kernel, [4 units, units].
    pub(super) recurrent_transposed: PackedMatrix,
}

impl LstmPacked {
    /// Packs the parameters of a layer of the given sizes, in place of the previous ones.
    pub(super) fn fill(&mut self, parameters: LstmParameters<'_>, inputs: usize, units: usize) {
        let LstmParameters { kernel, recurrent, bias } = parameters;
        let gates = 4 * units;
        self.kernel.clear();
        self.kernel.extend_from_slice(kernel);
        self.bias.clear();
        self.bias.extend_from_slice(bias);
        if inputs > MAX_DIRECT_INPUTS {
            self.packed_kernel.fill(kernel, inputs, gates);
        }
        self.kernel_transposed.fill_transposed(kernel, gates, inputs);
        self.recurrent.fill(recurrent, units, gates);
        self.recurrent_transposed.fill_transposed(recurrent, gates, units);
    }
}
