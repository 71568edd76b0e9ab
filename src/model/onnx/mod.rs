//! ONNX files: writing those of trained models, changing others, and putting a model card into any.
//!
//! - The functions in `build` write trained models: `node`, `floats` and others make the parts of a graph,
//!   and `file` encodes the graph with its card as an ONNX file.
//! - [`stamp()`] puts a card into the bytes of any ONNX model. It reads only the outermost structure of the
//!   file, so that it keeps parts that this crate does not know.
//! - `GraphEditor` changes the inputs, outputs and nodes of any model, and `embed_weights` takes weights from other files
//!   into it. Both work on the fields of the file's messages (`wire`, `message_kind`), so that all else is kept.
//! - [`OnnxFile`] is what a file of a trained model holds, for further training.
//! - `external_weights` finds weights that a model keeps in other files.

mod build;
mod declared;
mod editor;
mod embed;
mod error;
mod external;
mod graph_field;
mod message_kind;
mod proto;
mod read;
mod stamp;
mod wire;

pub(crate) use build::{
    DOUBLE, FLOAT, FLOAT16, INT32, INT64, doubles, file, floats, integer, integer_tensor, integers,
    integers_attribute, node, value,
};
pub(crate) use declared::DeclaredValue;
pub(crate) use editor::{GraphEditor, constant};
pub(crate) use embed::{WeightsPlace, embed_weights};
pub use error::StampError;
pub(crate) use external::external_weights;
pub(crate) use proto::{AttributeProto, GraphProto, NodeProto, TensorProto};
pub(crate) use read::OnnxFile;
pub use stamp::stamp;
