//! Sums and masks over the rows of a row-major matrix.

/// Adds each row of `rows` [N, columns] to `sum` `[columns]`, from the first row to the last.
#[inline(always)]
pub(crate) fn add_rows(sum: &mut [f32], rows: &[f32]) {
    for row in rows.chunks_exact(sum.len().max(1)) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

/// Multiplies each value by the mask value at the same index, in place. An empty mask changes nothing.
pub(crate) fn apply_mask(values: &mut [f32], mask: &[f32]) {
    values.iter_mut().zip(mask).for_each(|(value, mask)| *value *= mask);
}

/// The rows of `values` [N, columns], each multiplied by `mask` `[columns]`. The product is written to
/// `buffer`; an empty mask changes nothing, and `values` are returned as they are.
pub(crate) fn masked_rows<'a>(values: &'a [f32], mask: &[f32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
    if mask.is_empty() {
        return values;
    }
    buffer.clear();
    buffer.extend(values.chunks_exact(mask.len()).flat_map(|row| row.iter().zip(mask).map(|(v, m)| v * m)));
    buffer
}
