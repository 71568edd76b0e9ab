//! The decoder of a live byte stream, which finds out what the configuration leaves open.
//!
//! Two things are not known when a stream starts: the unit of its times, unless it is configured, and whether the
//! first line is whole, because a serial port is opened while the board sends. The first few samples tell. Until
//! then they are held back, in bounded memory.

use std::time::Duration;

use super::csv::CsvFormat;
use super::unit_choice::{UNITS, UnitChoice, choose_unit};
use super::{StreamDecoder, StreamFormat};
use crate::signal::{Columns, Drops, Samples, Time, TimeInput, TimeUnit};

/// The most samples that are held back.
const MAX_HELD: usize = 4096;
/// The longest time for which samples are held back.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// The first line is whole if its time is less than this many nanoseconds from that of the next one.
const FIRST_STEP: i64 = 1_000_000_000;

/// The decoder of a live byte stream.
#[derive(Debug)]
pub struct LiveDecoder {
    state: State,
    /// What was worked out, until it is taken.
    conclusion: Option<String>,
}

#[derive(Debug)]
enum State {
    /// The same bytes are decoded with each unit that the times may have.
    Open {
        candidates: Vec<UnitCandidate>,
        first_line: FirstLine,
        /// When the first sample arrived.
        started: Option<Duration>,
    },
    Decided(Box<StreamDecoder>),
}

/// A decoder for one of the possible units, with what it has decoded so far.
#[derive(Debug)]
struct UnitCandidate {
    unit: TimeUnit,
    decoder: StreamDecoder,
    samples: Samples,
    drops: Drops,
}

/// Whether the first line may lack its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstLine {
    /// It may, and its end has not arrived.
    Reading,
    /// It may, and it holds this many samples.
    Read(usize),
    /// The stream starts with a whole line.
    Whole,
}

impl LiveDecoder {
    /// Creates a decoder. With `is_mid_line`, the stream may start in the middle of a line.
    /// `csv` says what is known about rows of CSV.
    pub fn new(
        format: StreamFormat,
        columns: &Columns,
        time: &TimeInput,
        csv: CsvFormat,
        is_mid_line: bool,
    ) -> Self {
        let decoder = |unit: TimeUnit| {
            let time = TimeInput { assumed: unit, ..time.clone() };
            let decoder = StreamDecoder::with_csv(format, columns.clone(), time, csv);
            if is_mid_line { decoder.beginning_within_a_line() } else { decoder }
        };
        // Rows of CSV find out by themselves whether the first one is whole.
        let is_mid_line = is_mid_line && format == StreamFormat::Json;
        // A binary frame has its own clock, and a checksum that a frame without its start does not fit.
        let is_text = format != StreamFormat::Binary;
        let is_open = is_text && time.unit.is_none() && time.sum.is_empty();
        let units = if is_open { UNITS.as_slice() } else { &[] };
        let candidate = |unit: TimeUnit, decoder| UnitCandidate {
            unit,
            decoder,
            samples: columns.samples(),
            drops: Drops::default(),
        };
        let mut candidates: Vec<_> = units.iter().map(|unit| candidate(*unit, decoder(*unit))).collect();
        if candidates.is_empty() && is_mid_line {
            candidates.push(candidate(time.unit(), decoder(time.unit())));
        }
        let state = if candidates.is_empty() {
            State::Decided(Box::new(decoder(time.unit())))
        } else {
            let first_line = if is_mid_line { FirstLine::Reading } else { FirstLine::Whole };
            State::Open { candidates, first_line, started: None }
        };
        Self { state, conclusion: None }
    }

    /// Decodes the next bytes, which arrived at `now` after the stream was opened.
    pub fn feed(&mut self, mut bytes: &[u8], now: Duration, samples: &mut Samples, drops: &mut Drops) {
        let State::Open { candidates, first_line, started } = &mut self.state else {
            return self.feed_decided(bytes, samples, drops);
        };
        if *first_line == FirstLine::Reading
            && let Some(end) = memchr::memchr2(b'\n', b'\r', bytes)
        {
            let (line, rest) = bytes.split_at(end + 1);
            for candidate in candidates.iter_mut() {
                candidate.feed(line);
                // A line without its start is no fault.
                candidate.drops.take();
            }
            bytes = rest;
            *first_line = FirstLine::Read(candidates.iter().map(|one| one.samples.len()).max().unwrap_or(0));
        }
        candidates.iter_mut().for_each(|candidate| candidate.feed(bytes));
        if candidates.iter().any(|candidate| !candidate.samples.is_empty()) {
            started.get_or_insert(now);
        } else if *first_line != FirstLine::Reading {
            // No unit makes samples of these bytes, so that they are dropped whatever it is, and at once.
            for (index, candidate) in candidates.iter_mut().enumerate() {
                let dropped = candidate.drops.take();
                if index == 0 {
                    drops.merge(&dropped);
                }
            }
        }
        let elapsed = started.map_or(Duration::ZERO, |started| now.saturating_sub(started));
        let held = candidates.iter().map(|candidate| candidate.samples.len()).max().unwrap_or(0);
        self.decide(elapsed, held >= MAX_HELD || elapsed >= MAX_WAIT, samples, drops);
    }

