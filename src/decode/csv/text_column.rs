//! Text columns, such as labels.

use super::row::{Row, text};
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

    /// Sets the index of the field with the column.
    pub(super) fn locate(&mut self, field: Option<usize>) {
        self.field = field;
    }

    /// Reads the text of the sample in this row.
    pub(super) fn read(&mut self, time: Time, row: Row<'_>) {
        let field = self.field.and_then(|field| row.get(field)).unwrap_or_default();
        if self.changes.last().is_none_or(|(_, last)| last.as_bytes() != field) {
            let text = text(field);
            // Text in Latin-1 has other bytes than its field.
            if self.changes.last().is_none_or(|(_, last)| *last != text) {
                self.changes.push((time, text));
            }
        }
    }
}
