//! Reads the numbers at some paths from each message of a type.

use super::cdr::{CdrError, CdrReader};
use super::definition::{Definition, FieldCount, FieldKind, MessageField};
use super::path::ValuePath;
use super::plan::{ElementIndex, ElementPlan, PathError, TypePlan, is_names};

/// Reads the numbers at some paths from each message of a type, in one pass over its bytes.
#[derive(Clone, Debug)]
pub(crate) struct MessageReader {
    definition: Definition,
    plan: TypePlan,
    values: Vec<f64>,
    /// For each name of an element, its index in the message that is read.
    indices: Vec<Option<usize>>,
}

/// Why a message cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct MessageFault(String);

impl MessageReader {
    /// A reader of these paths.
    ///
    /// # Errors
    /// [`PathError`] if there is no number at a path, whatever the messages are.
    pub(crate) fn new(definition: Definition, paths: &[ValuePath]) -> Result<Self, PathError> {
        let (mut plan, mut names) = (TypePlan::default(), 0);
        for (slot, path) in paths.iter().enumerate() {
            plan.add(&definition, 0, path, &path.steps, slot, &mut names)?;
        }
        let (values, indices) = (vec![f64::NAN; paths.len()], vec![None; names]);
        Ok(Self { definition, plan, values, indices })
    }

    /// Reads the numbers of a message, in the order of the paths. Where the message has no such element, the number is NaN.
    ///
    /// # Errors
    /// [`MessageFault`] if the bytes are none of the definition.
    pub(crate) fn read(&mut self, message: &[u8]) -> Result<&[f64], MessageFault> {
        self.values.fill(f64::NAN);
        let mut reader = CdrReader::new(message).map_err(|error| self.fault(error, message))?;
        let (values, indices) = (&mut self.values, &mut self.indices);
        let done = read_type(&self.definition, 0, &self.plan, &mut reader, values, indices);
        match done {
            Ok(()) => Ok(&self.values),
            Err(error) => Err(self.fault(error, message)),
        }
    }

    fn fault(&self, error: CdrError, message: &[u8]) -> MessageFault {
        MessageFault(describe(error, message, &self.definition))
    }
}

/// What is wrong with a message of a definition, in words.
pub(super) fn describe(error: CdrError, message: &[u8], definition: &Definition) -> String {
    match error {
        CdrError::Representation([first, second]) => format!(
            "the message begins with the bytes {first:#04x} {second:#04x}, which is no plain CDR; only plain CDR is read"
        ),
        CdrError::Short => format!(
            "the message has {} bytes, which does not fit the definition of {}",
            message.len(),
            definition.name()
        ),
    }
}

/// Reads a message of a type up to the last field of its plan.
fn read_type(
    definition: &Definition,
    index: usize,
    plan: &TypePlan,
    reader: &mut CdrReader<'_>,
    values: &mut [f64],
    indices: &mut [Option<usize>],
) -> Result<(), CdrError> {
    for (field, plan_of_field) in definition.fields(index).iter().zip(&plan.fields) {
        if !plan.names.is_empty() && is_names(field) {
            read_names(field, &plan.names, reader, indices)?;
        } else if plan_of_field.elements.is_empty() {
            skip_field(definition, field, reader)?;
        } else {
            read_field(definition, field, &plan_of_field.elements, reader, values, indices)?;
        }
    }
    Ok(())
}

/// Reads the names of elements, and notes the indices of those that are looked for.
fn read_names(
    field: &MessageField,
    names: &[(String, usize)],
    reader: &mut CdrReader<'_>,
    indices: &mut [Option<usize>],
) -> Result<(), CdrError> {
    for (_, place) in names {
        indices.get_mut(*place).into_iter().for_each(|index| *index = None);
    }
    for index in 0..count_of(field, reader)? {
        let text = reader.text()?;
        for (_, place) in names.iter().filter(|(name, _)| name.as_bytes() == text) {
            indices.get_mut(*place).into_iter().for_each(|found| *found = Some(index));
        }
    }
    Ok(())
}

