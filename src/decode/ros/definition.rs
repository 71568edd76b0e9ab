//! Message definitions of ROS 2 as recordings carry them: the text of a message, followed by those of all types that it
//! uses (the schema encoding `ros2msg` of MCAP).

use std::collections::HashMap;

/// Maximum number of types of a definition; its text may have 64 characters for each.
const MOST: usize = 4096;
/// How deep types may be inside of each other.
const DEPTH: usize = 64;

/// A message definition. The type with index 0 is that of the messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Definition {
    pub(super) types: Vec<MessageType>,
}

/// A type of messages, or of parts of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MessageType {
    pub name: String,
    pub fields: Vec<MessageField>,
}

/// A field of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MessageField {
    pub name: String,
    pub kind: FieldKind,
    pub count: FieldCount,
}

/// What each element of a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    Number(NumberKind),
    Text,
    /// A message of the type with this index.
    Message(usize),
}

/// How many elements a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldCount {
    /// One element, which is no list.
    One,
    /// A list of so many elements.
    Fixed(usize),
    /// A list whose length is in the message.
    Sequence,
}

/// The kinds of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberKind {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

/// Why a definition cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DefinitionError(String);

impl NumberKind {
    /// The number of bytes, which is also its alignment.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "int8" => Self::I8,
            "byte" | "char" | "uint8" => Self::U8,
            "int16" => Self::I16,
            "uint16" => Self::U16,
            "int32" => Self::I32,
            "uint32" => Self::U32,
            "int64" => Self::I64,
            "uint64" => Self::U64,
            "float32" => Self::F32,
            "float64" => Self::F64,
            _ => return None,
        })
    }
}

impl Definition {
    /// Reads the text of a definition, of the type with this name, such as `sensor_msgs/msg/JointState`.
    ///
    /// # Errors
    /// [`DefinitionError`] if a line is none of a definition, a type is missing or contains itself, or there are too many.
    pub(crate) fn read(name: &str, text: &str) -> Result<Self, DefinitionError> {
        let mut texts: Vec<(String, Vec<&str>)> = vec![(short(name), Vec::new())];
        let mut is_separated = false;
        for line in text.lines().map(str::trim) {
            if line.len() >= 3 && line.bytes().all(|byte| byte == b'=') {
                is_separated = true;
            } else if let Some(name) = line.strip_prefix("MSG:").filter(|_| is_separated) {
                texts.push((short(name.trim()), Vec::new()));
                is_separated = false;
            } else if let Some((_, lines)) = texts.last_mut() {
                lines.push(line);
            }
        }
        if text.len() > 64 * MOST || texts.len() > MOST {
            return Err(DefinitionError("its definition is longer than any real one".into()));
        }
        let indices: HashMap<&str, usize> =
            texts.iter().enumerate().rev().map(|(index, (name, _))| (name.as_str(), index)).collect();
        let mut types = Vec::new();
        for (name, lines) in &texts {
            let package = name.split('/').next().unwrap_or_default();
            let mut fields = Vec::new();
            for line in lines {
                fields.extend(field(line, package, &indices)?);
            }
            if fields.is_empty() {
                // Without any, messages of ROS 2 have one byte (`structure_needs_at_least_one_member`).
                let kind = FieldKind::Number(NumberKind::U8);
                fields.push(MessageField { name: String::new(), kind, count: FieldCount::One });
            }
            types.push(MessageType { name: name.clone(), fields });
        }
        let definition = Self { types };
        definition.check_depth(0, 0, &mut vec![Visit::Not; definition.types.len()])?;
        Ok(definition)
    }

    /// The name of the type of the messages, such as `sensor_msgs/JointState`.
    pub(crate) fn name(&self) -> &str {
        self.types.first().map_or("", |of| of.name.as_str())
    }

    /// The fields of a type.
    pub(super) fn fields(&self, index: usize) -> &[MessageField] {
        self.types.get(index).map_or(&[], |of| of.fields.as_slice())
    }

    /// Checks that no type contains itself, and that types are not too deep inside of each other.
    fn check_depth(&self, index: usize, depth: usize, visits: &mut [Visit]) -> Result<(), DefinitionError> {
        let name = || self.types.get(index).map_or("", |of| of.name.as_str());
        match visits.get_mut(index) {
            Some(Visit::Begun) => {
                return Err(DefinitionError(format!(
                    "its definition has a type {:?} that contains itself",
                    name()
                )));
            }
            Some(visit @ Visit::Not) => *visit = Visit::Begun,
            Some(Visit::Done) | None => return Ok(()),
        }
        if depth > DEPTH {
            return Err(DefinitionError(format!(
                "its definition has more than {DEPTH} types inside of each other"
            )));
        }
        for field in self.fields(index) {
            if let FieldKind::Message(inner) = field.kind {
                self.check_depth(inner, depth + 1, visits)?;
            }
        }
        visits.get_mut(index).into_iter().for_each(|visit| *visit = Visit::Done);
        Ok(())
    }
}

