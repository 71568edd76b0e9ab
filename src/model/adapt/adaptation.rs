//! What was changed in a model so that it can be served.

use super::axis_order::AxisOrder;
use super::exporter::Exporter;
use crate::model::card_text::quoted;

/// The most names that a message lists.
const MAX_NAMES: usize = 4;

/// A change of a model so that it can be served. Inputs and outputs are named with their shapes, in quotes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Adaptation {
    /// The values of this many tensors were taken in from files with these names.
    Weights { tensors: usize, bytes: u64, files: Vec<String> },
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
    /// What was changed, and what the exporter can be told so that it need not be, in one line.
    pub(super) fn describe(&self, exporter: Exporter) -> String {
        match self {
            Self::Weights { tensors, bytes, files } => format!(
                "took in {tensors} weights ({}) from {}; {} writes one file",
                size_text(*bytes),
                listed(files),
                exporter.one_file()
            ),
            Self::WeightInputs(names) => format!(
                "removed the {} inputs that are weights ({}); {} leaves them out",
                names.len(),
                listed(names),
                exporter.without_weights_as_inputs()
            ),
            Self::UnreadInputs(names) => {
                format!("removed the inputs {}, because nothing in the graph reads them", listed(names))
            }
            Self::Constant(input) => format!(
                "made a constant of the input {input}, with the value from --constant; {} needs none",
                exporter.constants_inside()
            ),
            Self::Transpose { input, order } => format!(
                "added a transpose: the input {input} is {}; {} needs none",
                order.describe(),
                exporter.windows_as_given(*order)
            ),
            Self::UnclearOrder { input, taken, other } => format!(
                "took the input {input} to be {}, but its sizes would also fit {}; if it is that, add --layout {}",
                taken.describe(),
                other.describe(),
                match other {
                    AxisOrder::StepsChannels => "NWC",
                    AxisOrder::ChannelsSteps => "NCW",
                    AxisOrder::StepsFirst => "WNC",
                }
            ),
            Self::CastInput { input, element } => format!(
                "added a cast: the input {input} takes {element}, and windows are float32; {} needs none",
                exporter.in_float32()
            ),
            Self::CastOutput { output, element } => format!(
                "added a cast: the output {output} is {element}, and float32 is served; {} needs none",
                exporter.in_float32()
            ),
            Self::FreeBatch { input, windows } => format!(
                "freed the first axis: the input {input} was declared for exactly {windows} windows, and the answers for \
                 any number are the same; {} exports it free",
                exporter.any_number_of_windows()
            ),
            Self::RepeatedWindow { input, windows } => format!(
                "repeats each window {windows} times: the graph works only for exactly {windows} windows (input {input}), \
                 so that each prediction costs as much as {windows}; {} makes it as fast as it can be",
                exporter.any_number_of_windows()
            ),
            Self::Softmax(output) => format!(
                "added a softmax: the output {output} is logits, as for a loss that is a cross-entropy \
                 (from_logits=True, CrossEntropyLoss); {} exports one with it",
                exporter.softmax()
            ),
            Self::Exp(output) => format!(
                "added an exponential: the output {output} has the logarithms of probabilities; {} in place of log_softmax \
                 needs none",
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
