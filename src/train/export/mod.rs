//! Writes a trained model as an ONNX file.
//!
//! - [`export`](export()) builds the bytes of the file: `graph` turns the networks into ONNX nodes, `card`
//!   describes the training.
//! - `parity` compares the result in ONNX Runtime with [`exact`], the trainer's forward pass in double
//!   precision. A model that differs by more than rounding explains is an [error](error::ExportError) and is
//!   never written.
//! - [`ServingCost`] is what the model costs to serve.
//! - [`write_file`] writes bytes to a file that is always complete, and [`check_writable`] checks beforehand
//!   that it can.

mod card;
mod error;
pub(crate) mod exact;
mod file;
mod graph;
mod model;
mod parity;
mod serving_cost;

pub(crate) use self::card::card;
pub(crate) use self::error::ExportError;
pub(crate) use self::file::{check_writable, write_file};
pub(crate) use self::graph::graph;
pub(crate) use self::model::{export, export_networks};
pub(crate) use self::serving_cost::ServingCost;
