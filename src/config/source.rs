//! One `[[source]]`: which kind, and what each kind needs.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ValueError;
use crate::decode::StreamFormat;
use crate::decode::message::MessageFormat;
use crate::signal::{Channel, ChannelError, ChannelInput, Columns, StreamId, TimeInput, TimeUnit};

/// Where samples come from.
///
/// All kinds share one table, so that an unknown key can be told from one that belongs to another kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceConfig {
    /// The kind.
    pub kind: SourceKind,
    /// What messages call it; its kind and place where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The stream its samples belong to, where a source is one stream; its name where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
    /// mqtt: the topic, with `{stream}` for one level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// serial: the port's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// serial: bits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baud: Option<u32>,
    /// file: a recording or a folder of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// How samples are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// serial: a port that is silent for this long is opened again.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub silence: Option<Duration>,
    /// file: how many times faster than recorded; `max` for as fast as can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<String>,
    /// simulator: the seed of its drive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Where the time stands in a sample.
    #[serde(skip_serializing_if = "is_default")]
    pub time: TimeInput,
    /// The channels; the model's where none is listed.
    #[serde(rename = "channel", skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelInput>,
}

fn is_default(time: &TimeInput) -> bool {
    *time == TimeInput::default()
}

/// Kinds of sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Messages from the broker of `[mqtt]`; many streams.
    Mqtt,
    /// A serial port; one stream.
    Serial,
    /// Recordings; a stream each.
    File,
    /// Standard input; one stream.
    #[default]
    Stdin,
    /// The built-in simulator; one stream.
    Simulator,
}

/// What a source decodes: its channels and its time.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceInput {
    /// The raw columns and the channels they make.
    pub columns: Columns,
    /// Where the time stands.
    pub time: TimeInput,
}

impl SourceConfig {
    /// What messages call this source, the `index`th.
    pub fn name(&self, index: usize) -> String {
        let kind = match self.kind {
            SourceKind::Mqtt => "mqtt",
            SourceKind::Serial => "serial",
            SourceKind::File => "file",
            SourceKind::Stdin => "stdin",
            SourceKind::Simulator => "simulator",
        };
        self.name.clone().unwrap_or_else(|| format!("{kind}{index}"))
    }

    /// The one stream of a source of one stream.
    pub fn stream(&self, index: usize) -> StreamId {
        self.stream.clone().unwrap_or_else(|| StreamId::from_text(&self.name(index)))
    }

    /// How its byte stream is written.
    ///
    /// # Errors
    /// Another format than byte streams have.
    pub fn stream_format(&self) -> Result<StreamFormat, ValueError> {
        let name = self.format.as_deref().unwrap_or("csv");
        name.parse().map_err(|mend| ValueError::new("source.format", name, mend))
    }

    /// How its messages are written.
    ///
    /// # Errors
    /// Another format than messages have.
    pub fn message_format(&self) -> Result<MessageFormat, ValueError> {
        match self.format.as_deref() {
            None | Some("auto") => Ok(MessageFormat::Auto),
            Some("json") => Ok(MessageFormat::Json),
            Some("csv") => Ok(MessageFormat::Csv),
            Some("float32") => Ok(MessageFormat::Float32),
            Some(other) => {
                Err(ValueError::new("source.format", other, "it takes auto, json, csv or float32"))
            }
        }
    }

    /// How many times faster than recorded a file is read; infinite for as fast as can be.
    ///
    /// # Errors
    /// Neither `max` nor a number above 0.
    pub fn speed(&self) -> Result<f64, ValueError> {
        parse_speed(self.speed.as_deref().unwrap_or("1")).ok_or_else(|| {
            ValueError::new("source.speed", &self.speed, "it takes \"max\" or a number above 0")
        })
    }

    /// What it decodes for a model, or all that it has where there is none.
    ///
    /// # Errors
    /// Channels that cannot be read, or that do not fit the model's.
    pub fn input(&self, index: usize, wanted: Option<&[Channel]>) -> Result<SourceInput, ChannelError> {
        let columns = match (self.channels.is_empty(), wanted) {
            (true, Some(wanted)) => Columns::of(wanted)?,
            (true, None) => Columns::of(&[Channel::in_ampere("current")])?,
            (false, Some(wanted)) => Columns::new(&self.channels)?.select(wanted, &self.name(index))?,
            (false, None) => Columns::new(&self.channels)?,
        };
        Ok(SourceInput { columns, time: self.time.clone() })
    }

