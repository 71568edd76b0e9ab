//! Reads the bytes of a message: CDR, the encoding of DDS (OMG DDSI-RTPS 2.5, 10; OMG DDS-XTypes 1.3, 7.4).

use super::definition::NumberKind;

/// What comes before the data: two bytes that name the representation, and two of options.
const HEADER: usize = 4;

/// Reads values one after the other.
#[derive(Clone, Debug)]
pub(super) struct CdrReader<'a> {
    /// The bytes after the header; values are aligned from here on.
    bytes: &'a [u8],
    position: usize,
    is_big_endian: bool,
    /// The largest alignment, in bytes: 8, or 4 in the second version of the encoding.
    alignment: usize,
}

/// Why the bytes of a message are none of its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CdrError {
    /// The representation is none that is known.
    Representation([u8; 2]),
    /// The message ends in the middle of a value.
    Short,
}

impl<'a> CdrReader<'a> {
    /// Begins to read a message.
    ///
    /// # Errors
    /// [`CdrError`] if it has no header, or is in another representation.
    pub(super) fn new(message: &'a [u8]) -> Result<Self, CdrError> {
        let (header, bytes) = message.split_first_chunk::<HEADER>().ok_or(CdrError::Short)?;
        let (is_big_endian, alignment) = match header {
            [0, 0, ..] => (true, 8),
            [0, 1, ..] => (false, 8),
            [0, 6, ..] => (true, 4),
            [0, 7, ..] => (false, 4),
            [first, second, ..] => return Err(CdrError::Representation([*first, *second])),
        };
        Ok(Self { bytes, position: 0, is_big_endian, alignment })
    }

    /// Reads a number.
    ///
    /// # Errors
    /// [`CdrError::Short`] if the message has ended.
    pub(super) fn number(&mut self, kind: NumberKind) -> Result<f64, CdrError> {
        Ok(match kind {
            NumberKind::Bool => f64::from(u8::from(self.take::<1>()? != [0])),
            NumberKind::I8 => f64::from(i8::from_le_bytes(self.take()?)),
            NumberKind::U8 => f64::from(u8::from_le_bytes(self.take()?)),
            NumberKind::I16 => f64::from(i16::from_le_bytes(self.take()?)),
            NumberKind::U16 => f64::from(u16::from_le_bytes(self.take()?)),
            NumberKind::I32 => f64::from(i32::from_le_bytes(self.take()?)),
            NumberKind::U32 => f64::from(u32::from_le_bytes(self.take()?)),
            NumberKind::I64 => i64::from_le_bytes(self.take()?) as f64,
            NumberKind::U64 => u64::from_le_bytes(self.take()?) as f64,
            NumberKind::F32 => f64::from(f32::from_le_bytes(self.take()?)),
            NumberKind::F64 => f64::from_le_bytes(self.take()?),
        })
    }

    /// Passes over so many numbers.
    ///
    /// # Errors
    /// [`CdrError::Short`] if there are fewer.
    pub(super) fn skip(&mut self, kind: NumberKind, count: usize) -> Result<(), CdrError> {
        if count > 0 {
            self.align(kind.size());
            let bytes = kind.size().checked_mul(count).ok_or(CdrError::Short)?;
            self.advance(bytes)?;
        }
        Ok(())
    }

    /// Reads the length of a list.
    ///
    /// # Errors
    /// [`CdrError::Short`] if the message is shorter than a list of so many elements, each of at least one byte.
    pub(super) fn length(&mut self) -> Result<usize, CdrError> {
        let length = u32::from_le_bytes(self.take()?);
        usize::try_from(length).ok().filter(|length| *length <= self.left()).ok_or(CdrError::Short)
    }

    /// Reads a text, without the zero byte at its end.
    ///
    /// # Errors
    /// [`CdrError::Short`] if the message has ended.
    pub(super) fn text(&mut self) -> Result<&'a [u8], CdrError> {
        let length = self.length()?;
        let text = self.bytes.get(self.position..).and_then(|rest| rest.get(..length));
        self.advance(length)?;
        let text = text.unwrap_or_default();
        Ok(text.strip_suffix(&[0]).unwrap_or(text))
    }

    /// The number of bytes that are left.
    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    /// The bytes of a number, the lowest first.
    fn take<const N: usize>(&mut self) -> Result<[u8; N], CdrError> {
        self.align(N);
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let mut bytes = *rest.first_chunk::<N>().ok_or(CdrError::Short)?;
        self.position += N;
        if self.is_big_endian {
            bytes.reverse();
        }
        Ok(bytes)
    }

    fn align(&mut self, size: usize) {
        self.position = self.position.next_multiple_of(size.min(self.alignment));
    }

    fn advance(&mut self, bytes: usize) -> Result<(), CdrError> {
        if bytes > self.left() {
            return Err(CdrError::Short);
        }
        self.position += bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_both_byte_orders_with_their_alignment() {
        let little = [0, 1, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0, b'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f];
        let big = [0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 2, b'a', 0, 0, 0, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0];
        for message in [little, big] {
            let mut reader = CdrReader::new(&message).unwrap();
            assert_eq!(reader.number(NumberKind::U8), Ok(7.0));
            assert_eq!(reader.text(), Ok(&b"a"[..]));
            // It begins at the tenth byte, and is aligned to 8; in the second version to 4.
            let mut second = reader.clone();
            assert_eq!(reader.clone().number(NumberKind::F64), Err(CdrError::Short));
            second.alignment = 4;
            assert_eq!(second.number(NumberKind::F64), Ok(1.5));
            assert_eq!(second.number(NumberKind::Bool), Err(CdrError::Short));
        }
        assert_eq!(CdrReader::new(&[0, 3, 0, 0]).unwrap_err(), CdrError::Representation([0, 3]));
        assert_eq!(CdrReader::new(&[0, 1, 0]).unwrap_err(), CdrError::Short);
    }

    #[test]
    fn a_length_that_the_message_cannot_hold_is_an_error() {
        let message = [0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 2];
        assert_eq!(CdrReader::new(&message).unwrap().length(), Err(CdrError::Short));
        assert_eq!(CdrReader::new(&message).unwrap().text(), Err(CdrError::Short));
        assert_eq!(CdrReader::new(&message).unwrap().skip(NumberKind::F64, usize::MAX), Err(CdrError::Short));
        assert_eq!(CdrReader::new(&message).unwrap().skip(NumberKind::U8, 6), Ok(()));
    }
}
