//! Takes weights that an ONNX model keeps in other files into the model.

use prost::Message;

use super::error::StampError;
use super::external::EXTERNAL;
use super::message_kind::MessageKind;
use super::proto::StringStringEntryProto;
use super::wire::{append_field, fields};
use crate::model::card_text::quoted;

/// The most bytes that a protobuf message, and so an ONNX file, may have: 2 GiB less one.
const MAX_FILE: u64 = i32::MAX as u64;
/// The number of the field of `TensorProto` with its values.
const RAW_DATA: u64 = 9;
/// The numbers of the fields of `TensorProto` with the other file, and with where its values are.
const EXTERNAL_FIELDS: [u64; 2] = [13, 14];

/// Where in other files the values of a tensor are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WeightsPlace {
    /// The name of the file, relative to the folder of the model.
    pub(crate) file: String,
    /// The index of the first byte of the values in the file.
    pub(crate) offset: u64,
    /// The number of bytes; `None` if it is all of the file from `offset` on.
    pub(crate) length: Option<u64>,
    /// The most bytes that the model has room for.
    pub(crate) room: u64,
}

/// A tensor, apart from its values.
#[derive(Clone, PartialEq, Message)]
struct TensorOutline {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, optional, tag = "2")]
    data_type: Option<i32>,
    #[prost(string, optional, tag = "8")]
    name: Option<String>,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<StringStringEntryProto>,
    #[prost(int32, optional, tag = "14")]
    data_location: Option<i32>,
}

/// Returns an ONNX model in which the values of all tensors are inside, or `None` if they already are. `read` returns the
/// bytes at a place, or what is wrong with the file there, as the rest of a sentence about it. Everything else in the
/// model stays as it is.
///
/// # Errors
/// [`StampError::Damaged`] if the model is damaged, and [`StampError::Weights`] if values cannot be read, are not as
/// many as the sizes of their tensor say, or would make the model larger than 2 GiB.
pub(crate) fn embed_weights(
    model: &[u8],
    read: &mut dyn FnMut(&WeightsPlace) -> Result<Vec<u8>, String>,
) -> Result<Option<Vec<u8>>, StampError> {
    let mut room = MAX_FILE.saturating_sub(model.len() as u64);
    MessageKind::Model.rewrite(model, &mut |kind, message| {
        if kind != MessageKind::Tensor {
            return Ok(None);
        }
        let Some((outline, place)) = outside(message, room)? else { return Ok(None) };
        let failed = |why: String| StampError::Weights {
            tensor: quoted(outline.name.as_deref().unwrap_or_default()),
            file: quoted(&place.file),
            why,
        };
        let place = outline.place_of_values(&place).map_err(failed)?;
        let values = read(&place).map_err(failed)?;
        room = room.saturating_sub(values.len() as u64);
        let mut tensor = Vec::with_capacity(message.len() + values.len() + 16);
        for field in fields(message) {
            let field = field?;
            if field.number != RAW_DATA && !EXTERNAL_FIELDS.contains(&field.number) {
                tensor.extend_from_slice(field.bytes);
            }
        }
        append_field(&mut tensor, RAW_DATA, &values);
        Ok(Some(tensor))
    })
}

/// The outline of a tensor whose values are in another file, and their place as the model states it. `None` if its
/// values are inside.
fn outside(tensor: &[u8], room: u64) -> Result<Option<(TensorOutline, WeightsPlace)>, StampError> {
    let damaged = |_| StampError::Damaged { at: 0, why: "begins a tensor that is damaged" };
    let outline = TensorOutline::decode(tensor).map_err(damaged)?;
    if outline.data_location != Some(EXTERNAL) && outline.external_data.is_empty() {
        return Ok(None);
    }
    let entry = |key: &str| {
        let entry = outline.external_data.iter().find(|entry| entry.key.as_deref() == Some(key));
        entry.and_then(|entry| entry.value.clone())
    };
    let file = entry("location").unwrap_or_default();
    let number = |key: &str| match entry(key).map(|text| text.trim().parse::<u64>()) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(StampError::Weights {
            tensor: quoted(outline.name.as_deref().unwrap_or_default()),
            file: quoted(&file),
            why: format!(
                "has no {key} {} for it (it must be a number of bytes)",
                quoted(&entry(key).unwrap_or_default())
            ),
        }),
    };
    let (offset, length) = (number("offset")?.unwrap_or_default(), number("length")?);
    Ok(Some((outline.clone(), WeightsPlace { file, offset, length, room })))
}

