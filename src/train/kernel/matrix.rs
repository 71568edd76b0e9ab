//! Matrix products, computed by the `gemm` crate.
//!
//! `gemm` takes raw pointers, so this is the one file of the crate with unsafe code. The types here check
//! every bound before the call. Each product runs on the calling thread alone, so that its sums always have
//! the same order.
#![allow(unsafe_code)]

/// A matrix [rows, columns] in a slice. The strides are the distances, in elements, between rows and between
/// columns.
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
    /// A contiguous row-major matrix [rows, columns]. `name` identifies it in the message of a failed check.
    ///
    /// # Panics
    /// If `values` has fewer than rows · columns values.
    pub(crate) fn new(name: &'static str, values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_fits(name, values.len(), rows, columns);
        Self { name, values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transpose, [columns, rows], of the same values; nothing is copied.
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

/// What a product does with the previous values of its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    /// They are overwritten without being read.
    Overwrite,
    /// The product is added to them.
    Add,
}

/// Writes the product `left · right` to `destination`, or adds it, as `update` says. `destination` is
/// contiguous and row-major, [rows of `left`, columns of `right`].
///
/// The same arguments give the same bits on the same machine. A machine with other vector units may round
/// differently.
///
/// # Panics
/// If the columns of `left` are not as many as the rows of `right`, or if `destination` is too short. Both
/// are errors in the calling code; no input data can cause them.
pub(crate) fn multiply(destination: &mut [f32], update: Update, left: Matrix<'_>, right: Matrix<'_>) {
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
        if update == Update::Overwrite {
            destination[..rows * columns].fill(0.0);
        }
        return;
    }
    // SAFETY: `Matrix::new` has checked that both operands have rows * columns values, and transposing swaps
    // sizes and strides together, so every element (row, column) is inside its slice. The size of the
    // destination was checked above, and it is borrowed mutably, so it overlaps neither operand. A slice has
    // at most isize::MAX elements, so the strides fit into isize.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            destination.as_mut_ptr(),
            1,
            columns as isize,
            update == Update::Add,
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

/// Panics if a matrix [rows, columns] does not fit into `length` values.
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

    /// The product of `a` [rows, inner] and `b` [inner, columns], straight from the definition.
    fn product_of(a: &[f32], b: &[f32], rows: usize, inner: usize, columns: usize) -> Vec<f32> {
        let element = |i: usize, j: usize| (0..inner).map(|k| a[i * inner + k] * b[k * columns + j]).sum();
        (0..rows * columns).map(|index| element(index / columns, index % columns)).collect()
    }

    /// The transpose of `values`, [rows, columns].
    fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
        (0..values.len()).map(|index| values[index % rows * columns + index / rows]).collect()
    }

    /// Small whole numbers, whose products and sums are exact.
    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + 11) % 19) as f32 - 9.0).collect()
    }

    #[test]
    fn products_are_right_for_plain_and_transposed_operands_of_every_size() {
        for (rows, inner, columns) in [(1, 1, 1), (3, 5, 2), (16, 64, 256), (17, 3, 7), (2, 0, 3), (0, 2, 3)]
        {
            let (a, b) = (numbers(rows * inner), numbers(inner * columns));
            let expected = product_of(&a, &b, rows, inner, columns);
            let (at, bt) = (transpose(&a, rows, inner.max(1)), transpose(&b, inner.max(1), columns));
            let left = [Matrix::new("a", &a, rows, inner), Matrix::new("at", &at, inner, rows).transposed()];
            let right =
                [Matrix::new("b", &b, inner, columns), Matrix::new("bt", &bt, columns, inner).transposed()];
            for (left, right) in left.into_iter().flat_map(|l| right.map(|r| (l, r))) {
                let mut product = vec![f32::NAN; rows * columns];
                multiply(&mut product, Update::Overwrite, left, right);
                assert_eq!(product, expected);
                multiply(&mut product, Update::Add, left, right);
                assert!(product.iter().zip(&expected).all(|(twice, once)| *twice == 2.0 * once));
            }
        }
    }

    #[test]
    #[should_panic(expected = "kernel is [3, 4] in 11 values")]
    fn a_matrix_larger_than_its_slice_panics() {
        Matrix::new("kernel", &[0.0; 11], 3, 4);
    }

    #[test]
    #[should_panic(expected = "the product is [2, 2] in 3 values")]
    fn a_product_larger_than_its_destination_panics() {
        let one = [1.0; 4];
        multiply(
            &mut [0.0; 3],
            Update::Overwrite,
            Matrix::new("a", &one, 2, 2),
            Matrix::new("b", &one, 2, 2),
        );
    }
}
