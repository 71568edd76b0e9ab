//! Models: their files, their cards, and running them.
//!
//! - [`card`]: the model card, which says what a model needs and gives; `card_text` says which texts it may
//!   have, and `card_file` reads one that was written by hand. `scores` has the scores in a card, `statistics` what its channels
//!   were like, and `refit_summary` how it was trained on.
//! - [`validation_choice`]: what the recordings were used for that a model is scored on.
//! - [`onnx`]: writing ONNX files, changing others, and putting a card into one.
//! - `runtime`: finding and loading the ONNX Runtime library.
//! - [`session`]: a loaded model, which turns windows into [`answers`]. Before it does, `check` checks the inputs
//!   and outputs of its graph, and its answers.
//! - `adapt`: changes a model of another program so that it can be served.

pub(crate) mod adapt;
pub mod answers;
pub mod card;
pub(crate) mod card_file;
pub(crate) mod card_text;
mod check;
mod error;
pub mod onnx;
mod refit_summary;
pub(crate) mod runtime;
mod scores;
pub mod session;
mod statistics;
pub mod validation_choice;