impl TensorOutline {
    /// The place of the values, with the length that follows from the sizes of the tensor. The error is the rest of a
    /// sentence about the file.
    fn place_of_values(&self, stated: &WeightsPlace) -> Result<WeightsPlace, String> {
        let needed = self.bytes()?;
        if let (Some(needed), Some(length)) = (needed, stated.length)
            && needed != length
        {
            return Err(format!("holds {length} bytes of it, and its sizes {:?} need {needed}", self.dims));
        }
        let length = stated.length.or(needed);
        if length.is_some_and(|length| length > stated.room) {
            return Err(format!(
                "holds {} bytes of it, with which the model would have more than the 2 GiB of an ONNX file",
                length.unwrap_or_default()
            ));
        }
        Ok(WeightsPlace { length, ..stated.clone() })
    }

    /// The number of bytes that the values take; `None` if the type of the values is not known here.
    fn bytes(&self) -> Result<Option<u64>, String> {
        // By the numbers of `TensorProto.DataType`.
        let bits: u64 = match self.data_type.unwrap_or_default() {
            15 => 128,
            7 | 11 | 13 | 14 => 64,
            1 | 6 | 12 => 32,
            4 | 5 | 10 | 16 => 16,
            2 | 3 | 9 | 17..=20 => 8,
            21..=23 => 4,
            _ => return Ok(None),
        };
        let size = |size: &i64| u64::try_from(*size).ok();
        let count = self.dims.iter().try_fold(1u64, |count, dim| count.checked_mul(size(dim)?));
        let bits = count.and_then(|count| count.checked_mul(bits));
        let wrong = || format!("cannot hold a tensor with the sizes {:?}", self.dims);
        Ok(Some(bits.ok_or_else(wrong)?.div_ceil(8)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::onnx::external_weights;

    /// A model with the weights `w`: float32 [2] in the file `net.data`, with these entries.
    fn model(entries: &[(&str, &str)]) -> Vec<u8> {
        let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
            key: Some((*key).into()),
            value: Some((*value).into()),
        };
        let outline = TensorOutline {
            dims: vec![2],
            data_type: Some(1),
            name: Some("w".into()),
            external_data: [("location", "net.data")].iter().chain(entries).map(entry).collect(),
            data_location: Some(EXTERNAL),
        };
        let mut graph = Vec::new();
        append_field(&mut graph, 5, &outline.encode_to_vec());
        let mut model = Vec::new();
        append_field(&mut model, 7, &graph);
        // A field that this crate does not know.
        model.extend([0xa5, 0x06, 1, 2, 3, 4]);
        model
    }

    #[test]
    fn values_in_another_file_are_taken_in_and_all_else_is_kept() {
        let model = model(&[("offset", "16"), ("checksum", "0")]);
        let mut asked = Vec::new();
        let embedded = embed_weights(&model, &mut |place| {
            asked.push(place.clone());
            Ok([1.5f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect())
        });
        let embedded = embedded.unwrap().unwrap();
        let room = MAX_FILE - model.len() as u64;
        assert_eq!(asked, [WeightsPlace { file: "net.data".into(), offset: 16, length: Some(8), room }]);
        assert_eq!(external_weights(&embedded), Vec::<String>::new());
        assert!(embedded.ends_with(&[0xa5, 0x06, 1, 2, 3, 4]));
        let file = crate::model::onnx::OnnxFile::parse(&embedded).unwrap();
        assert_eq!(file.graph.initializer[0].float_values().unwrap(), [1.5, -2.0]);
        assert_eq!(embed_weights(&embedded, &mut |_| Err("is not read".into())), Ok(None));
    }

    #[test]
    fn values_that_do_not_fit_the_sizes_of_their_tensor_are_not_read() {
        for (entries, expected) in [
            (&[("length", "12")][..], "holds 12 bytes of it, and its sizes [2] need 8"),
            (&[("offset", "-1")], "has no offset \"-1\""),
            (&[("length", "99999999999999999999999")], "has no length \"999"),
        ] {
            let error = embed_weights(&model(entries), &mut |_| panic!("it is read")).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(expected) && error.contains("external_data=False"), "{error}");
        }
        let huge = TensorOutline { dims: vec![i64::MAX, 3], data_type: Some(1), ..Default::default() };
        assert!(huge.bytes().unwrap_err().contains("cannot hold a tensor"));
        let large = TensorOutline { dims: vec![1 << 30], ..huge };
        let place = WeightsPlace { file: String::new(), offset: 0, length: None, room: MAX_FILE };
        assert!(large.place_of_values(&place).unwrap_err().contains("more than the 2 GiB"));
    }
}
