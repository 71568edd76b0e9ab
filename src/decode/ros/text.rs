//! Reads a text from a message.

use super::cdr::{CdrError, CdrReader};
use super::definition::{Definition, FieldCount, FieldKind};
use super::message::{describe, skip_field};
use super::path::{PathStep, ValuePath};

/// Where a message has no text.
#[derive(Debug)]
enum NoText {
    Cdr(CdrError),
    Path(String),
}

impl From<CdrError> for NoText {
    fn from(error: CdrError) -> Self {
        Self::Cdr(error)
    }
}

/// The text at a path of a message of this definition. Bytes that are not UTF-8 are replaced.
///
/// # Errors
/// That the bytes are none of the definition, or there is no text at the path.
pub(crate) fn text(definition: &Definition, path: &ValuePath, message: &[u8]) -> Result<String, String> {
    let found = CdrReader::new(message).map_err(NoText::from);
    let found = found.and_then(|mut reader| find(definition, 0, path, &path.steps, &mut reader));
    match found {
        Ok(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        Err(NoText::Cdr(error)) => Err(describe(error, message, definition)),
        Err(NoText::Path(why)) => Err(why),
    }
}

fn find<'a>(
    definition: &Definition,
    index: usize,
    path: &ValuePath,
    steps: &[PathStep],
    reader: &mut CdrReader<'a>,
) -> Result<&'a [u8], NoText> {
    let no_text = |why: String| NoText::Path(format!("{path} is no text: {why}"));
    let Some((step, rest)) = steps.split_first() else {
        return Err(no_text("it is a message".into()));
    };
    for field in definition.fields(index) {
        if field.name != step.field {
            skip_field(definition, field, reader)?;
            continue;
        }
        if field.count != FieldCount::One || step.element.is_some() {
            return Err(no_text(format!("{:?} is looked for as a field that is no list", field.name)));
        }
        return match field.kind {
            FieldKind::Text if rest.is_empty() => Ok(reader.text()?),
            FieldKind::Message(inner) => find(definition, inner, path, rest, reader),
            FieldKind::Text => Err(no_text(format!("{:?} has no fields", field.name))),
            FieldKind::Number(_) => Err(no_text(format!("{:?} is a number", field.name))),
        };
    }
    let has: Vec<_> = definition.fields(index).iter().map(|field| field.name.as_str()).collect();
    Err(no_text(format!("there is no field {:?}; it has {}", step.field, has.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::ros::tests::{JOINT_STATE, joint_state};

    #[test]
    fn a_text_is_read_wherever_it_is_in_a_message() {
        let definition = Definition::read("sensor_msgs/msg/JointState", JOINT_STATE).unwrap();
        let message = joint_state(1.5, &[("left", 0.25)]);
        let read = |path: &str, message: &[u8]| text(&definition, &ValuePath::read(path).unwrap(), message);
        assert_eq!(read("header.frame_id", &message).unwrap(), "base");
        for (path, why) in [
            ("header", "header is no text: it is a message"),
            ("header.stamp.sec", "\"sec\" is a number"),
            ("data", "there is no field \"data\"; it has header, name, position, velocity, effort"),
            ("name", "\"name\" is looked for as a field that is no list"),
        ] {
            let error = read(path, &message).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        for end in 0..14 {
            assert!(read("header.frame_id", &message[..end]).unwrap_err().contains("does not fit"), "{end}");
        }
    }
}
