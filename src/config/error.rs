//! A configuration value that cannot be used.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// A configuration value that cannot be used: its key, the value, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}; {fix}")]
pub struct ValueError {
    /// The key with its section, such as `mqtt.port`.
    key: String,
    /// The value as it could be written in TOML, or words that say what is wrong with it.
    value: String,
    /// What to do, in plain words.
    fix: String,
}

impl ValueError {
    /// An error for a value that was given.
    pub(crate) fn new(key: impl Into<String>, value: impl TomlText, fix: impl Into<String>) -> Self {
        Self::in_words(key, value.toml_text(), fix)
    }

    /// An error for a value that is required and was not given.
    pub(crate) fn missing(key: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::in_words(key, "missing", fix)
    }

    /// An error whose value has been put into words: they complete the sentence that begins with the key and
    /// "is".
    pub(crate) fn in_words(key: impl Into<String>, value: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into(), fix: fix.into() }
    }
}

/// A value that an error message shows as it could be written in the configuration.
pub(crate) trait TomlText {
    /// The value as TOML.
    fn toml_text(&self) -> String;
}

impl<T: TomlText + ?Sized> TomlText for &T {
    fn toml_text(&self) -> String {
        (**self).toml_text()
    }
}

impl TomlText for str {
    fn toml_text(&self) -> String {
        format!("{self:?}")
    }
}

impl TomlText for String {
    fn toml_text(&self) -> String {
        self.as_str().toml_text()
    }
}

impl TomlText for Path {
    fn toml_text(&self) -> String {
        format!("\"{}\"", self.display())
    }
}

impl TomlText for PathBuf {
    fn toml_text(&self) -> String {
        self.as_path().toml_text()
    }
}

impl TomlText for Duration {
    fn toml_text(&self) -> String {
        format!("\"{}\"", humantime::format_duration(*self))
    }
}

impl TomlText for bool {
    fn toml_text(&self) -> String {
        self.to_string()
    }
}

impl TomlText for usize {
    fn toml_text(&self) -> String {
        self.to_string()
    }
}

impl TomlText for f64 {
    fn toml_text(&self) -> String {
        // Unlike `Display`, this writes 1.0 with its decimal point.
        format!("{self:?}")
    }
}
