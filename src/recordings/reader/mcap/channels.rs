//! Which channels an MCAP recording has, and on which topics they are.

use super::file::{McapFiles, McapItem};
use super::joiner::TopicJoiner;
use super::metadata::{RecordingMetadata, SAMPLES_TOPIC};
use super::probe::{Probe, probe};
use super::topic_stream::TopicStream;
use crate::recordings::error::RecordingError;
use crate::recordings::recording::Recording;
use crate::signal::{Channel, ChannelInput, Columns, Samples, TimeInput};

/// The channels of a recording, and the topics that they are read from.
pub(super) struct McapChannels {
    pub channels: Vec<Channel>,
    /// Empty samples with these channels and their limits.
    pub empty: Samples,
    pub topics: Vec<TopicStream>,
    /// Joins the topics if there are several.
    pub joiner: Option<TopicJoiner>,
    /// What is read, in one sentence.
    pub conclusion: String,
    /// What this program wrote about the recording.
    pub metadata: Option<RecordingMetadata>,
}

/// A topic with the channels that are read from it.
struct TopicChannels {
    probe: Probe,
    columns: Columns,
}

impl McapChannels {
    /// Finds the channels in `wanted`, or all that the recording has if that is `None`.
    ///
    /// # Errors
    /// [`RecordingError`] if a file cannot be read, there is no such topic, or its messages lack a channel.
    pub(super) fn find(recording: &Recording, wanted: Option<&[Channel]>) -> Result<Self, RecordingError> {
        let metadata = metadata(recording)?;
        let inputs = match (wanted, &metadata) {
            (Some(wanted), None) if recording.layout.channels.is_empty() => {
                wanted.iter().map(ChannelInput::of).collect()
            }
            _ => inputs(recording, metadata.as_ref())?,
        };
        let invalid = |why| RecordingError::Channels { path: recording.path.clone(), why };
        let names = topic_names(recording, &inputs, metadata.as_ref())?;
        let mut distinct: Vec<Option<String>> = Vec::new();
        for name in &names {
            if !distinct.contains(name) {
                distinct.push(name.clone());
            }
        }
        let probes = probe(recording, &distinct)?;

        // Each channel as its topic has it, and all of them to choose those that are wanted.
        let of_topic = |name: &Option<String>| {
            distinct.iter().position(|other| other == name).and_then(|at| probes.get(at))
        };
        let own = |(input, name): (ChannelInput, &Option<String>)| match of_topic(name) {
            Some(probe) => probe.input(input),
            None => input,
        };
        let inputs: Vec<_> = inputs.into_iter().zip(&names).map(own).collect();
        let all = Columns::new(&inputs).map_err(invalid)?;
        let chosen = match wanted {
            Some(wanted) => all.select(wanted, &recording.path.display().to_string()).map_err(invalid)?,
            None => all,
        };
        let mut topics = Vec::new();
        for (probe, name) in probes.into_iter().zip(&distinct) {
            let is_chosen = |input: &ChannelInput| {
                chosen.channels().iter().any(|channel| input.name.as_ref() == Some(&channel.name))
            };
            let inputs: Vec<_> = inputs
                .iter()
                .zip(&names)
                .filter(|(_, other)| *other == name)
                .map(|(input, _)| input.clone())
                .filter(is_chosen)
                .collect();
            if !inputs.is_empty() {
                let columns = Columns::new(&inputs).map_err(invalid)?;
                topics.push(TopicChannels { probe, columns });
            }
        }
        // A single topic gives the samples as they are, so its channels are in the order of those that are wanted.
        if let [topic] = topics.as_mut_slice() {
            topic.columns = topic.columns.select(chosen.channels(), &topic.probe.topic).map_err(invalid)?;
        }
        for TopicChannels { probe, columns } in &topics {
            probe
                .check_elements(columns, &recording.layout.time)
                .map_err(|why| RecordingError::topic(&recording.path, &probe.topic, &why))?;
        }
        let joiner = join(&topics, chosen.channels());
        let conclusion = describe(recording, &topics, joiner.as_ref(), chosen.channels())?;
        let streams = topics.into_iter().map(|topic| TopicStream::new(&topic.probe.topic, topic.columns));
        Ok(Self {
            channels: chosen.channels().to_vec(),
            empty: chosen.samples(),
            topics: streams.collect(),
            joiner,
            conclusion,
            metadata,
        })
    }
}

