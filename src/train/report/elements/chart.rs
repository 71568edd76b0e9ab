//! Line charts as SVG.
//!
//! The `plotters` crate was considered. It writes each colour into the element, where the style cannot change
//! it, rounds points to whole pixels and adds no label for screen readers, its SVG is no smaller, and long
//! lines would still have to be thinned here.

use maud::{Markup, html};

use super::axis::{Axis, Scale};

/// The size of a chart in its own units. The page shows a chart at about this width, so that its text is about as
/// large as that of the page.
const WIDTH: f64 = 350.0;
const HEIGHT: f64 = 220.0;
/// The margins, which hold the axes' numbers and names. They are the same in all charts, so that the plots of a row
/// are aligned.
const LEFT: f64 = 44.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 38.0;
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
    pub x_scale: Scale,
    pub y_scale: Scale,
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
        let Some((across, up)) = self.axes(&lines) else { return html! { p.none { "Nothing to draw." } } };
        let x = |value: f64| LEFT + across.share(value) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - up.share(value) * (HEIGHT - TOP - BOTTOM);
        let path = |points: &[(f64, f64)]| {
            let text = points.iter().map(|point| format!("{:.1} {:.1}", x(point.0), y(point.1)));
            format!("M{}", text.collect::<Vec<_>>().join("L"))
        };
        let bottom = HEIGHT - BOTTOM;
        let marks = self.marks.iter().filter_map(|at| self.x_scale.of(*at));
        let marks = marks.filter(|at| (across.low..=across.high).contains(at));
        html! {
            figure {
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.title) {
                    @for (at, text) in &up.ticks {
                        @let at = y(*at);
                        line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(format!("{at:.1}")) y2=(format!("{at:.1}")) {}
                        text x=(LEFT - 6.0) y=(format!("{:.1}", at + 4.0)) text-anchor="end" { (text) }
                    }
                    @for (at, text) in &across.ticks {
                        @let at = format!("{:.1}", x(*at));
                        line.tick x1=(at) x2=(at) y1=(bottom) y2=(bottom + 4.0) {}
                        text x=(at) y=(bottom + 17.0) text-anchor="middle" { (text) }
                    }
                    @for at in marks {
                        @let at = format!("{:.1}", x(at));
                        line.mark x1=(at) x2=(at) y1=(TOP) y2=(bottom) {}
                    }
                    line.axis x1=(LEFT) x2=(WIDTH - RIGHT) y1=(bottom) y2=(bottom) {}
                    text.name x=((LEFT + WIDTH - RIGHT) / 2.0) y=(HEIGHT - 5.0) text-anchor="middle" { (self.x) }
                    text.name x="4" y="13" { (self.y) }
                    @for (line, points) in self.lines.iter().zip(&lines) {
                        @match points.as_slice() {
                            [] => {}
                            [point] => {
                                circle class=(format!("dot c{}", line.colour)) cx=(format!("{:.1}", x(point.0))) cy=(format!("{:.1}", y(point.1))) r="3" {}
                            }
                            points => {
                                path class=(format!("line c{}{}", line.colour, if line.faint { " faint" } else { "" })) d=(path(points)) {}
                            }
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

    /// The horizontal and the vertical axis around the points of all lines, which are on their scales; `None` if
    /// there is no point.
    fn axes(&self, lines: &[Vec<(f64, f64)>]) -> Option<(Axis, Axis)> {
        let all = || lines.iter().flatten();
        let around = |of: fn(&(f64, f64)) -> f64| {
            all()
                .map(of)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)))
        };
        all().next()?;
        let (first, last) = around(|point| point.0);
        let given = |(low, high)| Some((self.y_scale.of(low)?, self.y_scale.of(high)?));
        let (low, high) = self.range.and_then(given).unwrap_or_else(|| around(|point| point.1));
        Some((Axis::new(self.x_scale, first, last), Axis::new(self.y_scale, low, high)))
    }

    /// The points that are drawn, on the scales of the axes: only finite ones, and at most two for each
    /// bucket.
    fn drawn(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let scaled = points.iter().filter_map(|(x, y)| Some((self.x_scale.of(*x)?, self.y_scale.of(*y)?)));
        let scaled: Vec<(f64, f64)> = scaled.collect();
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
    fn names_are_escaped_and_a_chart_without_points_says_so() {
        let name = "<script>".to_owned();
        let line = ChartLine { name, points: vec![(1.0, 2.0)], ..ChartLine::default() };
        let chart = Chart { lines: vec![line], ..Chart::default() };
        assert!(!chart.svg().into_string().contains("<script>"));
        assert!(Chart::default().svg().into_string().contains("Nothing to draw"));
    }

    #[test]
    fn values_without_a_logarithm_are_not_drawn_on_a_logarithmic_axis() {
        let points = vec![(1.0, 0.0), (2.0, 10.0), (3.0, -1.0), (4.0, 1.0)];
        let lines = vec![ChartLine { points, ..ChartLine::default() }];
        let chart = Chart { y_scale: Scale::Logarithmic, lines, ..Chart::default() };
        assert_eq!(chart.drawn(&chart.lines[0].points), [(2.0, 1.0), (4.0, 0.0)]);
    }
}
