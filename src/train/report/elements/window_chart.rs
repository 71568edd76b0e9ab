//! A chart of one window.

use super::chart::{Chart, ChartLine};
use crate::train::data::dataset::Dataset;

/// A chart of a window's channels over time, one line per channel.
pub(crate) fn window_chart(dataset: &Dataset, window: usize, title: String) -> Chart {
    let card = &dataset.card;
    let channels = card.channels.len();
    let points = |channel: usize| {
        let values = dataset.window(window).iter().skip(channel).step_by(channels).enumerate();
        values.map(|(step, value)| (step as f64 / card.rate, f64::from(*value))).collect()
    };
    let lines = card.channels.iter().enumerate().map(|(index, channel)| ChartLine {
        // The axis already has the name of a single channel.
        name: if channels > 1 { channel.name.clone() } else { String::new() },
        colour: index % 4,
        faint: false,
        points: points(index),
    });
    Chart {
        title,
        x: "time in the window, s".into(),
        y: axis_name(dataset),
        lines: lines.collect(),
        ..Chart::default()
    }
}

/// The name of the vertical axis: the name of the channel if there is only one, and the unit if all channels
/// have the same.
fn axis_name(dataset: &Dataset) -> String {
    let channels = &dataset.card.channels;
    let name = if let [channel] = channels.as_slice() { channel.name.as_str() } else { "value" };
    match channels.first().map(|channel| channel.unit.as_str()) {
        Some(unit) if !unit.is_empty() && channels.iter().all(|channel| channel.unit == unit) => {
            format!("{name}, {unit}")
        }
        _ => name.to_owned(),
    }
}
