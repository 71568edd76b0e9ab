//! What a network makes of a window before its first layer: the channels' canonical order, scaling, first differences, and
//! a summary. None of it is trained; it is measured on the training windows and stands in the exported graph.

use super::architecture::Architecture;
use super::summary::summarise;

/// A shift and a factor for each of several values: (value - mean) * factor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    /// What is taken away.
    pub mean: Vec<f32>,
    /// What the rest is multiplied by: 1 / deviation, or 1 where the value never changes.
    pub factor: Vec<f32>,
}

/// The parts of the input that are measured on training windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    channels: usize,
    orders: Vec<Vec<usize>>,
    ordered_steps: bool,
    /// One entry a channel, in canonical order where there is one.
    scaling: Scaling,
    /// 1 / the root mean square of the first differences of each scaled channel.
    differences: Option<Vec<f32>>,
    /// One entry a statistic.
    summary: Option<Scaling>,
}

impl Scaling {
    /// That leaves values as they are.
    pub fn none(values: usize) -> Self {
        Self { mean: vec![0.0; values], factor: vec![1.0; values] }
    }

    /// To a mean of 0 and a standard deviation of 1 over rows of `width` values.
    fn measure<'a>(rows: impl Iterator<Item = &'a [f32]> + Clone, width: usize) -> Self {
        let count = rows.clone().count().max(1) as f64;
        let mut mean = vec![0.0; width];
        rows.clone()
            .for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value)));
        mean.iter_mut().for_each(|sum| *sum /= count);
        let mut square = vec![0.0; width];
        rows.for_each(|row| {
            let row = row.iter().zip(&mean);
            square
                .iter_mut()
                .zip(row)
                .for_each(|(sum, (value, mean))| *sum += (f64::from(*value) - mean).powi(2));
        });
        let factor = |square: f64| inverse((square / count).sqrt());
        Self {
            mean: mean.iter().map(|mean| *mean as f32).collect(),
            factor: square.into_iter().map(factor).collect(),
        }
    }

    fn apply(&self, values: &mut [f32]) {
        for ((value, mean), factor) in values.iter_mut().zip(&self.mean).zip(&self.factor) {
            *value = (*value - mean) * factor;
        }
    }
}

/// 1 / deviation, or 1 for what never changes.
fn inverse(deviation: f64) -> f32 {
    if deviation > 1e-9 { (1.0 / deviation) as f32 } else { 1.0 }
}

