//! The layers of a network, their sizes, and the ranges of their parameters in the flat vector.

use std::ops::Range;

use crate::train::layer::batch_norm::BatchNorm;
use crate::train::layer::dense::Dense;
use crate::train::layer::lstm::Lstm;
use crate::train::network::summary::SummaryStatistics;

/// The layers of a network and their sizes.
///
/// A window goes through the [preprocessing](super::preprocessing::Preprocessing), the stacked LSTM layers,
/// pooling over their outputs, batch normalisation, a dense layer with ReLU, and a dense layer to the logits. The
/// window's summary statistics skip the LSTM layers and are appended to the pooled values.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// W, the steps in a window.
    pub window: usize,
    /// C, the channels of a step.
    pub channels: usize,
    /// K, the number of labels.
    pub classes: usize,
    /// Units of each LSTM layer.
    pub hidden: usize,
    /// The number of stacked LSTM layers.
    pub layers: usize,
    /// How the outputs of all steps become one vector; the results of several kinds of pooling are
    /// concatenated in this order.
    pub pooling: Vec<Pooling>,
    /// Whether the LSTM layers also take the first differences of the channels.
    pub differences: bool,
    /// The steps that the LSTM layers take at once, as one longer step.
    pub patch: usize,
    /// Whether the head also takes the window's summary statistics.
    pub summary: bool,
    /// The narrow bins in which each summary statistic is encoded, beside a wide one; 0 for the scaled statistics.
    pub summary_bins: usize,
    /// Units of the dense layer with ReLU before the last layer; 0 for no such layer.
    pub dense: usize,
    /// Whether the head normalises its input over the batch.
    pub batch_norm: bool,
    /// The allowed orders of the channels, from which the canonical order of each window is chosen. If there
    /// are none, the channels keep their order.
    pub orders: Vec<Vec<usize>>,
    /// Whether the LSTM layers take the channels in canonical order, too; otherwise only the summary does.
    pub ordered_steps: bool,
    /// How the channels, their differences and the summary statistics are scaled.
    pub input_scaling: InputScaling,
}

/// How the values of a window are scaled before they go into the network.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum InputScaling {
    /// To a mean of 0 and a standard deviation of 1 over the training windows without wrong values; values far
    /// outside of these windows are clipped.
    #[default]
    Robust,
    /// To a mean of 0 and a standard deviation of 1 over all training windows, wrong values included; nothing is
    /// clipped.
    Standard,
    /// They are not scaled: the values go into the network in the units of the channels; nothing is clipped.
    None,
}

/// A way to reduce the outputs of all steps, [W, hidden], to one vector `[hidden]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The outputs of the last step.
    Last,
    /// The mean of each output over the steps.
    Mean,
    /// The maximum of each output over the steps.
    Max,
}

/// The layers of an architecture, each with the range of its parameters in the flat vector.
#[derive(Clone, Debug)]
pub struct Layers {
    /// The LSTM layers; the first one takes the input.
    pub lstm: Vec<(Lstm, Range<usize>)>,
    /// The batch normalisation of the head's input, if there is one.
    pub batch_norm: Option<(BatchNorm, Range<usize>)>,
    /// The dense layer with ReLU, if there is one.
    pub dense: Option<(Dense, Range<usize>)>,
    /// The dense layer to the logits.
    pub output: (Dense, Range<usize>),
}

impl Architecture {
    /// One LSTM layer whose last outputs go to the dense layer to the logits, without any other part.
    pub fn plain(window: usize, channels: usize, hidden: usize, classes: usize) -> Self {
        Self {
            window,
            channels,
            classes,
            hidden,
            layers: 1,
            pooling: vec![Pooling::Last],
            differences: false,
            patch: 1,
            summary: false,
            summary_bins: 0,
            dense: 0,
            batch_norm: false,
            orders: Vec::new(),
            ordered_steps: true,
            input_scaling: InputScaling::Robust,
        }
    }

    /// Values that the first LSTM layer takes at once: those of all steps of a patch.
    pub fn inputs(&self) -> usize {
        self.patch.max(1) * self.channels * if self.differences { 2 } else { 1 }
    }

    /// U, the number of times in a window that the LSTM layers take input, once for each patch.
    pub fn updates(&self) -> usize {
        self.window / self.patch.max(1)
    }

    /// Values per window after pooling.
    pub fn pooled_size(&self) -> usize {
        self.hidden * self.pooling.len()
    }

    /// F, the number of summary statistics of a window.
    pub fn statistics(&self) -> usize {
        SummaryStatistics::count(self.window, self.channels)
    }

    /// The narrow bins of the encoding of the summary statistics: [`Architecture::summary_bins`], but 0 if nothing is
    /// scaled.
    pub(crate) fn encoding_bins(&self) -> usize {
        if self.input_scaling == InputScaling::None { 0 } else { self.summary_bins }
    }

    /// Values per window of the encoded summary; 0 without a summary.
    pub fn summary_size(&self) -> usize {
        let values = if self.encoding_bins() > 0 { self.encoding_bins() + 1 } else { 1 };
        if self.summary { values * self.statistics() } else { 0 }
    }

    /// Values per window that the head takes: the pooled values, followed by the summary.
    pub fn features(&self) -> usize {
        self.pooled_size() + self.summary_size()
    }

    /// The layers, with the ranges of their parameters. The parameters are in the order of the fields of
    /// [`Layers`].
    pub fn layers(&self) -> Layers {
        let mut end = 0;
        let mut range = |count: usize| {
            end += count;
            end - count..end
        };
        let lstm = (0..self.layers)
            .map(|layer| {
                let inputs = if layer == 0 { self.inputs() } else { self.hidden };
                let lstm = Lstm { inputs, units: self.hidden };
                (lstm, range(lstm.parameters()))
            })
            .collect();
        let features = self.features();
        let batch_norm = self.batch_norm.then(|| {
            let layer = BatchNorm { features };
            (layer, range(layer.parameters()))
        });
        let dense = (self.dense > 0).then(|| {
            let layer = Dense { inputs: features, outputs: self.dense };
            (layer, range(layer.parameters()))
        });
        let inputs = if self.dense > 0 { self.dense } else { features };
        let output = Dense { inputs, outputs: self.classes };
        Layers { lstm, batch_norm, dense, output: (output, range(output.parameters())) }
    }
}

impl Layers {
    /// The number of parameters of all layers.
    pub fn parameters(&self) -> usize {
        self.output.1.end
    }

    /// The number of parameters of the LSTM layers, which are the first in the flat vector.
    pub fn lstm_parameters(&self) -> usize {
        self.lstm.last().map_or(0, |(_, range)| range.end)
    }
}
