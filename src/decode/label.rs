//! The payload of a message that says which surface a robot is on.

use serde::Deserialize;

use crate::signal::Label;
use crate::text::quoted;

/// Maximum size of the payload, in bytes.
pub(crate) const MAX_LABEL_PAYLOAD: usize = 1024;
/// Maximum number of characters of a payload or a name in a message.
const SHOWN: usize = 80;

/// Why a payload says nothing about a surface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LabelFault {
    /// It is not in the form of a label.
    Malformed(String),
    /// The name of the surface is not allowed.
    Name(String),
}

/// The payload of a message.
#[derive(Deserialize)]
struct Payload {
    surface: Option<String>,
}

/// Decodes a payload such as `{"surface": "gravel"}`. An empty payload, an empty name and `null` end a label:
/// `None`.
///
/// # Errors
/// [`LabelFault`], which says in words what is wrong and how to write it.
pub(crate) fn decode_label(payload: &[u8]) -> Result<Option<Label>, LabelFault> {
    if payload.trim_ascii().is_empty() {
        return Ok(None);
    }
    let Payload { surface } = serde_json::from_slice(payload).map_err(|error| {
        let payload = quoted(&String::from_utf8_lossy(payload), SHOWN);
        LabelFault::Malformed(format!(
            "{payload} is not a label ({error}); send {{\"surface\": \"gravel\"}}, or {{\"surface\": \"\"}} to end one"
        ))
    })?;
    match surface.as_deref().map(str::trim).unwrap_or_default() {
        "" => Ok(None),
        name => Label::new(name).map(Some).map_err(|why| {
            LabelFault::Name(format!(
                "the surface {} {why}; use a name such as \"gravel\"",
                quoted(name, SHOWN)
            ))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_starts_or_ends_a_label() {
        let label = |payload: &str| decode_label(payload.as_bytes()).unwrap();
        assert_eq!(label(r#"{"surface": " gravel ", "by": "anna"}"#), Some(Label::new("gravel").unwrap()));
        for end in ["", "  ", "{}", r#"{"surface": ""}"#, r#"{"surface": null}"#] {
            assert_eq!(label(end), None, "{end:?}");
        }
    }

    #[test]
    fn what_is_no_label_is_named_and_shortened() {
        for bad in [
            "gravel",
            "[1]",
            r#"{"surface": 3}"#,
            "{\"surface\"",
            "\u{0}",
            r#"{"surface":"a","surface":"b"}"#,
        ] {
            let Err(LabelFault::Malformed(why)) = decode_label(bad.as_bytes()) else { panic!("{bad}") };
            assert!(why.contains(r#"send {"surface": "gravel"}"#), "{why}");
        }
        let Err(LabelFault::Malformed(why)) = decode_label(&[0xff; 1000]) else { panic!() };
        assert!(why.chars().count() < 300, "{why}");
        for bad in ["../up", "a/b", "unknown", &"x".repeat(200)] {
            let payload = serde_json::json!({ "surface": bad }).to_string();
            let Err(LabelFault::Name(why)) = decode_label(payload.as_bytes()) else { panic!("{bad}") };
            assert!(why.contains("use a name such as") && why.len() < 300, "{why}");
        }
    }
}
