//! Changes a model of another program so that it can be served.
//!
//! Exporters write models in many forms. What a form means can mostly be told from the file, by the shapes that it declares
//! and by its answers to a few windows; [`adapt()`] then adds the operators that are missing, such as a transpose or a
//! softmax, and says so in terms of the exporter's call that would have made them unnecessary. Where it cannot be told,
//! nothing is changed. The result is loaded as the daemon loads it, and whatever that refuses is an error here.
//!
//! Only the parts of the file that have to change do; all else is kept byte for byte.
//!
//! - `adapter`: the order of the steps, and the choice between readings of the same file,
//! - `weights_folder`: weights that are in another file,
//! - `inputs`: inputs that are constants ([`given_constant`]), and the one for windows,
//! - `window_input`: how the graph is made to take windows, with the [`axis_order`] of its axes,
//! - `outputs`: the output with probabilities,
//! - `adaptation`: what was changed, told in terms of the `exporter`.

mod adaptation;
mod adapter;
mod axis_order;
mod describe;
mod error;
mod exporter;
mod given_constant;
mod inputs;
mod outputs;
mod weights_folder;
mod window_input;

pub(crate) use adapter::{AdaptOptions, adapt};
pub(crate) use axis_order::AxisOrder;
pub(crate) use given_constant::GivenConstant;
