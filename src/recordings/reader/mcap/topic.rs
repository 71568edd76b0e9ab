//! How the messages of a topic become samples.

use super::form::TopicForm;
use crate::decode::csv::CsvFormat;
use crate::decode::message::{self, MessageFormat};
use crate::decode::ros::{MessageReader, ValuePath};
use crate::signal::{Columns, DropReason, Drops, Samples, Time, TimeInput, TimeSource, TimeUnit};

/// The fields with the stamp of a message, which most definitions have.
const STAMP: [&str; 2] = ["header.stamp.sec", "header.stamp.nanosec"];

/// How the messages of a topic are decoded.
pub(super) enum TopicDecoder {
    /// CDR with a definition of ROS 2. If `has_stamp`, the last two numbers are the stamp.
    Ros { reader: Box<MessageReader>, has_stamp: bool },
    /// JSON.
    Json(TimeInput),
}

impl TopicDecoder {
    /// How messages of this form are decoded.
    ///
    /// # Errors
    /// What is wrong with the topic, without its name.
    pub(super) fn new(form: &TopicForm, columns: &Columns, time: &TimeInput) -> Result<Self, String> {
        match form.encoding.as_str() {
            "cdr" => {
                let definition = form.definition()?;
                let paths: Result<Vec<_>, _> =
                    columns.names().iter().map(|name| ValuePath::read(name)).collect();
                let mut paths = paths?;
                let channels = paths.len();
                let wants_stamp = matches!(time.source, None | Some(TimeSource::Header));
                if wants_stamp {
                    paths.extend(STAMP.iter().filter_map(|path| ValuePath::read(path).ok()));
                }
                let reader = MessageReader::new(definition.clone(), &paths);
                let (reader, has_stamp) = match reader {
                    Ok(reader) => (reader, wants_stamp),
                    // Without a stamp, the messages have the time at which they were logged.
                    Err(_) if time.source.is_none() => {
                        paths.truncate(channels);
                        (MessageReader::new(definition, &paths).map_err(|why| why.to_string())?, false)
                    }
                    Err(why) => return Err(why.to_string()),
                };
                Ok(Self::Ros { reader: Box::new(reader), has_stamp })
            }
            "json" => {
                let by_log = time.column.is_none() && time.sum.is_empty();
                let none = TimeInput { unit: Some(TimeUnit::None), ..TimeInput::default() };
                Ok(Self::Json(if by_log { none } else { time.clone() }))
            }
            other => Err(format!("its messages are encoded in {other:?}; cdr (ROS 2) and json are read")),
        }
    }

    /// What the time of a sample is, in words.
    pub(super) fn time(&self, time: &TimeInput) -> String {
        match (self, time.source) {
            (Self::Ros { has_stamp: true, .. }, _) => "header.stamp".into(),
            (Self::Json(input), _) if input.unit() != TimeUnit::None => format!("{:?}", time.column()),
            (_, Some(TimeSource::Publish)) => "when it was published".into(),
            _ => "when it was logged".into(),
        }
    }

    /// Adds the samples of a message. Messages in CDR are one sample each.
    pub(super) fn decode(
        &mut self,
        message: &TopicMessage<'_>,
        columns: &Columns,
        samples: &mut Samples,
        drops: &mut Drops,
    ) {
        match self {
            Self::Ros { reader, has_stamp } => match reader.read(message.bytes) {
                Ok(numbers) => {
                    let (values, stamp) = numbers.split_at(columns.names().len().min(numbers.len()));
                    // Messages of other joints on the same topic are no samples.
                    if values.iter().all(|value| value.is_nan()) {
                        return;
                    }
                    let time = match stamp {
                        [second, nano] if *has_stamp => stamp_time(*second, *nano),
                        _ => message.time,
                    };
                    match time {
                        Some(time) => columns.push(time, values, samples),
                        None => drops
                            .add(DropReason::BadTime, || "the time of a message is too far from 1970".into()),
                    }
                }
                Err(fault) => drops.add(DropReason::Malformed, || fault.to_string()),
            },
            Self::Json(time) => {
                let start = samples.len();
                let csv = CsvFormat::default();
                message::decode(MessageFormat::Json, message.bytes, columns, time, csv, samples, drops);
                let own = message.time.unwrap_or(Time::ARRIVAL);
                let times = samples.times_mut().iter_mut().skip(start);
                times.filter(|time| **time == Time::ARRIVAL).for_each(|time| *time = own);
            }
        }
    }
}

/// A message of the topic.
pub(super) struct TopicMessage<'a> {
    /// When it was logged or published; `None` if that is no time.
    pub time: Option<Time>,
    /// When it was logged, in nanoseconds.
    pub logged: u64,
    pub bytes: &'a [u8],
}

impl<'a> TopicMessage<'a> {
    /// A message that was logged and published at these times, in nanoseconds; `source` says which one counts.
    pub(super) fn new(bytes: &'a [u8], logged: u64, published: u64, source: Option<TimeSource>) -> Self {
        let nanos = if source == Some(TimeSource::Publish) { published } else { logged };
        Self { time: i64::try_from(nanos).ok().and_then(Time::from_nanos), logged, bytes }
    }
}

/// The time of a stamp of ROS.
fn stamp_time(second: f64, nano: f64) -> Option<Time> {
    // Both are whole numbers of at most 32 bits.
    let nanos = (second as i64).checked_mul(1_000_000_000)?.checked_add(nano as i64)?;
    (second.is_finite() && nano.is_finite()).then_some(nanos).and_then(Time::from_nanos)
}