/// How far the search for types that contain themselves is with a type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Not,
    Begun,
    Done,
}

/// The name of a type without `msg/`, as definitions use it.
fn short(name: &str) -> String {
    name.replace("/msg/", "/")
}

/// The field of a line; `None` for a line without one: a comment, an empty line or a constant.
fn field(
    line: &str,
    package: &str,
    indices: &HashMap<&str, usize>,
) -> Result<Option<MessageField>, DefinitionError> {
    let bad = || DefinitionError(format!("its definition has a line {:?}, which is no field", shown(line)));
    let line = line.split('#').next().unwrap_or_default().trim();
    if line.is_empty() {
        return Ok(None);
    }
    let (kind, rest) = line.split_once(char::is_whitespace).ok_or_else(bad)?;
    // A bounded text may be written as `string<=5 name`, and a constant as `int32 X=1` or `int32 X = 1`.
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    if name.is_empty() || !(after.is_empty() || after.starts_with([' ', '\t', '='])) {
        return Err(bad());
    }
    if after.trim_start().starts_with('=') {
        return Ok(None);
    }
    let (element, count) = match kind.split_once('[') {
        None => (kind, FieldCount::One),
        Some((element, bound)) => {
            let bound = bound.strip_suffix(']').ok_or_else(bad)?;
            let count = match bound.parse() {
                Ok(0) => return Err(bad()),
                Ok(count) => FieldCount::Fixed(count),
                Err(_) if bound.is_empty() || bound.starts_with("<=") => FieldCount::Sequence,
                Err(_) => return Err(bad()),
            };
            (element, count)
        }
    };
    let base = element.split("<=").next().unwrap_or_default();
    let kind = match (NumberKind::of(base), base) {
        (Some(number), _) => FieldKind::Number(number),
        (None, "string") => FieldKind::Text,
        (None, "wstring") => {
            return Err(DefinitionError(format!(
                "its field {name:?} is a wstring, which is written in several ways and cannot be read"
            )));
        }
        (None, _) => {
            let full = if base.contains('/') { short(base) } else { format!("{package}/{base}") };
            let missing = || DefinitionError(format!("its definition lacks the type {:?}", shown(base)));
            FieldKind::Message(*indices.get(full.as_str()).ok_or_else(missing)?)
        }
    };
    Ok(Some(MessageField { name: name.to_owned(), kind, count }))
}

/// The start of a text from a file, for a message.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_has_fields_constants_comments_and_types_of_its_own() {
        let text = "# A comment\nuint8 MODE=1\nstring UNIT = \"A # B\"\nstd_msgs/Header header\nfloat64[] effort # in Nm\n\
                    float32[2] pair\nint32[<=3] few 7\nstring<=8[] name\nPart part\n\n\
                    ================================================================================\n\
                    MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n\
                    ================================================================================\n\
                    MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n\
                    ===\nMSG: pkg/Part\nint32 ONE=1\n";
        let definition = Definition::read("pkg/msg/Whole", text).unwrap();
        assert_eq!(definition.name(), "pkg/Whole");
        let fields: Vec<_> =
            definition.fields(0).iter().map(|field| (field.name.as_str(), field.kind, field.count)).collect();
        assert_eq!(
            fields,
            [
                ("header", FieldKind::Message(1), FieldCount::One),
                ("effort", FieldKind::Number(NumberKind::F64), FieldCount::Sequence),
                ("pair", FieldKind::Number(NumberKind::F32), FieldCount::Fixed(2)),
                ("few", FieldKind::Number(NumberKind::I32), FieldCount::Sequence),
                ("name", FieldKind::Text, FieldCount::Sequence),
                ("part", FieldKind::Message(3), FieldCount::One),
            ]
        );
        assert_eq!(definition.fields(3).len(), 1, "an empty message has one byte");
    }

    #[test]
    fn a_definition_that_cannot_be_used_says_why() {
        for (text, why) in [
            ("float64", "a line \"float64\", which is no field"),
            ("float64[2 x", "which is no field"),
            ("float64[x] x", "which is no field"),
            ("Missing m", "lacks the type \"Missing\""),
            ("wstring w", "is a wstring"),
            ("A a\n===\nMSG: p/A\nB b\n===\nMSG: p/B\nA[] a\n", "a type \"p/A\" that contains itself"),
            ("p/M m\n", "a type \"p/M\" that contains itself"),
        ] {
            let error = Definition::read("p/msg/M", text).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
        let long = "int8 x\n".repeat(64 * MOST);
        assert!(Definition::read("p/M", &long).is_err());
    }
}
