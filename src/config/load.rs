//! Reading the configuration from its sources.
//!
//! The sources, in order of precedence, lowest first:
//!
//! 1. the defaults,
//! 2. the file: the one that is named, or [`DEFAULT_FILE`] if it exists,
//! 3. the files `conf.d/*.toml` beside it, in the order of their names,
//! 4. environment variables such as `UNDERFOOT__MQTT__HOST`,
//! 5. command line flags.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::ValueError;
use super::wrong_type;
use super::{Config, SAMPLE};

/// The configuration of the service, which is read when no other file is named.
pub const DEFAULT_FILE: &str = "/etc/underfoot/underfoot.toml";

/// The first part of every environment variable. `__` separates it from the section, and the section from the
/// key.
const PREFIX: &str = "UNDERFOOT";

/// The nearest key is suggested in place of an unknown one if at most this many changes of single characters
/// turn one into the other.
const MAX_DISTANCE: usize = 6;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error(
        "the configuration \"{}\" cannot be read: {why}; name another file with -c, or write one with \
         `underfoot config --sample > underfoot.toml`",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        why: std::io::Error,
    },
    /// A file is not valid TOML, or a value does not have the type of its key.
    #[error("{origin}: {why}")]
    Syntax {
        /// The file with the line, or the environment.
        origin: String,
        /// What is wrong, and the fix.
        why: String,
    },
    /// A key does not exist.
    #[error("{origin} has the unknown key {key:?}{hint}")]
    UnknownKey {
        /// The file or the environment variable.
        origin: String,
        /// The key with its section.
        key: String,
        /// The end of the message: the nearest key that exists, or where all keys are listed.
        hint: String,
    },
    /// A value is out of range, or does not go together with another one.
    #[error(transparent)]
    Value(#[from] ValueError),
}

/// Reads and checks the configuration.
///
/// `file` is the file that the user named, if any. `flags` are keys with their values from the command line.
///
/// # Errors
/// [`ConfigError`], which names the file or the variable, the key, the value and the fix.
pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Config, ConfigError> {
    let mut builder = ::config::Config::builder();
    let default = Path::new(DEFAULT_FILE);
    let file = file.or(Some(default).filter(|path| path.exists()));
    for path in file.map(files).transpose()?.unwrap_or_default() {
        let text =
            std::fs::read_to_string(&path).map_err(|why| ConfigError::Read { path: path.clone(), why })?;
        // Each file is checked by itself first, so that an error can name the file and the line.
        parse(&text, &path.display().to_string())?;
        builder = builder.add_source(::config::File::from_str(&text, ::config::FileFormat::Toml));
    }
    // A variable stays text until the type of its key is known: a password may look like a number.
    let environment = ::config::Environment::with_prefix(PREFIX).prefix_separator("__").separator("__");
    builder = builder.add_source(environment);
    for (key, value) in flags {
        builder = builder.set_override(*key, value.clone()).map_err(|error| environment_error(&error))?;
    }
    let merged = builder.build().map_err(|error| environment_error(&error))?;
    let mut unknown = None;
    let mut config: Config = serde_ignored::deserialize(merged, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    })
    .map_err(|error| environment_error(&error))?;
    if let Some(key) = unknown {
        // The files have been checked, so that the key can only come from the environment.
        return Err(unknown_key(format!("the variable {}", variable(&key)), key));
    }
    config.mqtt.instance = file.and_then(instance);
    config.validate()?;
    Ok(config)
}

/// What tells a daemon with this configuration file apart from others on the same computer; `None` for the service's
/// own file.
///
/// Files beside the service's own file, such as those of the units `underfoot@NAME`, are told apart by their names,
/// and other files also by a digest of their path.
fn instance(file: &Path) -> Option<String> {
    let path = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let default = Path::new(DEFAULT_FILE);
    if file == default {
        return None;
    }
    let stem: String = path.file_stem()?.to_string_lossy().chars().take(32).collect();
    let stem = stem.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_', "-");
    if path.parent() == default.parent() {
        return Some(stem);
    }
    let digest = crc32fast::hash(path.as_os_str().as_encoded_bytes());
    Some(format!("{stem}-{digest:08x}"))
}

/// The environment variable that sets a key.
fn variable(key: &str) -> String {
    format!("{PREFIX}__{}", key.replace('.', "__").to_uppercase())
}

/// Explains an error of the merged configuration. The files have been checked, so that the environment causes
/// it.
fn environment_error(error: &::config::ConfigError) -> ConfigError {
    use ::config::ConfigError::{At, Type};
    let (key, message) = match error {
        Type { key: Some(key), unexpected, expected, .. } => {
            (Some(key), format!("invalid type: {unexpected}, expected {expected}"))
        }
        At { key: Some(key), error, .. } => (Some(key), error.to_string()),
        error => (None, error.to_string()),
    };
    let message = message.lines().next().unwrap_or_default();
    let why = match key {
        Some(key) => wrong_type::explain_variable(&variable(key), key, message),
        None => message.to_owned(),
    };
    ConfigError::Syntax { origin: "the environment".into(), why }
}

/// Reads the text of one file by itself. `origin` is the file's name, for errors.
///
/// # Errors
/// [`ConfigError::Syntax`] with the line, or [`ConfigError::UnknownKey`] with the nearest key that exists.
pub fn parse(text: &str, origin: &str) -> Result<Config, ConfigError> {
    let syntax = |error: toml::de::Error| {
        let line = error
            .span()
            .map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        let why = wrong_type::explain_toml(text, &error);
        ConfigError::Syntax { origin: format!("{origin}, line {line}"), why }
    };
    let mut unknown = None;
    let document = toml::Deserializer::parse(text).map_err(syntax)?;
    let mut ignored = |path: serde_ignored::Path<'_>| {
        unknown.get_or_insert_with(|| path.to_string());
    };
    let config =
        Config::deserialize(serde_ignored::Deserializer::new(document, &mut ignored)).map_err(syntax)?;
    match unknown {
        Some(key) => Err(unknown_key(origin.to_owned(), key)),
        None => Ok(config),
    }
}

