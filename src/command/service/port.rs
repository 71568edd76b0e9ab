//! The flags that describe a serial port, in the place of a configuration.

use std::path::Path;

use super::assemble::DEFAULT_BAUD;
use crate::command::failure::Failure;
use crate::config::{Config, SourceConfig, SourceKind, load};
use crate::signal::{Channel, ChannelInput, StreamId, TimeInput, TimeUnit};

/// The default of `--format`.
const FORMAT: &str = "csv";
/// The default of `--channels`.
const CHANNELS: &str = "current";

/// The flags of `record` and `check` for a serial port.
#[derive(Debug, clap::Args)]
pub(crate) struct PortArgs {
    /// Read this serial port, without a configuration, such as /dev/ttyUSB0
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    port: Option<String>,
    /// The speed of the serial port, in bits per second
    #[arg(long, requires = "port", conflicts_with = "config", default_value_t = DEFAULT_BAUD)]
    baud: u32,
    /// The format of the samples on the serial port: csv, json or binary
    #[arg(long, requires = "port", conflicts_with = "config", default_value = FORMAT)]
    format: String,
    /// The robot's name, with which the names of recordings start
    #[arg(long, requires = "port", conflicts_with = "config", default_value = "rover")]
    stream: StreamId,
    /// The channels on the serial port in their order, in A, such as left,right
    #[arg(
        long,
        requires = "port",
        conflicts_with = "config",
        value_name = "NAME,…",
        value_delimiter = ',',
        default_value = CHANNELS
    )]
    channels: Vec<String>,
    /// The unit of the times on the serial port: s, ms, us, ns, rfc3339 or none [default: worked out from the samples]
    #[arg(long, requires = "port", conflicts_with = "config", value_name = "UNIT", value_parser = parse_unit)]
    unit: Option<TimeUnit>,
}

impl PortArgs {
    /// Whether the flags name a port.
    pub(crate) fn is_given(&self) -> bool {
        self.port.is_some()
    }

    /// The configuration with this port as its only source, or that of `file` if the flags name no port.
    ///
    /// # Errors
    /// [`Failure`] with exit code 78 if the configuration is not valid.
    pub(crate) fn load(&self, file: Option<&Path>) -> Result<Config, Failure> {
        let Some(port) = &self.port else { return load::load(file, &[]).map_err(Failure::config) };
        let channels = self.channels.iter().map(|name| ChannelInput::of(&Channel::in_ampere(name)));
        let source = SourceConfig {
            kind: SourceKind::Serial,
            port: Some(port.clone()),
            baud: Some(self.baud),
            format: Some(self.format.clone()),
            stream: Some(self.stream.clone()),
            channels: channels.collect(),
            time: TimeInput { unit: self.unit, ..TimeInput::default() },
            ..SourceConfig::default()
        };
        let config = Config { sources: vec![source], ..Config::default() };
        config.validate().map_err(Failure::config)?;
        Ok(config)
    }

    /// The command that checks what these flags, or the configuration in `file`, describe.
    pub(crate) fn check_command(&self, file: Option<&Path>) -> String {
        self.command("underfoot check", file)
    }

    /// The command that records a drive on a surface from what these flags describe.
    pub(crate) fn record_command(&self, surface: &str) -> String {
        self.command(&format!("underfoot record --label {}", shell_word(surface)), None)
    }

    /// A command with these flags, or with the configuration in `file` if the flags name no port.
    fn command(&self, begin: &str, file: Option<&Path>) -> String {
        let mut words = vec![begin.to_owned()];
        let mut flag = |name: &str, value: &str| words.extend([name.to_owned(), shell_word(value)]);
        match (&self.port, file) {
            (None, None) => {}
            (None, Some(file)) => flag("-c", &file.to_string_lossy()),
            (Some(port), _) => {
                flag("--port", port);
                if self.baud != DEFAULT_BAUD {
                    flag("--baud", &self.baud.to_string());
                }
                if self.format != FORMAT {
                    flag("--format", &self.format);
                }
                if self.channels != [CHANNELS] {
                    flag("--channels", &self.channels.join(","));
                }
                if let Some(unit) = self.unit {
                    flag("--unit", unit.name());
                }
            }
        }
        words.join(" ")
    }
}

/// Parses the name of a unit of time.
fn parse_unit(name: &str) -> Result<TimeUnit, String> {
    name.parse().map_err(|why: &str| why.to_owned())
}

/// A text as a word for a shell.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-:,=@%+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// A command line with these flags.
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        port: PortArgs,
        #[arg(long)]
        config: Option<String>,
    }

    fn parse(line: &str) -> PortArgs {
        Line::try_parse_from(std::iter::once("record").chain(line.split_whitespace())).unwrap().port
    }

    #[test]
    fn the_command_that_checks_has_the_flags_that_differ_from_their_defaults() {
        for (line, check) in [
            ("--port /dev/ttyUSB0", "underfoot check --port /dev/ttyUSB0"),
            (
                "--port a --baud 9600 --channels left,right --unit us --format json --stream cart",
                "underfoot check --port a --baud 9600 --format json --channels left,right --unit us",
            ),
            ("", "underfoot check -c 'my robot.toml'"),
        ] {
            let flags = parse(line);
            assert_eq!(flags.check_command(Some(Path::new("my robot.toml"))), check);
            let parsed = Line::try_parse_from(check.split_whitespace().skip(1));
            assert!(flags.port.is_none() || parsed.is_ok(), "{check} has a flag that does not exist");
        }
        assert_eq!(parse("").check_command(None), "underfoot check");
        assert_eq!(
            parse("--port a --channels left,right").record_command("wet tile"),
            "underfoot record --label 'wet tile' --port a --channels left,right"
        );
        assert!(Line::try_parse_from(["record", "--config", "a", "--channels", "left"]).is_err());
    }

    #[test]
    fn a_path_with_other_characters_is_quoted_for_the_shell() {
        assert_eq!(shell_word("recordings/tile"), "recordings/tile");
        assert_eq!(shell_word("my drives"), "'my drives'");
        assert_eq!(shell_word("o'neill"), r"'o'\''neill'");
        assert_eq!(shell_word(""), "''");
    }
}
