//! Models: the card, the ONNX Runtime library, and the session that serves one.

pub mod card;
pub mod onnx;
pub(crate) mod runtime;
pub mod session;
