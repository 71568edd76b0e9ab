//! Models: the card, and the ONNX Runtime session that serves one.

pub mod card;
