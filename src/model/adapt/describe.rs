//! Names of inputs and outputs in messages.

use crate::model::card_text::quoted;
use crate::model::check::shape_text;
use crate::model::onnx::{DOUBLE, DeclaredValue, FLOAT16};

/// The name of an input or output in quotes, and its shape.
pub(super) fn described(value: &DeclaredValue) -> String {
    let shape = value.shape.as_deref().map(|shape| format!(" {}", shape_text(shape))).unwrap_or_default();
    format!("{}{shape}", quoted(&value.name))
}

/// The name of a type of float numbers that is converted to and from float32; `None` for any other type.
pub(super) fn converted_type(element: i32) -> Option<&'static str> {
    match element {
        FLOAT16 => Some("float16"),
        DOUBLE => Some("float64"),
        _ => None,
    }
}
