//! Works out the form of live rows, and decodes them.
//!
//! A live stream may begin anywhere, and every line of it may be damaged. So the form of the rows is believed
//! only when two of them have it. From then on a row that does not have it is malformed, and another form is
//! believed only when several rows in a row have that one, because the board was programmed anew. A header
//! settles the form at once.

use super::advice;
use super::fields::{Fault, FieldReader};
use super::form::{
    ForeignHeader, HeldRow, RowForm, begins_cut, find_header, find_position, is_text, is_two_integers,
    repeat_or_go_back,
};
use super::format::Delimiter;
use super::header::{HeaderError, Names};
use super::labelled::LabelReader;
use super::line::NumberedLine;
use super::number::is_number;
use super::row::{FieldSplitter, MAX_FIELDS, text};
use crate::signal::{DropReason, Drops, Samples, Time};

/// The number of rows of another form after which that form is believed.
const BELIEVED: u32 = 5;

/// The number of rows such as `1,21` after which they are believed to be a time and a number.
const BELIEVED_INTEGERS: usize = 8;

/// The form of the rows.
#[derive(Debug)]
enum Form {
    Order(RowForm),
    Names(Box<Names>),
}

/// Decodes live rows.
#[derive(Debug, Default)]
pub(super) struct LiveRows {
    /// `None` until it is known.
    form: Option<Form>,
    /// The rows of a form that is not believed yet, and that form.
    held: Vec<HeldRow>,
    candidate: Option<RowForm>,
    /// Another form than that in force, and how many rows in a row had it.
    rival: Option<(RowForm, u32)>,
    /// A header that names a time but not every channel. Its time is not taken for a channel.
    foreign: Option<ForeignHeader>,
    /// Whether rows such as `1,21` are not believed to be a time and a number.
    integers_are_refused: bool,
    /// Whether the stream may begin within a line, and this line may be the first row.
    may_begin_cut: bool,
    labels: LabelReader,
}

impl LiveRows {
    /// Says that the first line may be the end of a longer one.
    pub(super) fn begin_within_a_line(&mut self) {
        self.may_begin_cut = true;
    }

    /// Decodes a line.
    pub(super) fn line(
        &mut self,
        line: NumberedLine<'_>,
        (splitter, fields): (&mut FieldSplitter, &mut FieldReader),
        samples: &mut Samples,
        drops: &mut Drops,
    ) {
        let mut fault = None;
        match (&self.form, splitter.split(line.text, fields.delimiter)) {
            (_, None) => {
                drops.add(DropReason::TooLarge, || {
                    format!("{line} has more than {MAX_FIELDS} fields; send one sample on each line")
                });
                return;
            }
            (Some(form), Some(row)) => {
                let read = match form {
                    Form::Order(position) => fields.read_by_position(row, position.timed),
                    Form::Names(names) => fields.read_named(row, names),
                };
                match read {
                    Ok(time) => {
                        self.rival = None;
                        fields.push(time, samples);
                        return;
                    }
                    Err(error) => fault = Some(error),
                }
            }
            (None, Some(_)) => {}
        }
        if self.may_begin_cut && line.number == 1 {
            // What is wrong with a line without its start is no fault.
            self.unusual(line, fault, (splitter, fields), samples, &mut Drops::default());
        } else {
            self.unusual(line, fault, (splitter, fields), samples, drops);
        }
        self.may_begin_cut &= !self.held.is_empty();
    }

