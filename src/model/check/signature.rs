//! Checks the inputs and outputs of a graph against the model card.
//!
//! A graph of another program is often not what was meant, because of a setting of its exporter. The messages
//! here are about these settings.

use ort::value::{TensorElementType, ValueType};

use crate::model::card::Card;
use crate::model::card_text::quoted;

/// The name of the output that says how unlike the training data a window is.
pub(in crate::model) const NOVELTY: &str = "novelty";

/// An input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct GraphValue {
    pub(in crate::model) name: String,
    /// The type of its elements, such as `float32`.
    pub(in crate::model) element: String,
    /// The sizes of its axes; -1 stands for a size that is not fixed.
    pub(in crate::model) shape: Vec<i64>,
}

/// How the graph of a model is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct Signature {
    /// The name of the input.
    pub(in crate::model) input: String,
    /// Whether the graph takes exactly one window per run.
    pub(in crate::model) one_at_a_time: bool,
    /// The indices of the outputs that may be the probabilities, the most likely one first.
    pub(in crate::model) candidates: Vec<usize>,
    /// The index of the output with the novelty; `None` if there is none.
    pub(in crate::model) novelty: Option<usize>,
}

impl GraphValue {
    /// The value with this name and type.
    pub(in crate::model) fn new(name: &str, dtype: &ValueType) -> Self {
        let (element, shape) = match dtype {
            ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => {
                ("float32".into(), shape.to_vec())
            }
            ValueType::Tensor { ty, shape, .. } => (format!("{ty}"), shape.to_vec()),
            _ => ("something other than numbers".into(), Vec::new()),
        };
        Self { name: name.into(), element, shape }
    }

    pub(in crate::model) fn is_float(&self) -> bool {
        self.element == "float32"
    }

    /// The name and shape, such as `"window" [N, 100, 1]`.
    pub(in crate::model) fn describe(&self) -> String {
        format!("{} {}", quoted(&self.name), shape_text(&self.shape))
    }
}

/// A shape in brackets, with `N` for the first size that is not fixed and `?` for others.
pub(in crate::model) fn shape_text(shape: &[i64]) -> String {
    let size = |(axis, size): (usize, &i64)| match size {
        0.. => size.to_string(),
        _ if axis == 0 => "N".into(),
        _ => "?".into(),
    };
    format!("[{}]", shape.iter().enumerate().map(size).collect::<Vec<_>>().join(", "))
}

impl Signature {
    /// Checks that there is one input for windows, and finds the outputs that may be probabilities.
    ///
    /// # Errors
    /// What is wrong and how to fix it, as the rest of a sentence about the model.
    pub(in crate::model) fn check(
        card: &Card,
        inputs: &[GraphValue],
        outputs: &[GraphValue],
    ) -> Result<Self, String> {
        let input = the_input(card, inputs)?;
        let one_at_a_time = check_input(card, input)?;
        let novelty = novelty(outputs)?;
        let candidates = candidates(card, outputs, novelty)?;
        Ok(Self { input: input.name.clone(), one_at_a_time, candidates, novelty })
    }
}

/// The input for windows, if it is the only one.
fn the_input<'a>(card: &Card, inputs: &'a [GraphValue]) -> Result<&'a GraphValue, String> {
    if let [input] = inputs {
        return Ok(input);
    }
    let is_window = |input: &&GraphValue| {
        let sizes = [None, Some(card.window), Some(card.channels.len())];
        input.is_float()
            && input.shape.len() == 3
            && input
                .shape
                .iter()
                .zip(sizes)
                .all(|(size, wanted)| *size < 0 || wanted.is_none_or(|wanted| *size == wanted as i64))
    };
    let names = |of: &mut dyn Iterator<Item = &GraphValue>| {
        of.map(GraphValue::describe).collect::<Vec<_>>().join(", ")
    };
    let windows: Vec<&GraphValue> = inputs.iter().filter(is_window).collect();
    let [window] = windows.as_slice() else {
        return Err(format!(
            "its graph has {} inputs ({}); it must have one, the windows {}",
            inputs.len(),
            names(&mut inputs.iter()),
            wanted_shape(card),
        ));
    };
    Err(format!(
        "its graph takes {} beside the windows, {}. Keras exports the constants of a Normalization layer, and \
         PyTorch the initial states of an LSTM, as inputs if they are not weights; scale with \
         keras.layers.Rescaling, which takes plain numbers, and create the states inside of forward()",
        names(&mut inputs.iter().filter(|input| input.name != window.name)),
        window.describe(),
    ))
}

/// The shape of windows that fits the card.
fn wanted_shape(card: &Card) -> String {
    format!("[N, {}, {}]", card.window, card.channels.len())
}

