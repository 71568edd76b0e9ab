//! ONNX files: writing those of trained models, and putting a model card into any.
//!
//! - The functions in `build` write trained models: `node`, `floats` and others make the parts of a graph,
//!   and `file` encodes the graph with its card as an ONNX file.
//! - [`stamp()`] puts a card into the bytes of any ONNX model. It reads only the outermost structure of the
//!   file, so that it keeps parts that this crate does not know.
//! - [`OnnxFile`] is what a file of a trained model holds, for further training.
//! - `external_weights` finds weights that a model keeps in other files.

mod build;
mod external;
mod proto;
mod read;
mod stamp;

pub(crate) use build::{file, floats, integer, integer_tensor, integers, integers_attribute, node, value};
pub(crate) use external::external_weights;
pub(crate) use proto::{AttributeProto, GraphProto, NodeProto, TensorProto};
pub(crate) use read::OnnxFile;
pub use stamp::{StampError, stamp};
