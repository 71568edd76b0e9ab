//! The section `[[source]]`: where samples come from, and which keys each kind of source needs.

mod kind;
pub(crate) mod subject;
pub(crate) mod topic;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::kind::SourceKind;
use self::subject::NatsKeys;
use super::error::{TomlText, ValueError};
use crate::decode::StreamFormat;
use crate::decode::csv::CsvFormat;
use crate::decode::message::MessageFormat;
use crate::signal::{Channel, ChannelError, ChannelInput, Columns, StreamId, TimeInput};

/// One section `[[source]]`: where samples come from.
///
/// All kinds share one type, so that a key that belongs to another kind can be distinguished from a key that
/// does not exist.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceConfig {
    /// The kind of the source.
    pub kind: SourceKind,
    /// The source's name in messages; if `None`, its kind and its position, such as `serial0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// serial, stdin, simulator: the stream that the samples belong to; if `None`, the source's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
    /// mqtt: the topic, in which the level `{stream}` stands for the name of any stream. If each channel has a topic
    /// of its own, the level `{channel}` stands for the name of a column. `$share/GROUP/` in front of it makes the
    /// subscription a shared one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// nats: the JetStream stream that has the messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jetstream: Option<String>,
    /// nats: the subject, in which the token `{partition}` stands for the number of a partition, and `{stream}` for the
    /// name of any stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// nats: the number of partitions into which the servers divide the streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u16>,
    /// serial: the path of the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// serial: the speed, in bits per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baud: Option<u32>,
    /// file: a recording, or a folder of recordings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// serial, stdin, mqtt, nats: the encoding of the samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// serial, stdin, mqtt, nats: what separates the fields of CSV; a space for any number of blanks. If `None`, it is
    /// worked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// serial, stdin, mqtt, nats: the decimal separator of CSV. If `None`, it is a point, or a comma where the comma
    /// does not separate fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// serial: a port from which nothing comes for this long is opened again.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub silence: Option<Duration>,
    /// file: how many times faster than recorded; `max` for as fast as possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<String>,
    /// file: whether the recordings are read again and again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<bool>,
    /// simulator: the seed of the random numbers of its drive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Where the time of a sample is, and its unit.
    #[serde(skip_serializing_if = "is_default")]
    pub time: TimeInput,
    /// The channels of a sample; if empty, those of the model.
    #[serde(rename = "channel", skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelInput>,
}

fn is_default(time: &TimeInput) -> bool {
    *time == TimeInput::default()
}

/// Which keys of other sections, which sources need, are set.
#[derive(Clone, Copy, Debug)]
pub(super) struct GivenKeys {
    pub mqtt_host: bool,
    pub nats_url: bool,
    pub node_name: bool,
}

/// What a source decodes: the channels and the time of its samples, and the form of its text.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceInput {
    /// The raw columns, and how they become channels.
    pub columns: Columns,
    /// Where the time of a sample is, and its unit.
    pub time: TimeInput,
    /// What is configured about rows of CSV.
    pub csv: CsvFormat,
}

impl SourceConfig {
    /// The source's name in messages; `index` is its position among the sources.
    pub fn name(&self, index: usize) -> String {
        self.name.clone().unwrap_or_else(|| format!("{}{index}", self.kind.name()))
    }

    /// The stream of a source that has one stream.
    pub fn stream(&self, index: usize) -> StreamId {
        self.stream.clone().unwrap_or_else(|| StreamId::from_text(&self.name(index)))
    }

    /// The format of a byte stream.
    ///
    /// # Errors
    /// `format` is not a format of byte streams.
    pub fn stream_format(&self) -> Result<StreamFormat, ValueError> {
        let name = self.format.as_deref().unwrap_or("csv");
        name.parse().map_err(|_| ValueError::new("source.format", name, "it must be csv, json or binary"))
    }

    /// The format of messages.
    ///
    /// # Errors
    /// `format` is not a format of messages.
    pub fn message_format(&self) -> Result<MessageFormat, ValueError> {
        match self.format.as_deref() {
            None | Some("auto") => Ok(MessageFormat::Auto),
            Some("json") => Ok(MessageFormat::Json),
            Some("csv") => Ok(MessageFormat::Csv),
            Some("float32") => Ok(MessageFormat::Float32),
            Some(other) => {
                Err(ValueError::new("source.format", other, "it must be auto, json, csv or float32"))
            }
        }
    }

    /// How many times faster than recorded a file is read; infinite for as fast as possible.
    ///
    /// # Errors
    /// `speed` is neither `max` nor a number above 0.
    pub fn speed(&self) -> Result<f64, ValueError> {
        let speed = self.speed.as_deref().unwrap_or("1");
        parse_speed(speed)
            .ok_or_else(|| ValueError::new("source.speed", speed, "it must be \"max\" or a number above 0"))
    }

    /// What the source decodes: the channels `wanted`, which are those of the model, or all channels for
    /// `None`.
    ///
    /// # Errors
    /// The configured channels are invalid, or do not have what the model needs.
    pub fn input(&self, index: usize, wanted: Option<&[Channel]>) -> Result<SourceInput, ChannelError> {
        let columns = match (self.channels.is_empty(), wanted) {
            (true, Some(wanted)) => Columns::of(wanted)?,
            (true, None) => Columns::of(&[Channel::in_ampere("current")])?,
            (false, Some(wanted)) => Columns::new(&self.channels)?.select(wanted, &self.name(index))?,
            (false, None) => Columns::new(&self.channels)?,
        };
        // The characters have been checked by then.
        let csv = CsvFormat::new(self.delimiter, self.decimal).unwrap_or_default();
        Ok(SourceInput { columns, time: self.time.clone(), csv })
    }

