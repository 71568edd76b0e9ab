//! Finds the columns of an input, and its time, among the names in a header.

use super::number::is_same_unit;
use super::row::Row;
use super::text_column::TextColumn;
use crate::signal::{Columns, TimeInput, TimeUnit, time_name};

/// Which fields of a row hold the time and the columns, by the names in a header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Names {
    pub(super) time: TimeFields,
    /// The index of the field with each column.
    pub(super) columns: Vec<usize>,
    /// The number of fields in the header, which every row has.
    pub(super) width: usize,
    /// Whether the last name is empty, because a delimiter ends the header. It need not end the rows.
    pub(super) ends_empty: bool,
    /// The unit of the time that its name says, if it is not configured.
    pub(super) unit: Option<TimeUnit>,
    /// The names of the columns with the time, as messages show them.
    pub(super) time_name: String,
    /// A column that looks as if it held the time, if none is known to.
    pub(super) perhaps_time: Option<String>,
}

/// Which fields hold the time.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TimeFields {
    /// There is no time.
    Absent,
    /// The field with this index.
    One(usize),
    /// The sum of these fields, each in its unit.
    Sum(Vec<(usize, TimeUnit)>),
}

/// Why a row is not the header of an input.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum HeaderError {
    /// The column with this name is not there.
    Missing(String),
    /// The unit in the name of a column is not that of its channel; the message says so.
    Unit(String),
}

impl Names {
    /// Finds everything that is wanted in the names of a header.
    ///
    /// # Errors
    /// [`HeaderError`]: a column is not there, or has another unit.
    pub(super) fn find(
        names: &[String],
        columns: &Columns,
        input: &TimeInput,
        texts: &[TextColumn],
    ) -> Result<Self, HeaderError> {
        let position = |name: &str| find(names, name).ok_or_else(|| HeaderError::Missing(name.to_owned()));
        let mut fields = Vec::with_capacity(columns.names().len());
        for (index, name) in columns.names().iter().enumerate() {
            let field = position(name)?;
            if let (Some((_, unit)), Some(expected)) =
                (names.get(field).and_then(|full| split_unit(full)), columns.raw_unit(index))
                && names.get(field) != Some(name)
                && !is_same_unit(unit, expected)
            {
                return Err(HeaderError::Unit(format!(
                    "column {:?} is in {unit:?}, but its channel is in {expected:?}; name the column in the \
                     configuration of the channel, with a scale that converts it",
                    names.get(field).map(String::as_str).unwrap_or_default(),
                )));
            }
            fields.push(field);
        }
        for column in texts {
            position(column.name())?;
        }
        let (mut time_name, mut unit) = (String::new(), None);
        let time = if !input.sum.is_empty() {
            let parts: Vec<&str> = input.sum.iter().map(|part| part.column.as_str()).collect();
            time_name = parts.join("\" + \"");
            let part = |part: &crate::signal::TimePart| Ok((position(&part.column)?, part.unit));
            TimeFields::Sum(input.sum.iter().map(part).collect::<Result<_, _>>()?)
        } else if input.unit == Some(TimeUnit::None) {
            TimeFields::Absent
        } else if let Some(column) = &input.column {
            time_name.clone_from(column);
            TimeFields::One(position(column)?)
        } else {
            match time_column(names, &fields) {
                Some(field) => {
                    time_name = names.get(field).cloned().unwrap_or_default();
                    unit = time_name::recognise(&time_name).flatten();
                    TimeFields::One(field)
                }
                None => TimeFields::Absent,
            }
        };
        let perhaps =
            |(field, name): &(usize, &String)| !fields.contains(field) && time_name::resembles(name);
        let perhaps_time = names.iter().enumerate().find(perhaps).map(|(_, name)| name.clone());
        Ok(Self {
            perhaps_time: perhaps_time.filter(|_| time == TimeFields::Absent && input.unit.is_none()),
            time,
            columns: fields,
            width: names.len(),
            ends_empty: names.last().is_some_and(String::is_empty),
            unit,
            time_name,
        })
    }

