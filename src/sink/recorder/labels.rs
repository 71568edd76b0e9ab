//! The labels that robots have now, which decide into which folder their samples go.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::budget::Budget;
use crate::signal::{DropReason, Drops, Label, LabelChange, StreamId};

/// Maximum number of different labels until the daemon ends: each has a folder.
const MAX_NAMES: usize = 256;
/// How often the label of a stream may begin at once.
const CHANGES: u32 = 30;
/// The time after which it may begin once more.
const CHANGE_INTERVAL: Duration = Duration::from_secs(10);

/// The labels that streams have now.
///
/// A label ends with a change, with the stream, or when the stream has had no samples for as long as its file stays
/// open. A label may begin before the stream's first sample.
#[derive(Debug)]
pub(super) struct LiveLabels {
    streams: HashMap<StreamId, LiveLabel>,
    /// The different labels so far.
    names: HashSet<Label>,
    max_streams: usize,
    idle: Duration,
}

/// The label of one stream.
#[derive(Debug)]
struct LiveLabel {
    label: Option<Label>,
    /// How often it may still begin.
    budget: Budget,
    /// When it last changed or was used.
    used: Instant,
}

impl LiveLabels {
    /// No labels, for at most this many streams that are idle for at most this time.
    pub(super) fn new(max_streams: usize, idle: Duration) -> Self {
        Self { streams: HashMap::new(), names: HashSet::new(), max_streams, idle }
    }

    /// The label of a stream of which samples arrive now; `None` if it has none.
    pub(super) fn at(&mut self, stream: &StreamId, now: Instant) -> Option<&Label> {
        let live = self.streams.get_mut(stream)?;
        if now.saturating_duration_since(live.used) > self.idle {
            live.label = None;
        }
        live.used = now;
        live.label.as_ref()
    }

    /// Forgets a stream that has ended.
    pub(super) fn forget(&mut self, stream: &StreamId) {
        self.streams.remove(stream);
    }

    /// Makes a change. Returns the streams whose label has ended and that have no other one.
    ///
    /// A label that cannot begin is counted, and the one before it ends all the same: somebody wanted another one.
    pub(super) fn change(&mut self, change: &LabelChange, now: Instant, drops: &mut Drops) -> Vec<StreamId> {
        match change {
            LabelChange::Start(stream, label) => match self.start(stream, label, now) {
                Ok(()) => Vec::new(),
                Err(why) => {
                    drops.add(DropReason::LabelLimit, || {
                        format!(
                            "the label {:?} of the stream \"{stream}\" does not begin: {why}",
                            label.as_str()
                        )
                    });
                    self.end(stream)
                }
            },
            LabelChange::End(stream) => self.end(stream),
            LabelChange::EndAll => {
                let labelled = self
                    .streams
                    .iter_mut()
                    .filter_map(|(stream, live)| live.label.take().map(|_| stream.clone()));
                let ended: Vec<_> = labelled.collect();
                if !ended.is_empty() {
                    tracing::warn!(
                        streams = ended.len(),
                        "the connection to the broker has ended, and with it the labels of robots, because their ends \
                         could be missed; send the labels again"
                    );
                }
                ended
            }
        }
    }

    /// Begins a label.
    ///
    /// # Errors
    /// Says which limit it is over.
    fn start(&mut self, stream: &StreamId, label: &Label, now: Instant) -> Result<(), String> {
        if !self.names.contains(label) && self.names.len() >= MAX_NAMES {
            return Err(format!(
                "there were {MAX_NAMES} different labels already; restart the daemon to use others"
            ));
        }
        if !self.streams.contains_key(stream) && self.streams.len() >= self.max_streams {
            let idle = self.idle;
            self.streams.retain(|_, live| now.saturating_duration_since(live.used) <= idle);
            if self.streams.len() >= self.max_streams {
                return Err(format!(
                    "limits.streams = {} streams have had a label; raise the limit",
                    self.max_streams
                ));
            }
        }
        let live = self.streams.entry(stream.clone()).or_insert_with(|| LiveLabel {
            label: None,
            budget: Budget::new(CHANGES, CHANGE_INTERVAL, now),
            used: now,
        });
        live.used = now;
        if live.label.as_ref() != Some(label) {
            if !live.budget.spend(now) {
                let interval = CHANGE_INTERVAL.as_secs();
                return Err(format!(
                    "the label of this stream has changed {CHANGES} times in a short time; from then on, it may \
                     change once in {interval} s"
                ));
            }
            live.label = Some(label.clone());
            self.names.insert(label.clone());
        }
        Ok(())
    }