fn read_field(
    definition: &Definition,
    field: &MessageField,
    elements: &[(ElementIndex, ElementPlan)],
    reader: &mut CdrReader<'_>,
    values: &mut [f64],
    indices: &mut [Option<usize>],
) -> Result<(), CdrError> {
    let count = count_of(field, reader)?;
    let start = reader.clone();
    for (element, plan) in elements {
        let index = match element {
            ElementIndex::Fixed(index) => Some(*index),
            ElementIndex::Named(place) => indices.get(*place).copied().flatten(),
        };
        let Some(index) = index.filter(|index| *index < count) else { continue };
        let mut inside = start.clone();
        skip_elements(definition, field.kind, index, &mut inside)?;
        match (plan, field.kind) {
            (ElementPlan::Value(slot), FieldKind::Number(kind)) => {
                let value = inside.number(kind)?;
                values.get_mut(*slot).into_iter().for_each(|own| *own = value);
            }
            (ElementPlan::Message(plan), FieldKind::Message(inner)) => {
                read_type(definition, inner, plan, &mut inside, values, indices)?;
            }
            _ => {}
        }
    }
    skip_elements(definition, field.kind, count, reader)
}

/// The number of elements of a field, of which the length is read if it is in the message.
pub(super) fn count_of(field: &MessageField, reader: &mut CdrReader<'_>) -> Result<usize, CdrError> {
    match field.count {
        FieldCount::One => Ok(1),
        FieldCount::Fixed(count) => Ok(count),
        FieldCount::Sequence => reader.length(),
    }
}

/// Passes over a field.
pub(super) fn skip_field(
    definition: &Definition,
    field: &MessageField,
    reader: &mut CdrReader<'_>,
) -> Result<(), CdrError> {
    let count = count_of(field, reader)?;
    skip_elements(definition, field.kind, count, reader)
}

/// Passes over elements, each of which has at least one byte.
pub(super) fn skip_elements(
    definition: &Definition,
    kind: FieldKind,
    count: usize,
    reader: &mut CdrReader<'_>,
) -> Result<(), CdrError> {
    match kind {
        FieldKind::Number(kind) => reader.skip(kind, count),
        FieldKind::Text => (0..count).try_for_each(|_| reader.text().map(drop)),
        FieldKind::Message(index) => (0..count).try_for_each(|_| {
            definition.fields(index).iter().try_for_each(|field| skip_field(definition, field, reader))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::ros::tests::{JOINT_STATE, joint_state};

    fn reader(paths: &[&str]) -> Result<MessageReader, PathError> {
        let definition = Definition::read("sensor_msgs/msg/JointState", JOINT_STATE).unwrap();
        let paths: Vec<_> = paths.iter().map(|path| ValuePath::read(path).unwrap()).collect();
        MessageReader::new(definition, &paths)
    }

    #[test]
    fn numbers_are_read_by_the_names_of_joints_whatever_their_order_is() {
        let paths = ["effort[right]", "header.stamp.nanosec", "effort[left]", "position[1]", "effort[arm]"];
        let mut reader = reader(&paths).unwrap();
        let message = joint_state(1.5, &[("left", 0.25), ("right", -2.0)]);
        let values = reader.read(&message).unwrap();
        assert_eq!(values[..4], [-2.0, 500_000_000.0, 0.25, 1.0]);
        assert!(values[4].is_nan());
        let message = joint_state(1.5, &[("right", -2.0), ("arm", 9.0), ("left", 0.25)]);
        assert_eq!(reader.read(&message).unwrap(), [-2.0, 500_000_000.0, 0.25, 1.0, 9.0]);
    }

    #[test]
    fn a_message_that_is_cut_off_anywhere_is_no_message() {
        let mut reader = reader(&["effort[right]", "effort[left]"]).unwrap();
        let message = joint_state(1.5, &[("left", 0.25), ("right", -2.0)]);
        assert!(reader.read(&message).is_ok());
        for end in 0..message.len() {
            let fault = reader.read(&message[..end]).unwrap_err().to_string();
            assert!(fault.contains("does not fit the definition of sensor_msgs/JointState"), "{fault}");
        }
    }

    #[test]
    fn a_path_that_is_no_number_says_why() {
        for (path, why) in [
            (
                "efort[left]",
                "there is no field \"efort\" in the messages, which are sensor_msgs/JointState; it has header, name, position, velocity, effort",
            ),
            ("effort", "\"effort\" is a list; name one of its elements, such as effort[0] or effort[NAME]"),
            ("header", "header is no number but a message; it has the fields stamp, frame_id"),
            ("header.frame_id", "\"frame_id\" is a text"),
            ("header[0].frame_id", "\"header\" is no list"),
            ("effort[0].x", "\"effort\" is a number, which has no fields"),
        ] {
            let error = reader(&[path]).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
