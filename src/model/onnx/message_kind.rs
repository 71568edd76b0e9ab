//! The messages of an ONNX file in which the values of tensors and the names of values are.

use super::error::StampError;
use super::wire::{append_field, fields};

/// How deep messages may be nested. It is the limit of protobuf's own parsers.
const MAX_DEPTH: usize = 100;

/// Changes a message of a kind: returns its new bytes, or `None` if it stays as it is.
pub(super) type MessageChange<'a> = dyn FnMut(MessageKind, &[u8]) -> Result<Option<Vec<u8>>, StampError> + 'a;

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageKind {
    /// `ModelProto`
    Model,
    /// `GraphProto`
    Graph,
    /// `FunctionProto`
    Function,
    /// `NodeProto`
    Node,
    /// `AttributeProto`
    Attribute,
    /// `TensorProto`
    Tensor,
    /// `SparseTensorProto`
    SparseTensor,
    /// `ValueInfoProto`
    Value,
}

impl MessageKind {
    /// The kind of message in the field with this number; `None` if the field holds no message of these kinds.
    pub(super) fn in_field(self, number: u64) -> Option<Self> {
        use MessageKind::{Attribute, Function, Graph, Model, Node, SparseTensor, Tensor, Value};
        match (self, number) {
            (Model, 7) | (Attribute, 6 | 11) => Some(Graph),
            (Model, 25) => Some(Function),
            (Graph, 1) | (Function, 7) => Some(Node),
            (Graph, 11..=13) => Some(Value),
            (Graph, 5) | (Attribute, 5 | 10) | (SparseTensor, 1 | 2) => Some(Tensor),
            (Graph, 15) | (Attribute, 22 | 23) => Some(SparseTensor),
            (Node, 5) | (Function, 11) => Some(Attribute),
            _ => None,
        }
    }

    /// Changes messages inside a message of this kind, and then the message itself. Returns `None` if nothing changed.
    ///
    /// # Errors
    /// [`StampError::Damaged`] if a message is damaged or nested too deeply, and the errors of `change`. The index
    /// of a damaged byte is that in its message.
    pub(super) fn rewrite(
        self,
        message: &[u8],
        change: &mut MessageChange<'_>,
    ) -> Result<Option<Vec<u8>>, StampError> {
        self.rewrite_at(message, 0, change)
    }

    fn rewrite_at(
        self,
        message: &[u8],
        depth: usize,
        change: &mut MessageChange<'_>,
    ) -> Result<Option<Vec<u8>>, StampError> {
        if depth > MAX_DEPTH {
            return Err(StampError::Damaged { at: 0, why: "begins a message that is nested too deeply" });
        }
        let mut rewritten: Option<Vec<u8>> = None;
        for field in fields(message) {
            let field = field?;
            let inside = match (self.in_field(field.number), field.content) {
                (Some(kind), Some(content)) => kind.rewrite_at(content, depth + 1, change)?,
                _ => None,
            };
            match (inside, &mut rewritten) {
                (None, None) => {}
                (None, Some(rewritten)) => rewritten.extend_from_slice(field.bytes),
                (Some(inside), rewritten) => {
                    let before = || message.get(..field.start).unwrap_or_default().to_vec();
                    append_field(rewritten.get_or_insert_with(before), field.number, &inside);
                }
            }
        }
        Ok(change(self, rewritten.as_deref().unwrap_or(message))?.or(rewritten))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph of this depth: a node with an attribute that holds the graph inside.
    fn nested(depth: usize) -> Vec<u8> {
        let mut graph = Vec::new();
        for _ in 0..depth {
            for number in [6, 5, 1] {
                let inside = std::mem::take(&mut graph);
                append_field(&mut graph, number, &inside);
            }
        }
        graph
    }

    #[test]
    fn messages_that_are_nested_too_deeply_are_an_error() {
        let mut keep = |_: MessageKind, _: &[u8]| Ok(None);
        assert_eq!(MessageKind::Graph.rewrite(&nested(30), &mut keep), Ok(None));
        let error = MessageKind::Graph.rewrite(&nested(40), &mut keep).unwrap_err();
        assert!(error.to_string().contains("nested too deeply"), "{error}");
    }

    #[test]
    fn only_what_changes_is_written_again() {
        // A graph with a field that this crate does not know, a node, and its name with a length of two bytes.
        let unknown = [0xa5, 0x06, 1, 2, 3, 4];
        let mut graph = unknown.to_vec();
        append_field(&mut graph, 1, &[0x1a, 1, b'a']);
        graph.extend([0x12, 0x81, 0x00, b'g']);
        let mut change = |kind, _: &[u8]| Ok((kind == MessageKind::Node).then(|| vec![0x1a, 1, b'b']));
        let changed = MessageKind::Graph.rewrite(&graph, &mut change).unwrap().unwrap();
        assert_eq!(changed.len(), graph.len());
        let differing: Vec<_> = graph.iter().zip(&changed).filter(|(one, other)| one != other).collect();
        assert_eq!(differing, [(&b'a', &b'b')]);
    }
}
