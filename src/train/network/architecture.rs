//! What a network is made of.

use std::ops::Range;

use crate::train::layer::batch_norm::BatchNorm;
use crate::train::layer::dense::Dense;
use crate::train::layer::lstm::Lstm;

/// The layers of a network and their sizes.
///
/// A window goes through [`Input`](super::input::Input), the stacked LSTM layers, pooling over the steps (and the window's
/// summary beside it), batch normalisation, a dense layer with ReLU, and a dense layer to the logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Steps in a window.
    pub window: usize,
    /// Channels a step.
    pub channels: usize,
    /// Labels.
    pub classes: usize,
    /// Units of each LSTM layer.
    pub hidden: usize,
    /// How many LSTM layers are stacked.
    pub layers: usize,
    /// How the last layer's outputs become one vector: those named here, one after the other.
    pub pooling: Vec<Pooling>,
    /// Whether first differences stand beside the channels.
    pub differences: bool,
    /// Whether the window's summary stands beside the pooled outputs.
    pub summary: bool,
    /// Units of a dense layer with ReLU before the last; 0 for none.
    pub dense: usize,
    /// Whether what is pooled is normalised over the batch.
    pub batch_norm: bool,
    /// The orders of the channels of which each window is put into its canonical one; none leaves them as they come.
    pub orders: Vec<Vec<usize>>,
    /// Whether the steps are in canonical order, too, or the summary alone.
    pub ordered_steps: bool,
}

/// How the outputs of every step become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Those of the last step.
    Last,
    /// Their mean over the steps.
    Mean,
    /// Their largest over the steps.
    Max,
}

/// The layers of an architecture, each with its part of the flat vector of parameters.
#[derive(Clone, Debug)]
pub struct Layers {
    /// The LSTM layers, the first below.
    pub lstm: Vec<(Lstm, Range<usize>)>,
    /// Batch normalisation of what is pooled.
    pub batch_norm: Option<(BatchNorm, Range<usize>)>,
    /// The dense layer with ReLU.
    pub dense: Option<(Dense, Range<usize>)>,
    /// The dense layer to the logits.
    pub output: (Dense, Range<usize>),
}

impl Architecture {
    /// One LSTM layer whose last outputs go to a dense layer, and nothing else.
    pub fn plain(window: usize, channels: usize, hidden: usize, classes: usize) -> Self {
        Self {
            window,
            channels,
            classes,
            hidden,
            layers: 1,
            pooling: vec![Pooling::Last],
            differences: false,
            summary: false,
            dense: 0,
            batch_norm: false,
            orders: Vec::new(),
            ordered_steps: true,
        }
    }

    /// Values a step that the first LSTM layer takes.
    pub fn inputs(&self) -> usize {
        self.channels * if self.differences { 2 } else { 1 }
    }

    /// Values that pooling gives.
    pub fn pooled(&self) -> usize {
        self.hidden * self.pooling.len()
    }

    /// Values of a window's summary; 0 where it takes no part.
    pub fn summarised(&self) -> usize {
        if self.summary { crate::train::network::summary::features(self.window) * self.channels } else { 0 }
    }

    /// The layers, with their places among the parameters.
    pub fn layers(&self) -> Layers {
        let mut end = 0;
        let mut place = |count: usize| {
            end += count;
            end - count..end
        };
        let lstm = (0..self.layers)
            .map(|layer| {
                let inputs = if layer == 0 { self.inputs() } else { self.hidden };
                let lstm = Lstm { inputs, units: self.hidden };
                (lstm, place(lstm.parameters()))
            })
            .collect();
        let features = self.pooled() + self.summarised();
        let batch_norm = self.batch_norm.then(|| {
            let layer = BatchNorm { features };
            (layer, place(layer.parameters()))
        });
        let dense = (self.dense > 0).then(|| {
            let layer = Dense { inputs: features, outputs: self.dense };
            (layer, place(layer.parameters()))
        });
        let inputs = if self.dense > 0 { self.dense } else { features };
        let output = Dense { inputs, outputs: self.classes };
        Layers { lstm, batch_norm, dense, output: (output, place(output.parameters())) }
    }
}

impl Layers {
    /// How many parameters there are in all.
    pub fn parameters(&self) -> usize {
        self.output.1.end
    }

    /// How many of them, from the first on, are those of the LSTM layers.
    pub fn recurrent(&self) -> usize {
        self.lstm.last().map_or(0, |(_, place)| place.end)
    }
}
