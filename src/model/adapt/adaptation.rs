//! What was changed in a model so that it can be served.

use super::axis_order::AxisOrder;
use super::exporter::Exporter;
use crate::model::card_text::quoted;

/// The most names that a message lists.
const MAX_NAMES: usize = 4;

/// A change of a model so that it can be served. Inputs and outputs are named with their shapes, in quotes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Adaptation {
    /// This many bytes of weights were taken in from files with these names.
    Weights { bytes: u64, files: Vec<String> },
    /// Inputs with these names are not inputs any more, because the file has their values.
    WeightInputs(Vec<String>),
    /// Inputs on which nothing in the graph depends are not inputs any more.
    UnreadInputs(Vec<String>),
    /// The user has given the input a value.
    Constant(String),
    /// A transpose was put before the input, which has this order.
    Transpose { input: String, order: AxisOrder },
    /// The input could have another order of the axes.
    UnclearOrder { input: String, taken: AxisOrder, other: AxisOrder },
    /// A conversion was put before the input.
    CastInput { input: String, element: &'static str },
    /// A conversion was put after the output.
    CastOutput { output: String, element: &'static str },
    /// The input for exactly this many windows takes any number now.
    FreeBatch { input: String, windows: i64 },
    /// Each window is repeated, because the graph works for exactly this many windows.
    RepeatedWindow { input: String, windows: i64 },
    /// A softmax was put after the output with logits.
    Softmax(String),
    /// An exponential was put after the output with logarithms of probabilities.
    Exp(String),
}

impl Adaptation {
    /// What was changed and why, and how the model is exported so that nothing has to be changed, in one line.
    pub(super) fn describe(&self, exporter: Exporter) -> String {
        match self {
            Self::Weights { bytes, files } => format!(
                "took {} of weights from {} into the model; to export one file, {}",
                size_text(*bytes),
                listed(files),
                exporter.one_file()
            ),
            Self::WeightInputs(names) => format!(
                "removed the inputs {}, because they are weights; to export it without, {}",
                listed(names),
                exporter.no_weights_as_inputs()
            ),
            Self::UnreadInputs(names) => {
                format!("removed the inputs {}, because nothing in the graph reads them", listed(names))
            }
            Self::Constant(input) => format!(
                "made a constant of the input {input}, with the value of --constant; to export it as one, {}",
                exporter.constants_inside()
            ),
            Self::Transpose { input, order } => format!(
                "added a transpose: the input {input} is {}; to export it without, {}",
                order.describe(),
                exporter.steps_then_channels(*order)
            ),
            Self::UnclearOrder { input, taken, other } => format!(
                "took the input {input} for {}, but by its sizes it could also be {}; if it is, add --layout {}",
                taken.describe(),
                other.describe(),
                other.flag()
            ),
            Self::CastInput { input, element } => format!(
                "added a cast: the input {input} takes {element}, and windows are float32; to export it without, {}",
                exporter.in_float32()
            ),
            Self::CastOutput { output, element } => format!(
                "added a cast: the output {output} is {element}, and float32 is served; to export it without, {}",
                exporter.in_float32()
            ),
            Self::FreeBatch { input, windows } => format!(
                "freed the first axis: the input {input} was declared for exactly {windows} windows, and any number has \
                 the same answers; to export it free, {}",
                exporter.any_number_of_windows()
            ),
            Self::RepeatedWindow { input, windows } => format!(
                "repeats each window {windows} times, which makes the model so much slower: the input {input} takes \
                 exactly {windows} windows, and the graph works for no other number; to export it for any, {}",
                exporter.any_number_of_windows()
            ),
            Self::Softmax(output) => format!(
                "added a softmax: the output {output} is logits, as of a network that was trained with a cross-entropy on \
                 logits (CrossEntropyLoss, from_logits=True); to export it with one, {}",
                exporter.softmax()
            ),
            Self::Exp(output) => format!(
                "added an exponential: the output {output} has the logarithms of probabilities; to export it without, {} \
                 in place of log_softmax",
                exporter.softmax()
            ),
        }
    }
}

/// The first of some names in quotes, and how many more there are.
fn listed(names: &[String]) -> String {
    let first: Vec<_> = names.iter().take(MAX_NAMES).map(|name| quoted(name)).collect();
    match names.len().saturating_sub(MAX_NAMES) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// A number of bytes, such as `12.5 KiB`.
fn size_text(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes < 1024.0 => format!("{bytes} bytes"),
        bytes if bytes < 1024.0 * 1024.0 => format!("{:.1} KiB", bytes / 1024.0),
        bytes => format!("{:.1} MiB", bytes / 1024.0 / 1024.0),
    }
}
