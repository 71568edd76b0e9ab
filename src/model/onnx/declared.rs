//! The inputs and outputs of a graph as its file declares them.

use super::build::FLOAT;
use super::proto::{DimensionProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto};

/// An input or output of a graph as its file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeclaredValue {
    /// Its name.
    pub(crate) name: String,
    /// The number of the type of its elements in `TensorProto.DataType`; 0 if it is no tensor.
    pub(crate) element: i32,
    /// The sizes of its axes; -1 stands for a size that is not fixed. `None` if not even their number is declared.
    pub(crate) shape: Option<Vec<i64>>,
}

impl DeclaredValue {
    /// A float32 value.
    pub(crate) fn float(name: &str, shape: Option<Vec<i64>>) -> Self {
        Self { name: name.into(), element: FLOAT, shape }
    }

    pub(super) fn of(value: ValueInfoProto) -> Self {
        let tensor = value.kind.and_then(|kind| kind.tensor_type);
        let (element, shape) = tensor.map(|tensor| (tensor.elem_type, tensor.shape)).unwrap_or_default();
        let size = |dim: DimensionProto| dim.dim_value.filter(|size| *size >= 0).unwrap_or(-1);
        Self {
            name: value.name.unwrap_or_default(),
            element: element.unwrap_or_default(),
            shape: shape.map(|shape| shape.dim.into_iter().map(size).collect()),
        }
    }

    /// The value as a file declares it, with the name `N` for a first size that is not fixed.
    pub(super) fn to_proto(&self) -> ValueInfoProto {
        let dim = |(axis, size): (usize, &i64)| match size {
            0.. => DimensionProto { dim_value: Some(*size), dim_param: None },
            _ => DimensionProto { dim_value: None, dim_param: (axis == 0).then(|| "N".into()) },
        };
        let shape = self.shape.as_ref();
        let shape = shape.map(|shape| TensorShapeProto { dim: shape.iter().enumerate().map(dim).collect() });
        let tensor = TensorTypeProto { elem_type: Some(self.element), shape };
        ValueInfoProto { name: Some(self.name.clone()), kind: Some(TypeProto { tensor_type: Some(tensor) }) }
    }
}
