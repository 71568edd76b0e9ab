//! The name of a surface that somebody says a robot is on, and how it changes while samples arrive.

use std::sync::Arc;

use super::stream_id::StreamId;

/// The folder of recordings whose surface is not known.
pub const UNLABELLED: &str = "unlabelled";
/// What a decision names when the surface is not known; no surface can have this name.
const UNKNOWN: &str = "unknown";

/// The name of a surface, which is also that of the folder of its recordings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label(Arc<str>);

impl Label {
    /// Maximum length of a name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Checks a name that anybody may have sent.
    ///
    /// # Errors
    /// Says in words what is wrong with it: it is empty or longer than [`Label::MAX_BYTES`], it cannot be the
    /// name of a folder, it begins or ends with a blank, has a control character, or is reserved.
    pub fn new(name: &str) -> Result<Self, &'static str> {
        if name.len() > Self::MAX_BYTES {
            return Err("is longer than 64 bytes");
        }
        if !is_folder_name(name) {
            return Err(
                "cannot be the name of a folder: it must not be empty, begin with a dot or have a slash",
            );
        }
        if name.trim() != name {
            return Err("begins or ends with a blank");
        }
        if name.chars().any(char::is_control) {
            return Err("has a control character");
        }
        if [UNLABELLED, UNKNOWN].contains(&name) {
            return Err("is reserved for surfaces that are not known; an empty name ends a label");
        }
        Ok(Self(name.into()))
    }

    /// The name as a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether this can be the name of a folder that is not hidden.
pub(crate) fn is_folder_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

/// A change of what is said about the surface under robots, in its place among the samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelChange {
    /// The robot is on this surface from here on.
    Start(StreamId, Label),
    /// The surface under the robot is not known from here on.
    End(StreamId),
    /// The surface under no robot is known from here on.
    EndAll,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_name_of_a_folder_and_no_reserved_word() {
        let long = "x".repeat(65);
        for bad in ["", ".", "..", "../up", "a/b", "a\\b", "a\0", " a", "tab\t", "a\u{1b}b", &long] {
            assert!(Label::new(bad).is_err(), "{bad:?}");
        }
        for reserved in ["unknown", "unlabelled"] {
            assert!(Label::new(reserved).unwrap_err().contains("reserved"));
        }
        assert_eq!(Label::new("gravel, nass").unwrap().as_str(), "gravel, nass");
    }
}
