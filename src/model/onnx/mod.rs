//! ONNX files: writing those of trained models, and putting a model card into any.
//!
//! - Trained models are encoded as protobuf messages with `file`, from a graph whose parts `node`, `floats`
//!   and the other functions in `build` make.
//! - [`stamp()`] puts a card into the bytes of any ONNX model. It reads only the outermost structure of the
//!   file, so that it keeps parts that this crate does not know.

mod build;
mod proto;
mod stamp;

pub(crate) use build::{file, floats, integer, integers, integers_of, node, table, value};
pub(crate) use proto::{AttributeProto, GraphProto, NodeProto, TensorProto};
pub use stamp::{StampError, stamp};
