//! Lays out what is recorded as lines of text within a terminal's width.

use std::time::Instant;

use super::monitor::RecordMonitor;
use super::stream::{RecordedStream, ValueRange};
use crate::model::card_text::printable;
use crate::signal::{Channel, Drops};

/// The most robots that have a line.
const MAX_SHOWN: usize = 5;
/// The widths of the bar of a channel, in characters: the first at which all channels fit.
const BARS: [usize; 3] = [10, 6, 4];
/// The longest name of a robot and of a channel, in characters.
const MAX_STREAM: usize = 20;
const MAX_CHANNEL: usize = 12;

/// The lines about everything that is recorded, each of at most `width` columns: one for each robot, then how many
/// more there are, and what was dropped.
pub(super) fn lines(monitor: &RecordMonitor, drops: &Drops, now: Instant, width: usize) -> Vec<String> {
    let shown = monitor.streams.iter().take(MAX_SHOWN);
    let mut lines: Vec<String> = shown
        .map(|(name, stream)| {
            let bars = BARS.map(Some);
            let name = shortened(name.as_str(), MAX_STREAM);
            stream_line(&name, stream, &monitor.channels, now, &bars, width)
        })
        .collect();
    lines.extend(footer(monitor, drops));
    lines.into_iter().map(|line| shortened(&line, width)).collect()
}

/// The same where lines are not rewritten: without bars, and as wide as they have to be.
pub(super) fn plain_lines(monitor: &RecordMonitor, drops: &Drops, now: Instant) -> Vec<String> {
    let shown = monitor.streams.iter().take(MAX_SHOWN);
    let lines = shown.map(|(name, stream)| {
        stream_line(name.as_str(), stream, &monitor.channels, now, &[None], usize::MAX)
    });
    lines.chain(footer(monitor, drops)).collect()
}

/// How many robots have no line, and what was dropped.
fn footer(monitor: &RecordMonitor, drops: &Drops) -> Vec<String> {
    let more = monitor.streams.len().saturating_sub(MAX_SHOWN);
    let others = if monitor.over_limit { " or more" } else { "" };
    let more = (more > 0).then(|| format!("and {more}{others} more"));
    more.into_iter().chain((drops.total() > 0).then(|| format!("dropped: {drops}"))).collect()
}

/// The line of one robot, with the widest bars with which all channels fit.
fn stream_line(
    name: &str,
    stream: &RecordedStream,
    channels: &[Channel],
    now: Instant,
    bars: &[Option<usize>],
    width: usize,
) -> String {
    let rate = stream.rate(now).map(|rate| format!(", {}", hertz(rate))).unwrap_or_default();
    let time = stream.time().as_secs_f64();
    let head = format!("{} {time:.1} s, {} samples{rate}", printable(name), stream.samples);
    let mut line = String::new();
    for bar in bars {
        let cells: Vec<String> = channels
            .iter()
            .zip(&stream.ranges)
            .map(|(channel, range)| format!("  {}", cell(channel, range, *bar)))
            .collect();
        let (fitting, all_fit) = join(&head, &cells, width);
        line = fitting;
        if all_fit {
            break;
        }
    }
    line
}

/// The head and as many cells as fit into `width`, with the number of those that do not; and whether all fit.
fn join(head: &str, cells: &[String], width: usize) -> (String, bool) {
    let columns = console::measure_text_width;
    let whole = head.to_owned() + &cells.concat();
    if columns(&whole) <= width {
        return (whole, true);
    }
    let mut line = head.to_owned();
    for (index, cell) in cells.iter().enumerate() {
        let more = format!("  +{} more", cells.len() - index);
        // The next cell needs room for itself and for the number of those after it.
        if columns(&line) + columns(cell) + columns(&more) > width {
            line.push_str(&more);
            break;
        }
        line.push_str(cell);
    }
    (line, false)
}

/// A channel with its newest value, and with a bar that shows where that is in the range seen.
fn cell(channel: &Channel, range: &ValueRange, bar: Option<usize>) -> String {
    let name = shortened(&channel.name, MAX_CHANNEL);
    let value = format!("{name} {} {}", number(range.newest), printable(&channel.unit));
    let Some(width) = bar else { return value };
    let filled = range.position().map_or(0, |position| (position * width as f64).round() as usize).min(width);
    format!("{value} {}{}", "#".repeat(filled), ".".repeat(width - filled))
}

