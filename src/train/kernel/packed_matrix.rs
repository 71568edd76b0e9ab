//! Products with a matrix that is used many times: its columns are packed once into panels, in the order in
//! which the vector units read them.
//!
//! A general matrix product packs its operands at each call. Where the other operand has only a dozen rows,
//! as at each step of a recurrence, that packing costs as much as the product itself (for the technique: Goto
//! and van de Geijn 2008).

use pulp::{Arch, Simd, WithSimd};

use super::matrix::Update;

/// Columns in a panel: two vectors of the widest units (16 values each), and a multiple of every narrower
/// vector.
const PANEL: usize = 32;

/// A matrix [inner, columns], packed into panels of [`PANEL`] columns. Each panel is row-major [inner,
/// `PANEL`]; the last one is padded with columns of zeros.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackedMatrix {
    inner: usize,
    columns: usize,
    values: Vec<f32>,
}

impl PackedMatrix {
    /// Packs a row-major matrix [inner, columns], in place of the previous one.
    pub(crate) fn fill(&mut self, matrix: &[f32], inner: usize, columns: usize) {
        self.reset(inner, columns);
        for (panel, target) in self.values.chunks_exact_mut((inner * PANEL).max(1)).enumerate() {
            let first = panel * PANEL;
            let width = PANEL.min(columns - first);
            for (row, target) in target.chunks_exact_mut(PANEL).enumerate() {
                target[..width].copy_from_slice(&matrix[row * columns + first..][..width]);
            }
        }
    }

    /// Packs the transpose of a row-major matrix [columns, inner], in place of the previous one.
    pub(crate) fn fill_transposed(&mut self, matrix: &[f32], inner: usize, columns: usize) {
        self.reset(inner, columns);
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

    /// Sets the sizes and fills all panels with zeros.
    fn reset(&mut self, inner: usize, columns: usize) {
        (self.inner, self.columns) = (inner, columns);
        self.values.clear();
        self.values.resize(columns.div_ceil(PANEL) * PANEL * inner, 0.0);
    }

    /// Writes the product `left · self` to `destination`, or adds it, as `update` says. `left` is row-major
    /// [rows, inner], and `destination` is row-major [rows, columns]; its length gives the number of rows.
    ///
    /// # Panics
    /// If `left` is too short. That is an error in the calling code; no input data can cause it.
    pub(crate) fn multiply(&self, left: &[f32], destination: &mut [f32], update: Update) {
        Arch::new().dispatch(PackedProduct { matrix: self, left, destination, update });
    }
}

/// The arguments of one [`PackedMatrix::multiply`]. `pulp` compiles its `with_simd` for each kind of vector
/// unit.
struct PackedProduct<'a> {
    matrix: &'a PackedMatrix,
    left: &'a [f32],
    destination: &'a mut [f32],
    update: Update,
}

impl WithSimd for PackedProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { matrix, left, destination, update } = self;
        let (inner, columns) = (matrix.inner, matrix.columns);
        let add = update == Update::Add;
        if inner == 0 || columns == 0 {
            return;
        }
        let rows = destination.len() / columns;
        assert!(left.len() >= rows * inner, "the left matrix is [{rows}, {inner}] in {} values", left.len());
        // Each row of a tile keeps two vectors of sums in registers. Processors with vectors of 16 values have
        // registers for eight rows, others for four.
        let tile_rows = if S::F32_LANES >= 16 { 8 } else { 4 };
        for (index, panel) in matrix.values.chunks_exact(inner * PANEL).enumerate() {
            let first = index * PANEL;
            let width = PANEL.min(columns - first);
            let mut row = 0;
            while row < rows {
                let left = &left[row * inner..];
                let target = &mut destination[row * columns + first..];
                if tile_rows == 8 && rows - row >= 8 {
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

/// Computes one tile of the product: `ROWS` rows by the first `width` columns of one panel, two vectors of
/// columns at a time.
///
/// `panel` is [inner, `PANEL`], `left` starts at the tile's first row [ROWS, inner], and `target` at the
/// tile's first element in the destination, whose rows are `stride` values apart.
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
    fn the_product_with_a_packed_matrix_is_the_matrix_product() {
        for (rows, inner, columns) in
            [(16, 64, 256), (2, 5, 20), (13, 3, 33), (1, 1, 1), (21, 200, 200), (3, 0, 4)]
        {
            let number = |i: usize| ((i * 37 + 11) % 19) as f32 - 9.0;
            let left: Vec<f32> = (0..rows * inner).map(number).collect();
            let right: Vec<f32> = (0..inner * columns).map(|i| number(i + 5)).collect();
            let element = |row: usize, column: usize| -> f32 {
                (0..inner).map(|k| left[row * inner + k] * right[k * columns + column]).sum()
            };
            let expected: Vec<f32> = (0..rows * columns).map(|i| element(i / columns, i % columns)).collect();
            let transposed: Vec<f32> =
                (0..inner * columns).map(|i| right[i % inner * columns + i / inner]).collect();
            let (mut plain, mut from_transposed) = (PackedMatrix::default(), PackedMatrix::default());
            plain.fill(&right, inner, columns);
            from_transposed.fill_transposed(&transposed, inner, columns);
            for packed in [&plain, &from_transposed] {
                let mut product = vec![0.0; rows * columns];
                packed.multiply(&left, &mut product, Update::Overwrite);
                assert_eq!(product, expected, "{rows} {inner} {columns}");
                packed.multiply(&left, &mut product, Update::Add);
                assert!(product.iter().zip(&expected).all(|(twice, once)| *twice == 2.0 * once));
            }
        }
    }
}
