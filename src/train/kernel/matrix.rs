//! Matrix products: the one place where the crate leaves the checks to itself, around the `gemm` crate.
//!
//! One thread a call: what is parallel is parallel above, so that sums keep their order.
#![allow(unsafe_code)]

/// A matrix in a slice, with the distance between rows and between columns in elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    name: &'static str,
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix [rows, columns] without holes; `name` is what a failed bound is reported under.
    ///
    /// # Panics
    /// If `values` is too short.
    pub(crate) fn new(name: &'static str, values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_fits(name, values.len(), rows, columns);
        Self { name, values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The same values seen as [columns, rows].
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// What a product does with the values that stand in its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// They are overwritten, and never read.
    Nothing,
    /// The product is added to them.
    Sum,
}

/// `destination = [destination +] left · right`, row-major [left's rows, right's columns] without holes.
///
/// The same arguments give the same bits on the same machine; a machine with other vector units may round otherwise.
///
/// # Panics
/// If the inner sizes differ or `destination` is too short: a fault of the caller, never of data.
pub(crate) fn multiply(destination: &mut [f32], keep: Keep, left: Matrix<'_>, right: Matrix<'_>) {
    let (rows, inner, columns) = (left.rows, left.columns, right.columns);
    assert!(
        inner == right.rows,
        "{} has {inner} columns and {} has {} rows",
        left.name,
        right.name,
        right.rows
    );
    assert_fits("the product", destination.len(), rows, columns);
    if rows == 0 || columns == 0 {
        return;
    }
    if inner == 0 {
        if keep == Keep::Nothing {
            destination[..rows * columns].fill(0.0);
        }
        return;
    }
    // SAFETY: `Matrix::new` has checked that both operands hold rows * columns values, and transposing swaps sizes and
    // strides together, so every (row, column) lies in its slice; the destination was checked above. It is borrowed
    // mutably, so it overlaps neither operand. Slices are shorter than isize::MAX, so the strides fit.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            destination.as_mut_ptr(),
            1,
            columns as isize,
            keep == Keep::Sum,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

fn assert_fits(name: &str, length: usize, rows: usize, columns: usize) {
    let needed = rows.checked_mul(columns);
    assert!(
        needed.is_some_and(|needed| needed <= length),
        "{name} is [{rows}, {columns}] in {length} values"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(a: &[f32], b: &[f32], rows: usize, inner: usize, columns: usize) -> Vec<f32> {
        let cell = |i: usize, j: usize| (0..inner).map(|k| a[i * inner + k] * b[k * columns + j]).sum();
        (0..rows * columns).map(|index| cell(index / columns, index % columns)).collect()
    }

    fn turn(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
        (0..values.len()).map(|index| values[index % rows * columns + index / rows]).collect()
    }

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + 11) % 19) as f32 - 9.0).collect()
    }

    #[test]
    fn a_product_is_the_sum_over_rows_and_columns_however_its_operands_are_stored() {
        for (rows, inner, columns) in [(1, 1, 1), (3, 5, 2), (16, 64, 256), (17, 3, 7), (2, 0, 3), (0, 2, 3)]
        {
            let (a, b) = (numbers(rows * inner), numbers(inner * columns));
            let expected = naive(&a, &b, rows, inner, columns);
            let (at, bt) = (turn(&a, rows, inner.max(1)), turn(&b, inner.max(1), columns));
            let left = [Matrix::new("a", &a, rows, inner), Matrix::new("at", &at, inner, rows).transposed()];
            let right =
                [Matrix::new("b", &b, inner, columns), Matrix::new("bt", &bt, columns, inner).transposed()];
            for (left, right) in left.into_iter().flat_map(|l| right.map(|r| (l, r))) {
                let mut product = vec![f32::NAN; rows * columns];
                multiply(&mut product, Keep::Nothing, left, right);
                assert_eq!(product, expected);
                multiply(&mut product, Keep::Sum, left, right);
                assert!(product.iter().zip(&expected).all(|(twice, once)| *twice == 2.0 * once));
            }
        }
    }

    #[test]
    #[should_panic(expected = "kernel is [3, 4] in 11 values")]
    fn a_matrix_that_does_not_fit_its_slice_is_refused() {
        Matrix::new("kernel", &[0.0; 11], 3, 4);
    }

    #[test]
    #[should_panic(expected = "the product is [2, 2] in 3 values")]
    fn a_product_that_does_not_fit_its_destination_is_refused() {
        let one = [1.0; 4];
        multiply(&mut [0.0; 3], Keep::Nothing, Matrix::new("a", &one, 2, 2), Matrix::new("b", &one, 2, 2));
    }
}
