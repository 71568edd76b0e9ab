//! Reads and writes the wire format of protobuf, field by field, whatever the fields mean.
//!
//! What is changed in this way keeps every field that this crate does not know.

use super::error::StampError;

/// A field of a protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProtoField<'a> {
    /// The number of the field.
    pub(super) number: u64,
    /// The index of its first byte in the message.
    pub(super) start: usize,
    /// The index of the byte after it.
    pub(super) end: usize,
    /// All its bytes.
    pub(super) bytes: &'a [u8],
    /// What a field with a length holds, such as a text or a message; `None` for numbers.
    pub(super) content: Option<&'a [u8]>,
}

/// The fields of a message in their order, up to the first one that is damaged.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Result<ProtoField<'_>, StampError>> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let at = next.filter(|at| *at < message.len())?;
        let field = read_field(message, at);
        next = field.as_ref().ok().map(|field| field.end);
        Some(field)
    })
}

/// Appends a field with a length to a message.
pub(super) fn append_field(message: &mut Vec<u8>, number: u64, content: &[u8]) {
    append_varint(message, number << 3 | 2);
    append_varint(message, content.len() as u64);
    message.extend_from_slice(content);
}

fn append_varint(message: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        message.push(value as u8 | 128);
        value >>= 7;
    }
    message.push(value as u8);
}

/// Reads the field that starts at index `at`.
fn read_field(message: &[u8], at: usize) -> Result<ProtoField<'_>, StampError> {
    let damaged = |why| StampError::Damaged { at, why };
    let (tag, start) = read_varint(message, at).ok_or(damaged("does not begin a field"))?;
    // The lowest three bits of the tag are the wire type: varint, 64 bits, bytes with a length, or 32 bits.
    let (start, length) = match tag & 7 {
        0 => (start, read_varint(message, start).map(|(_, end)| end - start)),
        1 => (start, Some(8)),
        2 => match read_varint(message, start) {
            Some((length, start)) => (start, usize::try_from(length).ok()),
            None => (start, None),
        },
        5 => (start, Some(4)),
        _ => return Err(damaged("begins a field of a type that ONNX files do not have")),
    };
    let end = length.and_then(|length| start.checked_add(length)).filter(|end| *end <= message.len());
    let end = end.ok_or(damaged("begins a field that goes past the end of the file"))?;
    if tag >> 3 == 0 {
        return Err(damaged("begins a field with the number 0"));
    }
    let content = if tag & 7 == 2 { message.get(start..end) } else { None };
    let bytes = message.get(at..end).unwrap_or_default();
    Ok(ProtoField { number: tag >> 3, start: at, end, bytes, content })
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

    #[test]
    fn fields_are_read_as_they_were_written_up_to_the_first_damaged_one() {
        let mut message = Vec::new();
        append_field(&mut message, 7, &[1; 300]);
        // Field 1 is the number 150, field 2 has 4 bytes.
        message.extend([0x08, 0x96, 0x01, 0x15, 1, 2, 3, 4]);
        append_field(&mut message, 100, b"");
        let read: Vec<_> = fields(&message).map(Result::unwrap).collect();
        let contents: Vec<_> =
            read.iter().map(|field| (field.number, field.content.map(<[u8]>::len))).collect();
        assert_eq!(contents, [(7, Some(300)), (1, None), (2, None), (100, Some(0))]);
        assert_eq!(read.iter().flat_map(|field| field.bytes).copied().collect::<Vec<_>>(), message);
        message.extend([0x0a, 5, 1]);
        let last: Vec<_> = fields(&message).collect();
        assert_eq!((last.len(), last[4].is_err()), (5, true));
    }
}
