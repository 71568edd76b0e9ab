//! Reads the networks of a model from the ONNX file that [`export`](crate::train::export) wrote, so that they can be
//! trained on.
//!
//! It is the inverse of the export: `architecture` works out the layers and their sizes from the sizes of the file's
//! constants, and `networks` reads their values. The networks are then exported again, and every node and every constant
//! has to be that of the file. So a file of another program, or of a version with other statistics, is refused and never
//! read wrongly.

mod architecture;
mod constants;
mod error;
mod networks;

pub(crate) use self::error::ImportError;
pub(crate) use self::networks::ensemble;
