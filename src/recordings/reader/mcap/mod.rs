//! MCAP recordings: bags of ROS 2, files with messages in JSON, and those that this program writes.
//!
//! - `file` has the records of the files, `form` is the form of a topic's messages, and `metadata` is what this program writes
//!   about a recording.
//! - `list` lists the topics, and `probe` finds those of the channels and looks at their first messages.
//! - `channels` says which channel is on which topic.
//! - `topic` decodes messages, `topic_stream` has the samples of one topic, `clock` compares their times with those of the log,
//!   and `joiner` joins the samples of several topics.
//! - `label` has the labels on a topic.

mod channels;
mod clock;
mod file;
mod form;
mod joiner;
mod label;
mod list;
mod metadata;
mod probe;
mod topic;
mod topic_stream;

use self::channels::McapChannels;
pub(super) use self::channels::channels;
pub(crate) use self::file::{McapFiles, McapItem};
pub(crate) use self::form::TopicForm;
use self::joiner::TopicJoiner;
use self::label::TopicLabels;
pub(crate) use self::list::{TopicInfo, list_topics};
pub(crate) use self::metadata::{RecordingMetadata, SAMPLES_TOPIC};
use self::topic::TopicMessage;
use self::topic_stream::TopicStream;
use crate::recordings::error::RecordingError;
use crate::recordings::labels::Labels;
use crate::recordings::layout::{GroupBy, LabelFrom};
use crate::recordings::recording::Recording;
use crate::recordings::row_counts::RowCounts;
use crate::signal::{Channel, Drops, Samples, TimeUnit};

/// The number of records that are read at a time.
const BATCH: usize = 2048;
/// The share of messages that may be damaged: one of this number.
const DAMAGED: u64 = 100;

/// Reads the samples of one MCAP recording: the messages of one topic, in the order in which they were written, or those of
/// several topics joined.
pub(super) struct McapRecording<'a> {
    recording: &'a Recording,
    files: McapFiles,
    channels: Vec<Channel>,
    empty: Samples,
    topics: Vec<TopicStream>,
    /// Joins the topics if there are several.
    joiner: Option<TopicJoiner>,
    /// The labels, if they are on a topic.
    labels: Option<TopicLabels>,
    /// What this program wrote about the recording.
    metadata: Option<RecordingMetadata>,
    drops: Drops,
    counts: RowCounts,
    conclusion: Option<String>,
    ended: bool,
}

impl<'a> McapRecording<'a> {
    /// Opens a recording to read the channels in `wanted`, or all that it has if that is `None`.
    ///
    /// # Errors
    /// [`RecordingError`] if a file cannot be read, there is no such topic, or its messages lack a channel.
    pub(super) fn open(recording: &'a Recording, wanted: Option<&[Channel]>) -> Result<Self, RecordingError> {
        let layout = &recording.layout;
        if let LabelFrom::Column = layout.label.from {
            return Err(RecordingError::form(
                &recording.path,
                "label.from is \"column\", but an MCAP file has no columns; use \"folder\", \"topic\" or \"intervals\"",
            ));
        }
        if let GroupBy::Column = layout.split.group_by {
            return Err(RecordingError::form(
                &recording.path,
                "split.group_by is \"column\", but an MCAP file has no columns; use \"file\" or \"folder\"",
            ));
        }
        let McapChannels { channels, empty, topics, joiner, conclusion, metadata } =
            McapChannels::find(recording, wanted)?;
        let labels = layout.label.topic.as_deref().filter(|_| layout.label.from == LabelFrom::Topic);
        Ok(Self {
            files: McapFiles::of(recording)?,
            labels: labels.map(|topic| TopicLabels::new(topic, layout.label.field.as_deref())),
            counts: RowCounts::new(channels.len()),
            drops: Drops::default(),
            conclusion: Some(conclusion),
            ended: false,
            recording,
            channels,
            empty,
            topics,
            joiner,
            metadata,
        })
    }

    /// Empty [`Samples`] with the channels and sensor limits of the recording.
    pub(super) fn samples(&self) -> Samples {
        self.empty.clone()
    }

