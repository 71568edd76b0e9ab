//! Puts a model card into the bytes of an ONNX model.

use prost::Message;

use super::build::card_entry;
use super::error::StampError;
use super::proto::{ModelProto, StringStringEntryProto};
use super::wire::fields;
use crate::model::card::Card;

/// The number of the field of `ModelProto` that holds the graph.
const GRAPH_FIELD: u64 = 7;
/// The number of the field of `ModelProto` that holds the metadata.
const METADATA_FIELD: u64 = 14;

/// Returns the bytes of an ONNX model with a card, which replaces an earlier one. All other bytes stay as
/// they are.
///
/// # Errors
/// [`StampError`] if the bytes are not those of an ONNX model.
pub fn stamp(model: &[u8], card_json: &str) -> Result<Vec<u8>, StampError> {
    let mut stamped = Vec::with_capacity(model.len() + card_json.len() + 64);
    let mut has_graph = false;
    for field in fields(model) {
        let field = field?;
        has_graph |= field.number == GRAPH_FIELD;
        let is_card = field.number == METADATA_FIELD
            && StringStringEntryProto::decode(field.content.unwrap_or_default())
                .is_ok_and(|entry| entry.key.as_deref() == Some(Card::KEY));
        if !is_card {
            stamped.extend_from_slice(field.bytes);
        }
    }
    if !has_graph {
        return Err(StampError::NoGraph);
    }
    let card = ModelProto { metadata_props: vec![card_entry(card_json)], ..Default::default() };
    stamped.extend(card.encode_to_vec());
    Ok(stamped)
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
