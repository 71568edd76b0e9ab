//! MCAP recordings: bags of ROS 2, and files with messages in JSON.
//!
//! `file` has the records of the files, `form` is the form of a topic's messages, `probe` finds the topic and looks at its first messages, and `topic` decodes them.

mod file;
mod form;
mod probe;
mod topic;

use std::collections::HashMap;

use self::file::{McapFiles, McapItem};
use self::probe::{Probe, probe};
pub(crate) use self::probe::{TopicInfo, list_topics};
use self::topic::{TopicDecoder, TopicMessage};
use crate::recordings::error::RecordingError;
use crate::recordings::labels::Labels;
use crate::recordings::layout::{GroupBy, LabelFrom};
use crate::recordings::recording::Recording;
use crate::recordings::row_counts::RowCounts;
use crate::signal::{Channel, ChannelInput, Columns, Drops, Hold, Samples, TimeUnit};

/// The number of records that are read at a time.
const BATCH: usize = 2048;
/// The share of messages that may be damaged: one of this number.
const DAMAGED: u64 = 100;

/// Reads the samples of one MCAP recording: the messages of one topic, in the order in which they were written.
pub(super) struct McapRecording<'a> {
    recording: &'a Recording,
    topic: String,
    files: McapFiles,
    columns: Columns,
    empty: Samples,
    /// The decoders of the topic in the file that is read, by the number that it has there.
    decoders: HashMap<u16, TopicDecoder>,
    hold: Option<Hold>,
    drops: Drops,
    counts: RowCounts,
    conclusion: Option<String>,
    ended: bool,
}