    /// Decodes a last line that has no line end, at the end of the stream.
    pub fn finish(&mut self, samples: &mut Samples, drops: &mut Drops) {
        self.release(samples, drops);
        if let State::Decided(decoder) = &mut self.state {
            decoder.finish(samples, drops);
        }
    }

    /// Gives up what is held back, because no more bytes are read.
    pub fn release(&mut self, samples: &mut Samples, drops: &mut Drops) {
        self.decide(Duration::ZERO, true, samples, drops);
    }

    /// Whether samples are held back.
    pub fn is_holding(&self) -> bool {
        let has_samples = |candidate: &UnitCandidate| !candidate.samples.is_empty();
        matches!(&self.state, State::Open { candidates, .. } if candidates.iter().any(has_samples))
    }

    /// What was worked out about the stream since this was last called, in a sentence.
    pub fn take_conclusion(&mut self) -> Option<String> {
        let State::Decided(decoder) = &mut self.state else { return None };
        match (decoder.take_conclusion(), self.conclusion.take()) {
            (Some(form), Some(unit)) => Some(format!("{form}; {unit}")),
            (form, unit) => form.or(unit),
        }
    }

    fn feed_decided(&mut self, bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        if let State::Decided(decoder) = &mut self.state {
            decoder.feed(bytes, samples, drops);
        }
    }

    /// Goes on with one candidate if the samples so far tell which, or if it `must`.
    fn decide(&mut self, elapsed: Duration, must: bool, samples: &mut Samples, drops: &mut Drops) {
        let State::Open { candidates, first_line, .. } = &mut self.state else { return };
        let first = match *first_line {
            FirstLine::Whole => 0,
            FirstLine::Read(first) => first,
            FirstLine::Reading if must => 0,
            FirstLine::Reading => return,
        };
        let is_said = candidates
            .iter()
            .any(|candidate| candidate.decoder.unit_is_known() && !candidate.samples.is_empty());
        let choice = if is_said && first == 0 {
            // The input says the unit, so that all candidates have the same times.
            candidates.first().map(|candidate| candidate.unit)
        } else if candidates.len() == 1 {
            let is_enough = first == 0 || candidates.iter().all(|candidate| candidate.samples.len() > first);
            candidates.first().filter(|_| must || is_enough).map(|candidate| candidate.unit)
        } else {
            let times: Vec<_> = candidates.iter().map(|one| (one.unit, one.times_after(first))).collect();
            match choose_unit(&times, Some(elapsed), must) {
                UnitChoice::Unit(unit) => Some(unit),
                UnitChoice::Open => None,
            }
        };
        let Some(unit) = choice else { return };
        let Some(index) = candidates.iter().position(|candidate| candidate.unit == unit) else { return };
        let mut chosen = candidates.swap_remove(index);
        let first_is_whole = chosen.first_is_whole(first);
        for (index, (time, row)) in chosen.samples.iter().enumerate() {
            if index >= first || first_is_whole {
                samples.push(time, row.iter().copied());
            }
        }
        drops.merge(&chosen.drops.take());
        if !is_said && !candidates.is_empty() {
            self.conclusion = unit.conclusion();
        }
        self.state = State::Decided(Box::new(chosen.decoder));
    }
}

