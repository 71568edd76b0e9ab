//! The constants of a graph, by name.

use std::collections::BTreeMap;

use super::error::ImportError;
use crate::model::onnx::TensorProto;

/// The constants of a graph, by name.
pub(super) struct Constants<'a>(BTreeMap<&'a str, &'a TensorProto>);

impl<'a> Constants<'a> {
    pub(super) fn new(tensors: &'a [TensorProto]) -> Self {
        Self(tensors.iter().map(|tensor| (tensor.name(), tensor)).collect())
    }

    /// Whether there is a constant of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The sizes of a constant of `D` dimensions, all of which are above 0.
    ///
    /// # Errors
    /// [`ImportError`] if it is missing, or has another number of dimensions.
    pub(super) fn sizes<const D: usize>(&self, name: &str) -> Result<[usize; D], ImportError> {
        let sizes = self.tensor(name)?.sizes().and_then(|sizes| sizes.try_into().ok());
        sizes.ok_or_else(|| ImportError::Constant(name.into()))
    }

    /// The values of a float32 constant of these sizes, row-major.
    ///
    /// # Errors
    /// [`ImportError`] if it is missing, has other sizes, or a value that is not finite.
    pub(super) fn floats(&self, name: &str, sizes: &[usize]) -> Result<Vec<f32>, ImportError> {
        let tensor = self.tensor(name)?;
        let values = tensor.float_values().filter(|_| tensor.sizes().as_deref() == Some(sizes));
        let values = values.filter(|values| values.iter().all(|value| value.is_finite()));
        values.ok_or_else(|| ImportError::Constant(name.into()))
    }

    /// The values of an int64 constant, row-major, each from 0 to below `end`.
    ///
    /// # Errors
    /// [`ImportError`] if it is missing, or has another value.
    pub(super) fn indices(&self, name: &str, end: usize) -> Result<Vec<usize>, ImportError> {
        let values = self.tensor(name)?.integer_values();
        let index = |value: i64| usize::try_from(value).ok().filter(|value| *value < end);
        let indices = values.and_then(|values| values.into_iter().map(index).collect());
        indices.ok_or_else(|| ImportError::Constant(name.into()))
    }

    fn tensor(&self, name: &str) -> Result<&'a TensorProto, ImportError> {
        self.0.get(name).copied().ok_or_else(|| ImportError::Missing(name.into()))
    }
}
