//! The nodes and constants of a graph under construction.

use crate::model::onnx::{
    AttributeProto, NodeProto, TensorProto, floats, integer, integer_tensor, integers, integers_attribute,
    node,
};

/// The nodes and constants of a graph under construction. Each value has a name of its own, which the methods that
/// add it return.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) nodes: Vec<NodeProto>,
    pub(super) constants: Vec<TensorProto>,
}

impl Builder {
    /// Adds an operator with one output.
    pub(super) fn add(
        &mut self,
        kind: &str,
        input: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) -> String {
        self.add_with(kind, input, &[output], attributes);
        output.to_owned()
    }

    /// Adds an operator with several outputs.
    pub(super) fn add_with(
        &mut self,
        kind: &str,
        input: &[&str],
        outputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) {
        self.nodes.push(node(kind, input, outputs, attributes));
    }

    /// Adds a float32 constant.
    pub(super) fn floats(&mut self, name: &str, sizes: &[usize], values: &[f32]) -> String {
        self.constants.push(floats(name, sizes, values));
        name.to_owned()
    }

    /// Adds a float32 constant with one value for each channel, repeated for each of `steps` steps: [steps, C].
    ///
    /// ONNX Runtime repeats it when it loads the model. To broadcast the values in every run, it would take the
    /// steps one by one: with one channel, that was a third of the time of a window.
    pub(super) fn floats_of_steps(&mut self, name: &str, steps: usize, values: &[f32]) -> String {
        let constant = self.floats(name, &[values.len()], values);
        let shape = self.integers("shape_of_steps", &[steps as i64, values.len() as i64]);
        self.add("Expand", &[&constant, &shape], &format!("{name}_of_steps"), vec![])
    }

    /// Adds a float32 constant without dimensions.
    pub(super) fn scalar(&mut self, name: &str, value: f32) -> String {
        self.floats(name, &[], &[value])
    }

    /// Adds a one-dimensional int64 constant, once for each name.
    pub(super) fn integers(&mut self, name: &str, values: &[i64]) -> String {
        if !self.constants.iter().any(|constant| constant.name() == name) {
            self.constants.push(integers(name, values));
        }
        name.to_owned()
    }

    /// Adds a two-dimensional int64 constant.
    pub(super) fn integer_matrix(&mut self, name: &str, sizes: &[usize], values: &[i64]) -> String {
        self.constants.push(integer_tensor(name, sizes, values));
        name.to_owned()
    }

    /// Adds the concatenation of `parts` along an axis.
    pub(super) fn joined<T: AsRef<str>>(&mut self, parts: &[T], axis: i64, name: &str) -> String {
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        self.add("Concat", &parts, name, vec![integer("axis", axis)])
    }

    /// Adds the part of a value between two positions of an axis; a negative position counts from the end.
    pub(super) fn slice(&mut self, value: &str, axis: i64, from: i64, to: i64, name: &str) -> String {
        let [from, to, axis] =
            [from, to, axis].map(|value| self.integers(&format!("integer_{value}"), &[value]));
        self.add("Slice", &[value, &from, &to, &axis], name, vec![])
    }

    /// Adds a value with another shape; 0 keeps a size, and -1 stands for what is left.
    pub(super) fn reshaped(&mut self, value: &str, sizes: &[i64], name: &str) -> String {
        let shape = self.integers(&format!("{name}_shape"), sizes);
        self.add("Reshape", &[value, &shape], name, vec![])
    }

    /// Adds a value with its axes in another order.
    pub(super) fn transposed(&mut self, value: &str, order: &[i64], name: &str) -> String {
        self.add("Transpose", &[value], name, vec![integers_attribute("perm", order)])
    }

    /// Adds a reduction over one axis, such as `ReduceMean`. The axis is kept, with the size 1, if `keep` says so.
    pub(super) fn reduced(&mut self, kind: &str, value: &str, axis: i64, keep: bool, name: &str) -> String {
        self.add(
            kind,
            &[value],
            name,
            vec![integers_attribute("axes", &[axis]), integer("keepdims", i64::from(keep))],
        )
    }

    /// Adds (value - mean) * factor. The constants have the given sizes.
    pub(super) fn scaled(
        &mut self,
        value: &str,
        sizes: &[usize],
        [mean, factor]: [&[f32]; 2],
        name: &str,
    ) -> String {
        let mean = self.floats(&format!("{name}_mean"), sizes, mean);
        let factor = self.floats(&format!("{name}_factor"), sizes, factor);
        self.centred(value, [&mean, &factor], name)
    }

    /// Adds (value - mean) * factor of constants that were added before.
    pub(super) fn centred(&mut self, value: &str, [mean, factor]: [&str; 2], name: &str) -> String {
        let centred = self.add("Sub", &[value, mean], &format!("{name}_centred"), vec![]);
        self.add("Mul", &[&centred, factor], name, vec![])
    }
}