    /// Finds everything that is wanted in rows of `width` fields without a header.
    ///
    /// The names of the columns are their numbers, from `1`. If the wanted columns have other names, they are
    /// the fields in order, after the time if there is one field more. If they are numbers and nothing says
    /// where the time is, it is the first column, unless that one is wanted.
    ///
    /// # Errors
    /// [`HeaderError::Missing`]: a column is not there.
    pub(super) fn by_number(
        width: usize,
        columns: &Columns,
        input: &TimeInput,
        texts: &[TextColumn],
    ) -> Result<Self, HeaderError> {
        let numbers: Vec<String> = (1..=width).map(|number| number.to_string()).collect();
        let wanted = columns.names().len();
        let is_open = input.column.is_none() && input.sum.is_empty() && input.unit != Some(TimeUnit::None);
        let are_numbers = columns.names().iter().all(|name| name.parse::<usize>().is_ok());
        let mut names = numbers.clone();
        if !are_numbers {
            let first = width.saturating_sub(wanted);
            if first > usize::from(is_open) || wanted > width {
                return Err(HeaderError::Missing(columns.names().first().cloned().unwrap_or_default()));
            }
            names.truncate(first);
            names.extend_from_slice(columns.names());
        }
        let mut found = Self::find(&names, columns, input, texts)?;
        if is_open && input.rate.is_none() && !found.columns.contains(&0) && found.time == TimeFields::Absent
        {
            found.time = TimeFields::One(0);
            found.time_name = "1".into();
        }
        Ok(found)
    }

    /// Whether a row has as many fields as the header. A delimiter at the end of either makes no difference.
    pub(super) fn fits(&self, row: Row<'_>) -> bool {
        row.len() == self.width
            || (row.len() == self.width + 1 && row.ends_empty())
            || (row.len() + 1 == self.width && self.ends_empty)
    }
}

impl HeaderError {
    /// The error for a row that must be the header.
    pub(super) fn of_header(&self, names: &[String]) -> String {
        match self {
            HeaderError::Missing(name) => {
                let has: String = names.join(", ").chars().take(400).collect();
                format!("column {name:?} is not in the header, which has {has}")
            }
            HeaderError::Unit(why) => why.clone(),
        }
    }
}

/// The index of the column that holds the time by its name: `t`, or else the first whose name is that of a
/// time. `used` are the columns that hold something else.
pub(super) fn time_column(names: &[String], used: &[usize]) -> Option<usize> {
    let position = |is_time: &dyn Fn(&str) -> bool| {
        names.iter().enumerate().position(|(index, name)| !used.contains(&index) && is_time(name))
    };
    position(&|name| name == "t").or_else(|| position(&|name| time_name::recognise(name).is_some()))
}

/// The index of the column with a name: exactly this one, or else the only one that differs in capitals or in
/// a unit in brackets, such as `Current (A)`.
pub(super) fn find(names: &[String], name: &str) -> Option<usize> {
    let only = |is_it: &dyn Fn(&str) -> bool| {
        let mut found = names.iter().enumerate().filter(|(_, other)| is_it(other)).map(|(index, _)| index);
        found.next().filter(|_| found.next().is_none())
    };
    let is_alike = |other: &str| {
        let plain = split_unit(other).map_or(other, |(plain, _)| plain);
        plain.to_lowercase() == name.to_lowercase()
    };
    names
        .iter()
        .position(|other| other == name)
        .or_else(|| only(&|other| other.to_lowercase() == name.to_lowercase()))
        .or_else(|| only(&is_alike))
}

