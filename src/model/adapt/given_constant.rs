//! A value that the user gives an input of a model.

use std::str::FromStr;

use super::describe::described;
use crate::model::card_text::quoted;
use crate::model::onnx::{
    DOUBLE, DeclaredValue, FLOAT, FLOAT16, INT32, INT64, NodeProto, constant, doubles, integer, node,
};

/// The most values that a constant may have.
const MAX_VALUES: usize = 1 << 20;

/// The values of an input that is a constant, such as the mean of a `Normalization` layer of Keras.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenConstant {
    /// The name of the input.
    pub(super) name: String,
    /// Its values, row-major, or one for all.
    values: Vec<f64>,
}

impl FromStr for GivenConstant {
    type Err = String;

    /// Reads `NAME=VALUE[,VALUE…]`. The name may have an equals sign.
    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "give NAME=VALUE,VALUE, such as mean=1.5,2.0";
        let (name, values) = text.rsplit_once('=').ok_or(FORM)?;
        let number = |text: &str| {
            let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| format!("{} is not a number; {FORM}", quoted(text)))
        };
        let values = values.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
        if name.is_empty() {
            return Err(FORM.into());
        }
        Ok(Self { name: name.into(), values })
    }
}

impl GivenConstant {
    /// The nodes that give the constant in place of an input of the graph.
    ///
    /// # Errors
    /// What is wrong with the number of values or with the type of the input, and how to fix it, as the rest of a
    /// sentence about the model.
    pub(super) fn nodes(&self, input: &DeclaredValue, free_name: String) -> Result<Vec<NodeProto>, String> {
        if ![FLOAT, FLOAT16, DOUBLE, INT32, INT64].contains(&input.element) {
            return Err(format!(
                "its input {} takes neither float nor integer numbers, so that --constant cannot give it a value; \
                 export it again with this input as a constant",
                described(input)
            ));
        }
        let sizes = self.sizes(input.shape.as_deref()).ok_or_else(|| {
            format!(
                "its input {} cannot have {} values, as in --constant; give as many as its sizes say, row by row, or \
                 one for all",
                described(input),
                self.values.len()
            )
        })?;
        let count = sizes.iter().product();
        let values: Vec<f64> = self.values.iter().copied().cycle().take(count).collect();
        let wide = constant(&free_name, doubles(&free_name, &sizes, &values));
        let to = vec![integer("to", i64::from(input.element))];
        Ok(vec![wide, node("Cast", &[free_name.as_str()], &[input.name.as_str()], to)])
    }

    /// The sizes of the constant for an input of this shape; `None` if the number of values does not fit.
    fn sizes(&self, shape: Option<&[i64]>) -> Option<Vec<usize>> {
        let count = self.values.len();
        let Some(shape) = shape else { return Some(vec![count]) };
        let fixed = || shape.iter().filter(|size| **size >= 0);
        let known =
            fixed().try_fold(1usize, |known, size| known.checked_mul(usize::try_from(*size).ok()?))?;
        let rest = match shape.len() - fixed().count() {
            1 if count > 1 && known > 0 && count.is_multiple_of(known) => count / known,
            // One value is as many along axes without a size, which are along those of the windows as a rule.
            _ => 1,
        };
        let sizes: Vec<usize> = shape.iter().map(|size| usize::try_from(*size).unwrap_or(rest)).collect();
        let total = known.checked_mul(rest).filter(|total| *total <= MAX_VALUES)?;
        (count == total || count == 1).then_some(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> GivenConstant {
        text.parse().unwrap()
    }

    #[test]
    fn a_constant_is_read_with_its_name_whatever_that_has() {
        let read = given("model/normalization/Sub=y:0=1.5,-2e3");
        assert_eq!(
            read,
            GivenConstant { name: "model/normalization/Sub=y:0".into(), values: vec![1.5, -2000.0] }
        );
        for wrong in ["mean", "mean=", "=1", "mean=1;2", "mean=nan", "mean=1,,2", "mean=inf"] {
            assert!(wrong.parse::<GivenConstant>().unwrap_err().contains("NAME=VALUE"), "{wrong}");
        }
    }

    #[test]
    fn as_many_values_as_the_input_has_or_one_for_all_are_taken() {
        let two = given("mean=1,2");
        for (shape, sizes) in [
            (Some(&[1, 1, 2][..]), Some(vec![1, 1, 2])),
            (Some(&[-1, 1]), Some(vec![2, 1])),
            (None, Some(vec![2])),
            (Some(&[3]), None),
            (Some(&[]), None),
            (Some(&[-1, -1]), None),
        ] {
            assert_eq!(two.sizes(shape), sizes, "{shape:?}");
        }
        let one = given("state=0");
        assert_eq!(one.sizes(Some(&[1, -1, 8])), Some(vec![1, 1, 8]));
        assert_eq!(one.sizes(Some(&[])), Some(vec![]));
        for hostile in [&[i64::MAX, 3][..], &[1 << 40]] {
            assert_eq!(one.sizes(Some(hostile)), None);
        }
        let text = DeclaredValue { name: "names".into(), element: 8, shape: Some(vec![1]) };
        assert!(one.nodes(&text, "free".into()).unwrap_err().contains("neither float nor integer"));
        let error = two.nodes(&DeclaredValue::float("mean", Some(vec![3])), "free".into()).unwrap_err();
        assert!(error.contains("its input \"mean\" [3] cannot have 2 values"), "{error}");
    }
}
