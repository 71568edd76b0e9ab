//! Checks the answers of a model to windows of its own before it serves any.
//!
//! A graph of another program may answer with anything. Several windows are needed to see it: two sigmoids sum
//! to 1 for a window of zeros, and a division by a deviation of 0 gives NaN only for some.

use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;

use super::answer_form::AnswerForm;
use crate::model::card::Card;
use crate::model::card_text::quoted;

/// How far the answers to a window alone and in a batch may be apart.
const BATCH_TOLERANCE: f32 = 1e-3;
/// Answers that differ by no more than this for any window do not depend on it.
const NO_DIFFERENCE: f32 = 1e-6;
/// How many windows are like those of the training.
const TYPICAL: usize = 4;
/// The values of the large window, in multiples of the usual magnitude. A sensor that fails gives such values.
const LARGE: f32 = 100.0;

/// A window by which a model is checked.
#[derive(Clone, Debug)]
struct ProbeWindow {
    /// What it is, as messages name it.
    name: &'static str,
    /// Row-major [W, C].
    values: Vec<f32>,
}

/// What the probe of a model found.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::model) struct Probed {
    /// The index of the output with the probabilities.
    pub(in crate::model) output: usize,
    /// What is probably wrong with the model, in one sentence.
    pub(in crate::model) warning: Option<String>,
}

/// Finds the output that answers with probabilities, and checks its answers. `candidates` are the outputs that
/// may be it, with their names, the most likely one first. `run` runs windows, row-major [N, W, C], and returns
/// an output, row-major [N, K].
///
/// # Errors
/// What is wrong with the answers of the most likely output and how to fix it, as the rest of a sentence about
/// the model.
pub(in crate::model) fn probe(
    card: &Card,
    candidates: &[(usize, String)],
    one_at_a_time: bool,
    mut run: impl FnMut(usize, &[f32]) -> Result<Vec<f32>, String>,
) -> Result<Probed, String> {
    let windows = windows(card);
    let mut first_fault = None;
    for (output, name) in candidates {
        let rows = answers(&windows, |window| run(*output, window))?;
        if let Some(fault) = fault(&windows, &rows) {
            first_fault.get_or_insert(format!("its output {} {fault}", quoted(name)));
            continue;
        }
        if !one_at_a_time {
            check_batch(&windows, &rows, |both| run(*output, both))?;
        }
        let largest = rows.iter().flat_map(|row| difference(row, &rows[0])).fold(0.0, f32::max);
        let warning = (largest <= NO_DIFFERENCE).then(|| {
            format!(
                "the model gives the same output for every window, {}: its output does not depend on its input; \
                 check that it was trained, and exported with its weights",
                shown(&rows[0])
            )
        });
        return Ok(Probed { output: *output, warning });
    }
    Err(first_fault.unwrap_or_else(|| "it has no output".into()))
}

/// Checks the answers of the output with the novelty. `run` runs windows, row-major [N, W, C], and returns the novelty of
/// each.
///
/// # Errors
/// What is wrong with the answers and how to fix it, as the rest of a sentence about the model.
pub(in crate::model) fn probe_novelty(
    card: &Card,
    one_at_a_time: bool,
    mut run: impl FnMut(&[f32]) -> Result<Vec<f32>, String>,
) -> Result<(), String> {
    let windows = windows(card);
    let rows = answers(&windows, &mut run)?;
    let is_wrong = |row: &Vec<f32>| row.iter().any(|novelty| !(0.0..=1.0).contains(novelty));
    if let Some((window, row)) = windows.iter().zip(&rows).find(|(_, row)| is_wrong(row)) {
        return Err(format!(
            "its output \"novelty\" gives {} for a window of {}, and it must be a number from 0 to 1, one minus the \
             conformal p-value; export it so, or give an output that means something else another name",
            shown(row),
            window.name
        ));
    }
    if one_at_a_time { Ok(()) } else { check_batch(&windows, &rows, run) }
}

/// The answers of a model to the windows by which it is checked. `run` runs a window, row-major [W, C].
///
/// # Errors
/// The error of `run`.
pub(in crate::model) fn rows(
    card: &Card,
    run: impl FnMut(&[f32]) -> Result<Vec<f32>, String>,
) -> Result<Vec<Vec<f32>>, String> {
    answers(&windows(card), run)
}

fn answers(
    windows: &[ProbeWindow],
    mut run: impl FnMut(&[f32]) -> Result<Vec<f32>, String>,
) -> Result<Vec<Vec<f32>>, String> {
    windows.iter().map(|window| run(&window.values)).collect()
}

