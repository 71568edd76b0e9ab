//! Reading the configuration: defaults, the file, `conf.d/*.toml` beside it, the environment, then flags.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Config, SAMPLE, ValueError};

/// Where the service's configuration is, unless `-c` names another.
pub const DEFAULT_FILE: &str = "/etc/underfoot/underfoot.toml";

/// What every variable starts with; `__` stands between levels.
const PREFIX: &str = "UNDERFOOT";

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error(
        "the config {path:?} cannot be read: {why}; name one with -c, or write one with `underfoot config --sample > underfoot.toml`"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// A file is not TOML, or a value is of the wrong type.
    #[error("{origin}, {why}")]
    Syntax {
        /// The file.
        origin: String,
        /// What is wrong, with its line.
        why: String,
    },
    /// A key that does not exist.
    #[error("{origin} has the unknown key {key:?}{hint}")]
    UnknownKey {
        /// The file or the variable.
        origin: String,
        /// The key.
        key: String,
        /// The nearest key that exists, in words.
        hint: String,
    },
    /// A value that makes no sense.
    #[error(transparent)]
    Value(#[from] ValueError),
}

/// Reads and checks the configuration.
///
/// Without a file, [`DEFAULT_FILE`] is read where it is there. `flags` are keys and values that stand above all else.
///
/// # Errors
/// [`ConfigError`], with the file or variable, the key, the value and the mend.
pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Config, ConfigError> {
    let mut builder = ::config::Config::builder();
    let default = Path::new(DEFAULT_FILE);
    let file = file.or(Some(default).filter(|path| path.exists()));
    for path in file.map(files).transpose()?.unwrap_or_default() {
        let text =
            std::fs::read_to_string(&path).map_err(|why| ConfigError::Read { path: path.clone(), why })?;
        // Checked by itself first, so that a message can name the file and the line.
        parse(&text, &path.display().to_string())?;
        builder = builder.add_source(::config::File::from_str(&text, ::config::FileFormat::Toml));
    }
    // Values stay text until their key says what they are: a password may look like a number.
    let environment = ::config::Environment::with_prefix(PREFIX).prefix_separator("__").separator("__");
    builder = builder.add_source(environment);
    for (key, value) in flags {
        builder = builder.set_override(*key, value.clone()).map_err(|error| syntax(&error))?;
    }
    let merged = builder.build().map_err(|error| syntax(&error))?;
    let mut unknown = None;
    let config: Config = serde_ignored::deserialize(merged, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    })
    .map_err(|error| syntax(&error))?;
    if let Some(key) = unknown {
        // Files were checked; what is left is the environment.
        let variable = format!("{PREFIX}__{}", key.replace('.', "__").to_uppercase());
        return Err(unknown_key(format!("the variable {variable}"), key));
    }
    config.validate()?;
    Ok(config)
}

fn syntax(error: &::config::ConfigError) -> ConfigError {
    let why = error.to_string().lines().next().unwrap_or_default().to_owned();
    ConfigError::Syntax { origin: "the configuration".into(), why }
}

/// Reads one file's text by itself.
///
/// # Errors
/// [`ConfigError::Syntax`] with the line, or [`ConfigError::UnknownKey`] with the nearest key.
pub fn parse(text: &str, origin: &str) -> Result<Config, ConfigError> {
    let syntax = |error: toml::de::Error| {
        let line = error
            .span()
            .map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        let why = format!("line {line}: {}", error.message().lines().collect::<Vec<_>>().join(" "));
        ConfigError::Syntax { origin: origin.into(), why }
    };
    let mut unknown = None;
    let document = toml::Deserializer::parse(text).map_err(syntax)?;
    let mut note = |path: serde_ignored::Path<'_>| {
        unknown.get_or_insert_with(|| path.to_string());
    };
    let config =
        Config::deserialize(serde_ignored::Deserializer::new(document, &mut note)).map_err(syntax)?;
    match unknown {
        Some(key) => Err(unknown_key(origin.to_owned(), key)),
        None => Ok(config),
    }
}

fn unknown_key(origin: String, key: String) -> ConfigError {
    // `source.0.topc` is looked up as `source.topc`.
    let plain: Vec<_> = key.split('.').filter(|part| part.parse::<usize>().is_err()).collect();
    let plain = plain.join(".");
    let distance = |known: &String| strsim::damerau_levenshtein(known, &plain);
    let nearest = known_keys().into_iter().min_by_key(distance).filter(|known| distance(known) <= 6);
    let hint = match nearest {
        Some(known) => format!("; did you mean {known:?}?"),
        None => "; `underfoot config --sample` shows every key".into(),
    };
    ConfigError::UnknownKey { origin, key: plain, hint }
}

/// Every key, read off the sample.
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
    fn a_value_of_the_wrong_type_is_named_with_its_line() {
        let error = parse("[mqtt]\nhost = 'x'\nport = 'high'", "my.toml").unwrap_err().to_string();
        assert!(error.starts_with("my.toml, line 3: "), "{error}");
        let error = parse("[decide]\ndwell = 3", "my.toml").unwrap_err().to_string();
        assert!(error.starts_with("my.toml, line 2: "), "{error}");
    }

    #[test]
    fn later_files_and_flags_stand_above_earlier_ones() {
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