    /// Reads the next messages and adds their samples. Returns whether more samples may follow.
    ///
    /// # Errors
    /// [`RecordingError`] if a file is damaged, too many messages cannot be decoded, or there was none.
    pub(super) fn next_batch(&mut self, samples: &mut Samples) -> Result<bool, RecordingError> {
        let start = samples.len();
        for _ in 0..BATCH {
            if self.ended {
                break;
            }
            self.next_record(samples)?;
        }
        match &mut self.joiner {
            None => self.topics.iter_mut().for_each(|topic| topic.fill(samples, start)),
            Some(joiner) => {
                self.topics
                    .iter_mut()
                    .enumerate()
                    .for_each(|(index, topic)| joiner.push(index, &topic.take()));
                joiner.join(self.ended, samples);
            }
        }
        self.counts.add(samples, start);
        self.check()?;
        Ok(!self.ended)
    }

    /// Reads the next record.
    fn next_record(&mut self, samples: &mut Samples) -> Result<(), RecordingError> {
        let mut fault = None;
        let Self { files, topics, joiner, labels, drops, recording, .. } = self;
        let time = &recording.layout.time;
        let has_more = files.next(|item| match item {
            McapItem::File => {
                topics.iter_mut().for_each(TopicStream::begin_file);
                labels.iter_mut().for_each(TopicLabels::begin_file);
            }
            McapItem::Topic { id, name, form } => {
                let samples = topics.iter_mut().map(|topic| topic.add_topic(id, &name, &form, time));
                let mut added =
                    samples.chain(labels.iter_mut().map(|labels| labels.add_topic(id, &name, &form)));
                fault = added.find_map(Result::err).map(|why| (name.clone(), why));
            }
            McapItem::Metadata(_) => {}
            McapItem::Message { topic: id, logged, published, bytes } => {
                let message = TopicMessage::new(bytes, logged, published, time.source);
                for topic in topics.iter_mut() {
                    match joiner {
                        None => topic.decode(id, &message, samples, drops),
                        Some(_) => topic.keep(id, &message, drops),
                    }
                }
                if let Some(labels) = labels {
                    let offset = topics.first().and_then(|topic| topic.clock().newest());
                    labels.message(id, logged, bytes, offset, drops);
                    labels.place(offset);
                }
            }
        })?;
        if let Some((topic, why)) = fault {
            return Err(RecordingError::topic(&self.recording.path, &topic, &why));
        }
        self.ended = !has_more;
        Ok(())
    }

    /// Checks that not too many messages were dropped, and at the end that there were any, on one clock.
    fn check(&self) -> Result<(), RecordingError> {
        if !self.ended {
            return Ok(());
        }
        let (damaged, rows) = (self.drops.total(), self.counts.rows());
        let names: Vec<_> = self.topics.iter().map(TopicStream::name).collect();
        if damaged > 0 && damaged * DAMAGED > rows {
            let why = self.drops.first().map(|(_, why)| why).unwrap_or_default();
            let all = damaged + rows;
            let why = format!("{why} ({damaged} of {all} messages cannot be used)");
            return Err(RecordingError::topic(&self.recording.path, &names.join(", "), &why));
        }
        if rows == 0 {
            return Err(RecordingError::NoSamples { path: self.recording.path.clone() });
        }
        if let Some((topic, why)) =
            self.topics.iter().find_map(|topic| Some((topic.name(), topic.clock().fault()?)))
        {
            return Err(RecordingError::topic(&self.recording.path, topic, &why));
        }
        if let Some([(one, (one_first, one_last)), (other, (other_first, other_last))]) =
            self.joiner.as_ref().and_then(TopicJoiner::apart)
        {
            let name = |index: usize| names.get(index).copied().unwrap_or_default();
            let [one_first, one_last, other_first, other_last] =
                [one_first, one_last, other_first, other_last].map(|time| format!("{:.3}", time.seconds()));
            return Err(RecordingError::form(
                &self.recording.path,
                &format!(
                    "the times of {:?} are from {one_first} to {one_last} s and those of {:?} from {other_first} to {other_last} s, \
                     so they are of two clocks; set [time] source = \"log\" in a dataset.toml",
                    name(one),
                    name(other)
                ),
            ));
        }
        if let Some(labels) = self.labels.as_ref().filter(|labels| labels.messages() == 0) {
            let why = format!(
                "it has no labels on the topic {:?}; `underfoot-train topics` shows what it has",
                labels.topic()
            );
            return Err(RecordingError::form(&self.recording.path, &why));
        }
        match self.counts.never_together(&self.channels) {
            Some(why) => Err(RecordingError::NeverTogether { path: self.recording.path.clone(), why }),
            None => Ok(()),
        }
    }

