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

/// What to do in each program, in words that follow "to export it without, …".
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
            Self::Other => format!("{of_torch} (PyTorch), {of_keras} (Keras)"),
        }
    }

    /// How a model is exported as one file.
    pub(super) fn one_file(self) -> String {
        self.advice(
            "call torch.onnx.export(…, external_data=False)",
            "call onnx.save_model() without save_as_external_data",
        )
    }

    /// How weights are kept out of the inputs.
    pub(super) fn no_weights_as_inputs(self) -> String {
        self.advice(
            "call torch.onnx.export() without keep_initializers_as_inputs",
            "export it with IR version 4 or later",
        )
    }

    /// How constants that are no weights become part of the graph.
    pub(super) fn constants_inside(self) -> String {
        self.advice(
            "keep constants with register_buffer(), and create initial states inside of forward()",
            "use keras.layers.Rescaling(scale, offset) in place of a Normalization layer",
        )
    }

    /// How an input in this order becomes [N, steps, channels].
    pub(super) fn steps_then_channels(self, order: AxisOrder) -> String {
        match order {
            AxisOrder::StepsFirst => "build the LSTM with batch_first=True".into(),
            _ => self.advice(
                "begin forward() with x.transpose(1, 2)",
                "begin the network with keras.layers.Permute((2, 1))",
            ),
        }
    }

    /// How a network is exported in float32.
    pub(super) fn in_float32(self) -> String {
        self.advice("call model.float() before the export", "call keras.config.set_floatx(\"float32\")")
    }

    /// How a network is exported for any number of windows.
    pub(super) fn any_number_of_windows(self) -> String {
        self.advice(
            "give torch.onnx.export() dynamic_shapes, or dynamic_axes with dynamo=False",
            "leave input_signature out of model.export(), or its first size None",
        )
    }

    /// How the last layer gives probabilities.
    pub(super) fn softmax(self) -> String {
        self.advice(
            "end forward() with torch.softmax(x, dim=1)",
            "give the last layer activation=\"softmax\"",
        )
    }
}