    /// Checks every key.
    pub(super) fn validate(&self, index: usize, given: GivenKeys) -> Result<(), ValueError> {
        self.validate_keys_of_other_kinds()?;
        self.validate_keys_of_kind(index, given)?;
        if let Some(silence) = self.silence.filter(|silence| *silence < Duration::from_millis(100)) {
            return Err(ValueError::new("source.silence", silence, "it must be at least \"100ms\""));
        }
        self.validate_time()?;
        CsvFormat::new(self.delimiter, self.decimal)
            .map_err(|why| ValueError::new(format!("source.{}", why.key), why.value.to_string(), why.fix))?;
        self.input(index, None).map_err(|why| {
            let problem = format!("not valid in the source {:?}", self.name(index));
            ValueError::in_words("source.channel", problem, why.to_string())
        })?;
        Ok(())
    }

    /// Checks that no key is given that belongs to other kinds of sources.
    fn validate_keys_of_other_kinds(&self) -> Result<(), ValueError> {
        use SourceKind::{File, Mqtt, Nats, Serial, Simulator, Stdin};
        let given: [(&str, Option<String>, &[SourceKind]); 15] = [
            ("topic", self.topic.as_ref().map(TomlText::toml_text), &[Mqtt]),
            ("jetstream", self.jetstream.as_ref().map(TomlText::toml_text), &[Nats]),
            ("subject", self.subject.as_ref().map(TomlText::toml_text), &[Nats]),
            ("partitions", self.partitions.map(|count| count.to_string()), &[Nats]),
            ("port", self.port.as_ref().map(TomlText::toml_text), &[Serial]),
            ("baud", self.baud.map(|baud| baud.to_string()), &[Serial]),
            ("silence", self.silence.as_ref().map(TomlText::toml_text), &[Serial]),
            ("path", self.path.as_ref().map(TomlText::toml_text), &[File]),
            ("speed", self.speed.as_ref().map(TomlText::toml_text), &[File]),
            ("repeat", self.repeat.map(|repeat| repeat.to_string()), &[File]),
            ("seed", self.seed.map(|seed| seed.to_string()), &[Simulator]),
            (
                "stream",
                self.stream.as_ref().map(|stream| stream.as_str().toml_text()),
                &[Serial, Stdin, Simulator],
            ),
            ("format", self.format.as_ref().map(TomlText::toml_text), &[Serial, Stdin, Mqtt, Nats]),
            ("delimiter", self.delimiter.map(|it| it.to_string().toml_text()), &[Serial, Stdin, Mqtt, Nats]),
            ("decimal", self.decimal.map(|it| it.to_string().toml_text()), &[Serial, Stdin, Mqtt, Nats]),
        ];
        for (key, value, kinds) in given {
            if let Some(value) = value.filter(|_| !kinds.contains(&self.kind)) {
                let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
                let fix = format!(
                    "a source of kind {:?} has no such key; remove it, or set source.kind to {}",
                    self.kind.name(),
                    names.join(" or ")
                );
                return Err(ValueError::in_words(format!("source.{key}"), value, fix));
            }
        }
        let fix = "only recordings have this key; set it in the dataset.toml beside them";
        let of_recordings = |key: &str, value| Err(ValueError::in_words(format!("source.{key}"), value, fix));
        let keys = self
            .channels
            .iter()
            .flat_map(|channel| [("channel.topic", &channel.topic), ("channel.field", &channel.field)]);
        if let Some((key, Some(value))) = keys.into_iter().find(|(_, value)| value.is_some()) {
            return of_recordings(key, value.toml_text());
        }
        match self.time.source {
            Some(source) => of_recordings("time.source", format!("{source:?}").to_lowercase().toml_text()),
            None => Ok(()),
        }
    }

    /// Checks the keys that this kind of source needs.
    fn validate_keys_of_kind(&self, index: usize, given: GivenKeys) -> Result<(), ValueError> {
        let missing = |key: &str, fix: &str| {
            Err(ValueError::missing(key, format!("{fix} (for the source {:?})", self.name(index))))
        };
        match self.kind {
            SourceKind::Mqtt => {
                if !given.mqtt_host {
                    return missing("mqtt.host", "set it to the broker's host name or address");
                }
                let Some(topic) = &self.topic else {
                    return missing("source.topic", "set it to a topic such as \"robots/{stream}/current\"");
                };
                topic::validate(topic)?;
                self.message_format()?;
            }
            SourceKind::Nats => {
                subject::validate(&NatsKeys {
                    source: &self.name(index),
                    jetstream: self.jetstream.as_ref(),
                    subject: self.subject.as_ref(),
                    partitions: self.partitions,
                    has_url: given.nats_url,
                    has_node: given.node_name,
                })?;
                self.message_format()?;
            }
            SourceKind::Serial => {
                if self.port.as_deref().unwrap_or_default().is_empty() {
                    return missing(
                        "source.port",
                        "set it to the path of the port, such as \"/dev/serial/by-id/usb-…\"",
                    );
                }
                self.stream_format()?;
            }
            SourceKind::File => {
                if self.path.is_none() {
                    return missing("source.path", "set it to a recording or a folder of recordings");
                }
                self.speed()?;
            }
            SourceKind::Stdin => {
                self.stream_format()?;
            }
            SourceKind::Simulator => {}
        }
        Ok(())
    }
}

/// Parses a speed, as a factor; `max` is infinite. `None` if it is neither `max` nor a number above 0.
pub(crate) fn parse_speed(text: &str) -> Option<f64> {
    match text {
        "max" => Some(f64::INFINITY),
        number => number.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0),
    }
}
