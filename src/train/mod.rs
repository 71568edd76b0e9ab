//! The trainer: labelled recordings in, an ONNX model with its card out.

pub mod activation;
pub mod dense;
pub mod loss;
pub mod lstm;
pub mod matrix;
pub mod network;
