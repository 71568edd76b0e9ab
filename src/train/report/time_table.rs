//! The scores by recording, from earlier to later and by session, side by side, and which of them to expect.

use maud::{Markup, html};

use super::elements::document::percent;
use super::judgement::Judgement;
use crate::train::time_scores::{HeldOut, TimeScore, TimeScores};

impl Judgement<'_> {
    /// Which score to expect at another time, in one sentence: the lowest one that was measured. If only that by
    /// recording was, it is an upper limit.
    pub(super) fn expectation(&self) -> String {
        let (held_out, lowest) = self.in_time.lowest(self.windows);
        let by_recording = percent(self.windows);
        let why = match held_out {
            _ if !self.in_time.is_measured() => {
                return format!(
                    "On another day, expect less: {by_recording} of the windows of held-out recordings are correct, \
                     and how many are in another session is not known."
                );
            }
            HeldOut::Later => format!(
                "this is the score on recordings that were made later than those trained on; by recording, it is \
                 {by_recording}"
            ),
            HeldOut::Session => {
                format!(
                    "this is the score in sessions that were not trained on; by recording, it is {by_recording}"
                )
            }
            HeldOut::Recordings => "the score was no lower on later recordings or in other sessions".into(),
        };
        format!("On another day, expect about {} of the windows to be correct: {why}.", percent(lowest))
    }
}

/// A table of the balanced accuracy by recording, of the model and of trees, and of what was measured besides.
pub(super) fn time_table(by_recording: Option<(f64, Option<f64>)>, in_time: &TimeScores) -> Markup {
    let row = |name: &str, network: f64, trees: Option<f64>, on: String| {
        html! {
            tr {
                td { (name) } td.n { (percent(network)) } td.n { (trees.map_or("–".into(), percent)) } td { (on) }
            }
        }
    };
    let measured = |name: &str, score: TimeScore| {
        let trees = score.scores.extra_trees.map(|trees| trees.balanced_accuracy);
        let on = format!("{} recordings of {} surfaces", score.recordings, score.surfaces);
        row(name, score.scores.network.balanced_accuracy, trees, on)
    };
    html! {
        div.scroll { table {
            tr { th { "each window alone" } th { "network" } th { "extra trees" } th { "held out" } }
            @if let Some((windows, trees)) = by_recording {
                (row("by recording", windows, trees, "recordings made between those trained on".into()))
            }
            @if let Some(later) = in_time.later { (measured("from earlier to later", later)) }
            @if let Some(session) = in_time.session { (measured("by session", session)) }
        } }
        p.soft {
            "Shares of correct windows, averaged over the surfaces. From earlier to later, a network is trained on the "
            "first 60 % of each surface's recordings by time and scored on the others; by session, whole sessions "
            "are held out. The lowest is the one to expect at another time."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::card::{Scores, ScoresWithTrees};
    use crate::train::report::judgement::tests::{judgement, labels};
    use crate::train::report::judgement::{Grade, LARGE_FALL};

    fn score(network: f64, trees: f64) -> TimeScore {
        let scores = |value| Scores { accuracy: value, balanced_accuracy: value, macro_f1: value };
        let scores = ScoresWithTrees { network: scores(network), extra_trees: Some(scores(trees)) };
        TimeScore { scores, recordings: 9, surfaces: 2 }
    }

    #[test]
    fn the_lowest_score_is_expected_and_a_large_fall_asks_for_other_sessions() {
        let labels = labels();
        let fading = TimeScores {
            later: Some(score(0.64, 0.7)),
            session: Some(score(0.8, 0.9)),
            warnings: Vec::new(),
        };
        let good = judgement([0.99, 0.97], [9, 9], 0.98, &labels);
        let judged = Judgement { in_time: &fading, ..good.clone() };
        let expected = judged.expectation();
        assert!(
            expected.starts_with("On another day, expect about 64.0 %") && expected.contains("later"),
            "{expected}"
        );
        assert_eq!((good.grade(), judged.grade()), (Grade::Good, Grade::Falling));
        assert!(
            judged.headline().ends_with("at another time only 64.0 % of the windows"),
            "{}",
            judged.headline()
        );
        assert!(judged.next_steps()[0].text.starts_with("Record every surface again"));
        let steady =
            TimeScores { session: Some(score(0.98 - 0.9 * LARGE_FALL, 0.9)), ..TimeScores::default() };
        let judged = Judgement { in_time: &steady, ..good.clone() };
        assert!(judged.expectation().contains("in sessions that were not trained on"));
        assert_eq!(judged.grade(), Grade::Good);
        assert!(
            good.expectation()
                .starts_with("On another day, expect less: 98.0 % of the windows of held-out recordings")
        );
        let page = time_table(Some((0.98, Some(0.97))), &fading).into_string();
        for expected in ["by recording", "from earlier to later", "by session", "64.0 %", "70.0 %", "80.0 %"]
        {
            assert!(page.contains(expected), "{expected} in {page}");
        }
    }
}
