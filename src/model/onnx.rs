//! ONNX files: the messages that one is made of, and putting a card into any.
//!
//! The messages are those of `onnx.proto` (ONNX 1.13, IR version 8), with the fields that are used here alone.

use prost::Message;

use super::card::Card;

const FLOAT: i32 = 1;
const INT64: i32 = 7;
const ATTRIBUTE_INT: i32 = 2;
const ATTRIBUTE_INTS: i32 = 7;
/// The field of `ModelProto` that holds the graph.
const GRAPH_FIELD: u64 = 7;
/// The field of `ModelProto` that holds the metadata.
const METADATA_FIELD: u64 = 14;

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(int64, optional, tag = "1")]
    ir_version: Option<i64>,
    #[prost(string, optional, tag = "2")]
    producer_name: Option<String>,
    #[prost(string, optional, tag = "3")]
    producer_version: Option<String>,
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "14")]
    metadata_props: Vec<StringStringEntryProto>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSetIdProto {
    #[prost(string, optional, tag = "1")]
    domain: Option<String>,
    #[prost(int64, optional, tag = "2")]
    version: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct StringStringEntryProto {
    #[prost(string, optional, tag = "1")]
    key: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<NodeProto>,
    #[prost(string, optional, tag = "2")]
    pub(crate) name: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, optional, tag = "3")]
    name: Option<String>,
    #[prost(string, optional, tag = "4")]
    op_type: Option<String>,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributeProto {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(int64, optional, tag = "3")]
    i: Option<i64>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    ints: Vec<i64>,
    #[prost(int32, optional, tag = "20")]
    kind: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, optional, tag = "2")]
    data_type: Option<i32>,
    #[prost(string, optional, tag = "8")]
    name: Option<String>,
    #[prost(bytes = "vec", optional, tag = "9")]
    raw_data: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfoProto {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(message, optional, tag = "2")]
    kind: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TypeProto {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorTypeProto {
    #[prost(int32, optional, tag = "1")]
    elem_type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<DimensionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    dim_param: Option<String>,
}

/// An ONNX model file of this graph with its card: IR version 8, opset 17; the same arguments give the same bytes.
pub(crate) fn file(graph: GraphProto, card: &Card) -> Vec<u8> {
    let opset = OperatorSetIdProto { domain: Some(String::new()), version: Some(17) };
    let metadata = StringStringEntryProto { key: Some(Card::KEY.into()), value: Some(card.to_json()) };
    let model = ModelProto {
        ir_version: Some(8),
        producer_name: Some("underfoot".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        graph: Some(graph),
        opset_import: vec![opset],
        metadata_props: vec![metadata],
    };
    model.encode_to_vec()
}

/// An operator with its inputs, outputs and attributes.
pub(crate) fn node(kind: &str, input: &[&str], output: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        input: texts(input),
        output: texts(output),
        // Named after what it gives, which no other node does.
        name: output.first().map(|name| (*name).to_owned()),
        op_type: Some(kind.into()),
        attribute,
    }
}

/// An attribute of one whole number.
pub(crate) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        i: Some(value),
        kind: Some(ATTRIBUTE_INT),
        ..Default::default()
    }
}

