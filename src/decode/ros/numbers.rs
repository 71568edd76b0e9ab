//! Lists the numbers in a message, for the choice of channels.

use super::cdr::{CdrError, CdrReader};
use super::definition::{Definition, FieldCount, FieldKind, NumberKind};
use super::message::{count_of, skip_elements};
use super::plan::{has_names, is_names};

/// Maximum number of paths that are listed.
const MOST: usize = 256;
/// Maximum number of elements of a list of messages that are looked into.
const MOST_ELEMENTS: usize = 4;
/// Maximum number of elements of a list of numbers that are listed, unless they have names.
const MOST_NUMBERS: usize = 32;

/// The paths of the numbers in a message that could be channels, each with its number. Flags, stamps and what is after a
/// fault are left out.
pub(crate) fn numbers(definition: &Definition, message: &[u8]) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    if let Ok(mut reader) = CdrReader::new(message) {
        // What was found before a fault is listed.
        let _ = visit(definition, 0, "", &mut reader, &mut found);
    }
    found
}

fn visit(
    definition: &Definition,
    index: usize,
    prefix: &str,
    reader: &mut CdrReader<'_>,
    found: &mut Vec<(String, f64)>,
) -> Result<(), CdrError> {
    let fields = definition.fields(index);
    let is_stamp = fields.iter().map(|field| field.name.as_str()).eq(["sec", "nanosec"]);
    let mut names = Vec::new();
    for field in fields {
        let count = count_of(field, reader)?;
        let path = |index: usize| match (field.count, names.get(index)) {
            (FieldCount::One, _) => format!("{prefix}{}", field.name),
            (_, Some(name)) => format!("{prefix}{}[{name}]", field.name),
            (_, None) => format!("{prefix}{}[{index}]", field.name),
        };
        let has_room = found.len() < MOST;
        match field.kind {
            FieldKind::Number(kind) if has_room && !is_stamp && kind != NumberKind::Bool => {
                let is_named = has_names(fields) && names.len() == count;
                let listed = if is_named { count } else { count.min(MOST_NUMBERS) };
                for index in 0..listed {
                    let number = reader.number(kind)?;
                    if !field.name.is_empty() {
                        found.push((path(index), number));
                    }
                }
                skip_elements(definition, field.kind, count - listed, reader)?;
            }
            FieldKind::Text if is_names(field) => {
                for _ in 0..count {
                    names.push(String::from_utf8_lossy(reader.text()?).into_owned());
                }
            }
            FieldKind::Message(inner) if has_room => {
                let listed = count.min(MOST_ELEMENTS);
                for index in 0..listed {
                    visit(definition, inner, &(path(index) + "."), reader, found)?;
                }
                skip_elements(definition, field.kind, count - listed, reader)?;
            }
            kind => skip_elements(definition, kind, count, reader)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::ros::tests::{JOINT_STATE, joint_state};

    #[test]
    fn the_numbers_of_a_message_are_listed_by_the_names_of_its_joints() {
        let definition = Definition::read("sensor_msgs/msg/JointState", JOINT_STATE).unwrap();
        let message = joint_state(1.5, &[("left", 0.25), ("right", -2.0)]);
        let found = numbers(&definition, &message);
        let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["position[left]", "position[right]", "effort[left]", "effort[right]"]);
        assert_eq!(found[3].1, -2.0);
        assert_eq!(numbers(&definition, &message[..message.len() - 1]).len(), 3);
    }
}