/// The windows by which a model is checked: zeros, ones, some like those of the training, and a large one.
fn windows(card: &Card) -> Vec<ProbeWindow> {
    let channels = card.channels.len();
    let statistics = card.statistics();
    let size = card.window * channels;
    let of = |channel: usize| {
        let known = statistics.get(channel).map(|known| (known.mean as f32, known.deviation as f32));
        known.unwrap_or((0.0, 1.0))
    };
    let constant = |name, value: f32| ProbeWindow { name, values: vec![value; size] };
    let mut rng = Pcg64::new(0, 0);
    let mut windows = vec![constant("zeros", 0.0), constant("ones", 1.0)];
    for _ in 0..TYPICAL {
        let value = |index: usize| {
            let (mean, deviation) = of(index % channels);
            let normal: f32 = StandardNormal.sample(&mut rng);
            mean + deviation * normal.clamp(-3.0, 3.0)
        };
        windows.push(ProbeWindow { name: "usual values", values: (0..size).map(value).collect() });
    }
    let large = |index: usize| {
        let (mean, deviation) = of(index % channels);
        let sign = if (index / channels).is_multiple_of(2) { 1.0 } else { -1.0 };
        sign * LARGE * (mean.abs() + deviation).max(f32::MIN_POSITIVE)
    };
    windows.push(ProbeWindow {
        name: "values a hundred times the usual ones",
        values: (0..size).map(large).collect(),
    });
    windows
}

/// What is wrong with the answers to the windows, as the rest of a sentence about the output; `None` if they
/// are probabilities.
fn fault(windows: &[ProbeWindow], rows: &[Vec<f32>]) -> Option<String> {
    let (form, index) = AnswerForm::of(rows);
    let (window, row) = (windows.get(index)?.name, rows.get(index)?);
    let given = format!("gives {} for a window of {window}", shown(row));
    match form {
        AnswerForm::Probabilities => None,
        AnswerForm::NotNumbers => Some(format!(
            "{given}, which are not numbers; look for a division by a deviation of 0 or an exp() that overflows, and \
             use the softmax of the framework"
        )),
        AnswerForm::Logarithms => Some(
            "has the logarithms of probabilities; use softmax in place of log_softmax at the end of the network, \
             and export it again"
                .into(),
        ),
        AnswerForm::Logits => Some(format!(
            "{given}, which are logits and not probabilities; end the network with a softmax over the labels \
             (activation=\"softmax\" in Keras, torch.softmax(x, dim=1) in PyTorch), and export it again"
        )),
        AnswerForm::Independent => Some(format!(
            "{given}, which sum to {} and not to 1, as with a sigmoid for each label; end the network with a softmax \
             over the labels in place of it, and export it again",
            row.iter().sum::<f32>()
        )),
    }
}

/// The first numbers of a row.
fn shown(row: &[f32]) -> String {
    const MAX: usize = 8;
    let start = &row[..row.len().min(MAX)];
    if start.len() < row.len() {
        format!("{start:?}… ({} in all)", row.len())
    } else {
        format!("{start:?}")
    }
}

/// Checks that the answers to two windows do not depend on whether they are run together.
fn check_batch(
    windows: &[ProbeWindow],
    rows: &[Vec<f32>],
    mut run: impl FnMut(&[f32]) -> Result<Vec<f32>, String>,
) -> Result<(), String> {
    const FIX: &str = "check that the LSTM is built with batch_first=True and that nothing is computed over the first \
                       axis, and export it with that axis free (dynamic_axes or dynamic_shapes)";
    let Some(last) = windows.len().checked_sub(2) else { return Ok(()) };
    let both = [windows[1].values.as_slice(), &windows[last].values].concat();
    let answers = run(&both).map_err(|why| format!("it cannot run two windows at a time ({why}); {FIX}"))?;
    let alone = [rows[1].as_slice(), &rows[last]].concat();
    let largest = difference(&answers, &alone).fold(0.0, f32::max);
    if largest <= BATCH_TOLERANCE {
        return Ok(());
    }
    Err(format!("its output for a window changes by {largest} when another window is run with it; {FIX}"))
}

