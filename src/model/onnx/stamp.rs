//! Puts a model card into the bytes of an ONNX model.

use prost::Message;

use super::build::card_entry;
use super::proto::{ModelProto, StringStringEntryProto};
use crate::model::card::Card;

/// The number of the field of `ModelProto` that holds the graph.
const GRAPH_FIELD: u64 = 7;
/// The number of the field of `ModelProto` that holds the metadata.
const METADATA_FIELD: u64 = 14;

/// Why no card can be put into a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// The bytes are not a sequence of protobuf fields.
    #[error("it is not an ONNX file, or it is damaged: byte {at} {why}; export the model again")]
    Damaged {
        /// The index of the byte at which the wrong field starts.
        at: usize,
        /// What is wrong with the field, as the rest of a sentence about the byte.
        why: &'static str,
    },
    /// The fields are valid, but none of them is a graph.
    #[error("it contains no graph, so it is not an ONNX model; give an .onnx file")]
    NoGraph,
}

/// Returns the bytes of an ONNX model with a card, which replaces an earlier one. All other bytes stay as
/// they are.
///
/// # Errors
/// [`StampError`] if the bytes are not those of an ONNX model.
pub fn stamp(model: &[u8], card_json: &str) -> Result<Vec<u8>, StampError> {
    let mut stamped = Vec::with_capacity(model.len() + card_json.len() + 64);
    let (mut at, mut has_graph) = (0, false);
    while at < model.len() {
        let field = read_field(model, at)?;
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
    let card = ModelProto { metadata_props: vec![card_entry(card_json)], ..Default::default() };
    stamped.extend(card.encode_to_vec());
    Ok(stamped)
}

/// A field of a protobuf message.
struct ProtoField<'a> {
    number: u64,
    /// The content of a field with a length, such as a text or a message; empty for numbers.
    content: &'a [u8],
    /// The index of the byte after the field.
    end: usize,
}

/// Reads the field that starts at index `at`.
fn read_field(bytes: &[u8], at: usize) -> Result<ProtoField<'_>, StampError> {
    let damaged = |why| StampError::Damaged { at, why };
    let (tag, start) = read_varint(bytes, at).ok_or(damaged("does not begin a field"))?;
    // The lowest three bits of the tag are the wire type: varint, 64 bits, bytes with a length, or 32 bits.
    let (start, length) = match tag & 7 {
        0 => (start, read_varint(bytes, start).map(|(_, end)| end - start)),
        1 => (start, Some(8)),
        2 => match read_varint(bytes, start) {
            Some((length, start)) => (start, usize::try_from(length).ok()),
            None => (start, None),
        },
        5 => (start, Some(4)),
        _ => return Err(damaged("begins a field of a type that ONNX files do not have")),
    };
    let end = length.and_then(|length| start.checked_add(length)).filter(|end| *end <= bytes.len());
    let end = end.ok_or(damaged("begins a field that goes past the end of the file"))?;
    if tag >> 3 == 0 {
        return Err(damaged("begins a field with the number 0"));
    }
    let content = if tag & 7 == 2 { bytes.get(start..end).unwrap_or_default() } else { &[] };
    Ok(ProtoField { number: tag >> 3, content, end })
}

/// Reads the variable-length integer that starts at index `at`; also returns the index of the byte after it.
fn read_varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
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
    use crate::model::onnx::GraphProto;

    fn model() -> ModelProto {
        let other = StringStringEntryProto { key: Some("author".into()), value: Some("me".into()) };
        ModelProto { graph: Some(GraphProto::default()), metadata_props: vec![other], ..Default::default() }
    }

    fn cards(bytes: &[u8]) -> Vec<String> {
        let metadata = ModelProto::decode(bytes).unwrap().metadata_props;
        metadata.into_iter().filter(|e| e.key.as_deref() == Some(Card::KEY)).filter_map(|e| e.value).collect()
    }

    #[test]
    fn a_card_replaces_an_earlier_one_and_every_other_byte_is_kept() {
        let mut bytes = model().encode_to_vec();
        // A field that this crate does not know: number 100, 4 bytes.
        bytes.extend([0xa5, 0x06, 1, 2, 3, 4]);
        let once = stamp(&bytes, "one").unwrap();
        assert_eq!(once[..bytes.len()], bytes);
        let twice = stamp(&once, "two").unwrap();
        assert_eq!(cards(&twice), ["two"]);
        assert_eq!(twice[..bytes.len()], bytes);
    }

    #[test]
    fn bytes_that_are_not_an_onnx_model_are_an_error() {
        let bytes = stamp(&model().encode_to_vec(), "{}").unwrap();
        let cut = stamp(&bytes[..bytes.len() - 1], "{}").unwrap_err().to_string();
        assert!(cut.contains("goes past the end"), "{cut}");
        assert_eq!(stamp(b"", "{}"), Err(StampError::NoGraph));
        for junk in [&b"PK\x03\x04 zip"[..], b"{\"json\": 1}", &[0xff; 40], &[0, 0]] {
            assert!(stamp(junk, "{}").is_err());
        }
    }
}