/// Checks the type and the shape of the input. Returns whether it takes exactly one window.
fn check_input(card: &Card, input: &GraphValue) -> Result<bool, String> {
    let (steps, channels) = (card.window as i64, card.channels.len() as i64);
    let wanted = wanted_shape(card);
    if !input.is_float() {
        return Err(format!("its input {} takes {}; export it for float32", input.describe(), input.element));
    }
    let &[batch, graph_steps, graph_channels] = input.shape.as_slice() else {
        return Err(format!(
            "its input {} has {} axes, and windows have three: {wanted}; add a Reshape or Flatten as the first \
             layer of the network and export it again",
            input.describe(),
            input.shape.len()
        ));
    };
    let fits = |size: i64, wanted: i64| size < 0 || size == wanted;
    if batch == steps && graph_steps < 0 && steps > 1 {
        return Err(format!(
            "its input {} has the {steps} steps on the first axis and the windows on the second, and underfoot gives \
             {wanted}; build the LSTM with batch_first=True and export it again, with the first axis free \
             (dynamic_axes or dynamic_shapes)",
            input.describe()
        ));
    }
    let transposed = fits(graph_steps, channels) && fits(graph_channels, steps);
    if transposed && !(fits(graph_steps, steps) && fits(graph_channels, channels)) {
        return Err(format!(
            "its input {} has the channels before the steps, as convolutions of PyTorch take them, and underfoot \
             gives {wanted}; begin forward() with x.transpose(1, 2) and export it again",
            input.describe()
        ));
    }
    if batch > 1 {
        return Err(format!(
            "its input {} takes exactly {batch} windows at a time; export it with a free first axis: in PyTorch \
             with dynamic_axes={{{}: {{0: \"N\"}}}} or dynamic_shapes, in Keras with an Input whose batch size is None",
            input.describe(),
            quoted(&input.name)
        ));
    }
    for (what, key, in_card, in_graph) in
        [("steps", "window", steps, graph_steps), ("channels", "channels", channels, graph_channels)]
    {
        if !fits(in_graph, in_card) {
            return Err(format!(
                "its input {} takes windows of {in_graph} {what}, and its card says {in_card}; correct {key} in \
                 card.toml, or export the network for {in_card} {what}",
                input.describe()
            ));
        }
    }
    Ok(batch == 1)
}

/// The index of the output with the novelty, if there is one.
fn novelty(outputs: &[GraphValue]) -> Result<Option<usize>, String> {
    let Some(index) = outputs.iter().position(|output| output.name == NOVELTY) else { return Ok(None) };
    let output = &outputs[index];
    if output.is_float() && matches!(*output.shape.as_slice(), [_] | [_, 1]) {
        return Ok(Some(index));
    }
    Err(format!(
        "its output {} is {}, and it must be float32 [N], with a number from 0 to 1 for each window that says how unlike \
         the training data it is; export it so, or give an output that means something else another name",
        output.describe(),
        output.element
    ))
}