/// How far each two numbers at the same place are apart.
pub(in crate::model) fn difference(one: &[f32], other: &[f32]) -> impl Iterator<Item = f32> {
    one.iter().zip(other).map(|(one, other)| (one - other).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probes outputs that compute the row of a window from four times its first value.
    fn probe_of(outputs: &[fn(f32) -> [f32; 2]]) -> Result<Probed, String> {
        let card = Card::of_test(4, 1, &["a", "b"]);
        let names: Vec<_> = (0..outputs.len()).map(|index| (index, format!("out{index}"))).collect();
        probe(&card, &names, false, |output, windows| {
            Ok(windows.chunks_exact(4).flat_map(|window| outputs[output](4.0 * window[0])).collect())
        })
    }

    fn softmax(x: f32) -> [f32; 2] {
        let p = 1.0 / (1.0 + (-x).exp());
        [p, 1.0 - p]
    }

    fn sigmoids(x: f32) -> [f32; 2] {
        [1.0 / (1.0 + (-x).exp()), 1.0 / (1.0 + (-0.3 * x).exp())]
    }

    #[test]
    fn the_output_with_probabilities_is_chosen_by_its_answers() {
        let probed = probe_of(&[|x| [x, -x], |x| softmax(2.0 * x)]).unwrap();
        assert_eq!(probed, Probed { output: 1, warning: None });
    }

    #[test]
    fn answers_that_are_no_probabilities_are_named_with_the_fix() {
        let log: fn(f32) -> [f32; 2] = |x| softmax(x.clamp(-5.0, 5.0)).map(f32::ln);
        for (output, expected) in [
            (sigmoids as fn(f32) -> [f32; 2], "and not to 1, as with a sigmoid for each label"),
            (|x| [x, 0.5], "which are logits and not probabilities"),
            (|x| if x > 3.0 { [f32::NAN; 2] } else { [0.5, 0.5] }, "gives [NaN, NaN] for a window of ones"),
            (|x| [x.abs().exp() / x.abs().exp(), 0.0], "exp() that overflows"),
            (log, "has the logarithms of probabilities"),
        ] {
            let error = probe_of(&[output]).unwrap_err();
            assert!(error.starts_with("its output \"out0\" ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn novelty_that_is_no_number_from_0_to_1_or_depends_on_its_neighbours_is_an_error() {
        let card = Card::of_test(4, 1, &["a", "b"]);
        let probe = |novelty: fn(f32) -> f32| {
            let run = |windows: &[f32]| Ok(windows.chunks_exact(4).map(|w| novelty(w[0])).collect());
            probe_novelty(&card, false, run)
        };
        probe(|x| 1.0 - (-x.abs()).exp()).unwrap();
        for (error, expected) in [
            (probe(|x| x), "for a window of usual values, and it must be a number from 0 to 1"),
            (probe(|x| if x == 1.0 { f32::NAN } else { 0.5 }), "gives [NaN] for a window of ones"),
            (probe(|x| 2.0 * f32::from(x == 0.0)), "gives [2.0] for a window of zeros"),
        ] {
            let error = error.unwrap_err();
            assert!(error.starts_with("its output \"novelty\" ") && error.contains(expected), "{error}");
        }
        let of_all = |windows: &[f32]| Ok(vec![windows.len() as f32 / 8.0; windows.len() / 4]);
        let error = probe_novelty(&card, false, of_all).unwrap_err();
        assert!(error.starts_with("its output for a window changes by 0.5"), "{error}");
        probe_novelty(&card, true, of_all).unwrap();
    }

    #[test]
    fn a_constant_answer_is_a_warning() {
        let warning = probe_of(&[|_| [0.25, 0.75]]).unwrap().warning.unwrap();
        assert!(
            warning.starts_with("the model gives the same output for every window, [0.25, 0.75]: "),
            "{warning}"
        );
    }

    #[test]
    fn windows_that_change_the_answers_of_their_neighbours_are_an_error() {
        let card = Card::of_test(4, 1, &["a", "b"]);
        let run = |_, windows: &[f32]| -> Result<Vec<f32>, String> {
            let sum: f32 = windows.iter().sum();
            Ok(windows.chunks_exact(4).flat_map(|_| softmax(sum)).collect())
        };
        let error = probe(&card, &[(0, "y".into())], false, run).unwrap_err();
        assert!(error.contains("when another window is run with it; check that the LSTM"), "{error}");
        let fails = |_, windows: &[f32]| {
            if windows.len() > 4 { Err("invalid shape".to_owned()) } else { Ok(vec![0.5, 0.5]) }
        };
        let error = probe(&card, &[(0, "y".into())], false, fails).unwrap_err();
        assert!(error.starts_with("it cannot run two windows at a time (invalid shape)"), "{error}");
        probe(&card, &[(0, "y".into())], true, fails).unwrap();
    }
}