impl<'a> McapRecording<'a> {
    /// Opens a recording to read the channels in `wanted`, or all that its layout lists if that is `None`.
    ///
    /// # Errors
    /// [`RecordingError`] if a file cannot be read, there is no such topic, or its messages lack a channel.
    pub(super) fn open(recording: &'a Recording, wanted: Option<&[Channel]>) -> Result<Self, RecordingError> {
        let path = &recording.path;
        let files = recording.files()?;
        let probe = probe(recording, &files)?;
        let invalid = |why| RecordingError::Channels { path: path.clone(), why };
        let columns = match wanted {
            Some(wanted) if recording.layout.channels.is_empty() => Columns::new(
                &wanted.iter().map(|channel| probe.input(ChannelInput::of(channel))).collect::<Vec<_>>(),
            ),
            _ => Columns::new(
                &channels(recording)?.into_iter().map(|input| probe.input(input)).collect::<Vec<_>>(),
            ),
        };
        let columns = columns.map_err(invalid)?;
        let columns = match wanted {
            Some(wanted) => columns.select(wanted, &path.display().to_string()).map_err(invalid)?,
            None => columns,
        };
        if let LabelFrom::Column = recording.layout.label.from {
            return Err(form(
                recording,
                "label.from is \"column\", but an MCAP file has no columns; use \"folder\" or \"intervals\"",
            ));
        }
        if let GroupBy::Column = recording.layout.split.group_by {
            return Err(form(
                recording,
                "split.group_by is \"column\", but an MCAP file has no columns; use \"file\" or \"folder\"",
            ));
        }
        let Probe { topic, .. } = &probe;
        let decoder = probe
            .decoder(&columns, &recording.layout.time)
            .map_err(|why| in_topic(recording, topic, &why))?;
        probe
            .check_elements(&columns, &recording.layout.time)
            .map_err(|why| in_topic(recording, topic, &why))?;
        let names: Vec<_> = columns.channels().iter().map(|channel| channel.name.as_str()).collect();
        let conclusion = format!(
            "MCAP, topic {topic} ({}): time {}, channels {}",
            probe.kind(),
            decoder.time(&recording.layout.time),
            names.join(", ")
        );
        Ok(Self {
            recording,
            topic: topic.clone(),
            files: McapFiles::new(files),
            empty: columns.samples(),
            hold: Hold::new(&columns, None),
            counts: RowCounts::new(columns.channels().len()),
            columns,
            decoders: HashMap::new(),
            drops: Drops::default(),
            conclusion: Some(conclusion),
            ended: false,
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
            let mut fault = None;
            let Self { files, decoders, columns, drops, topic: wanted, recording, .. } = self;
            let time = &recording.layout.time;
            let has_more = files.next(|item| match item {
                McapItem::File => decoders.clear(),
                McapItem::Topic { id, name, form } if name == *wanted => {
                    match TopicDecoder::new(&form, columns, time) {
                        Ok(decoder) => drop(decoders.insert(id, decoder)),
                        Err(why) => fault = Some(why),
                    }
                }
                McapItem::Topic { .. } => {}
                McapItem::Message { topic, logged, published, bytes } => {
                    let Some(decoder) = decoders.get_mut(&topic) else { return };
                    let message = TopicMessage::new(bytes, logged, published, time.source);
                    decoder.decode(&message, columns, samples, drops);
                }
            })?;
            if let Some(why) = fault {
                return Err(in_topic(self.recording, &self.topic, &why));
            }
            self.ended = !has_more;
        }
        if let Some(hold) = &mut self.hold {
            hold.fill(samples, start);
        }
        self.counts.add(samples, start);
        self.check()?;
        Ok(!self.ended)
    }

    /// Checks that not too many messages were dropped, and at the end that there were any.
    fn check(&self) -> Result<(), RecordingError> {
        let (damaged, rows) = (self.drops.total(), self.counts.rows());
        if damaged > 0 && self.ended && damaged * DAMAGED > rows {
            let why = self.drops.first().map(|(_, why)| why).unwrap_or_default();
            let all = damaged + rows;
            return Err(in_topic(
                self.recording,
                &self.topic,
                &format!("{why} ({damaged} of {all} messages cannot be used)"),
            ));
        }
        if self.ended && rows == 0 {
            return Err(RecordingError::NoSamples { path: self.recording.path.clone() });
        }
        match self.counts.never_together(self.columns.channels()).filter(|_| self.ended) {
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
                "\"{}\" ends in the middle of a record, as after a crash; what is before that was read",
                path.display()
            ));
        }
        self.counts.rarely_together(self.columns.channels())
    }

    /// The labels of the recording.
    ///
    /// # Errors
    /// [`RecordingError`] if the file with the intervals cannot be read or is not valid.
    pub(super) fn labels(&self) -> Result<Labels, RecordingError> {
        match self.recording.layout.label.from {
            LabelFrom::Folder | LabelFrom::Column => Ok(self.recording.folder_labels()),
            LabelFrom::Intervals => Labels::read_intervals(&self.recording.labels_path(), TimeUnit::S),
        }
    }
}

/// The channels of an MCAP recording: those that its layout lists.
///
/// # Errors
/// [`RecordingError::Form`] if it lists none; the message says what the topics have.
pub(super) fn channels(recording: &Recording) -> Result<Vec<ChannelInput>, RecordingError> {
    if recording.layout.channels.is_empty() {
        let path = recording.path.display();
        return Err(form(
            recording,
            &format!(
                "its channels are not known; `underfoot-train topics \"{path}\"` lists its topics and the lines that name a \
                 topic and its channels in a dataset.toml"
            ),
        ));
    }
    Ok(recording.layout.channels.clone())
}

fn form(recording: &Recording, why: &str) -> RecordingError {
    RecordingError::Form { path: recording.path.clone(), why: why.to_owned() }
}

fn in_topic(recording: &Recording, topic: &str, why: &str) -> RecordingError {
    form(recording, &format!("topic {topic:?}: {why}"))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::recordings::reader::RecordingReader;
    use crate::recordings::{find, tests::folder};

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
                        assert!(warning.unwrap().contains("ends in the middle of a record"));
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
