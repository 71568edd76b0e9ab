//! The outputs of a graph that was exported by another program.

use super::adaptation::Adaptation;
use super::describe::{converted_type, described};
use crate::model::card::Card;
use crate::model::check::{AnswerForm, GraphValue, NOVELTY};
use crate::model::onnx::{DeclaredValue, FLOAT, GraphEditor, StampError, integer, node};
use crate::model::session::Model;

/// How many operators that do not change numbers are looked through.
const MAX_PASSED: usize = 8;

/// Whether one of the outputs is float16 or float64.
pub(super) fn are_converted(editor: &GraphEditor<'_>) -> bool {
    editor.outputs().iter().any(|output| converted_type(output.element).is_some())
}

/// Converts outputs that are float16 or float64 and that may be the probabilities or the novelty to float32. `known` are
/// the outputs with the shapes that ONNX Runtime has worked out. Returns what was changed.
///
/// # Errors
/// [`StampError`] if the graph is damaged.
pub(super) fn convert(
    editor: &mut GraphEditor<'_>,
    known: &[GraphValue],
    card: &Card,
) -> Result<Vec<Adaptation>, StampError> {
    let labels = card.labels.len() as i64;
    let has_row = |value: &GraphValue| matches!(*value.shape.as_slice(), [_, k] if k < 0 || k == labels);
    let is_there = known.iter().any(|value| value.name != NOVELTY && value.is_float() && has_row(value));
    let mut changes = Vec::new();
    for output in editor.outputs() {
        let Some(element) = converted_type(output.element) else { continue };
        let Some(value) = known.iter().find(|value| value.name == output.name) else { continue };
        if output.name != NOVELTY && (is_there || !has_row(value)) {
            continue;
        }
        let wide = editor.free_name(&format!("{}_{element}", output.name));
        editor.rename(&output.name, &wide)?;
        let to = vec![integer("to", i64::from(FLOAT))];
        editor.add_last(&node("Cast", &[&wide], &[&output.name], to));
        editor.declare_output(&wide, &DeclaredValue { element: FLOAT, ..output.clone() });
        changes.push(Adaptation::CastOutput { output: described(&output), element });
    }
    Ok(changes)
}

/// Makes probabilities of logits or logarithms, if none of the candidates has probabilities. `model` is the graph with
/// its card; `candidates` are the indices and names of the outputs that may be the probabilities. Returns what was
/// changed; `None` if nothing was, because there are probabilities, or because the output is neither of these.
pub(super) fn make_probabilities(
    editor: &mut GraphEditor<'_>,
    model: &mut Model,
    candidates: &[(usize, String)],
) -> Option<Adaptation> {
    let mut forms = Vec::new();
    for (index, name) in candidates {
        // Whatever fails here fails again, and is told, when the model is loaded.
        let form = AnswerForm::of(&model.rows_of(*index).ok()?).0;
        if form == AnswerForm::Probabilities {
            return None;
        }
        forms.push((name, form));
    }
    let (name, form) = match forms.as_slice() {
        [one] => *one,
        // Of several, the name has to say which it is.
        several => {
            let mut named = several.iter().filter(|(name, _)| name.to_lowercase().contains("logit"));
            let first = named.next()?;
            named.next().is_none().then_some(*first)?
        }
    };
    let output = editor.outputs().into_iter().find(|output| output.name == *name)?;
    let (kind, attributes, change): (_, _, fn(String) -> Adaptation) = match form {
        AnswerForm::Logarithms => ("Exp", Vec::new(), Adaptation::Exp),
        AnswerForm::Logits => ("Softmax", vec![integer("axis", 1)], Adaptation::Softmax),
        // Numbers from 0 to 1 are logits only if a linear layer computes them, and not a sigmoid.
        AnswerForm::Independent if is_linear(editor, name) => {
            ("Softmax", vec![integer("axis", 1)], Adaptation::Softmax)
        }
        AnswerForm::Independent | AnswerForm::NotNumbers | AnswerForm::Probabilities => return None,
    };
    let probabilities = editor.free_name("probabilities");
    editor.add_last(&node(kind, &[name.as_str()], &[probabilities.as_str()], attributes));
    let declared = DeclaredValue::float(&probabilities, output.shape.clone());
    editor.declare_output(name, &declared);
    Some(change(described(&output)))
}

/// Whether the last operator before an output that changes its numbers is that of a linear layer.
fn is_linear(editor: &GraphEditor<'_>, output: &str) -> bool {
    let mut value = output.to_owned();
    for _ in 0..MAX_PASSED {
        let Some(node) = editor.node_of(&value) else { return false };
        match node.kind() {
            "Gemm" | "MatMul" | "Add" => return true,
            "Identity" | "Cast" | "Squeeze" | "Unsqueeze" | "Reshape" | "Flatten" | "Gather" => {
                match node.first_input() {
                    Some(input) => value = input.to_owned(),
                    None => return false,
                }
            }
            _ => return false,
        }
    }
    false
}
