//! What a source sends, as `underfoot check` shows it: the rate, the unit of time, the values, and what is not
//! plausible about them. `underfoot record` warns of the same.

mod doubt;
mod stream;

pub(crate) use self::doubt::DoubtKind;
pub(crate) use self::stream::StreamInspection;

use std::collections::BTreeMap;
use std::time::Instant;

use crate::model::card::Card;
use crate::signal::{Channel, SampleBatch, SourceEvent, StreamId};

/// The most streams that are inspected. A fleet may have more.
const MAX_STREAMS: usize = 50;
/// The most streams that are described.
const MAX_SHOWN: usize = 3;

/// The samples of one source over a short time.
#[derive(Debug)]
pub(super) struct SourceInspection {
    channels: Vec<Channel>,
    streams: BTreeMap<StreamId, StreamInspection>,
}

impl SourceInspection {
    /// Creates an inspection without samples, of a source with these channels.
    pub(super) fn new(channels: Vec<Channel>) -> Self {
        Self { channels, streams: BTreeMap::new() }
    }

    /// Adds what the source sent.
    pub(super) fn observe(&mut self, event: &SourceEvent) {
        let SourceEvent::Samples(SampleBatch { stream, samples, arrived, .. }) = event else { return };
        if self.streams.contains_key(stream) || self.streams.len() < MAX_STREAMS {
            let entry = self.streams.entry(stream.clone());
            entry.or_insert_with(|| StreamInspection::new(self.channels.len())).add(samples, arrived.instant);
        }
    }

    /// Whether no sample arrived.
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// What arrived until `now`, such as `"rover" at 100 Hz, current 1.26 A`.
    pub(super) fn summary(&self, now: Instant) -> String {
        let shown = self.streams.iter().take(MAX_SHOWN);
        let shown: Vec<_> = shown
            .map(|(stream, inspection)| {
                format!("{:?} {}", stream.as_str(), inspection.summary(&self.channels, now))
            })
            .collect();
        let more = self.streams.len().saturating_sub(MAX_SHOWN);
        let text = shown.join("; ");
        match more {
            0 => text,
            1 => format!("{text}; and 1 more stream"),
            more => format!("{text}; and {more} more streams"),
        }
    }

    /// What is not plausible, a sentence with the fix for each; `card` is the card of the model, if there is one.
    pub(super) fn warnings(&self, card: Option<&Card>) -> Vec<String> {
        let of_stream = |(stream, inspection): (&StreamId, &StreamInspection)| {
            let name = stream.as_str().to_owned();
            inspection
                .doubts(&self.channels, card)
                .into_iter()
                .map(move |doubt| format!("stream {name:?}: {}", doubt.text))
        };
        self.streams.iter().flat_map(of_stream).take(MAX_SHOWN * 4).collect()
    }

    /// What keeps the model from naming a surface, with the fix; `None` if nothing does.
    pub(super) fn fault(&self, card: &Card) -> Option<String> {
        let fault = |(stream, inspection): (&StreamId, &StreamInspection)| {
            Some(format!("stream {:?}: {}", stream.as_str(), inspection.rate_fault(card.rate)?))
        };
        self.streams.iter().find_map(fault)
    }
}
