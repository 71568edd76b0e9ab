//! Line charts as SVG. Their colours come from the style of the page, so they follow its light and dark
//! schemes.
//!
//! A chart has no scripts and loads nothing, because a report has to work as a single file without a network.
//!
//! The `plotters` crate was considered. It writes each colour into the element, where the style cannot change
//! it, rounds points to whole pixels and adds no label for screen readers, its SVG is no smaller, and long
//! lines would still have to be thinned here.

use maud::{Markup, html};

/// The size of a chart in its own units; the page scales it to its width.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 240.0;
/// The margins, which hold the axes' numbers and names.
const LEFT: f64 = 54.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 42.0;
/// A long line is drawn in this many buckets of consecutive points. The smallest and the largest value of
/// each bucket are drawn, so that no spike is lost.
const BUCKETS: usize = 300;

/// A line chart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    /// What the chart shows, for screen readers.
    pub title: String,
    /// The name of the horizontal axis, with its unit.
    pub x: String,
    /// The name of the vertical axis, with its unit.
    pub y: String,
    /// Whether the y axis is logarithmic. Values that are not above 0 are then not drawn.
    pub logarithmic: bool,
    /// The range of the y axis; `None` fits it to the lines.
    pub range: Option<(f64, f64)>,
    /// The lines, in the order in which they are drawn.
    pub lines: Vec<ChartLine>,
    /// Positions on the x axis that are marked by thin vertical lines.
    pub marks: Vec<f64>,
}

/// A line of a chart.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChartLine {
    /// The line's name in the legend; a line with an empty name is not listed.
    pub name: String,
    /// The index of the line's colour in the page's style, 0 to 3.
    pub colour: usize,
    /// Whether the line is drawn thin and pale.
    pub faint: bool,
    /// The line's points, (x, y). Points that are not finite are not drawn.
    pub points: Vec<(f64, f64)>,
}

impl Chart {
    /// The chart as SVG, with a legend below it; a short text if there is no point to draw.
    pub(crate) fn svg(&self) -> Markup {
        let lines: Vec<Vec<(f64, f64)>> = self.lines.iter().map(|line| self.drawn(&line.points)).collect();
        let all = || lines.iter().flatten();
        let (mut low, mut high) =
            all().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.1), h.max(p.1)));
        let (mut first, mut last) =
            all().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.0), h.max(p.0)));
        if let Some(range) = self.range {
            (low, high) = range;
        }
        if !(low.is_finite() && high.is_finite() && first.is_finite()) {
            return html! { p.none { "Nothing to draw." } };
        }
        if high - low < 1e-9 {
            (low, high) = (low - 0.5, high + 0.5);
        }
        if last - first < 1e-9 {
            (first, last) = (first - 0.5, last + 0.5);
        }
        let x = |value: f64| LEFT + (value - first) / (last - first) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM);
        let path = |points: &[(f64, f64)]| {
            let text = points.iter().map(|point| format!("{:.1} {:.1}", x(point.0), y(point.1)));
            format!("M{}", text.collect::<Vec<_>>().join("L"))
        };
        let height = HEIGHT - BOTTOM;
        html! {
            figure {
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.title) {
                    @for (at, text) in self.ticks(low, high) {
                        line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(format!("{:.1}", y(at))) y2=(format!("{:.1}", y(at))) {}
                        text x=(LEFT - 6.0) y=(format!("{:.1}", y(at) + 4.0)) text-anchor="end" { (text) }
                    }
                    @for at in round_numbers(first, last, 6) {
                        line.tick x1=(format!("{:.1}", x(at))) x2=(format!("{:.1}", x(at))) y1=(height) y2=(height + 4.0) {}
                        text x=(format!("{:.1}", x(at))) y=(height + 18.0) text-anchor="middle" { (short_number(at)) }
                    }
                    @for at in self.marks.iter().filter(|at| (first..=last).contains(*at)) {
                        line.mark x1=(format!("{:.1}", x(*at))) x2=(format!("{:.1}", x(*at))) y1=(TOP) y2=(height) {}
                    }
                    line.axis x1=(LEFT) x2=(WIDTH - RIGHT) y1=(height) y2=(height) {}
                    text.name x=((LEFT + WIDTH - RIGHT) / 2.0) y=(HEIGHT - 6.0) text-anchor="middle" { (self.x) }
                    text.name transform=(format!("translate(12 {:.0}) rotate(-90)", (TOP + height) / 2.0)) text-anchor="middle" { (self.y) }
                    @for (line, points) in self.lines.iter().zip(&lines) {
                        @if !points.is_empty() {
                            path class=(format!("line c{}{}", line.colour, if line.faint { " faint" } else { "" })) d=(path(points)) {}
                        }
                    }
                }
                @if self.lines.iter().any(|line| !line.name.is_empty()) {
                    figcaption {
                        @for line in self.lines.iter().filter(|line| !line.name.is_empty()) {
                            span.key { span class=(format!("swatch c{}", line.colour)) {} (line.name) }
                        }
                    }
                }
            }
        }
    }

    /// The points that are drawn, on the scale of the axis: only finite ones, and at most two for each
    /// bucket.
    fn drawn(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let scaled = points.iter().filter(|point| !self.logarithmic || point.1 > 0.0);
        let scaled = scaled.map(|&(x, y)| (x, if self.logarithmic { y.log10() } else { y }));
        let scaled: Vec<(f64, f64)> = scaled.filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        if scaled.len() <= 2 * BUCKETS {
            return scaled;
        }
        let mut kept = Vec::with_capacity(2 * BUCKETS);
        for bucket in scaled.chunks(scaled.len().div_ceil(BUCKETS)) {
            let index = |better: fn(f64, f64) -> bool| {
                (1..bucket.len())
                    .fold(0, |best, i| if better(bucket[i].1, bucket[best].1) { i } else { best })
            };
            let (least, most) = (index(|a, b| a < b), index(|a, b| a > b));
            kept.push(bucket[least.min(most)]);
            if least != most {
                kept.push(bucket[least.max(most)]);
            }
        }
        kept
    }

    /// The ticks of the y axis: their positions on its scale, and their texts.
    fn ticks(&self, low: f64, high: f64) -> Vec<(f64, String)> {
        if !self.logarithmic {
            return round_numbers(low, high, 5).into_iter().map(|at| (at, short_number(at))).collect();
        }
        let decades =
            (low.floor() as i32..=high.ceil() as i32).flat_map(|power| [1.0, 2.0, 5.0].map(|by| (power, by)));
        let all: Vec<(f64, String)> = decades
            .map(|(power, by)| by * 10f64.powi(power))
            .map(|value| (value.log10(), short_number(value)))
            .filter(|(at, _)| (low..=high).contains(at))
            .collect();
        if all.len() < 2 {
            let rounded = |at: f64| short_number((10f64.powf(at) * 1000.0).round() / 1000.0);
            return round_numbers(low, high, 5).into_iter().map(|at| (at, rounded(at))).collect();
        }
        let every = all.len().div_ceil(7).max(1);
        all.into_iter().step_by(every).collect()
    }
}