    /// Decodes a line that does not have the form of the rows, or comes before that is known. `fault` says why
    /// it does not have it.
    fn unusual(
        &mut self,
        line: NumberedLine<'_>,
        fault: Option<Fault>,
        (splitter, fields): (&mut FieldSplitter, &mut FieldReader),
        samples: &mut Samples,
        drops: &mut Drops,
    ) {
        if line.text.starts_with(b">") {
            self.labels.read_teleplot(line, fields, samples, drops);
            return;
        }
        let header = find_header(line.text, splitter, fields);
        if let Ok((names, delimiter)) = header {
            self.drop_held(drops, "comes before a header, so that its form is not known");
            self.adopt(Form::Names(Box::new(names)), delimiter, fields);
            return;
        }
        if self.labels.read(line, fields, samples, drops) {
            return;
        }
        let preferred = match &self.form {
            Some(_) => self.rival.map(|(rival, _)| rival),
            None => self.candidate,
        };
        if let Some((position, time)) = find_position(line.text, preferred, splitter, fields) {
            self.row(line, (position, time), fault, (splitter, fields), samples, drops);
            return;
        }
        let problem = fault.or_else(|| {
            let row = splitter.split(line.text, fields.delimiter)?;
            let has_numbers = row.trimmed().any(is_number);
            let is_longer = row.len() == fields.raw.len() + 1 && !row.ends_empty();
            let timed = self.candidate.map_or(is_longer, |candidate| candidate.timed);
            fields.read_by_position(row, timed).err().filter(|_| has_numbers)
        });
        if let Some(foreign) = ForeignHeader::find(line.text, splitter, fields) {
            self.foreign = Some(foreign);
            self.form.take_if(|form| matches!(form, Form::Order(RowForm { timed: false, .. })));
        }
        let example = || advice::example(&fields.columns, fields.format);
        match problem.filter(|_| !is_text(line.text, splitter, fields)) {
            Some((reason @ DropReason::Malformed, problem)) => {
                let count =
                    splitter.split(line.text, fields.delimiter).map_or(0, |row| row.trimmed().count());
                let more = advice::of_more_fields(count, fields.raw.len());
                drops.add(reason, || format!("{line}: {problem}; {}{more}", example()));
            }
            Some((reason, problem)) => drops.add(reason, || format!("{line}: {problem}")),
            None => drops.add(DropReason::Malformed, || {
                let shown: String = text(line.text.trim_ascii()).chars().take(400).collect();
                let column = match &header {
                    Err(HeaderError::Unit(why)) => return format!("{line}: {why}"),
                    Err(HeaderError::Missing(name)) => format!(" with column {name:?}"),
                    Ok(_) => String::new(),
                };
                format!(
                    "the line {shown:?} is neither a row of numbers nor a header{column}{}; {}",
                    advice::of_text(line.text),
                    example()
                )
            }),
        }
    }

    /// Takes or holds a row of numbers, whose raw values are in `fields`. It does not have the form in force.
    fn row(
        &mut self,
        line: NumberedLine<'_>,
        (position, time): (RowForm, Time),
        fault: Option<Fault>,
        (splitter, fields): (&mut FieldSplitter, &mut FieldReader),
        samples: &mut Samples,
        drops: &mut Drops,
    ) {
        let row = splitter.split(line.text, position.delimiter.unwrap_or(fields.delimiter));
        let foreign = self.foreign.as_ref().zip(row);
        if let Some(why) = foreign.and_then(|(foreign, row)| foreign.contradiction(position, row)) {
            return drops.add(DropReason::Malformed, || format!("{line}: {why}"));
        }
        if let Some((reason, problem)) = fault {
            let count = match self.rival {
                Some((rival, count)) if rival == position => count + 1,
                _ => 1,
            };
            self.rival = Some((position, count));
            if count < BELIEVED {
                drops.add(reason, || format!("{line}: {problem}"));
            } else {
                self.adopt(Form::Order(position), position.delimiter, fields);
                fields.push(time, samples);
            }
            return;
        }
        let may_be_one = position.timed && fields.raw.len() == 1 && fields.format.is_open();
        let is_integers = may_be_one && row.is_some_and(is_two_integers);
        if is_integers && self.integers_are_refused {
            drops.add(DropReason::Malformed, || format!("{line}: {}", advice::DECIMAL_COMMA));
            return;
        }
        if self.candidate.is_some_and(|candidate| candidate != position) {
            self.drop_held(drops, "does not have the form of the next one");
        }
        self.candidate = Some(position);
        self.held.push(HeldRow { time, raw: fields.raw.clone(), line: line.number, is_integers });
        let needed = if self.held.iter().all(|row| row.is_integers) {
            BELIEVED_INTEGERS
        } else {
            2 + usize::from(self.may_begin_cut)
        };
        if self.held.len() >= needed {
            self.believe(fields, samples, drops);
        }
    }