    fn end(&mut self, stream: &StreamId) -> Vec<StreamId> {
        let label = self.streams.get_mut(stream).and_then(|live| live.label.take());
        label.map(|_| stream.clone()).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(600);

    fn stream(name: &str) -> StreamId {
        StreamId::new(name).unwrap()
    }

    fn start(name: &str, label: &str) -> LabelChange {
        LabelChange::Start(stream(name), Label::new(label).unwrap())
    }

    /// The label of a stream after these changes, at a moment.
    fn label(labels: &mut LiveLabels, name: &str, now: Instant) -> Option<String> {
        labels.at(&stream(name), now).map(|label| label.as_str().to_owned())
    }

    #[test]
    fn a_label_holds_until_a_change_the_end_of_the_stream_or_a_long_silence() {
        let (mut labels, mut drops) = (LiveLabels::new(8, IDLE), Drops::default());
        let now = Instant::now();
        assert!(labels.change(&start("rover", "gravel"), now, &mut drops).is_empty());
        assert_eq!(label(&mut labels, "rover", now).as_deref(), Some("gravel"));
        assert_eq!(label(&mut labels, "cart", now), None);
        assert_eq!(label(&mut labels, "rover", now + IDLE).as_deref(), Some("gravel"));
        assert_eq!(label(&mut labels, "rover", now + 3 * IDLE), None);
        labels.change(&start("rover", "tile"), now, &mut drops);
        assert_eq!(labels.change(&LabelChange::End(stream("rover")), now, &mut drops), [stream("rover")]);
        assert!(labels.change(&LabelChange::End(stream("rover")), now, &mut drops).is_empty());
        labels.change(&start("rover", "tile"), now, &mut drops);
        labels.forget(&stream("rover"));
        assert_eq!(label(&mut labels, "rover", now), None);
        labels.change(&start("rover", "tile"), now, &mut drops);
        assert_eq!(labels.change(&LabelChange::EndAll, now, &mut drops), [stream("rover")]);
        assert_eq!((label(&mut labels, "rover", now), drops.total()), (None, 0));
    }

    #[test]
    fn labels_streams_and_changes_are_limited_and_a_refused_label_leaves_none() {
        let now = Instant::now();
        let (mut labels, mut drops) = (LiveLabels::new(2, IDLE), Drops::default());
        for index in 0..200 {
            labels.change(&start("a", if index % 2 == 0 { "gravel" } else { "tile" }), now, &mut drops);
        }
        assert_eq!((label(&mut labels, "a", now), drops.count(DropReason::LabelLimit)), (None, 170));
        assert!(drops.first().unwrap().1.contains("changed 30 times"), "{drops:?}");
        labels.change(&start("b", "tile"), now, &mut drops);
        labels.change(&start("c", "tile"), now, &mut drops);
        assert_eq!((label(&mut labels, "c", now), drops.count(DropReason::LabelLimit)), (None, 171));
        labels.change(&start("c", "tile"), now + 2 * IDLE, &mut drops);
        assert_eq!(label(&mut labels, "c", now + 2 * IDLE).as_deref(), Some("tile"));

        let (mut labels, mut drops) = (LiveLabels::new(1000, IDLE), Drops::default());
        for index in 0..300 {
            labels.change(&start(&format!("s{index}"), &format!("label{index}")), now, &mut drops);
        }
        assert_eq!(
            (labels.names.len(), drops.count(DropReason::LabelLimit)),
            (MAX_NAMES, 300 - MAX_NAMES as u64)
        );
    }
}
