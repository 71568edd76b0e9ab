//! Splits a line into its fields.

use super::format::Delimiter;

/// The maximum number of fields in a row; a longer row is dropped.
pub(super) const MAX_FIELDS: usize = 1024;

/// One line, split into fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    text: &'a [u8],
    /// The start and end of each field in `text`.
    fields: &'a [(u32, u32)],
}

/// Splits lines into fields, in memory that it reuses.
#[derive(Debug, Default)]
pub(super) struct FieldSplitter {
    fields: Vec<(u32, u32)>,
    /// The text of the fields of a line with quotes, without the quotes.
    unquoted: Vec<u8>,
}

impl FieldSplitter {
    /// Splits a line, which is at most [`MAX_LINE`](crate::decode::bytes::MAX_LINE) bytes long; `None` if it
    /// has more than [`MAX_FIELDS`] fields.
    ///
    /// A field may be in double quotes, within which two double quotes stand for one. A quote at any other
    /// place has no meaning, so that a damaged line cannot change how other lines are read: if the quotes of a
    /// line do not fit, all of them are ordinary characters.
    pub(super) fn split<'a>(&'a mut self, line: &'a [u8], delimiter: Delimiter) -> Option<Row<'a>> {
        let has_quotes = match delimiter {
            Delimiter::Character(delimiter) => self.split_at(line, delimiter),
            Delimiter::Blanks => self.split_at_blanks(line),
        };
        if has_quotes {
            let plain = std::mem::take(&mut self.fields);
            if self.unquote(line, delimiter).is_some() {
                let is_short = self.fields.len() <= MAX_FIELDS;
                return is_short.then_some(Row { text: &self.unquoted, fields: &self.fields });
            }
            self.fields = plain;
        }
        (self.fields.len() <= MAX_FIELDS).then_some(Row { text: line, fields: &self.fields })
    }

    /// Splits at each delimiter. Returns whether there are quotes.
    fn split_at(&mut self, line: &[u8], delimiter: u8) -> bool {
        self.fields.clear();
        let (mut start, mut has_quotes) = (0, false);
        for (index, &byte) in line.iter().enumerate() {
            if byte == delimiter {
                self.fields.push((start, index as u32));
                start = index as u32 + 1;
            } else if byte == b'"' {
                has_quotes = true;
            }
        }
        self.fields.push((start, line.len() as u32));
        has_quotes
    }

    /// Splits at runs of blanks. A date and a time of day after it are one field. Returns whether there are
    /// quotes.
    fn split_at_blanks(&mut self, line: &[u8]) -> bool {
        self.fields.clear();
        let mut start = None;
        for (index, &byte) in line.iter().chain(b" ").enumerate() {
            match start {
                Some(first) if matches!(byte, b' ' | b'\t') => {
                    self.fields.push((first, index as u32));
                    start = None;
                }
                None if !matches!(byte, b' ' | b'\t') => start = Some(index as u32),
                _ => {}
            }
        }
        if let [(begin, middle), (next, end), ..] = self.fields[..]
            && let Some([_, _, _, _, b'-', _, _, b'-', _, _]) = line.get(begin as usize..middle as usize)
            && let Some([_, _, b':', ..]) = line.get(next as usize..end as usize)
        {
            self.fields.remove(0);
            self.fields[0] = (begin, end);
        }
        line.contains(&b'"')
    }