/// About `count` round numbers at equal distances between `low` and `high`.
fn round_numbers(low: f64, high: f64, count: usize) -> Vec<f64> {
    let rough = (high - low) / count as f64;
    let unit = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|by| by * unit >= rough).unwrap_or(10.0) * unit;
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last.min(first + 20)).map(|index| index as f64 * step).collect()
}

/// A number without trailing zeros, as the text of a tick.
fn short_number(value: f64) -> String {
    // Longer numbers would overlap the name of the axis.
    if value != 0.0 && value.abs() < 9e-4 {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_spikes() {
        let mut points: Vec<(f64, f64)> = (0..5000).map(|i| (f64::from(i), 1.0)).collect();
        points[3333].1 = 9.0;
        points[1234].1 = f64::NAN;
        let chart = Chart { lines: vec![ChartLine { points, ..ChartLine::default() }], ..Chart::default() };
        let drawn = chart.drawn(&chart.lines[0].points);
        assert!(drawn.len() <= 2 * BUCKETS && drawn.contains(&(3333.0, 9.0)));
        assert!(chart.svg().into_string().len() < 20_000);
    }

    #[test]
    fn ticks_are_round_numbers_within_the_axis() {
        assert_eq!(round_numbers(0.0, 1.0, 5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(round_numbers(1.0, 1500.0, 6), [500.0, 1000.0, 1500.0]);
        let chart = Chart { logarithmic: true, ..Chart::default() };
        let texts: Vec<String> = chart.ticks(-3.0, 0.5).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts[0], "0.001");
        assert!(chart.ticks(-0.05, 0.05).len() > 2, "there are ticks within one decade, too");
        assert_eq!(
            [short_number(0.30000000000000004), short_number(0.000_05), short_number(0.0)],
            ["0.3", "5e-5", "0"]
        );
    }

    #[test]
    fn names_are_escaped_and_a_chart_without_points_says_so() {
        let name = "<script>".to_owned();
        let line = ChartLine { name, points: vec![(1.0, 2.0)], ..ChartLine::default() };
        let chart = Chart { lines: vec![line], ..Chart::default() };
        assert!(!chart.svg().into_string().contains("<script>"));
        assert!(Chart::default().svg().into_string().contains("Nothing to draw"));
    }
}
