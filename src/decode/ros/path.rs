//! Where a number is in a message.

use std::fmt;

/// Where a number is in a message: names of fields, each perhaps with an element of a list, such as `battery.current`,
/// `data[0]` or `effort[left_wheel]`.
///
/// The last one is by name: the element whose index `left_wheel` has in the field `name` of the same message, a list of texts,
/// as in `sensor_msgs/JointState`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValuePath {
    pub(super) steps: Vec<PathStep>,
}

/// A field of a message, and which of its elements is meant; `None` if it is no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathStep {
    pub field: String,
    pub element: Option<PathElement>,
}

/// An element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathElement {
    Index(usize),
    Name(String),
}

impl ValuePath {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "{text:?} is no field of a message; write it like current, battery.current, data[0] or effort[left_wheel]"
            )
        };
        let (mut steps, mut rest) = (Vec::new(), text);
        loop {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (field, after) = rest.split_at(end);
            if field.is_empty() || field.contains(']') {
                return Err(bad());
            }
            let (element, after) = match after.strip_prefix('[') {
                None => (None, after),
                // The name of a joint may have dots.
                Some(inside) => {
                    let (element, after) = inside.split_once(']').ok_or_else(bad)?;
                    if element.is_empty() {
                        return Err(bad());
                    }
                    let by_index = element.parse().map(PathElement::Index);
                    (Some(by_index.unwrap_or_else(|_| PathElement::Name(element.to_owned()))), after)
                }
            };
            steps.push(PathStep { field: field.to_owned(), element });
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None if after.is_empty() => return Ok(Self { steps }),
                None => return Err(bad()),
            }
        }
    }
}

impl ValuePath {
    /// Whether it names an element of a list, which a message may not have.
    pub(crate) fn has_element(&self) -> bool {
        self.steps.iter().any(|step| step.element.is_some())
    }
}

impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, PathStep { field, element }) in self.steps.iter().enumerate() {
            let dot = if index > 0 { "." } else { "" };
            match element {
                None => write!(f, "{dot}{field}")?,
                Some(PathElement::Index(index)) => write!(f, "{dot}{field}[{index}]")?,
                Some(PathElement::Name(name)) => write!(f, "{dot}{field}[{name}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_fields_and_elements_by_index_or_name() {
        for text in ["current", "battery.current", "data[0]", "effort[left_wheel]", "a[arm/joint.1].b[2].c"] {
            assert_eq!(ValuePath::read(text).unwrap().to_string(), text);
        }
        let path = ValuePath::read("effort[left_wheel]").unwrap();
        assert_eq!(path.steps[0].element, Some(PathElement::Name("left_wheel".into())));
        for text in ["", ".a", "a.", "a[]", "a[0", "a]", "a[0]b", "a..b"] {
            assert!(ValuePath::read(text).unwrap_err().contains("is no field of a message"), "{text}");
        }
    }
}