/// A name such as `current (A)` or `current [A]`, split into the plain name and the unit.
fn split_unit(name: &str) -> Option<(&str, &str)> {
    let (open, inside) = if let Some(inside) = name.strip_suffix(')') {
        ('(', inside)
    } else {
        ('[', name.strip_suffix(']')?)
    };
    let (plain, unit) = inside.rsplit_once(open)?;
    (!plain.trim().is_empty() && !unit.trim().is_empty()).then_some((plain.trim(), unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Channel;

    fn names(header: &str, columns: &[&str], time: &TimeInput) -> Result<Names, HeaderError> {
        let channels: Vec<_> = columns.iter().map(|name| Channel::in_ampere(name)).collect();
        let header: Vec<_> = header.split(',').map(str::to_owned).collect();
        Names::find(&header, &Columns::of(&channels).unwrap(), time, &[])
    }

    #[test]
    fn the_obvious_time_column_is_taken_with_its_unit() {
        for (header, time, unit) in [
            ("current,t,time_ms", TimeFields::One(1), None),
            ("time_ms,current", TimeFields::One(0), Some(TimeUnit::Ms)),
            ("Time (us),current", TimeFields::One(0), Some(TimeUnit::Us)),
            ("current,volts", TimeFields::Absent, None),
        ] {
            let names = names(header, &["current"], &TimeInput::default()).unwrap();
            assert_eq!((names.time, names.unit), (time, unit), "{header}");
        }
        let names = names("clock,current", &["current"], &TimeInput::default()).unwrap();
        assert_eq!(names.perhaps_time.as_deref(), Some("clock"));
    }

    #[test]
    fn a_configured_time_column_is_required() {
        let time = TimeInput { column: Some("ms".into()), ..TimeInput::default() };
        assert_eq!(names("t,current", &["current"], &time), Err(HeaderError::Missing("ms".into())));
        let none = TimeInput { unit: Some(TimeUnit::None), ..TimeInput::default() };
        assert_eq!(names("t,current", &["current"], &none).unwrap().time, TimeFields::Absent);
    }

    #[test]
    fn without_a_header_columns_have_numbers_or_are_in_order() {
        let found = |width, columns: &[&str], time: &TimeInput| {
            let channels: Vec<_> = columns.iter().map(|name| Channel::in_ampere(name)).collect();
            let names = Names::by_number(width, &Columns::of(&channels).unwrap(), time, &[]);
            names.map(|names| (names.time, names.columns)).ok()
        };
        let open = TimeInput::default();
        assert_eq!(found(3, &["3", "2"], &open), Some((TimeFields::One(0), vec![2, 1])));
        assert_eq!(found(3, &["1"], &open), Some((TimeFields::Absent, vec![0])));
        assert_eq!(found(3, &["left", "right"], &open), Some((TimeFields::One(0), vec![1, 2])));
        assert_eq!(found(2, &["left", "right"], &open), Some((TimeFields::Absent, vec![0, 1])));
        assert_eq!(found(4, &["left", "right"], &open), None);
        assert_eq!(found(3, &["4"], &open), None);
        let third = TimeInput { column: Some("3".into()), ..TimeInput::default() };
        assert_eq!(found(3, &["1"], &third), Some((TimeFields::One(2), vec![0])));
        let rate = TimeInput { rate: Some(10.0), ..TimeInput::default() };
        assert_eq!(found(2, &["2"], &rate), Some((TimeFields::Absent, vec![1])));
    }

    #[test]
    fn names_may_differ_in_capitals_and_have_their_unit_in_brackets() {
        let found =
            |header| names(header, &["left", "right"], &TimeInput::default()).map(|names| names.columns);
        assert_eq!(found("T,Left,RIGHT").unwrap(), [1, 2]);
        assert_eq!(found("t,right [A],left (Amps)").unwrap(), [2, 1]);
        assert_eq!(found("Left,left,right").unwrap(), [1, 2]);
        assert_eq!(found("Left,LEFT,right"), Err(HeaderError::Missing("left".into())));
        let Err(HeaderError::Unit(why)) = found("t,left (mA),right (A)") else {
            panic!("the unit is accepted")
        };
        assert!(why.starts_with("column \"left (mA)\" is in \"mA\", but its channel is in \"A\""), "{why}");
    }
}
