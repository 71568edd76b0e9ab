//! The programs that export models, and the calls that would have exported one as it is served.

use super::axis_order::AxisOrder;

/// The program that exported a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exporter {
    /// PyTorch, by either of its exporters.
    PyTorch,
    /// Keras or TensorFlow, both by tf2onnx.
    Keras,
    /// Another program, or one that is not known.
    Other,
}

impl Exporter {
    /// The exporter with this name in the file.
    pub(super) fn of(producer: &str) -> Self {
        match producer.to_lowercase().as_str() {
            name if name.contains("torch") => Self::PyTorch,
            name if name.contains("tf2onnx") || name.contains("keras") => Self::Keras,
            _ => Self::Other,
        }
    }

    /// One of two advices, or both.
    fn advice(self, of_torch: &str, of_keras: &str) -> String {
        match self {
            Self::PyTorch => of_torch.into(),
            Self::Keras => of_keras.into(),
            Self::Other => format!("{of_torch} in PyTorch, {of_keras} in Keras"),
        }
    }

    /// What exports a model as one file.
    pub(super) fn one_file(self) -> String {
        match self {
            Self::PyTorch => "torch.onnx.export(…, external_data=False)",
            Self::Keras | Self::Other => {
                "onnx.save_model(model, \"one-file.onnx\") without save_as_external_data"
            }
        }
        .into()
    }

    /// What keeps weights out of the inputs.
    pub(super) fn without_weights_as_inputs(self) -> String {
        match self {
            Self::PyTorch => "torch.onnx.export(…, keep_initializers_as_inputs=False)",
            Self::Keras | Self::Other => "an export without the weights among the inputs",
        }
        .into()
    }

    /// What makes constants that are no weights part of the graph.
    pub(super) fn constants_inside(self) -> String {
        self.advice(
            "register_buffer() for constants, and initial states that are created inside of forward(),",
            "keras.layers.Rescaling(scale, offset) in place of a Normalization layer",
        )
    }

    /// What makes an input [N, steps, channels] out of this order.
    pub(super) fn windows_as_given(self, order: AxisOrder) -> String {
        match order {
            AxisOrder::StepsFirst => "an LSTM with batch_first=True".into(),
            _ => self.advice(
                "forward() that begins with x.transpose(1, 2)",
                "a first layer keras.layers.Permute((2, 1))",
            ),
        }
    }

    /// What exports a network in float32.
    pub(super) fn in_float32(self) -> String {
        self.advice("model.float() before the export", "keras.config.set_floatx(\"float32\")")
    }

    /// What exports a network for any number of windows.
    pub(super) fn any_number_of_windows(self) -> String {
        self.advice(
            "torch.onnx.export(…, dynamic_shapes=…), or dynamic_axes=… with dynamo=False,",
            "a keras.Input without batch_size",
        )
    }

    /// What makes probabilities out of the last layer.
    pub(super) fn softmax(self) -> String {
        self.advice(
            "torch.softmax(x, dim=1) at the end of forward()",
            "a last layer with activation=\"softmax\"",
        )
    }
}
