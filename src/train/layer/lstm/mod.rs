//! One LSTM layer, forward and backward, with the semantics of Keras.
//!
//! For each step t of a sequence, with the input x(t), the hidden state h(t), the cell state c(t), the kernel
//! W, the recurrent kernel U and the bias b (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et
//! al. 2000):
//!
//! - z = x(t) · W + h(t-1) · U + b, divided into four parts of `units` values: input, forget, cell and output
//! - the gates: i = sigmoid(z input), f = sigmoid(z forget), g = tanh(z cell), o = sigmoid(z output)
//! - c(t) = f ∘ c(t-1) + i ∘ g
//! - h(t) = o ∘ tanh(c(t)), which is also the layer's output
//!
//! Both states are 0 before the first step. The backward pass is backpropagation through time (Werbos 1990)
//! over all steps of the sequence.
//!
//! The parts:
//! - `layer`: the layer's sizes, the forward and the backward pass
//! - `cell`: the elementwise part of one step, between the matrix products
//! - `parameters`: the layer's parameters in the flat vector, and their copy packed for the matrix products
//! - `memory`: the values of a forward pass that the backward pass needs

pub(crate) mod cell;
pub(crate) mod layer;
pub(crate) mod memory;
pub(crate) mod parameters;

pub use self::layer::{Lstm, LstmMasks, OutputGradient};
pub use self::memory::LstmMemory;
pub use self::parameters::{LstmPacked, LstmParameters};
