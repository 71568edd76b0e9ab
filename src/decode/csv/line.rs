//! Splits bytes into lines, in bounded memory.

use crate::decode::bytes::MAX_LINE;

/// Splits bytes into lines, which may be spread over several calls. A line ends with a line feed, a carriage
/// return, or both.
#[derive(Debug, Default)]
pub(super) struct LineSplitter {
    /// The bytes so far of a line whose end has not arrived yet.
    open: Vec<u8>,
    /// Whether the open line is already over the limit, so that the rest of it is ignored.
    skipping: bool,
    /// Whether `open` was returned as a line, so that the next call starts a new one.
    complete: bool,
    /// Whether the last byte was a carriage return, to which a line feed belongs.
    after_return: bool,
    /// The number of lines that have ended.
    count: u64,
}

/// A line with its number, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NumberedLine<'a> {
    pub(super) text: &'a [u8],
    pub(super) number: u64,
}

impl std::fmt::Display for NumberedLine<'_> {
    /// Writes the number, such as `line 3`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}", self.number)
    }
}

/// What [`LineSplitter::read`] found.
#[derive(Debug, PartialEq)]
pub(super) enum ReadLine<'a> {
    /// The line does not end in these bytes.
    Incomplete,
    /// A line, without its end.
    Complete(NumberedLine<'a>),
    /// The end of a line that is longer than [`MAX_LINE`], with the number of that line.
    TooLong(u64),
}

impl LineSplitter {
    /// Reads bytes up to the end of the current line; also returns the bytes that follow.
    pub(super) fn read<'l, 'b: 'l>(&'l mut self, mut bytes: &'b [u8]) -> (ReadLine<'l>, &'b [u8]) {
        if std::mem::take(&mut self.complete) {
            self.open.clear();
        }
        if self.after_return && !bytes.is_empty() {
            self.after_return = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
            self.keep(bytes);
            return (ReadLine::Incomplete, &[]);
        };
        let (head, rest) = bytes.split_at(end);
        let (ending, rest) = rest.split_at(1);
        self.after_return = ending == b"\r";
        self.count += 1;
        if self.open.is_empty() && !self.skipping && head.len() <= MAX_LINE {
            return (ReadLine::Complete(NumberedLine { text: head, number: self.count }), rest);
        }
        self.keep(head);
        (self.end(), rest)
    }

    /// The last line if it has no line end, at the end of the stream; `None` if there is none.
    pub(super) fn finish(&mut self) -> Option<ReadLine<'_>> {
        if std::mem::take(&mut self.complete) {
            self.open.clear();
        }
        if self.open.is_empty() && !self.skipping {
            return None;
        }
        self.count += 1;
        Some(self.end())
    }

    fn end(&mut self) -> ReadLine<'_> {
        if std::mem::take(&mut self.skipping) {
            return ReadLine::TooLong(self.count);
        }
        self.complete = true;
        ReadLine::Complete(NumberedLine { text: &self.open, number: self.count })
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.skipping || self.open.len() + bytes.len() > MAX_LINE {
            self.skipping = true;
            self.open.clear();
        } else {
            self.open.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number and the text of each line.
    fn lines(text: &[u8], piece: usize) -> Vec<(u64, String)> {
        let (mut splitter, mut found) = (LineSplitter::default(), Vec::new());
        let describe = |line: ReadLine<'_>| match line {
            ReadLine::Incomplete => None,
            ReadLine::Complete(line) => Some((line.number, String::from_utf8_lossy(line.text).into_owned())),
            ReadLine::TooLong(number) => Some((number, "too long".into())),
        };
        for mut bytes in text.chunks(piece) {
            while !bytes.is_empty() {
                let (line, rest) = splitter.read(bytes);
                found.extend(describe(line));
                bytes = rest;
            }
        }
        found.extend(splitter.finish().and_then(describe));
        found
    }

    #[test]
    fn every_line_end_counts_once_however_the_bytes_are_split() {
        for piece in [1, 2, 3, 100] {
            let found = lines(b"a\r\n\r\nb\nc\rd", piece);
            let expected = [(1, "a"), (2, ""), (3, "b"), (4, "c"), (5, "d")];
            assert_eq!(found, expected.map(|(number, text)| (number, text.to_owned())), "{piece}");
        }
    }

    #[test]
    fn an_endless_line_is_skipped_within_bounded_memory() {
        let text = format!("{}\n7\n{}", "9".repeat(1_000_000), "8".repeat(100_000));
        let found = lines(text.as_bytes(), 1000);
        assert_eq!(found, [(1, "too long"), (2, "7"), (3, "too long")].map(|(n, text)| (n, text.to_owned())));
    }
}