/// An attribute of whole numbers.
pub(crate) fn integers_of(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        ints: values.to_vec(),
        kind: Some(ATTRIBUTE_INTS),
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

/// Constant numbers, of these sizes.
pub(crate) fn floats(name: &str, sizes: &[usize], values: &[f32]) -> TensorProto {
    tensor(name, sizes, FLOAT, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// Constant whole numbers.
pub(crate) fn integers(name: &str, values: &[i64]) -> TensorProto {
    table(name, &[values.len()], values)
}

/// Constant whole numbers, of these sizes.
pub(crate) fn table(name: &str, sizes: &[usize], values: &[i64]) -> TensorProto {
    tensor(name, sizes, INT64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A value of N rows of these sizes.
pub(crate) fn value(name: &str, sizes: &[usize]) -> ValueInfoProto {
    let free = DimensionProto { dim_param: Some("N".into()), dim_value: None };
    let fixed = sizes.iter().map(|size| DimensionProto { dim_value: Some(*size as i64), dim_param: None });
    let shape = TensorShapeProto { dim: [free].into_iter().chain(fixed).collect() };
    let tensor = TensorTypeProto { elem_type: Some(FLOAT), shape: Some(shape) };
    ValueInfoProto { name: Some(name.into()), kind: Some(TypeProto { tensor_type: Some(tensor) }) }
}

/// Why a file cannot be stamped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// The bytes do not follow one another as an ONNX file's do.
    #[error("it is no ONNX file, or a damaged one: byte {at} {why}; export the model again")]
    Damaged {
        /// Where.
        at: usize,
        /// What is wrong there.
        why: &'static str,
    },
    /// Well-formed, but without a graph.
    #[error("it is no ONNX model: there is no graph in it; give an .onnx file")]
    NoGraph,
}

/// Puts a card into an ONNX model, in place of an earlier one. Every other byte stays as it is.
///
/// # Errors
/// [`StampError`] where the bytes are not those of an ONNX model.
pub fn stamp(model: &[u8], card_json: &str) -> Result<Vec<u8>, StampError> {
    let mut stamped = Vec::with_capacity(model.len() + card_json.len() + 64);
    let (mut at, mut has_graph) = (0, false);
    while at < model.len() {
        let field = field(model, at)?;
        has_graph |= field.number == GRAPH_FIELD;
        let is_card = field.number == METADATA_FIELD
            && StringStringEntryProto::decode(field.content)
                .is_ok_and(|entry| entry.key.as_deref() == Some(Card::KEY));
        if !is_card {
            stamped.extend_from_slice(model.get(at..field.end).unwrap_or_default());
        }
        at = field.end;
    }
    if !has_graph {
        return Err(StampError::NoGraph);
    }
    let entry = StringStringEntryProto { key: Some(Card::KEY.into()), value: Some(card_json.into()) };
    let card = ModelProto { metadata_props: vec![entry], ..Default::default() };
    stamped.extend(card.encode_to_vec());
    Ok(stamped)
}

/// One field of a message.
struct Field<'a> {
    number: u64,
    /// Of a field that has a length; empty otherwise.
    content: &'a [u8],
    end: usize,
}

fn field(bytes: &[u8], at: usize) -> Result<Field<'_>, StampError> {
    let damaged = |why| StampError::Damaged { at, why };
    let (tag, start) = varint(bytes, at).ok_or(damaged("does not begin a field"))?;
    let (start, length) = match tag & 7 {
        0 => (start, varint(bytes, start).map(|(_, end)| end - start)),
        1 => (start, Some(8)),
        2 => match varint(bytes, start) {
            Some((length, start)) => (start, usize::try_from(length).ok()),
            None => (start, None),
        },
        5 => (start, Some(4)),
        _ => return Err(damaged("begins a field of a kind that no ONNX file has")),
    };
    let end = length.and_then(|length| start.checked_add(length)).filter(|end| *end <= bytes.len());
    let end = end.ok_or(damaged("begins a field that goes past the end"))?;
    if tag >> 3 == 0 {
        return Err(damaged("begins a field of number 0"));
    }
    let content = if tag & 7 == 2 { bytes.get(start..end).unwrap_or_default() } else { &[] };
    Ok(Field { number: tag >> 3, content, end })
}

/// A variable-length integer, and where it ends.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.get(at..)?.iter().take(10).enumerate() {
        value |= u64::from(byte & 127) << (7 * index);
        if byte & 128 == 0 {
            return Some((value, at + index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> ModelProto {
        let other = StringStringEntryProto { key: Some("author".into()), value: Some("me".into()) };
        ModelProto { graph: Some(GraphProto::default()), metadata_props: vec![other], ..Default::default() }
    }

    fn cards(bytes: &[u8]) -> Vec<String> {
        let metadata = ModelProto::decode(bytes).unwrap().metadata_props;
        metadata.into_iter().filter(|e| e.key.as_deref() == Some(Card::KEY)).filter_map(|e| e.value).collect()
    }

    #[test]
    fn a_stamp_replaces_an_earlier_card_and_keeps_every_other_byte() {
        let mut bytes = model().encode_to_vec();
        // A field that this crate knows nothing of: number 100, 4 bytes.
        bytes.extend([0xa5, 0x06, 1, 2, 3, 4]);
        let once = stamp(&bytes, "one").unwrap();
        assert_eq!(once[..bytes.len()], bytes);
        let twice = stamp(&once, "two").unwrap();
        assert_eq!(cards(&twice), ["two"]);
        assert_eq!(twice[..bytes.len()], bytes);
    }

    #[test]
    fn what_is_no_onnx_file_is_refused() {
        let bytes = stamp(&model().encode_to_vec(), "{}").unwrap();
        let cut = stamp(&bytes[..bytes.len() - 1], "{}").unwrap_err().to_string();
        assert!(cut.contains("goes past the end"), "{cut}");
        assert_eq!(stamp(b"", "{}"), Err(StampError::NoGraph));
        for junk in [&b"PK\x03\x04 zip"[..], b"{\"json\": 1}", &[0xff; 40], &[0, 0]] {
            assert!(stamp(junk, "{}").is_err());
        }
    }
}
