//! Text columns, such as labels.

use super::record::CsvRecord;
use crate::signal::Time;

/// A column of text, such as a label, which is stored as the times at which the text changes.
#[derive(Debug)]
pub struct TextColumn {
    name: String,
    /// The index of the field; `None` until the header is read.
    field: Option<usize>,
    changes: Vec<(Time, String)>,
}

impl TextColumn {
    /// Creates the column with this name in the header, without any text yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), field: None, changes: Vec::new() }
    }

    /// The name of the column in the header.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The text at the first sample and at each sample at which it differs from the one before, with the
    /// time.
    pub fn changes(&self) -> &[(Time, String)] {
        &self.changes
    }

    /// Finds the column in a header.
    pub(super) fn locate(&mut self, header: &CsvRecord<'_>) {
        self.field = header.position(&self.name);
    }

    /// Reads the text of the sample in this row.
    pub(super) fn read(&mut self, time: Time, row: &CsvRecord<'_>) {
        let text = self.field.and_then(|field| row.get(field)).unwrap_or_default();
        if self.changes.last().is_none_or(|(_, last)| last.as_bytes() != text) {
            self.changes.push((time, String::from_utf8_lossy(text).into_owned()));
        }
    }
}
