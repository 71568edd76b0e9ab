//! Builds the parts of an ONNX file: operators, attributes, constants, inputs and outputs.

use prost::Message;

use super::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TrainingInfoProto, TypeProto,
    ValueInfoProto,
};
use crate::model::card::Card;

/// The type of float32 tensors, `TensorProto.DataType.FLOAT`.
pub(crate) const FLOAT: i32 = 1;
/// The type of int64 tensors, `TensorProto.DataType.INT64`.
pub(crate) const INT64: i32 = 7;
/// The type of int32 tensors, `TensorProto.DataType.INT32`.
pub(crate) const INT32: i32 = 6;
/// The type of float16 tensors, `TensorProto.DataType.FLOAT16`.
pub(crate) const FLOAT16: i32 = 10;
/// The type of float64 tensors, `TensorProto.DataType.DOUBLE`.
pub(crate) const DOUBLE: i32 = 11;
/// The type of attributes with one integer, `AttributeProto.AttributeType.INT`.
const ATTRIBUTE_INT: i32 = 2;
/// The type of attributes with a tensor, `AttributeProto.AttributeType.TENSOR`.
const ATTRIBUTE_TENSOR: i32 = 4;
/// The type of attributes with several integers, `AttributeProto.AttributeType.INTS`.
const ATTRIBUTE_INTS: i32 = 7;

/// The name of the graph that holds the constants for further training.
const TRAINING: &str = "further training";

/// Encodes an ONNX file with a graph, a model card and constants for further training, in IR version 8 with opset 17.
///
/// Equal arguments give equal bytes.
pub(crate) fn file(graph: GraphProto, card: &Card, training: Vec<TensorProto>) -> Vec<u8> {
    let further = GraphProto { name: Some(TRAINING.into()), initializer: training, ..Default::default() };
    let further = Some(further).filter(|further| !further.initializer.is_empty());
    let opset = OperatorSetIdProto { domain: Some(String::new()), version: Some(17) };
    let model = ModelProto {
        ir_version: Some(8),
        producer_name: Some("underfoot".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        graph: Some(graph),
        opset_import: vec![opset],
        metadata_props: vec![card_entry(&card.to_json())],
        training_info: further
            .map(|graph| TrainingInfoProto { algorithm: Some(graph) })
            .into_iter()
            .collect(),
    };
    model.encode_to_vec()
}

/// The entry of the metadata that holds a model card.
pub(super) fn card_entry(card_json: &str) -> StringStringEntryProto {
    StringStringEntryProto { key: Some(Card::KEY.into()), value: Some(card_json.into()) }
}

/// An operator of this type, such as `MatMul`, with the names of its inputs and outputs, and its attributes.
pub(crate) fn node(kind: &str, input: &[&str], output: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    let to_strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        input: to_strings(input),
        output: to_strings(output),
        // The name of the first output is unique, because no other node has an output with this name.
        name: output.first().map(|name| (*name).to_owned()),
        op_type: Some(kind.into()),
        attribute,
    }
}

/// An attribute with one integer.
pub(crate) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        i: Some(value),
        kind: Some(ATTRIBUTE_INT),
        ..Default::default()
    }
}

/// An attribute with several integers.
pub(crate) fn integers_attribute(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        ints: values.to_vec(),
        kind: Some(ATTRIBUTE_INTS),
        ..Default::default()
    }
}

/// An attribute with a tensor.
pub(crate) fn tensor_attribute(name: &str, value: TensorProto) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        t: Some(value),
        kind: Some(ATTRIBUTE_TENSOR),
        ..Default::default()
    }
}

fn tensor(name: &str, sizes: &[usize], data_type: i32, bytes: Vec<u8>) -> TensorProto {
    TensorProto {
        dims: sizes.iter().map(|size| *size as i64).collect(),
        data_type: Some(data_type),
        name: Some(name.into()),
        raw_data: Some(bytes),
    }
}

/// A constant tensor of float32 values, row-major, with these sizes.
pub(crate) fn floats(name: &str, sizes: &[usize], values: &[f32]) -> TensorProto {
    tensor(name, sizes, FLOAT, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A constant tensor of float64 values, row-major, with these sizes.
pub(crate) fn doubles(name: &str, sizes: &[usize], values: &[f64]) -> TensorProto {
    tensor(name, sizes, DOUBLE, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A constant vector of int64 values.
pub(crate) fn integers(name: &str, values: &[i64]) -> TensorProto {
    integer_tensor(name, &[values.len()], values)
}

/// A constant tensor of int64 values, row-major, with these sizes.
pub(crate) fn integer_tensor(name: &str, sizes: &[usize], values: &[i64]) -> TensorProto {
    tensor(name, sizes, INT64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// An input or output of float32 values with the shape [N, sizes…], where N is the number of windows in a
/// run.
pub(crate) fn value(name: &str, sizes: &[usize]) -> ValueInfoProto {
    let free = DimensionProto { dim_param: Some("N".into()), dim_value: None };
    let fixed = sizes.iter().map(|size| DimensionProto { dim_value: Some(*size as i64), dim_param: None });
    let shape = TensorShapeProto { dim: [free].into_iter().chain(fixed).collect() };
    let tensor = TensorTypeProto { elem_type: Some(FLOAT), shape: Some(shape) };
    ValueInfoProto { name: Some(name.into()), kind: Some(TypeProto { tensor_type: Some(tensor) }) }
}