impl Preprocessing {
    /// Measures on training windows, each row-major [W, C].
    pub fn measure<'a>(architecture: &Architecture, windows: impl Iterator<Item = &'a [f32]>) -> Self {
        let channels = architecture.channels;
        let mut input = Self::plain(channels);
        input.orders.clone_from(&architecture.orders);
        input.ordered_steps = architecture.ordered_steps;
        let raw: Vec<&[f32]> = windows.collect();
        let taken =
            |window: &&[f32]| if input.ordered_steps { input.ordered(window) } else { window.to_vec() };
        let windows: Vec<Vec<f32>> = raw.iter().map(taken).collect();
        let steps = windows.iter().flat_map(|window| window.chunks_exact(channels));
        input.scaling = Scaling::measure(steps, channels);
        if architecture.differences {
            let pairs = windows
                .iter()
                .flat_map(|window| window.chunks_exact(channels).zip(window.chunks_exact(channels).skip(1)));
            let mut square = vec![0.0; channels];
            let mut count = 0.0f64;
            for (before, after) in pairs {
                count += 1.0;
                for channel in 0..channels {
                    let difference = (after[channel] - before[channel]) * input.scaling.factor[channel];
                    square[channel] += f64::from(difference).powi(2);
                }
            }
            let factors = square.into_iter().map(|square| inverse((square / count.max(1.0)).sqrt()));
            input.differences = Some(factors.collect());
        }
        if architecture.summary {
            let mut rows = Vec::new();
            raw.iter().for_each(|window| summarise(&input.ordered(window), channels, &mut rows));
            let width = architecture.summarised();
            input.summary = Some(Scaling::measure(rows.chunks_exact(width), width));
        }
        input
    }

    /// That gives windows as they are.
    pub fn plain(channels: usize) -> Self {
        Self {
            channels,
            orders: Vec::new(),
            ordered_steps: true,
            scaling: Scaling::none(channels),
            differences: None,
            summary: None,
        }
    }

    /// That puts the channels into the canonical one of these orders, and nothing else.
    pub fn in_order(orders: &[Vec<usize>], channels: usize) -> Self {
        Self { orders: orders.to_vec(), ..Self::plain(channels) }
    }

    /// That scales windows, and nothing else.
    pub fn scaled(scaling: Scaling) -> Self {
        Self { scaling, ..Self::plain(0) }.with_channels()
    }

    fn with_channels(mut self) -> Self {
        self.channels = self.scaling.mean.len();
        self
    }

    /// Channels of a window.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Values a step: the channels and, where they take part, their differences.
    pub fn width(&self) -> usize {
        self.channels * if self.differences.is_some() { 2 } else { 1 }
    }

    /// The orders of which a window takes its canonical one.
    pub fn orders(&self) -> &[Vec<usize>] {
        &self.orders
    }

    /// Whether the steps are in canonical order, too, or the summary alone.
    pub fn ordered_steps(&self) -> bool {
        self.ordered_steps
    }

    /// The scaling of the channels.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// The factors of the first differences, where they take part.
    pub fn differences(&self) -> Option<&[f32]> {
        self.differences.as_deref()
    }

    /// The scaling of the summary, where it takes part.
    pub fn summary(&self) -> Option<&Scaling> {
        self.summary.as_ref()
    }

    /// A window [W, C] with its channels in their canonical order.
    ///
    /// Of the orders, the canonical one has the largest sum over the channels of (C - place) times the channel's mean: where all
    /// orders are allowed, the channels are sorted by their means, the largest first.
    pub fn ordered(&self, window: &[f32]) -> Vec<f32> {
        let Some(order) = self.order(window) else { return window.to_vec() };
        window.chunks_exact(self.channels).flat_map(|step| order.iter().map(|from| step[*from])).collect()
    }

    fn order(&self, window: &[f32]) -> Option<&[usize]> {
        let mut means = vec![0.0f64; self.channels];
        if self.orders.len() < 2 {
            return self.orders.first().map(Vec::as_slice);
        }
        for step in window.chunks_exact(self.channels) {
            means.iter_mut().zip(step).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let score = |order: &[usize]| -> f64 {
            order.iter().enumerate().map(|(place, from)| (self.channels - place) as f64 * means[*from]).sum()
        };
        let mut best = (f64::NEG_INFINITY, self.orders.first()?);
        for order in &self.orders {
            let score = score(order);
            if score > best.0 {
                best = (score, order);
            }
        }
        Some(best.1)
    }

    /// Writes a window's steps into row `row` of `rows` of the time-major [W, rows, width] that the first layer takes, and
    /// appends its summary to `summary`.
    pub fn write(&self, window: &[f32], row: usize, rows: usize, steps: &mut [f32], summary: &mut Vec<f32>) {
        let ordered = self.ordered(window);
        let taken = if self.ordered_steps { &ordered } else { window };
        let (channels, width) = (self.channels, self.width());
        let Scaling { mean, factor } = &self.scaling;
        for (step, values) in taken.chunks_exact(channels).enumerate() {
            let target = &mut steps[(step * rows + row) * width..][..width];
            for channel in 0..channels {
                target[channel] = (values[channel] - mean[channel]) * factor[channel];
            }
            let Some(differences) = &self.differences else { continue };
            for channel in 0..channels {
                let before = if step == 0 { values[channel] } else { taken[(step - 1) * channels + channel] };
                target[channels + channel] =
                    (values[channel] - before) * factor[channel] * differences[channel];
            }
        }
        if let Some(scaling) = &self.summary {
            let first = summary.len();
            summarise(&ordered, channels, summary);
            scaling.apply(&mut summary[first..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn architecture() -> Architecture {
        Architecture {
            differences: true,
            summary: true,
            orders: vec![vec![0, 1], vec![1, 0]],
            ..Architecture::plain(4, 2, 3, 2)
        }
    }

    #[test]
    fn channels_are_put_into_the_order_of_their_means_where_every_order_is_allowed() {
        let input = Preprocessing { orders: architecture().orders, ..Preprocessing::plain(2) };
        assert_eq!(input.ordered(&[1.0, 5.0, 2.0, 6.0]), [5.0, 1.0, 6.0, 2.0]);
        assert_eq!(input.ordered(&[5.0, 1.0, 6.0, 2.0]), [5.0, 1.0, 6.0, 2.0]);
        let turns = vec![vec![0, 1, 2], vec![1, 2, 0], vec![2, 0, 1]];
        let input = Preprocessing { orders: turns, ..Preprocessing::plain(3) };
        assert_eq!(input.ordered(&[1.0, 2.0, 9.0]), [9.0, 1.0, 2.0], "turned, never mirrored");
    }

    #[test]
    fn what_is_measured_has_a_mean_of_zero_and_a_deviation_of_one() {
        let windows: Vec<f32> =
            (0..40 * 8).map(|i| 3.0 + (i as f32 * 0.7).sin() * (1 + i % 2) as f32).collect();
        let input = Preprocessing::measure(&architecture(), windows.chunks_exact(8));
        let (mut steps, mut summary) = (vec![0.0; 4 * 40 * 4], Vec::new());
        for (row, window) in windows.chunks_exact(8).enumerate() {
            input.write(window, row, 40, &mut steps, &mut summary);
        }
        for (values, width) in [(&steps, 4), (&summary, architecture().summarised())] {
            for column in 0..width {
                let column: Vec<_> = values.iter().skip(column).step_by(width).collect();
                let mean = column.iter().copied().sum::<f32>() / column.len() as f32;
                let square = column.iter().map(|v| *v * *v).sum::<f32>() / column.len() as f32;
                assert!(mean.abs() < 0.2 && (0.7..1.1).contains(&square), "{mean} {square}");
            }
        }
    }
}
