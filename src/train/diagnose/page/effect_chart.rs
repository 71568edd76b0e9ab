//! Effects of changes as rows of one chart, with one scale and one line for no effect.

use maud::{Markup, html};

use crate::train::diagnose::experiments::trial::Trial;
use crate::train::report::elements::axis::short_number;

/// The smallest range of the scale on each side of 0, in points. With less, differences that do not matter would look
/// large.
const MIN_RANGE: f64 = 5.0;

/// What was measured of an effect, as shares of balanced accuracy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DrawnEffect {
    pub mean: f64,
    /// The interval of the mean; `None` if there are too few seeds for one.
    pub interval: Option<[f64; 2]>,
}

/// A row of the chart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EffectRow {
    /// What was changed, to be read after "with".
    pub name: String,
    /// The effect; `None` if it was not measured.
    pub effect: Option<DrawnEffect>,
    /// The effect in words.
    pub words: String,
}

impl EffectRow {
    /// The row of a change.
    pub(super) fn of(trial: &Trial) -> Self {
        let interval = trial.effect.map(|effect| [effect.accuracy.low, effect.accuracy.high]);
        let mean = trial.effect.map(|effect| effect.accuracy.mean).or_else(|| trial.mean_rise());
        let effect = mean.filter(|mean| mean.is_finite()).map(|mean| DrawnEffect { mean, interval });
        Self { name: trial.change.describe(), effect, words: trial.rise_in_words() }
    }
}

/// The chart. A row without an effect has its words only. All rows have the same three columns, whose widths do not
/// depend on their content, so the drawings are below each other.
pub(super) fn effect_chart(rows: &[EffectRow]) -> Markup {
    let range = range(rows);
    let left = |share: f64| format!("{:.2}%", 50.0 + 50.0 * (100.0 * share / range).clamp(-1.0, 1.0));
    let label = |points: f64| format!("{}{}", if points > 0.0 { "+" } else { "" }, short_number(points));
    html! {
        div.effects {
            div.row.head {
                span.name { "with" }
                span.plot {
                    @for points in [-range, 0.0, range] {
                        span.tick style=(format!("left:{}", left(points / 100.0))) { (label(points)) }
                    }
                }
                span.value { "points" }
            }
            @for row in rows {
                div.row {
                    span.name { (row.name) }
                    span.plot {
                        span.zero {}
                        @if let Some(DrawnEffect { mean, interval }) = row.effect {
                            @if let Some([low, high]) = interval {
                                @let clear = if low > 0.0 || high < 0.0 { "range clear" } else { "range" };
                                span class=(clear) style=(format!("left:{};right:calc(100% - {})", left(low), left(high))) {}
                            }
                            span class=(if interval.is_some() { "dot" } else { "dot hollow" }) style=(format!("left:{}", left(mean))) {}
                        }
                    }
                    span.value { (row.words) }
                }
            }
        }
    }
}

/// The end of the scale on each side of 0, in points: the smallest of a few round numbers that has room for every mean
/// and for every interval, but at most 100.
fn range(rows: &[EffectRow]) -> f64 {
    let ends = rows.iter().filter_map(|row| row.effect).flat_map(|effect| {
        let [low, high] = effect.interval.unwrap_or([effect.mean; 2]);
        [effect.mean, low, high]
    });
    let largest = ends.map(|end| 100.0 * end.abs()).filter(|end| end.is_finite()).fold(MIN_RANGE, f64::max);
    [5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0]
        .into_iter()
        .find(|round| largest <= *round)
        .unwrap_or(100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row with this mean and interval, in points.
    fn row(mean: f64, interval: Option<[f64; 2]>) -> EffectRow {
        let interval = interval.map(|ends| ends.map(|end| end / 100.0));
        let effect = Some(DrawnEffect { mean: mean / 100.0, interval });
        EffectRow { name: "<a change>".into(), effect, words: format!("{mean:+.1}") }
    }

    /// The horizontal positions of the means, in the order of the rows.
    fn dots(text: &str) -> Vec<f64> {
        let after = text.split("<span class=\"dot").skip(1);
        after
            .map(|rest| rest.split("left:").nth(1).unwrap().split('%').next().unwrap().parse().unwrap())
            .collect()
    }

    #[test]
    fn all_rows_have_one_scale_and_one_line_for_no_effect() {
        let rows = [
            row(-2.1, Some([-9.0, 4.8])),
            row(0.9, Some([0.2, 1.6])),
            row(12.0, Some([4.0, 20.0])),
            row(0.0, None),
        ];
        let text = effect_chart(&rows).into_string();
        // The scale is from -20 to +20 points for all of them.
        assert!(text.contains(">-20</span>") && text.contains(">+20</span>"), "{text}");
        assert_eq!(dots(&text), [44.75, 52.25, 80.0, 50.0]);
        assert_eq!(text.matches("<span class=\"zero\"></span>").count(), rows.len());
        assert!(text.contains("range clear\" style=\"left:60.00%;right:calc(100% - 100.00%)"), "{text}");
        assert!(!text.contains("<a change>"), "names are escaped");
    }

    #[test]
    fn an_effect_of_one_or_two_seeds_is_drawn_without_an_interval() {
        let text = effect_chart(&[row(3.0, None)]).into_string();
        assert!(text.contains("dot hollow") && !text.contains("range"), "{text}");
        let unmeasured = EffectRow { effect: None, words: "no time".into(), ..row(0.0, None) };
        let text = effect_chart(&[unmeasured]).into_string();
        assert!(!text.contains("dot") && text.contains("no time"), "{text}");
    }

    #[test]
    fn the_scale_has_room_for_every_interval_and_is_not_narrower_than_five_points() {
        assert_eq!(range(&[row(0.1, Some([-0.2, 0.3]))]), 5.0);
        assert_eq!(range(&[row(-7.0, Some([-11.0, -1.0]))]), 15.0);
        assert_eq!(range(&[row(90.0, Some([-400.0, 500.0]))]), 100.0);
        assert_eq!(range(&[]), 5.0);
    }
}
