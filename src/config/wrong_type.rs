//! Plain words for values that do not have the type of their key.
//!
//! The messages of serde and of the `config` crate name Rust types ("invalid type: string "high", expected
//! u16") and not the key. This module finds the key, shows the value as it was written, and says what the key
//! requires.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::model::card_text::printable;

/// The longest value that is shown, in bytes.
const MAX_SHOWN: usize = 60;

/// The keys that are lists of sections, written with double brackets.
const LISTS_OF_SECTIONS: [&str; 2] = ["source", "source.channel"];

/// Explains why a TOML text cannot be read as a configuration.
pub(super) fn explain_toml(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    let Ok(document) = DeTable::parse(text) else {
        return match error.span().and_then(|span| text.get(span)) {
            Some(key) if message == "duplicate key" => {
                format!("the key {key} is set twice; remove one of the two")
            }
            _ => format!("this is not valid TOML: {message}"),
        };
    };
    let Some(span) = error.span() else { return message };
    match key_at(document.get_ref(), &span) {
        Some(key) => explain(&key, text.get(span), &message),
        None => message,
    }
}

/// Explains why the value of an environment variable cannot be used; `key` is the key that it sets.
pub(super) fn explain_variable(variable: &str, key: &str, message: &str) -> String {
    match requirement(key, message) {
        Some(requirement) => statement(variable, shown_value(message), &requirement),
        None => format!("{variable}: {message}"),
    }
}

fn explain(key: &str, value: Option<&str>, message: &str) -> String {
    match requirement(key, message) {
        Some(requirement) if value.is_some_and(is_quoted_number) && requirement.contains("number") => {
            statement(key, value, &format!("{requirement}, without quotes"))
        }
        Some(requirement) => statement(key, value, &requirement),
        None => format!("{key}: {message}"),
    }
}

/// Whether a value is a number that was written as text.
fn is_quoted_number(value: &str) -> bool {
    let inner = value.strip_prefix(['"', '\'']).and_then(|value| value.strip_suffix(['"', '\'']));
    inner.is_some_and(|inner| inner.trim().parse::<f64>().is_ok())
}

/// States what a key or variable requires, with its value unless this is long or secret.
fn statement(name: &str, value: Option<&str>, requirement: &str) -> String {
    let secret = name.to_lowercase().ends_with("password");
    let shown = value.filter(|value| !secret && value.len() <= MAX_SHOWN && !value.contains('\n'));
    match shown {
        Some(value) => {
            let (name, value) = (printable(name), printable(value));
            format!("{name} is {value}; it must be {requirement}")
        }
        None => format!("{} must be {requirement}", printable(name)),
    }
}

/// What a key requires, according to the message of a deserializer; `None` if the message does not say it.
fn requirement(key: &str, message: &str) -> Option<String> {
    if let Some(own) = message.strip_prefix("it must be ") {
        return Some(own.to_owned());
    }
    if message == "wanted string or table" {
        return Some("text in quotes".to_owned());
    }
    let (found, expected) = message.rsplit_once(", expected ")?;
    if found.starts_with("unknown variant") {
        return Some(expected.replace('`', ""));
    }
    let list_of_sections = LISTS_OF_SECTIONS.contains(&key);
    Some(match expected {
        "u16" | "an unsigned 16 bit integer" => "a whole number from 0 to 65535".into(),
        "u32" | "an unsigned 32 bit integer" => "a whole number from 0 to 4294967295".into(),
        "u64" | "usize" => "a whole number, 0 or more".into(),
        integer if integer.ends_with("integer") => "a whole number, 0 or more".into(),
        "f64" | "a floating point" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" => "text in quotes".into(),
        "a character" => "one character in quotes".into(),
        "path string" => "a path in quotes".into(),
        "a duration" => "a time with its unit, in quotes, such as \"250ms\", \"5s\" or \"10m\"".into(),
        _ if list_of_sections => {
            format!("a list of sections, each written as [[{key}]] with double brackets")
        }
        "a sequence" => "a list in square brackets".into(),
        section if section.starts_with("struct ") => format!("a section of keys, written as [{key}]"),
        other => other.to_owned(),
    })
}

/// The value that a message quotes, with the quotes of a string.
fn shown_value(message: &str) -> Option<&str> {
    let (found, _) = message.rsplit_once(", expected ")?;
    let start = found.find(['"', '`'])?;
    found.get(start..).map(|value| value.trim_matches('`'))
}

/// The key whose value spans these bytes of the text, with its section; the innermost one if there are
/// several.
fn key_at(document: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let mut nearest = None;
    for (name, value) in document {
        search(name.get_ref(), value.get_ref(), value.span(), span, &mut nearest);
    }
    nearest.map(|(_, key)| key)
}

/// Keeps the shortest value at or below `key` that contains the wanted bytes, with its length.
fn search(
    key: &str,
    value: &DeValue<'_>,
    bytes: Range<usize>,
    wanted: &Range<usize>,
    nearest: &mut Option<(usize, String)>,
) {
    let contains = bytes.start <= wanted.start && wanted.end <= bytes.end;
    if contains && nearest.as_ref().is_none_or(|(length, _)| bytes.len() < *length) {
        *nearest = Some((bytes.len(), key.to_owned()));
    }
    // The span of a section is that of its header, so that a key has to be searched for in every section.
    match value {
        DeValue::Table(table) => {
            for (name, value) in table {
                search(&format!("{key}.{}", name.get_ref()), value.get_ref(), value.span(), wanted, nearest);
            }
        }
        DeValue::Array(values) => {
            for value in values.iter() {
                search(key, value.get_ref(), value.span(), wanted, nearest);
            }
        }
        _ => {}
    }
}
