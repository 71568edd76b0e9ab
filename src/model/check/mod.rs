//! Checks of a model before it serves: `signature` checks the inputs and outputs of its graph, and `probe` its answers to
//! a few windows, which have an `answer_form`.

mod answer_form;
mod probe;
mod signature;

pub(super) use answer_form::AnswerForm;
pub(super) use probe::{difference, probe, probe_novelty, rows};
pub(super) use signature::{GraphValue, NOVELTY, Signature, shape_text};