/// The channels of an MCAP recording: those that its layout lists, or those that this program wrote into it.
///
/// # Errors
/// [`RecordingError::Form`] if none are known; the message says how to find them.
pub(in crate::recordings::reader) fn channels(
    recording: &Recording,
) -> Result<Vec<ChannelInput>, RecordingError> {
    inputs(recording, metadata(recording)?.as_ref())
}

fn inputs(
    recording: &Recording,
    metadata: Option<&RecordingMetadata>,
) -> Result<Vec<ChannelInput>, RecordingError> {
    match metadata {
        _ if !recording.layout.channels.is_empty() => Ok(recording.layout.channels.clone()),
        Some(metadata) => Ok(metadata.inputs()),
        None => Err(RecordingError::form(
            &recording.path,
            &format!(
                "its channels are not known; `underfoot-train topics \"{}\"` lists its topics and the lines that name a topic \
                 and its channels in a dataset.toml",
                recording.path.display()
            ),
        )),
    }
}

/// What this program wrote about a recording; `None` if another one wrote it.
fn metadata(recording: &Recording) -> Result<Option<RecordingMetadata>, RecordingError> {
    let mut records = McapFiles::of(recording)?;
    let (mut found, mut done) = (None, false);
    // It is before the first topic.
    while !done
        && records.next(|item| match item {
            McapItem::File => {}
            McapItem::Metadata(metadata) => (found, done) = (Some(metadata), true),
            McapItem::Topic { .. } | McapItem::Message { .. } => done = true,
        })?
    {}
    Ok(found)
}

/// The topic of each channel; all are `None` if the recording must have only one.
fn topic_names(
    recording: &Recording,
    inputs: &[ChannelInput],
    metadata: Option<&RecordingMetadata>,
) -> Result<Vec<Option<String>>, RecordingError> {
    let layout = &recording.layout;
    let written = metadata.filter(|_| layout.channels.is_empty()).map(|_| SAMPLES_TOPIC.to_owned());
    let common = layout.mcap.topic.clone().or(written);
    let names: Vec<_> = inputs.iter().map(|input| input.topic.clone().or(common.clone())).collect();
    let without = inputs.iter().zip(&names).find(|(_, name)| name.is_none());
    match without {
        Some((input, _)) if names.iter().any(Option::is_some) => {
            let channel = input.channel().map(|channel| channel.name).unwrap_or_default();
            let why = format!(
                "channel {channel:?} has no topic, but others have; set topic under its [[channel]], or [mcap] topic for those without one"
            );
            Err(RecordingError::form(&recording.path, &why))
        }
        _ => Ok(names),
    }
}

/// Joins the topics if there are several.
fn join(topics: &[TopicChannels], channels: &[Channel]) -> Option<TopicJoiner> {
    let intervals: Vec<_> = topics.iter().map(|topic| topic.probe.interval()).collect();
    let place = |channel: &Channel| {
        let topics = topics.iter().enumerate();
        topics
            .filter_map(|(index, topic)| {
                Some((index, topic.columns.channels().iter().position(|own| own == channel)?))
            })
            .next()
    };
    (topics.len() > 1).then(|| TopicJoiner::new(&intervals, channels.iter().filter_map(place).collect()))
}

/// What is read, in one sentence.
fn describe(
    recording: &Recording,
    topics: &[TopicChannels],
    joiner: Option<&TopicJoiner>,
    channels: &[Channel],
) -> Result<String, RecordingError> {
    let time: &TimeInput = &recording.layout.time;
    let (mut names, mut times) = (Vec::new(), Vec::new());
    for TopicChannels { probe, columns } in topics {
        let decoder = probe
            .decoder(columns, time)
            .map_err(|why| RecordingError::topic(&recording.path, &probe.topic, &why))?;
        names.push(format!("{} ({})", probe.topic, probe.kind()));
        let words = decoder.time(time);
        if !times.contains(&words) {
            times.push(words);
        }
    }
    let fastest = joiner.and_then(|joiner| topics.get(joiner.fastest()));
    let joined =
        fastest.map(|topic| format!(", joined at the times of {}", topic.probe.topic)).unwrap_or_default();
    let word = if names.len() == 1 { "topic" } else { "topics" };
    let channels: Vec<_> = channels.iter().map(|channel| channel.name.as_str()).collect();
    Ok(format!(
        "MCAP, {word} {}{joined}: time {}, channels {}",
        names.join(" and "),
        times.join(" or "),
        channels.join(", ")
    ))
}