    /// Takes the rows that were held, and believes that the next ones have their form.
    fn believe(&mut self, fields: &mut FieldReader, samples: &mut Samples, drops: &mut Drops) {
        let Some(position) = self.candidate else { return };
        let are_integers = self.held.iter().all(|row| row.is_integers);
        if are_integers && repeat_or_go_back(&self.held) {
            self.integers_are_refused = true;
            let count = self.held.len() as u64;
            let line = self.held.first().map_or(0, |row| row.line);
            drops
                .add_many(DropReason::Malformed, count, || format!("line {line}: {}", advice::DECIMAL_COMMA));
            self.held.clear();
            self.candidate = None;
            return;
        }
        // The end of a line that began before the stream is no fault.
        if std::mem::take(&mut self.may_begin_cut) && begins_cut(&self.held) {
            self.held.remove(0);
        }
        for row in std::mem::take(&mut self.held) {
            fields.columns.push(row.time, &row.raw, samples);
        }
        self.adopt(Form::Order(position), position.delimiter, fields);
    }

    fn adopt(&mut self, form: Form, delimiter: Option<Delimiter>, fields: &mut FieldReader) {
        fields.set_delimiter(delimiter.unwrap_or(fields.format.assumed()));
        fields.set_unit(match &form {
            Form::Names(names) => names.unit,
            Form::Order(_) => None,
        });
        fields.notes.unit_is_known |= fields.notes.rfc3339;
        (self.candidate, self.rival, self.integers_are_refused) = (None, None, false);
        self.may_begin_cut = false;
        self.form = Some(form);
        self.foreign = None;
    }

    fn drop_held(&mut self, drops: &mut Drops, why: &str) {
        if self.may_begin_cut && !self.held.is_empty() {
            self.held.remove(0);
        }
        if let Some(first) = self.held.first() {
            drops.add_many(DropReason::Malformed, self.held.len() as u64, || {
                format!("line {}: the row {why}", first.line)
            });
        }
        self.held.clear();
        self.candidate = None;
    }

    /// Decodes what was held, at the end of the stream.
    pub(super) fn finish(&mut self, fields: &mut FieldReader, samples: &mut Samples, drops: &mut Drops) {
        if !self.held.is_empty() {
            self.believe(fields, samples, drops);
        }
        self.labels.finish(fields, drops);
    }

    /// What is concluded about the form of the rows; `None` as long as that is not known.
    pub(super) fn conclusion(&self, fields: &FieldReader) -> Option<String> {
        let names = fields.columns.names().join(", ");
        if self.integers_are_refused {
            return Some(advice::DECIMAL_COMMA.to_owned());
        }
        let Some(form) = &self.form else {
            return self.labels.style.map(|style| format!("{style} lines: channels {names}"));
        };
        let delimiter = fields.describe_delimiter();
        Some(match form {
            Form::Order(RowForm { timed: true, .. }) => {
                format!(
                    "{delimiter}, no header: the time{} first, then channels {names}",
                    fields.describe_unit()
                )
            }
            Form::Order(RowForm { delimiter: None, .. }) => format!("no header: channel {names} alone"),
            Form::Order(_) => format!("{delimiter}, no header: no time, channels {names}"),
            Form::Names(header) => {
                format!("{delimiter}, header: {}", fields.describe_header(header, "[source.time] column"))
            }
        })
    }
}