/// The error for a key that does not exist.
fn unknown_key(origin: String, key: String) -> ConfigError {
    // The position in a list is removed: `source.0.topc` becomes `source.topc`.
    let plain: Vec<_> = key.split('.').filter(|part| part.parse::<usize>().is_err()).collect();
    let plain = plain.join(".");
    let distance = |known: &String| strsim::damerau_levenshtein(known, &plain);
    let nearest =
        known_keys().into_iter().min_by_key(distance).filter(|known| distance(known) <= MAX_DISTANCE);
    let hint = match nearest {
        Some(known) => format!("; did you mean {known:?}?"),
        None => "; `underfoot config --sample` shows every key".into(),
    };
    ConfigError::UnknownKey { origin, key: plain, hint }
}

/// Every key with its section, as the sample lists them.
fn known_keys() -> Vec<String> {
    let mut keys = Vec::new();
    let mut section = String::new();
    for line in SAMPLE.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_start_matches('[').split(']').next().unwrap_or_default().to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && !key.contains(' ')
        {
            keys.push(format!("{section}.{key}"));
        }
    }
    keys
}

/// The file, and the files `conf.d/*.toml` beside it in the order of their names.
fn files(file: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let mut files = vec![file.to_owned()];
    let folder = file.parent().unwrap_or(Path::new("")).join("conf.d");
    if folder.is_dir() {
        let read = |why| ConfigError::Read { path: folder.clone(), why };
        let entries =
            std::fs::read_dir(&folder).map_err(read)?.collect::<Result<Vec<_>, _>>().map_err(read)?;
        let mut more: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        more.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        more.sort();
        files.extend(more);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_named_with_its_file_and_the_nearest_key() {
        for (toml, expected) in [
            ("[mqtt]\nhots = 'x'", "my.toml has the unknown key \"mqtt.hots\"; did you mean \"mqtt.host\"?"),
            (
                "[[source]]\nkind = 'stdin'\ntopc = 'x'",
                "my.toml has the unknown key \"source.topc\"; did you mean \"source.topic\"?",
            ),
            (
                "[decide]\ndwel = '3s'",
                "my.toml has the unknown key \"decide.dwel\"; did you mean \"decide.dwell\"?",
            ),
        ] {
            assert_eq!(parse(toml, "my.toml").unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_reported_with_its_line_its_key_and_the_fix() {
        for (toml, expected) in [
            (
                "[mqtt]\nhost = 'x'\nport = 'high'",
                "my.toml, line 3: mqtt.port is 'high'; it must be a whole number from 0 to 65535",
            ),
            (
                "[mqtt]\nport = 70000",
                "my.toml, line 2: mqtt.port is 70000; it must be a whole number from 0 to 65535",
            ),
            (
                "[decide]\ndwell = 3",
                "my.toml, line 2: decide.dwell is 3; it must be a time with its unit, in quotes, such as \
                 \"250ms\", \"5s\" or \"10m\"",
            ),
            ("mqtt.tls = 1", "my.toml, line 1: mqtt.tls is 1; it must be true or false"),
            (
                "[[source]]\nkind = 'stdin'\n[[source]]\nkind = 'tcp'",
                "my.toml, line 4: source.kind is 'tcp'; it must be one of mqtt, nats, serial, file, stdin, \
                 simulator",
            ),
            (
                "[[source]]\n[source.time]\nrate = 'x'",
                "my.toml, line 3: source.time.rate is 'x'; it must be a number",
            ),
            (
                "[http]\nhosts = 3",
                "my.toml, line 2: http.hosts is 3; it must be a list of names, such as [\"robot.local\"]",
            ),
            ("[mqtt]\npassword = 12345678", "my.toml, line 2: mqtt.password: write the password in quotes"),
        ] {
            assert_eq!(parse(toml, "my.toml").unwrap_err().to_string(), expected);
        }
        let error = parse("[source]\nkind = 'stdin'", "my.toml").unwrap_err().to_string();
        assert!(error.contains("each written as [[source]] with double brackets"), "{error}");
        let error = parse("[mqtt]\nport = 1\nport = 2", "my.toml").unwrap_err().to_string();
        assert_eq!(error, "my.toml, line 3: the key port is set twice; remove one of the two");
        let error = parse("[mqtt\n", "my.toml").unwrap_err().to_string();
        assert!(error.starts_with("my.toml, line 1: this is not valid TOML: "), "{error}");
    }

    #[test]
    fn later_files_and_flags_take_precedence_over_earlier_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("underfoot.toml");
        std::fs::write(&file, "[mqtt]\nhost = 'first'\nport = 1\n[window]\nhop = 7\n").unwrap();
        std::fs::create_dir(folder.path().join("conf.d")).unwrap();
        std::fs::write(folder.path().join("conf.d/10.toml"), "[mqtt]\nhost = 'second'\n").unwrap();
        let config = load(Some(&file), &[("window.hop", "9".into())]).unwrap();
        assert_eq!(
            (config.mqtt.host.as_deref(), config.mqtt.port, config.window.hop),
            (Some("second"), 1, Some(9))
        );
    }
}