impl UnitCandidate {
    fn feed(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes, &mut self.samples, &mut self.drops);
    }

    /// The times of the samples after the first line.
    fn times_after(&self, first: usize) -> &[Time] {
        self.samples.times().get(first..).unwrap_or_default()
    }

    /// Whether the samples of the first line, `first` of them, fit those after it. Without times nobody can tell.
    fn first_is_whole(&self, first: usize) -> bool {
        match (self.samples.times().get(first.wrapping_sub(1)), self.samples.times().get(first)) {
            (Some(&last), Some(&next)) if last != Time::ARRIVAL && next != Time::ARRIVAL => {
                (0..FIRST_STEP).contains(&next.since(last))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Channel;

    /// The times in milliseconds and the values of what is decoded, what was dropped, and what was concluded.
    fn decode(
        text: &str,
        unit: Option<TimeUnit>,
        is_mid_line: bool,
    ) -> (Vec<(i64, f32)>, u64, Option<String>) {
        let columns = Columns::of(&[Channel::in_ampere("current")]).unwrap();
        let time = TimeInput { unit, ..TimeInput::default() };
        let mut decoder =
            LiveDecoder::new(StreamFormat::Csv, &columns, &time, CsvFormat::default(), is_mid_line);
        let (mut samples, mut drops) = (columns.samples(), Drops::default());
        for (index, bytes) in text.as_bytes().chunks(7).enumerate() {
            decoder.feed(bytes, Duration::from_millis(index as u64), &mut samples, &mut drops);
        }
        decoder.finish(&mut samples, &mut drops);
        let millis = |time: Time| if time == Time::ARRIVAL { -1 } else { time.nanos() / 1_000_000 };
        let samples = samples.iter().map(|(time, row)| (millis(time), row[0])).collect();
        (samples, drops.total(), decoder.take_conclusion())
    }

    fn rows(first: usize, interval: usize) -> String {
        (0..9).map(|index| format!("{},{index}\n", (first + index) * interval)).collect()
    }

    #[test]
    fn the_unit_of_the_times_is_worked_out_and_said_and_no_sample_is_lost() {
        for (interval, words) in [(10, "milliseconds"), (10_000, "microseconds"), (10_000_000, "nanoseconds")]
        {
            let (samples, drops, conclusion) = decode(&rows(100, interval), None, false);
            let expected: Vec<_> =
                (0..9u8).map(|index| (1000 + 10 * i64::from(index), f32::from(index))).collect();
            assert_eq!((samples, drops), (expected, 0), "{words}");
            assert!(conclusion.unwrap().ends_with(&format!("; the times are in {words}")));
        }
    }

    #[test]
    fn seconds_and_units_that_are_configured_are_taken_as_they_are() {
        let (samples, _, conclusion) = decode("1.00,1\n1.01,2\n1.02,3\n", None, false);
        assert_eq!(samples, [(1000, 1.0), (1010, 2.0), (1020, 3.0)]);
        assert!(!conclusion.unwrap().contains("the times are in"));
        assert_eq!(decode(&rows(1, 10), Some(TimeUnit::S), false).0[0].0, 10_000);
    }

    #[test]
    fn a_unit_in_the_header_is_not_worked_out() {
        let text = "time_ms,current\n10000,1\n20000,2\n30000,3\n";
        let (samples, drops, conclusion) = decode(text, None, true);
        assert_eq!((samples, drops), (vec![(10_000, 1.0), (20_000, 2.0), (30_000, 3.0)], 0));
        let form = "comma, header: time column \"time_ms\" in ms, channels current";
        assert_eq!(conclusion.as_deref(), Some(form));
    }

    #[test]
    fn few_samples_are_given_up_at_the_end() {
        assert_eq!(decode("1.00,1\n1.01,2", None, false).0, [(1000, 1.0), (1010, 2.0)]);
        assert_eq!(decode("1.5\n2.5\n", None, false).0, [(-1, 1.5), (-1, 2.5)]);
        assert_eq!(decode("", None, true), (vec![], 0, None));
    }

    #[test]
    fn lines_that_fit_nothing_are_counted_although_the_unit_is_not_known() {
        let columns = Columns::of(&[Channel::in_ampere("current")]).unwrap();
        let csv = CsvFormat::default();
        let mut decoder = LiveDecoder::new(StreamFormat::Csv, &columns, &TimeInput::default(), csv, false);
        let (mut samples, mut drops) = (columns.samples(), Drops::default());
        for second in 0..3 {
            decoder.feed(b"a,b,c,d\n1,2,3,4\n", Duration::from_secs(second), &mut samples, &mut drops);
            assert_eq!((samples.len(), drops.total()), (0, 2 * (second + 1)));
        }
    }

    #[test]
    fn every_cut_of_the_first_line_gives_only_samples_that_were_sent() {
        for unit in [None, Some(TimeUnit::Ms)] {
            let text = rows(1234, 10);
            let whole: Vec<_> =
                (0..9u8).map(|index| (12_340 + 10 * i64::from(index), f32::from(index))).collect();
            for cut in 0..=text.find('\n').unwrap() {
                let (samples, drops, _) = decode(&text[cut..], unit, true);
                let expected = if cut == 0 { &whole[..] } else { &whole[1..] };
                assert_eq!((samples.as_slice(), drops), (expected, 0), "{:?}", &text[cut..cut + 9]);
            }
        }
    }

    #[test]
    fn without_times_the_first_line_is_discarded_and_a_header_is_read() {
        let (samples, drops, _) = decode("1.5\n2.5\n3.5\n", None, true);
        assert_eq!((samples, drops), (vec![(-1, 2.5), (-1, 3.5)], 0));
        let (samples, drops, _) = decode("t,current\n1.00,1\n1.01,2\n1.02,3\n", None, true);
        assert_eq!((samples, drops), (vec![(1000, 1.0), (1010, 2.0), (1020, 3.0)], 0));
        let (samples, drops, _) = decode("rrent\n1.00,1\n1.01,2\n1.02,3\n", None, true);
        assert_eq!((samples.len(), drops), (3, 0));
    }
}
