//! The values of a forward pass that the backward pass needs.

/// The values that a forward pass keeps for the backward pass. The vectors are reused from batch to batch.
///
/// A step's states are at an index one higher than its gates, because the states also have an entry for the
/// time before the first step, which is 0.
#[derive(Clone, Debug, Default)]
pub struct LstmMemory {
    /// [steps, sequences, 4 units]: after the forward pass the gates' activations, after the backward pass
    /// the gradients of the values before the activations (z).
    pub(super) gates: Vec<f32>,
    /// Cell states, [steps + 1, sequences, units].
    pub(super) cells: Vec<f32>,
    /// The tanh of each step's cell state, [steps, sequences, units].
    pub(super) cell_tanh: Vec<f32>,
    /// Hidden states, which are the layer's outputs, [steps + 1, sequences, units].
    pub(super) outputs: Vec<f32>,
    /// The input after its mask, [steps, sequences, inputs]; unused without a mask.
    pub(super) masked_input: Vec<f32>,
    /// Hidden states after the recurrent mask: [sequences, units] of one step in the forward pass, [steps,
    /// sequences, units] in the backward pass; unused without a mask.
    pub(super) masked_state: Vec<f32>,
    /// The gradient of the current step's output, [sequences, units].
    pub(super) output_gradient: Vec<f32>,
    /// The gradient of the current step's cell state, [sequences, units].
    pub(super) cell_gradient: Vec<f32>,
}

impl LstmMemory {
    /// The outputs of every step of the last forward pass, [steps, sequences, units].
    pub fn outputs(&self) -> &[f32] {
        let state = self.output_gradient.len();
        &self.outputs[state..]
    }

    /// Sets the sizes for a forward pass. Values of an earlier pass may remain.
    pub(super) fn resize(&mut self, steps: usize, sequences: usize, units: usize) {
        let state = sequences * units;
        self.gates.resize(steps * state * 4, 0.0);
        self.cells.resize((steps + 1) * state, 0.0);
        self.cell_tanh.resize(steps * state, 0.0);
        self.outputs.resize((steps + 1) * state, 0.0);
        self.output_gradient.resize(state, 0.0);
        self.cell_gradient.resize(state, 0.0);
    }
}