    /// Checks the keys that its kind needs and has.
    pub(super) fn validate(&self, index: usize, has_broker: bool) -> Result<(), ValueError> {
        let shown = |key: &str, value: Option<String>| value.map(|value| (key.to_owned(), value));
        let given = [
            (shown("topic", self.topic.as_ref().map(|v| format!("{v:?}"))), &[SourceKind::Mqtt][..]),
            (shown("port", self.port.as_ref().map(|v| format!("{v:?}"))), &[SourceKind::Serial]),
            (shown("baud", self.baud.map(|v| v.to_string())), &[SourceKind::Serial]),
            (shown("silence", self.silence.map(|v| format!("{v:?}"))), &[SourceKind::Serial]),
            (shown("path", self.path.as_ref().map(|v| format!("{v:?}"))), &[SourceKind::File]),
            (shown("speed", self.speed.as_ref().map(|v| format!("{v:?}"))), &[SourceKind::File]),
            (shown("seed", self.seed.map(|v| v.to_string())), &[SourceKind::Simulator]),
            (
                shown("stream", self.stream.as_ref().map(|v| format!("{v:?}"))),
                &[SourceKind::Serial, SourceKind::Stdin, SourceKind::Simulator],
            ),
            (
                shown("format", self.format.as_ref().map(|v| format!("{v:?}"))),
                &[SourceKind::Serial, SourceKind::Stdin, SourceKind::Mqtt],
            ),
        ];
        for (key, kinds) in given {
            if let Some((key, value)) = key.filter(|_| !kinds.contains(&self.kind)) {
                let kind = serde_json::to_string(&self.kind).unwrap_or_default();
                let (key, mend) =
                    (format!("source.{key}"), format!("a source of kind {kind} has no such key"));
                return Err(ValueError { key, value, mend });
            }
        }
        let missing = |key: &str, mend: &str| {
            Err(ValueError {
                key: key.into(),
                value: "missing".into(),
                mend: format!("{mend} ({})", self.name(index)),
            })
        };
        match self.kind {
            SourceKind::Mqtt => {
                if !has_broker {
                    return missing("mqtt.host", "name the broker under [mqtt] for the source");
                }
                let Some(topic) = &self.topic else {
                    return missing("source.topic", "give the topic, such as \"robots/{stream}/current\"");
                };
                let levels: Vec<_> = topic.split('/').collect();
                let streams = levels.iter().filter(|level| **level == "{stream}").count();
                let odd = levels
                    .iter()
                    .any(|level| *level != "{stream}" && level.contains(['+', '#', '{', '}', '\0']));
                if streams != 1 || odd {
                    let mend = "it takes levels without \"+\" and \"#\", of which just one is {stream}";
                    return Err(ValueError::new("source.topic", topic, mend));
                }
                self.message_format()?;
            }
            SourceKind::Serial => {
                if self.port.as_deref().unwrap_or_default().is_empty() {
                    return missing("source.port", "give the port, such as \"/dev/serial/by-id/usb-…\"");
                }
                self.stream_format()?;
            }
            SourceKind::File => {
                if self.path.is_none() {
                    return missing("source.path", "give a recording or a folder of recordings");
                }
                self.speed()?;
            }
            SourceKind::Stdin => {
                self.stream_format()?;
            }
            SourceKind::Simulator => {}
        }
        if let Some(silence) = self.silence.filter(|silence| *silence < Duration::from_millis(100)) {
            return Err(ValueError::new("source.silence", silence, "it takes at least \"100ms\""));
        }
        if self.time.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(ValueError::new(
                "source.time.rate",
                self.time.rate,
                "it takes samples a second above 0",
            ));
        }
        if self.time.unit == TimeUnit::None && self.time.column.is_some() {
            return Err(ValueError::new(
                "source.time.column",
                &self.time.column,
                "with unit \"none\" there is no such column",
            ));
        }
        self.input(index, None)
            .map_err(|why| ValueError::new("source.channel", self.name(index), why.to_string()))?;
        Ok(())
    }
}

/// A speed: `max` is infinite.
pub(crate) fn parse_speed(text: &str) -> Option<f64> {
    match text {
        "max" => Some(f64::INFINITY),
        number => number.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0),
    }
}
