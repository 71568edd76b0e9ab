//! The inputs of a graph that was exported by another program: which of them are constants, and which takes the windows.

use super::adaptation::Adaptation;
use super::axis_order::AxisOrder;
use super::describe::described;
use super::given_constant::GivenConstant;
use crate::model::card::Card;
use crate::model::card_text::quoted;
use crate::model::onnx::{DeclaredValue, GraphEditor};

/// Makes constants of the inputs for which the user has given values. Returns what was changed.
///
/// # Errors
/// What is wrong with a name or with the number of values, and how to fix it, as the rest of a sentence about the model.
pub(super) fn give_constants(
    editor: &mut GraphEditor<'_>,
    constants: &[GivenConstant],
) -> Result<Vec<Adaptation>, String> {
    let mut changes = Vec::new();
    for given in constants {
        let open = without_value(editor);
        let Some(input) = open.iter().find(|input| input.name == given.name) else {
            let names: Vec<_> = open.iter().map(described).collect();
            return Err(format!(
                "--constant names {}, and the inputs of its graph that have no value are {}; correct the name",
                quoted(&given.name),
                names.join(", ")
            ));
        };
        let wide = editor.free_name(&format!("{}_float64", given.name));
        let nodes = given.nodes(input, wide)?;
        editor.remove_input(&given.name);
        editor.add_first(&nodes);
        changes.push(Adaptation::Constant(described(input)));
    }
    Ok(changes)
}

/// Removes the inputs whose values are in the file. Returns what was changed, if there are any.
pub(super) fn remove_weights(editor: &mut GraphEditor<'_>) -> Option<Adaptation> {
    if editor.has_constants_as_inputs() {
        return None;
    }
    let known = editor.constants();
    let names = editor.inputs().into_iter().map(|input| input.name);
    let names: Vec<String> = names.filter(|name| known.contains(name)).collect();
    names.iter().for_each(|name| editor.remove_input(name));
    (!names.is_empty()).then_some(Adaptation::WeightInputs(names))
}

/// Removes the inputs without a value on which nothing depends, as Keras leaves them behind. Returns what was changed, if
/// there are any.
pub(super) fn remove_unread(editor: &mut GraphEditor<'_>) -> Option<Adaptation> {
    let names = without_value(editor).into_iter().map(|input| input.name);
    let (read, unread): (Vec<_>, Vec<_>) = names.partition(|name| editor.is_read(name));
    if read.is_empty() || unread.is_empty() {
        return None;
    }
    unread.iter().for_each(|name| editor.remove_input(name));
    Some(Adaptation::UnreadInputs(unread))
}

/// The input for windows. `None` if there is none that is certain; the check of the graph says what is wrong then.
///
/// # Errors
/// The names of other inputs that have no value, as the rest of a sentence about the model.
pub(super) fn window_input(editor: &GraphEditor<'_>, card: &Card) -> Result<Option<DeclaredValue>, String> {
    let inputs = without_value(editor);
    if let [input] = inputs.as_slice() {
        return Ok(Some(input.clone()));
    }
    let takes_windows = |input: &&DeclaredValue| {
        let shape = input.shape.as_deref().unwrap_or_default();
        !AxisOrder::candidates(shape, card).is_empty()
    };
    let windows: Vec<_> = inputs.iter().filter(takes_windows).collect();
    let [window] = windows.as_slice() else { return Ok(None) };
    let others: Vec<_> = inputs.iter().filter(|input| input != window).collect();
    let names: Vec<_> = others.iter().map(|input| described(input)).collect();
    let flags: Vec<_> = others.iter().map(|input| format!("--constant '{}=VALUE,…'", input.name)).collect();
    Err(format!(
        "its graph takes {} beside the windows, {}, and the file has no value for {}; give {}, or export it without: \
         Keras exports the mean of a Normalization layer so, and keras.layers.Rescaling takes plain numbers in place of \
         it; PyTorch exports the initial states of an LSTM so, which can be created inside of forward()",
        names.join(", "),
        described(window),
        if names.len() == 1 { "it" } else { "them" },
        flags.join(" "),
    ))
}

/// The inputs that have no value in the file.
fn without_value(editor: &GraphEditor<'_>) -> Vec<DeclaredValue> {
    let known = editor.constants();
    editor.inputs().into_iter().filter(|input| !known.contains(&input.name)).collect()
}
