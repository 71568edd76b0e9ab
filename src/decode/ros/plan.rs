//! What is read of the messages of a type, worked out once from the paths of the numbers.

use super::definition::{Definition, FieldCount, FieldKind, MessageField};
use super::path::{PathElement, PathStep, ValuePath};

/// The field that names the elements of the lists of the same message, as in `sensor_msgs/JointState`.
const NAMES: &str = "name";
/// Maximum number of fields that an error lists.
const SHOWN: usize = 20;

/// What is read of a message of a type: its fields up to the last one of interest.
#[derive(Clone, Debug, Default)]
pub(super) struct TypePlan {
    pub(super) fields: Vec<FieldPlan>,
    /// The names of elements that are looked for in the field [`NAMES`], each with its place in
    /// the indices of a reader of messages.
    pub(super) names: Vec<(String, usize)>,
}

/// What is read of a field.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldPlan {
    /// What is read of its elements; a field that is no list has one, with the index 0.
    pub(super) elements: Vec<(ElementIndex, ElementPlan)>,
}

/// Which element of a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementIndex {
    Fixed(usize),
    /// The one whose index is at this place of the indices of a reader of messages.
    Named(usize),
}

#[derive(Clone, Debug)]
pub(super) enum ElementPlan {
    /// The number is the value with this index.
    Value(usize),
    Message(TypePlan),
}

/// Why a path cannot be read from the messages of a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct PathError(String);

impl TypePlan {
    /// Adds what a path needs.
    pub(super) fn add(
        &mut self,
        definition: &Definition,
        index: usize,
        path: &ValuePath,
        steps: &[PathStep],
        slot: usize,
        names: &mut usize,
    ) -> Result<(), PathError> {
        let Some((step, rest)) = steps.split_first() else { return Ok(()) };
        let fields = definition.fields(index);
        let Some(at) = fields.iter().position(|field| field.name == step.field) else {
            return Err(no_field(definition, path, step, fields));
        };
        let element = match (fields.get(at).map(|field| field.count), &step.element) {
            (Some(FieldCount::One) | None, None) => ElementIndex::Fixed(0),
            (Some(FieldCount::One) | None, Some(_)) => {
                return Err(PathError(format!(
                    "in {path}, {:?} is no list; leave out the brackets",
                    step.field
                )));
            }
            (Some(FieldCount::Fixed(count)), Some(PathElement::Index(element))) if *element >= count => {
                return Err(PathError(format!("in {path}, {:?} has only {count} elements", step.field)));
            }
            (Some(_), Some(PathElement::Index(element))) => ElementIndex::Fixed(*element),
            (Some(_), Some(PathElement::Name(name))) => self.named(fields, at, path, name, names)?,
            (Some(_), None) => {
                return Err(PathError(format!(
                    "in {path}, {field:?} is a list; name one of its elements, such as {field}[0]{by_name}",
                    field = step.field,
                    by_name =
                        if has_names(fields) { format!(" or {}[NAME]", step.field) } else { String::new() }
                )));
            }
        };
        if self.fields.len() <= at {
            self.fields.resize_with(at + 1, FieldPlan::default);
        }
        let Some((field, plan)) = fields.get(at).zip(self.fields.get_mut(at)) else { return Ok(()) };
        match (field.kind, rest) {
            (FieldKind::Number(_), []) => plan.elements.push((element, ElementPlan::Value(slot))),
            (FieldKind::Message(inner), [_, ..]) => {
                let known = plan.elements.iter_mut().find(|(known, _)| *known == element);
                if let Some((_, ElementPlan::Message(inside))) = known {
                    return inside.add(definition, inner, path, rest, slot, names);
                }
                let mut inside = TypePlan::default();
                inside.add(definition, inner, path, rest, slot, names)?;
                plan.elements.push((element, ElementPlan::Message(inside)));
            }
            (FieldKind::Message(inner), []) => {
                let has = listed(definition.fields(inner));
                return Err(PathError(format!("{path} is no number but a message; it has the fields {has}")));
            }
            (FieldKind::Number(_), _) => {
                return Err(PathError(format!(
                    "in {path}, {:?} is a number, which has no fields",
                    step.field
                )));
            }
            (FieldKind::Text, _) => {
                return Err(PathError(format!("in {path}, {:?} is a text, not a number", step.field)));
            }
        }
        Ok(())
    }

    /// The index of the element with a name, for the field `at`.
    fn named(
        &mut self,
        fields: &[MessageField],
        at: usize,
        path: &ValuePath,
        name: &str,
        names: &mut usize,
    ) -> Result<ElementIndex, PathError> {
        let Some(list) = fields.iter().position(is_names) else {
            return Err(PathError(format!(
                "in {path}, the elements have no names, because the message has no list of texts called {NAMES:?}; \
                 give the index of the element"
            )));
        };
        if list > at {
            return Err(PathError(format!(
                "in {path}, the names of the elements come after them; give the index of the element"
            )));
        }
        if self.fields.len() <= list {
            self.fields.resize_with(list + 1, FieldPlan::default);
        }
        let known = self.names.iter().find(|(known, _)| known == name).map(|(_, place)| *place);
        let place = known.unwrap_or_else(|| {
            self.names.push((name.to_owned(), *names));
            *names += 1;
            *names - 1
        });
        Ok(ElementIndex::Named(place))
    }
}

/// Whether the elements of the lists of a message have names.
pub(super) fn has_names(fields: &[MessageField]) -> bool {
    fields.iter().any(is_names)
}

/// Whether a field has the names of elements.
pub(super) fn is_names(field: &MessageField) -> bool {
    field.name == NAMES && field.kind == FieldKind::Text && field.count != FieldCount::One
}

fn no_field(
    definition: &Definition,
    path: &ValuePath,
    step: &PathStep,
    fields: &[MessageField],
) -> PathError {
    PathError(format!(
        "in {path}, there is no field {:?} in the messages, which are {}; it has {}",
        step.field,
        definition.name(),
        listed(fields)
    ))
}

/// The names of fields, separated by commas.
fn listed(fields: &[MessageField]) -> String {
    let names: Vec<_> = fields.iter().take(SHOWN).map(|field| field.name.as_str()).collect();
    let more = if fields.len() > SHOWN { " and more" } else { "" };
    names.join(", ") + more
}
