//! The distributions that initial weights are drawn from.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal, Uniform};

/// Draws weights uniformly from -limit to limit, with limit = sqrt(6 / (inputs + outputs)) (Glorot and Bengio
/// 2010).
pub(crate) fn glorot_uniform(values: &mut [f32], inputs: usize, outputs: usize, rng: &mut impl Rng) {
    let limit = (6.0 / (inputs + outputs).max(1) as f64).sqrt();
    // The bounds are finite and in ascending order, so the distribution always exists.
    let Ok(uniform) = Uniform::new_inclusive(-limit, limit) else { return };
    values.iter_mut().for_each(|value| *value = uniform.sample(rng) as f32);
}

/// Draws a matrix [rows, columns], rows ≤ columns, whose rows are orthonormal (Saxe et al. 2014).
///
/// The rows are drawn from a normal distribution and made orthonormal by the Gram-Schmidt process. The
/// projections are subtracted twice, because after a single pass rounding errors leave the rows slightly
/// dependent.
pub(crate) fn orthogonal(values: &mut [f32], rows: usize, columns: usize, rng: &mut impl Rng) {
    let mut matrix: Vec<Vec<f64>> = Vec::with_capacity(rows);
    while matrix.len() < rows {
        let mut row: Vec<f64> = (0..columns).map(|_| StandardNormal.sample(rng)).collect();
        for _ in 0..2 {
            for other in &matrix {
                let projection: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                row.iter_mut().zip(other).for_each(|(a, b)| *a -= projection * b);
            }
        }
        let norm = row.iter().map(|a| a * a).sum::<f64>().sqrt();
        row.iter_mut().for_each(|a| *a /= norm.max(f64::MIN_POSITIVE));
        matrix.push(row);
    }
    values.iter_mut().zip(matrix.iter().flatten()).for_each(|(value, exact)| *value = *exact as f32);
}