/// The indices of the outputs with a number for each label, the most likely one first: one with `prob` or
/// `softmax` in its name, then others in their order, then those with `logit` in their names. `novelty` is not one of
/// them.
fn candidates(card: &Card, outputs: &[GraphValue], novelty: Option<usize>) -> Result<Vec<usize>, String> {
    let classes = card.labels.len() as i64;
    let fits = |output: &GraphValue| {
        output.is_float() && matches!(*output.shape.as_slice(), [_, k] if k < 0 || k == classes)
    };
    let is_other = |index: &usize| Some(*index) != novelty && fits(&outputs[*index]);
    let mut candidates: Vec<usize> = (0..outputs.len()).filter(is_other).collect();
    let rank = |index: &usize| {
        let name = outputs[*index].name.to_lowercase();
        match name.as_str() {
            "probabilities" => 0,
            name if name.contains("prob") || name.contains("softmax") => 1,
            name if name.contains("logit") => 3,
            _ => 2,
        }
    };
    candidates.sort_by_key(rank);
    if !candidates.is_empty() {
        return Ok(candidates);
    }
    let names = outputs.iter().map(GraphValue::describe).collect::<Vec<_>>().join(", ");
    let each_step =
        outputs.iter().find(|output| output.shape.len() == 3 && output.shape.last() == Some(&classes));
    let other_type = outputs.iter().find(|output| !output.is_float() && output.shape.len() == 2);
    let other_count = outputs.iter().find(|output| output.is_float() && output.shape.len() == 2);
    Err(if let Some(output) = each_step {
        format!(
            "its output {} has a value for each step, and one for the whole window is needed; use \
             return_sequences=False in the last LSTM layer of Keras, or take output[:, -1] in PyTorch",
            output.describe()
        )
    } else if let Some(output) = other_count {
        let count = output.shape.last().copied().unwrap_or_default();
        format!(
            "its output {} has {count} numbers for a window, and its card has {classes} labels; list every surface of \
             the last layer in labels in card.toml, in the order of its units",
            output.describe()
        )
    } else if let Some(output) = other_type {
        format!("its output {} is {}; export it for float32", output.describe(), output.element)
    } else {
        format!(
            "none of its outputs ({names}) is [N, {classes}], with a probability for each label of its card"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(name: &str, shape: &[i64]) -> GraphValue {
        GraphValue { name: name.into(), element: "float32".into(), shape: shape.to_vec() }
    }

    /// A card of two channels and three labels.
    fn card() -> Card {
        let channels = ["left", "right"].map(crate::signal::Channel::in_ampere).to_vec();
        Card { channels, ..Card::of_test(100, 10, &["a", "b", "c"]) }
    }

    fn check(inputs: &[GraphValue], outputs: &[GraphValue]) -> Result<Signature, String> {
        Signature::check(&card(), inputs, outputs)
    }

    #[test]
    fn the_output_with_probabilities_is_tried_first_whatever_its_place() {
        let window = [float("x", &[-1, 100, 2])];
        let outputs = [float("logits", &[-1, 3]), float("state", &[-1, 64]), float("y", &[-1, 3])];
        assert_eq!(check(&window, &outputs).unwrap().candidates, [2, 0]);
        let outputs =
            [float("logits", &[-1, 3]), float("y", &[-1, 3]), float("class_probabilities", &[-1, -1])];
        assert_eq!(check(&window, &outputs).unwrap().candidates, [2, 1, 0]);
        assert!(check(&[float("x", &[1, 100, 2])], &outputs).unwrap().one_at_a_time);
        assert_eq!(check(&window, &[float("logits", &[-1, 3])]).unwrap().candidates, [0]);
    }

    #[test]
    fn an_output_with_the_novelty_is_found_by_its_name_and_needs_a_number_for_each_window() {
        let window = [float("x", &[-1, 100, 2])];
        let outputs = |novelty| [novelty, float("probabilities", &[-1, 3])];
        for shape in [&[-1][..], &[-1, 1], &[1]] {
            let found = check(&window, &outputs(float("novelty", shape))).unwrap();
            assert_eq!((found.novelty, found.candidates), (Some(0), vec![1]));
        }
        assert_eq!(check(&window, &outputs(float("state", &[-1]))).unwrap().novelty, None);
        let double = GraphValue { element: "f64".into(), ..float("novelty", &[-1]) };
        for (wrong, expected) in [
            (
                float("novelty", &[-1, 3]),
                "its output \"novelty\" [N, 3] is float32, and it must be float32 [N]",
            ),
            (double, "its output \"novelty\" [N] is f64, and it must be float32 [N]"),
        ] {
            let error = check(&window, &outputs(wrong)).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn mistakes_of_an_export_are_told_with_the_setting_of_the_exporter() {
        let probabilities = [float("y", &[-1, 3])];
        for (input, expected) in [
            (vec![float("x", &[100, -1, 2])], "\"x\" [100, ?, 2] has the 100 steps on the first axis"),
            (vec![float("x", &[-1, 2, 100])], "begin forward() with x.transpose(1, 2)"),
            (
                vec![float("x", &[32, 100, 2])],
                "takes exactly 32 windows at a time; export it with a free first axis",
            ),
            (
                vec![float("x", &[-1, 50, 2])],
                "takes windows of 50 steps, and its card says 100; correct window",
            ),
            (vec![float("x", &[-1, 100, 1])], "takes windows of 1 channels, and its card says 2"),
            (vec![float("x", &[-1, 200])], "has 2 axes, and windows have three: [N, 100, 2]"),
            (
                vec![GraphValue { element: "f64".into(), ..float("x", &[-1, 100, 2]) }],
                "takes f64; export it for float32",
            ),
            (
                vec![float("input", &[-1, 100, 2]), float("mean", &[1, 1, 2]), float("variance", &[1, 1, 2])],
                "takes \"mean\" [1, 1, 2], \"variance\" [1, 1, 2] beside the windows, \"input\" [N, 100, 2]. Keras",
            ),
            (vec![float("a", &[-1, 5]), float("b", &[-1, 6])], "has 2 inputs (\"a\" [N, 5], \"b\" [N, 6])"),
        ] {
            let error = check(&input, &probabilities).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let window = [float("x", &[-1, 100, 2])];
        for (output, expected) in [
            (float("y", &[-1, 100, 3]), "has a value for each step"),
            (float("y", &[-1, 4]), "has 4 numbers for a window, and its card has 3 labels"),
            (GraphValue { element: "i64".into(), ..float("y", &[-1, 3]) }, "is i64; export it for float32"),
            (float("y", &[3]), "none of its outputs (\"y\" [3]) is [N, 3]"),
        ] {
            let error = check(&window, &[output]).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