    /// What was dropped: messages that cannot be decoded.
    pub(super) fn drops(&self) -> &Drops {
        &self.drops
    }

    /// What is read, in one sentence, once.
    pub(super) fn take_conclusion(&mut self) -> Option<String> {
        self.conclusion.take()
    }

    /// What seems to be wrong with the recording although its messages can be read; known when it has been read to its end.
    pub(super) fn warning(&self) -> Option<String> {
        if !self.ended {
            return None;
        }
        if let Some(path) = self.files.cut() {
            return Some(format!(
                "\"{}\" ends before its index, as after a crash; what is there was read",
                path.display()
            ));
        }
        self.counts.rarely_together(&self.channels)
    }

    /// The labels of the recording. Those on a topic are known only as far as the recording has been read.
    ///
    /// # Errors
    /// [`RecordingError`] if the file with the intervals cannot be read or is not valid, or there is no label where the
    /// layout says.
    pub(super) fn labels(&self) -> Result<Labels, RecordingError> {
        match self.recording.layout.label.from {
            LabelFrom::Folder | LabelFrom::Column => Ok(self.recording.folder_labels()),
            LabelFrom::Topic => Ok(self.labels.as_ref().map(TopicLabels::labels).unwrap_or_default()),
            LabelFrom::Metadata => match self.metadata.as_ref().map(|metadata| metadata.label.as_deref()) {
                Some(label) => Ok(label.map(Labels::constant).unwrap_or_default()),
                None => Err(RecordingError::form(
                    &self.recording.path,
                    "label.from is \"metadata\", but the file has none of `underfoot record`; use \"folder\", \"topic\" or \
                     \"intervals\"",
                )),
            },
            LabelFrom::Intervals => Labels::read_intervals(&self.recording.labels_path(), TimeUnit::S),
        }
    }

    /// How many nanoseconds later than its own time the newest sample was logged; `None` before the first.
    fn log_offset(&self) -> Option<i64> {
        self.topics.first().and_then(|topic| topic.clock().newest())
    }
}

