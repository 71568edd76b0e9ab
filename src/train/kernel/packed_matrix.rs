//! Products with a matrix that is used again and again: its columns are laid out once in panels, as the vector units read them.
//!
//! A general product lays its operands out at each call, which costs as much as the product itself where the other operand has a
//! dozen rows, as at each step of a recurrence.

use pulp::{Arch, Simd, WithSimd};

/// Columns in a panel: two vectors of the widest units, so a divisor of it for all others.
const PANEL: usize = 32;

/// A matrix [inner, columns] in panels of columns, each row by row; the last is filled up with zeros.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackedMatrix {
    inner: usize,
    columns: usize,
    values: Vec<f32>,
}

impl PackedMatrix {
    /// Lays out a row-major matrix [inner, columns] anew.
    pub(crate) fn fill(&mut self, matrix: &[f32], inner: usize, columns: usize) {
        self.start(inner, columns);
        for (panel, target) in self.values.chunks_exact_mut((inner * PANEL).max(1)).enumerate() {
            let first = panel * PANEL;
            let width = PANEL.min(columns - first);
            for (row, target) in target.chunks_exact_mut(PANEL).enumerate() {
                target[..width].copy_from_slice(&matrix[row * columns + first..][..width]);
            }
        }
    }

    /// Lays out the transpose of a row-major matrix [columns, inner] anew.
    pub(crate) fn fill_transposed(&mut self, matrix: &[f32], inner: usize, columns: usize) {
        self.start(inner, columns);
        for (panel, target) in self.values.chunks_exact_mut((inner * PANEL).max(1)).enumerate() {
            let first = panel * PANEL;
            for column in 0..PANEL.min(columns - first) {
                let source = &matrix[(first + column) * inner..][..inner];
                for (row, value) in source.iter().enumerate() {
                    target[row * PANEL + column] = *value;
                }
            }
        }
    }

    fn start(&mut self, inner: usize, columns: usize) {
        (self.inner, self.columns) = (inner, columns);
        self.values.clear();
        self.values.resize(columns.div_ceil(PANEL) * PANEL * inner, 0.0);
    }

    /// `destination = [destination +] left · self`, row-major [rows, columns], of a row-major `left` [rows, inner].
    ///
    /// # Panics
    /// If a slice is too short: a fault of the caller, never of data.
    pub(crate) fn multiply(&self, left: &[f32], destination: &mut [f32], add: bool) {
        Arch::new().dispatch(Multiply { panels: self, left, destination, add });
    }
}

struct Multiply<'a> {
    panels: &'a PackedMatrix,
    left: &'a [f32],
    destination: &'a mut [f32],
    add: bool,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { panels, left, destination, add } = self;
        let (inner, columns) = (panels.inner, panels.columns);
        if inner == 0 || columns == 0 {
            return;
        }
        let rows = destination.len() / columns;
        assert!(left.len() >= rows * inner, "the left matrix is [{rows}, {inner}] in {} values", left.len());
        // As many sums at once as there are registers for.
        let many = if S::F32_LANES >= 16 { 8 } else { 4 };
        for (index, panel) in panels.values.chunks_exact(inner * PANEL).enumerate() {
            let first = index * PANEL;
            let width = PANEL.min(columns - first);
            let mut row = 0;
            while row < rows {
                let left = &left[row * inner..];
                let target = &mut destination[row * columns + first..];
                if many == 8 && rows - row >= 8 {
                    tile::<S, 8>(simd, panel, left, inner, target, columns, width, add);
                    row += 8;
                } else if rows - row >= 4 {
                    tile::<S, 4>(simd, panel, left, inner, target, columns, width, add);
                    row += 4;
                } else {
                    tile::<S, 1>(simd, panel, left, inner, target, columns, width, add);
                    row += 1;
                }
            }
        }
    }
}

/// `ROWS` rows of one panel of the product, two vectors at a time.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "inlined into its one caller")]
fn tile<S: Simd, const ROWS: usize>(
    simd: S,
    panel: &[f32],
    left: &[f32],
    inner: usize,
    target: &mut [f32],
    stride: usize,
    width: usize,
    add: bool,
) {
    let lanes = S::F32_LANES;
    let vectors = PANEL / lanes;
    let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &left[row * inner..][..inner]);
    let panel = &S::as_simd_f32s(panel).0[..inner * vectors];
    for pair in 0..vectors / 2 {
        let first = pair * 2 * lanes;
        if first >= width {
            break;
        }
        let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
        for (index, vectors) in panel.chunks_exact(vectors).enumerate() {
            let (one, two) = (vectors[2 * pair], vectors[2 * pair + 1]);
            for row in 0..ROWS {
                let value = simd.splat_f32s(rows[row][index]);
                sums[row][0] = simd.mul_add_e_f32s(value, one, sums[row][0]);
                sums[row][1] = simd.mul_add_e_f32s(value, two, sums[row][1]);
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let target = &mut target[row * stride + first..];
            for (half, sum) in sums.iter().enumerate() {
                let begin = half * lanes;
                let count = lanes.min((width - first).saturating_sub(begin));
                if count == 0 {
                    break;
                }
                let target = &mut target[begin..begin + count];
                let before = if add { simd.partial_load_f32s(target) } else { simd.splat_f32s(0.0) };
                simd.partial_store_f32s(target, simd.add_f32s(before, *sum));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_with_panels_is_the_product() {
        for (rows, inner, columns) in
            [(16, 64, 256), (2, 5, 20), (13, 3, 33), (1, 1, 1), (21, 200, 200), (3, 0, 4)]
        {
            let number = |i: usize| ((i * 37 + 11) % 19) as f32 - 9.0;
            let left: Vec<f32> = (0..rows * inner).map(number).collect();
            let right: Vec<f32> = (0..inner * columns).map(|i| number(i + 5)).collect();
            let cell = |row: usize, column: usize| -> f32 {
                (0..inner).map(|k| left[row * inner + k] * right[k * columns + column]).sum()
            };
            let expected: Vec<f32> = (0..rows * columns).map(|i| cell(i / columns, i % columns)).collect();
            let transposed: Vec<f32> =
                (0..inner * columns).map(|i| right[i % inner * columns + i / inner]).collect();
            let (mut panels, mut turned) = (PackedMatrix::default(), PackedMatrix::default());
            panels.fill(&right, inner, columns);
            turned.fill_transposed(&transposed, inner, columns);
            for panels in [&panels, &turned] {
                let mut product = vec![0.0; rows * columns];
                panels.multiply(&left, &mut product, false);
                assert_eq!(product, expected, "{rows} {inner} {columns}");
                panels.multiply(&left, &mut product, true);
                assert!(product.iter().zip(&expected).all(|(twice, once)| *twice == 2.0 * once));
            }
        }
    }
}