/// A value with a width that hardly changes.
fn number(value: f32) -> String {
    match value.abs() {
        _ if !value.is_finite() => "   -".to_owned(),
        0.0..100.0 => format!("{value:4.2}"),
        100.0..1e5 => format!("{value:4.0}"),
        _ => format!("{value:.1e}"),
    }
}

/// A rate in words: whole from 10 Hz on.
pub(super) fn hertz(rate: f64) -> String {
    if rate >= 10.0 { format!("{rate:.0} Hz") } else { format!("{rate:.1} Hz") }
}

/// A text of at most `width` columns, without what would move the cursor.
pub(super) fn shortened(text: &str, width: usize) -> String {
    let text = printable(text);
    console::truncate_str(&text, width, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::signal::{Arrival, DropReason, SampleBatch, Samples, SourceEvent, StreamId, Time};

    /// A monitor of robots that sent 1,230 samples of these channels at 100 Hz, and the time of the last.
    fn monitor(robots: &[&str], channels: &[&str]) -> (RecordMonitor, Instant) {
        let start = Instant::now();
        let known = channels.iter().map(|name| Channel::in_ampere(name)).collect();
        let mut monitor = RecordMonitor::new(known, start);
        let mut now = start;
        for index in 0..1230u16 {
            now = start + Duration::from_millis(10) * u32::from(index);
            for robot in robots {
                let mut samples = Samples::new(channels.len());
                // Falls from 2 A to 1 A, and ends in the middle.
                let value = if index == 1229 { 1.5 } else { 2.0 - f32::from(index) / 1228.0 };
                samples.push(Time::ARRIVAL, vec![value; channels.len()]);
                let arrived = Arrival { instant: now, ..Arrival::now() };
                let stream = StreamId::new(robot).unwrap();
                monitor.observe(&SourceEvent::Samples(SampleBatch { stream, samples, arrived, rate: None }));
            }
        }
        (monitor, now)
    }

    #[test]
    fn a_line_has_the_time_the_samples_the_rate_and_a_bar_for_each_channel() {
        let (monitor, now) = monitor(&["rover"], &["left", "right"]);
        assert_eq!(
            lines(&monitor, &Drops::default(), now, 79),
            ["rover 12.3 s, 1230 samples, 100 Hz  left 1.50 A ###...  right 1.50 A ###..."]
        );
        assert_eq!(
            plain_lines(&monitor, &Drops::default(), now),
            ["rover 12.3 s, 1230 samples, 100 Hz  left 1.50 A  right 1.50 A"]
        );
    }

    #[test]
    fn channels_that_do_not_fit_are_counted() {
        let (monitor, now) = monitor(&["rover"], &["front_left", "front_right", "rear_left", "rear_right"]);
        for width in [40, 50, 60, 79, 100, 120, 200] {
            let lines = lines(&monitor, &Drops::default(), now, width);
            assert!(lines.iter().all(|line| console::measure_text_width(line) <= width), "{lines:?}");
            let bars = lines[0].matches(" A ").count();
            let more = if bars == 4 { String::new() } else { format!("+{} more", 4 - bars) };
            assert!(width < 46 || lines[0].ends_with(&more), "{lines:?}");
            assert_eq!(bars == 4, width >= 140, "{width}: {lines:?}");
        }
    }

    #[test]
    fn five_robots_have_a_line_and_the_others_and_the_drops_are_counted() {
        let robots: Vec<String> = (0..7).map(|robot| format!("robot{robot}")).collect();
        let robots: Vec<&str> = robots.iter().map(String::as_str).collect();
        let (monitor, now) = monitor(&robots, &["current"]);
        let mut drops = Drops::default();
        drops.add_many(DropReason::Malformed, 3, String::new);
        let lines = lines(&monitor, &drops, now, 79);
        assert_eq!(lines.len(), 7);
        assert!(lines[4].starts_with("robot4 12.3 s, 1230 samples, 100 Hz  current 1.50 A "), "{lines:?}");
        assert_eq!(lines[5..], ["and 2 more", "dropped: 3 malformed"]);
    }

    #[test]
    fn values_keep_their_width_and_missing_ones_are_a_dash() {
        let shown = [1.234f32, 0.0, -0.5, 12.3, 1234.5, 1e7, f32::NAN].map(number);
        assert_eq!(shown, ["1.23", "0.00", "-0.50", "12.30", "1234", "1.0e7", "   -"]);
    }
}