/// How many nanoseconds later than their own times the samples of a recording are logged. The result is 0 if they are on the
/// same clock, and for a CSV file.
///
/// # Errors
/// [`RecordingError`] if the recording cannot be read.
pub(crate) fn log_offset(recording: &Recording, channels: &[Channel]) -> Result<i64, RecordingError> {
    /// The longest time that passes between a sample and the log of it, in nanoseconds.
    const DELAY: u64 = 1_000_000_000;
    if !recording.is_mcap() {
        return Ok(0);
    }
    let mut reader = McapRecording::open(recording, Some(channels))?;
    let mut samples = reader.samples();
    while reader.log_offset().is_none() && reader.next_batch(&mut samples)? {}
    Ok(reader.log_offset().filter(|offset| offset.unsigned_abs() > DELAY).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::recordings::reader::RecordingReader;
    use crate::recordings::{find, tests::folder};
    use crate::signal::Time;

    /// The efforts of both wheels, as a dataset.toml names them.
    const LAYOUT: &str = "[mcap]\ntopic = '/joint_states'\n[[channel]]\nfield = 'effort[left]'\nname = 'left'\n\
                          [[channel]]\nfield = 'effort[right]'\nname = 'right'\n";

    /// A file that a reference writer has written.
    fn reference(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/mcap").join(name)
    }

    /// All samples of a recording, and what is said about it, with this dataset.toml.
    fn read(path: &Path, layout: &str) -> Result<(Samples, String, Option<String>), RecordingError> {
        let folder = folder(&[("dataset.toml", layout)]);
        let recordings = find(&[path.to_owned()], Some(&folder.path().join("dataset.toml")))?;
        let mut reader = RecordingReader::open(&recordings[0], None)?;
        let (mut samples, said) = (reader.samples(), reader.take_conclusion().unwrap_or_default());
        while reader.next_batch(&mut samples)? {}
        Ok((samples, said, reader.warning()))
    }

    #[test]
    fn files_of_the_reference_writers_have_the_samples_of_the_same_data_as_csv() {
        let (expected, _, _) = read(&reference("same.csv"), LAYOUT).unwrap();
        assert_eq!(expected.len(), 300);
        for name in ["zstd.mcap", "lz4.mcap", "chunked.mcap", "plain.mcap", "bag"] {
            let (samples, said, warning) = read(&reference(name), LAYOUT).unwrap();
            assert_eq!((samples.times(), warning), (expected.times(), None), "{name}");
            assert_eq!(samples.values(), expected.values(), "{name}");
            assert_eq!(
                said,
                "MCAP, topic /joint_states (sensor_msgs/msg/JointState): time header.stamp, channels left, right"
            );
        }
        let json = "[[channel]]\nfield = 'currents[0]'\nname = 'left'\n[[channel]]\nfield = 'currents.1'\nname = 'right'\n";
        let (samples, said, _) = read(&reference("json.mcap"), json).unwrap();
        assert_eq!(samples.values(), expected.values());
        assert_eq!(samples.times(), expected.times());
        assert_eq!(said, "MCAP, topic /motors (motors): time when it was logged, channels left, right");
    }

    #[test]
    fn the_time_may_be_that_of_the_log_or_of_the_publication() {
        let first = |source: &str| {
            let layout = format!("[time]\nsource = '{source}'\n{LAYOUT}");
            read(&reference("zstd.mcap"), &layout).unwrap().0.times()[0].nanos() % 1_000_000_000
        };
        assert_eq!(["header", "publish", "log"].map(first), [0, 1_000_000, 3_000_000]);
    }

    /// Both wheels, each on a topic of its own, with labels on a third one.
    const TOPICS: &str = "[[channel]]\nname = 'left'\ntopic = '/left/current'\nfield = 'data'\n\
                          [[channel]]\nname = 'right'\ntopic = '/right/current'\nfield = 'data'\n\
                          [label]\nfrom = 'topic'\ntopic = '/surface'\n";

    #[test]
    fn channels_on_several_topics_are_joined_at_the_times_of_the_fastest() {
        let (samples, said, warning) = read(&reference("topics.mcap"), TOPICS).unwrap();
        assert_eq!(
            said,
            "MCAP, topics /left/current (motor_msgs/msg/Current) and /right/current (motor_msgs/msg/Current), joined at the \
             times of /left/current: time header.stamp, channels left, right"
        );
        let (expected, _, _) = read(&reference("same.csv"), "").unwrap();
        assert_eq!(
            (samples.times(), warning),
            (expected.times(), None),
            "no row of the fastest topic is dropped"
        );
        for (index, ((_, row), (_, other))) in samples.iter().zip(expected.iter()).enumerate() {
            assert_eq!(row[0], other[0]);
            let is_known = (1..=295).contains(&index);
            assert!(
                if is_known { (row[1] - index as f32 / 100.0).abs() < 1e-6 } else { row[1].is_nan() },
                "{index}"
            );
        }
        let folder = folder(&[(
            "dataset.toml",
            TOPICS.replace("field = 'data'\n[label]", "field = 'header.stamp.sec'\n[label]"),
        )]);
        let recordings =
            find(&[reference("topics.mcap")], Some(&folder.path().join("dataset.toml"))).unwrap();
        let mut reader = RecordingReader::open(&recordings[0], Some(&[Channel::in_ampere("left")])).unwrap();
        let mut left = reader.samples();
        while reader.next_batch(&mut left).unwrap() {}
        let expected: Vec<_> = expected.iter().map(|(_, row)| row[0]).collect();
        assert_eq!(left.values(), expected, "a model that needs one of them reads one topic");
        let only = TOPICS.replace("\ntopic = '/right/current'", "");
        let error = read(&reference("topics.mcap"), &only).unwrap_err().to_string();
        assert!(error.contains("channel \"right\" has no topic, but others have"), "{error}");
        let error =
            read(&reference("topics.mcap"), &TOPICS.replace("/right/c", "/rigth/c")).unwrap_err().to_string();
        assert!(
            error.contains("has no messages on the topic \"/rigth/current\"; it has /right/current"),
            "{error}"
        );
    }

    #[test]
    fn labels_on_a_topic_hold_from_their_message_on_by_the_clock_of_the_samples() {
        let folder =
            folder(&[("dataset.toml", TOPICS), ("none.toml", &TOPICS.replace("/surface", "/floor"))]);
        let labels = |layout: &str| {
            let recordings = find(&[reference("topics.mcap")], Some(&folder.path().join(layout)))?;
            let mut reader = RecordingReader::open(&recordings[0], None)?;
            let mut samples = reader.samples();
            while reader.next_batch(&mut samples)? {}
            reader.labels()
        };
        let found = labels("dataset.toml").unwrap();
        let at = |seconds: f64| found.at(Time::from_seconds(seconds).unwrap());
        let expected = [None, Some("tile"), Some("tile"), Some("gravel"), Some("gravel"), None];
        assert_eq!([at(999.9), at(1000.0), at(1000.9), at(1001.05), at(1001.95), at(1002.05)], expected);
        let error = labels("none.toml").unwrap_err().to_string();
        assert!(error.contains("it has no labels on the topic \"/floor\""), "{error}");
    }

    #[test]
    fn topics_with_clocks_of_their_own_are_an_error_that_names_both() {
        // The left wheel is stamped by a board, the right one has no stamp and is taken from the log.
        let bytes = std::fs::read(reference("topics.mcap")).unwrap();
        let layout =
            TOPICS.replace("topic = '/right/current'\nfield = 'data'", "topic = '/plain'\nfield = 'current'");
        let folder = folder(&[("x.mcap", with_plain_topic(&bytes))]);
        let error = read(&folder.path().join("x.mcap"), &layout).unwrap_err().to_string();
        let why = "the times of \"/left/current\" are from 1000.000 to 1002.990 s and those of \"/plain\" from 1700000000.0";
        assert!(error.contains(why) && error.contains("[time] source = \"log\""), "{error}");
        let (samples, _, _) =
            read(&folder.path().join("x.mcap"), &format!("[time]\nsource = 'log'\n{layout}")).unwrap();
        assert!(samples.iter().any(|(_, row)| !row[1].is_nan()));
    }

    /// The same file with one more topic, whose messages in JSON are logged beside the others.
    fn with_plain_topic(bytes: &[u8]) -> Vec<u8> {
        let mut out = std::io::Cursor::new(Vec::new());
        let mut writer = mcap::Writer::new(&mut out).unwrap();
        let plain = 900;
        writer.add_channel_with_id(plain, 0, "/plain", "json", &Default::default()).unwrap();
        for (index, message) in mcap::MessageStream::new(bytes).unwrap().enumerate() {
            let message = message.unwrap();
            writer.write(&message).unwrap();
            if index % 10 == 0 {
                let (sequence, log_time) = (0, message.log_time);
                let header = mcap::records::MessageHeader {
                    channel_id: plain,
                    sequence,
                    log_time,
                    publish_time: log_time,
                };
                writer.write_to_known_channel(&header, b"{\"current\": 1.5}").unwrap();
            }
        }
        writer.finish().unwrap();
        drop(writer);
        out.into_inner()
    }

    #[test]
    fn of_a_file_that_is_cut_off_anywhere_everything_before_is_read() {
        let (whole, _, _) = read(&reference("zstd.mcap"), LAYOUT).unwrap();
        for name in ["zstd.mcap", "plain.mcap"] {
            let bytes = std::fs::read(reference(name)).unwrap();
            let mut before = 0;
            for end in (1..bytes.len()).step_by(509) {
                let folder = folder(&[("cut.mcap", &bytes[..end])]);
                match read(&folder.path().join("cut.mcap"), LAYOUT) {
                    Ok((samples, _, warning)) => {
                        assert!(samples.len() >= before && whole.values().starts_with(samples.values()));
                        assert!(warning.unwrap().contains("ends before its index"));
                        before = samples.len();
                    }
                    Err(error) => assert!(before == 0, "{name} at {end}: {error}"),
                }
            }
            assert_eq!(before, 300, "the end of a file is its index");
        }
    }

    #[test]
    fn what_is_wrong_is_one_clear_line_with_what_there_is() {
        let zstd = reference("zstd.mcap");
        let bytes = std::fs::read(reference("plain.mcap")).unwrap();
        let replaced = |from: &[u8], to: &[u8]| -> Vec<u8> {
            let mut bytes = bytes.clone();
            let places: Vec<_> = bytes
                .windows(from.len())
                .enumerate()
                .filter(|(_, part)| *part == from)
                .map(|(at, _)| at)
                .collect();
            places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
            bytes
        };
        let folder = folder(&[
            ("no.mcap", b"t,current\n0,1\n".to_vec()),
            ("schema.mcap", replaced(b"ros2msg", b"ros2idl")),
            ("encoding.mcap", replaced(b"cdr", b"xyz")),
            ("cut/a.mcap", replaced(b"float64[] effort", b"float32[] effort")),
        ]);
        let file = |name: &str| folder.path().join(name);
        for (path, layout, why) in [
            (
                zstd.clone(),
                LAYOUT.replace("joint_states", "joint_state"),
                "has no messages on the topic \"/joint_state\"; it has /joint_states, /note",
            ),
            (
                zstd.clone(),
                LAYOUT.replace("effort[left]", "effort[lefd]"),
                "no message has effort[lefd]; they have effort[left], effort[right]",
            ),
            (zstd.clone(), LAYOUT.replace("effort[left]", "efort[left]"), "there is no field \"efort\""),
            (zstd.clone(), LAYOUT.replace("'effort[left]'", "'effort[left'"), "is no field of a message"),
            (
                zstd.clone(),
                LAYOUT.replace("[mcap]\ntopic = '/joint_states'", ""),
                "it has several topics: /joint_states, /note. Set [mcap] topic",
            ),
            (zstd.clone(), "[mcap]\ntopic = '/joint_states'\n".into(), "`underfoot-train topics"),
            (
                zstd,
                format!("{LAYOUT}[label]\nfrom = 'column'\ncolumn = 'x'\n"),
                "an MCAP file has no columns",
            ),
            (file("no.mcap"), LAYOUT.into(), "it is no MCAP file"),
            (file("schema.mcap"), LAYOUT.into(), "are defined in \"ros2idl\""),
            (file("encoding.mcap"), LAYOUT.into(), "are encoded in \"xyz\"; cdr (ROS 2) and json are read"),
        ] {
            let error = read(&path, &layout).unwrap_err().to_string();
            assert!(error.contains(why) && error.lines().count() == 1, "{why}: {error}");
        }
        // The numbers of another definition do not fit the messages, or are others.
        assert_ne!(
            read(&file("cut/a.mcap"), LAYOUT).map(|read| read.0.values().to_vec()).ok(),
            read(&reference("plain.mcap"), LAYOUT).map(|read| read.0.values().to_vec()).ok()
        );
    }

    #[test]
    fn bytes_that_are_changed_anywhere_are_an_error_or_samples_and_never_a_panic() {
        let bytes = std::fs::read(reference("lz4.mcap")).unwrap();
        let plain = std::fs::read(reference("plain.mcap")).unwrap();
        for (bytes, step) in [(bytes, 211), (plain, 307)] {
            for at in (0..bytes.len()).step_by(step) {
                let mut changed = bytes.clone();
                changed[at] ^= 0xff;
                let folder = folder(&[("x.mcap", changed)]);
                let _ = read(&folder.path().join("x.mcap"), LAYOUT);
            }
        }
    }

    #[test]
    fn the_topics_of_a_recording_are_listed_with_the_numbers_in_their_messages() {
        let recordings = find(&[reference("bag"), reference("zstd.mcap")], None).unwrap();
        let names: Vec<_> = recordings.iter().map(|recording| recording.name.as_str()).collect();
        assert_eq!(names, ["bag", "zstd"]);
        let topics = list_topics(&recordings[1]).unwrap();
        assert_eq!(
            (topics[0].name.as_str(), topics[0].messages, topics[1].messages),
            ("/joint_states", 300, 3)
        );
        assert_eq!(topics[0].fields, ["position[right]", "position[left]", "effort[right]", "effort[left]"]);
        assert!((topics[0].seconds - 2.99).abs() < 1e-6);
        assert!(topics[1].fields.is_empty() && topics[1].fault.is_none());
    }
}
