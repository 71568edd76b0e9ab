//! A field of the graph in an ONNX file.

use std::borrow::Cow;
use std::ops::Range;

use prost::Message;

use super::declared::DeclaredValue;
use super::proto::ValueInfoProto;
use super::wire::{ProtoField, append_field};

/// A field of a graph, as it is in the file or as it was changed.
#[derive(Clone, Debug)]
pub(super) struct GraphField<'a> {
    /// The number of the field in `GraphProto`.
    pub(super) number: u64,
    /// All bytes of the field.
    pub(super) bytes: Cow<'a, [u8]>,
    /// Where in these bytes the content of a field with a length is; empty for numbers.
    content: Range<usize>,
}

impl<'a> GraphField<'a> {
    /// The field as it is in the file.
    pub(super) fn of(field: ProtoField<'a>) -> Self {
        let length = field.content.map_or(0, <[u8]>::len);
        let end = field.bytes.len();
        Self { number: field.number, bytes: field.bytes.into(), content: end - length..end }
    }

    /// A field with a length and this content.
    pub(super) fn new(number: u64, content: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(content.len() + 12);
        append_field(&mut bytes, number, content);
        let end = bytes.len();
        Self { number, bytes: bytes.into(), content: end - content.len()..end }
    }

    /// What a field with a length holds; empty for numbers.
    pub(super) fn content(&self) -> &[u8] {
        self.bytes.get(self.content.clone()).unwrap_or_default()
    }

    /// The input or output in this field; `None` if it cannot be decoded.
    pub(super) fn value(&self) -> Option<DeclaredValue> {
        ValueInfoProto::decode(self.content()).ok().map(DeclaredValue::of)
    }

    /// Whether it is an input or output, by the number of the field, with this name.
    pub(super) fn is_value(&self, number: u64, name: &str) -> bool {
        self.number == number && self.value().is_some_and(|value| value.name == name)
    }
}