    /// Splits a line with quoted fields; `None` if its quotes do not fit.
    fn unquote(&mut self, line: &[u8], delimiter: Delimiter) -> Option<()> {
        let Self { fields, unquoted, .. } = self;
        unquoted.clear();
        let mut rest = line;
        loop {
            let padding = rest.iter().take_while(|byte| {
                matches!(byte, b' ' | b'\t') && (delimiter == Delimiter::Blanks || !delimiter.is(**byte))
            });
            let padding = padding.count();
            let start = unquoted.len() as u32;
            if let Some(mut quoted) = rest.get(padding..)?.strip_prefix(b"\"") {
                loop {
                    let end = memchr::memchr(b'"', quoted)?;
                    unquoted.extend_from_slice(quoted.get(..end)?);
                    quoted = quoted.get(end + 1..)?;
                    match quoted.strip_prefix(b"\"") {
                        Some(more) => quoted = more,
                        None => break,
                    }
                    unquoted.push(b'"');
                }
                let end = quoted.iter().position(|byte| delimiter.is(*byte)).unwrap_or(quoted.len());
                let (after, remaining) = quoted.split_at(end);
                if !after.trim_ascii().is_empty() {
                    return None;
                }
                fields.push((start, unquoted.len() as u32));
                rest = remaining;
            } else {
                let from = if delimiter == Delimiter::Blanks { padding } else { 0 };
                let plain = rest.get(from..)?;
                let end = plain.iter().position(|byte| delimiter.is(*byte)).unwrap_or(plain.len());
                let (field, remaining) = plain.split_at(end);
                unquoted.extend_from_slice(field);
                fields.push((start, unquoted.len() as u32));
                rest = remaining;
            }
            match rest.split_first() {
                Some((_, more)) if delimiter != Delimiter::Blanks || !more.trim_ascii().is_empty() => {
                    rest = more
                }
                _ => return Some(()),
            }
        }
    }
}

impl<'a> Row<'a> {
    /// The number of fields.
    pub(super) fn len(self) -> usize {
        self.fields.len()
    }

    /// The field at an index, with the spaces around it.
    pub(super) fn get(self, index: usize) -> Option<&'a [u8]> {
        let (start, end) = *self.fields.get(index)?;
        self.text.get(start as usize..end as usize)
    }

    /// Whether the last field is empty.
    pub(super) fn ends_empty(self) -> bool {
        let last = self.len().checked_sub(1).and_then(|last| self.get(last));
        last.is_some_and(|field| field.trim_ascii().is_empty())
    }

    /// The fields without the spaces around them.
    pub(super) fn trimmed(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.len()).map(move |index| self.get(index).unwrap_or_default().trim_ascii())
    }
}

/// The text of a field: UTF-8, or Latin-1 if it is not valid UTF-8.
pub(super) fn text(field: &[u8]) -> String {
    match str::from_utf8(field) {
        Ok(text) => text.to_owned(),
        Err(_) => field.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str, delimiter: Delimiter) -> Vec<String> {
        let mut splitter = FieldSplitter::default();
        splitter.split(line.as_bytes(), delimiter).unwrap().trimmed().map(text).collect()
    }

    #[test]
    fn a_quoted_field_may_contain_the_delimiter() {
        let line = "t, \"left, front\",\"left, front\",'x'";
        assert_eq!(fields(line, Delimiter::COMMA), ["t", "left, front", "left, front", "'x'"]);
        assert_eq!(fields("a;\"b\"\"c\";", Delimiter::Character(b';')), ["a", "b\"c", ""]);
        assert_eq!(fields("\"a b\"  c ", Delimiter::Blanks), ["a b", "c"]);
        assert_eq!(fields("\"1\",\"2\"", Delimiter::COMMA), ["1", "2"]);
        assert_eq!(fields("\"a\tb\"\t\tc", Delimiter::Character(b'\t')), ["a\tb", "", "c"]);
    }

    #[test]
    fn quotes_that_do_not_fit_are_ordinary_characters() {
        for line in ["\"0.1,2", "1,\"2\"3", "\"1\",\"2", "5\",6"] {
            let plain: Vec<_> = line.split(',').collect();
            assert_eq!(fields(line, Delimiter::COMMA), plain);
        }
    }

    #[test]
    fn blanks_separate_fields_however_many_there_are() {
        assert_eq!(fields("  1.2 \t 3 ", Delimiter::Blanks), ["1.2", "3"]);
        assert_eq!(fields("2026-01-31 12:00:00.5 1.2", Delimiter::Blanks), ["2026-01-31 12:00:00.5", "1.2"]);
        assert_eq!(fields("", Delimiter::Blanks), Vec::<String>::new());
    }

    #[test]
    fn a_line_of_too_many_fields_is_refused() {
        let mut splitter = FieldSplitter::default();
        for delimiter in [Delimiter::COMMA, Delimiter::Blanks] {
            let line = "1, ".repeat(MAX_FIELDS + 1);
            assert!(splitter.split(line.as_bytes(), delimiter).is_none());
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_latin_1() {
        assert_eq!(text(b"\xb5A"), "µA");
        assert_eq!(text("µA".as_bytes()), "µA");
    }
}
