//! Models: their files, their cards, and running them.
//!
//! - [`card`]: the model card, which says what a model needs and gives.
//! - [`onnx`]: writing ONNX files, and putting a card into one.
//! - `runtime`: finding and loading the ONNX Runtime library.
//! - [`session`]: a loaded model, which turns windows into probabilities.

pub mod card;
pub(crate) mod card_text;
pub mod onnx;
pub(crate) mod runtime;
pub mod session;
