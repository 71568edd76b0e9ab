//! The held-out windows that were predicted wrongly, as charts.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::elements::document::percent;
use super::elements::window_chart::window_chart;
use crate::train::data::dataset::Dataset;
use crate::train::fit::trained::Trained;
use crate::train::network::loss::most_probable;

/// Maximum number of windows that are drawn.
const MAX_WINDOWS: usize = 12;

/// A held-out window that was predicted wrongly.
#[derive(Clone, Copy, Debug, PartialEq)]
struct WrongWindow {
    /// The window's index in the dataset.
    window: usize,
    /// The label that it was predicted as.
    predicted: usize,
    /// The probability of that label.
    confidence: f32,
    /// The probability of its actual label.
    probability: f32,
}

/// The windows that were predicted wrongly, starting with the one whose actual label got the lowest probability.
/// Neighbouring windows look alike, so each recording has only its worst one.
fn wrong_windows(trained: &Trained, dataset: &Dataset) -> Vec<WrongWindow> {
    let out_of_fold = &trained.out_of_fold;
    let rows = out_of_fold.probabilities.chunks_exact(dataset.card.labels.len());
    let all = out_of_fold.windows.iter().zip(rows).map(|(window, row)| {
        let predicted = most_probable(row);
        let probability = row[dataset.labels[*window]];
        WrongWindow { window: *window, predicted, confidence: row[predicted], probability }
    });
    let mut wrong: Vec<WrongWindow> = all.filter(|one| one.predicted != dataset.labels[one.window]).collect();
    wrong.sort_by(|one, other| one.probability.total_cmp(&other.probability));
    let mut shown = BTreeSet::new();
    wrong.retain(|one| shown.insert(dataset.recording_of_window[one.window]));
    wrong
}

/// Charts of the windows that were predicted wrongly, the worst first.
pub(super) fn worst_windows(trained: &Trained, dataset: &Dataset) -> Markup {
    let wrong = wrong_windows(trained, dataset);
    html! {
        @if wrong.is_empty() {
            p { "There are none: every held-out window was predicted correctly." }
        } @else {
            p.soft { "These are the worst windows, one from each recording." }
            div.charts { @for one in wrong.iter().take(MAX_WINDOWS) { (captioned_chart(dataset, *one)) } }
        }
        @if wrong.len() > MAX_WINDOWS {
            p.soft { "Further recordings with windows that were predicted wrongly: " (wrong.len() - MAX_WINDOWS) "." }
        }
    }
}

/// A chart of a window under a line of text.
fn captioned_chart(dataset: &Dataset, one: WrongWindow) -> Markup {
    let labels = &dataset.card.labels;
    let recording = &dataset.recordings[dataset.recording_of_window[one.window]].name;
    let end = dataset.windows[one.window].time.seconds();
    html! {
        div {
            p.caption {
                b { (recording) } ", up to " (format!("{end:.1}")) " s" br;
                "actual " (labels[dataset.labels[one.window]]) " (" (percent(f64::from(one.probability))) "), predicted "
                (labels[one.predicted]) " (" (percent(f64::from(one.confidence))) ")"
            }
            (window_chart(dataset, one.window, "A window".into()).svg())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::train::fit::context::TrainingContext;
    use crate::train::fit::cross_validation::cross_validate;
    use crate::train::fit::epoch::Epoch;
    use crate::train::options::FitOptions;
    use crate::train::tests::sine_waves;

    /// A model whose held-out windows 0, 1, 4 and 8 of [`sine_waves`] with two labels got these probabilities of the
    /// first label. The windows 0 to 3 are of one recording, 4 to 7 of another, and 8 is of the second label.
    fn trained(dataset: &Dataset, first: [f32; 4]) -> Trained {
        let options =
            FitOptions { hidden: Some(2), epochs: Some(1), folds: Some(2), ..FitOptions::default() };
        let options = options.resolved(dataset);
        let (stop, progress) = (AtomicBool::new(false), |_: usize, _: &Epoch| {});
        let context = TrainingContext { options: &options, dataset, stop: &stop, progress: &progress };
        let mut trained = cross_validate(&context).unwrap();
        trained.out_of_fold.windows = vec![0, 1, 4, 8];
        trained.out_of_fold.probabilities = first.iter().flat_map(|first| [*first, 1.0 - first]).collect();
        trained
    }

    #[test]
    fn only_wrong_windows_are_listed_and_each_recording_once_with_its_worst() {
        let dataset = sine_waves(2, 2, 4);
        let wrong = wrong_windows(&trained(&dataset, [0.3, 0.1, 0.6, 0.95]), &dataset);
        assert_eq!(wrong.iter().map(|one| one.window).collect::<Vec<_>>(), [8, 1]);
        assert_eq!((wrong[0].predicted, wrong[1].predicted), (0, 1));
        let page = worst_windows(&trained(&dataset, [0.3, 0.1, 0.6, 0.95]), &dataset).into_string();
        assert!(page.contains("actual s0 (10.0 %), predicted s1 (90.0 %)"), "{page}");
        assert_eq!(page.matches("<svg").count(), 2);
    }

    #[test]
    fn without_a_wrong_window_the_page_says_so() {
        let dataset = sine_waves(2, 2, 4);
        let page = worst_windows(&trained(&dataset, [0.6, 0.9, 0.6, 0.4]), &dataset).into_string();
        assert!(
            page.contains("every held-out window was predicted correctly") && !page.contains("<svg"),
            "{page}"
        );
    }
}
