//! The linear algebra that the novelty score is fitted with, in double precision.
//!
//! The textbook algorithms (Golub and Van Loan 2013, "Matrix Computations") are enough, because the matrices have at
//! most a few hundred rows.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// The most sweeps of the eigenvalue algorithm; it converges in fewer than ten.
const SWEEPS: usize = 40;

/// The lower triangular matrix L with L Lᵀ = `matrix`, which is symmetric. `None` if the matrix is not positive
/// definite.
pub(super) fn cholesky(matrix: ArrayView2<'_, f64>) -> Option<Array2<f64>> {
    let size = matrix.nrows();
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(size);
    for row in 0..size {
        let mut values: Vec<f64> = Vec::with_capacity(size);
        for column in 0..=row {
            let above = rows.get(column).unwrap_or(&values);
            let sum: f64 = values.iter().zip(above).take(column).map(|(one, other)| one * other).sum();
            let rest = matrix[[row, column]] - sum;
            let value = if column < row { rest / above[column] } else { rest.sqrt() };
            values.push(value);
        }
        if !values.last().is_some_and(|value| value.is_finite() && *value > 0.0) {
            return None;
        }
        rows.push(values);
    }
    let mut lower = Array2::zeros((size, size));
    for (index, row) in rows.iter().enumerate() {
        lower.row_mut(index).iter_mut().zip(row).for_each(|(place, value)| *place = *value);
    }
    Some(lower)
}

/// Solves L X = `right` for a lower triangular matrix L.
pub(super) fn solve_lower(lower: &Array2<f64>, right: &Array2<f64>) -> Array2<f64> {
    let mut solution = right.clone();
    for row in 0..lower.nrows() {
        let (before, mut rest) = solution.view_mut().split_at(Axis(0), row);
        let mut own = rest.row_mut(0);
        for column in 0..row {
            own.scaled_add(-lower[[row, column]], &before.row(column));
        }
        own.mapv_inplace(|value| value / lower[[row, row]]);
    }
    solution
}

/// Solves Lᵀ X = `right` for a lower triangular matrix L.
pub(super) fn solve_transposed(lower: &Array2<f64>, right: &Array2<f64>) -> Array2<f64> {
    let mut solution = right.clone();
    for row in (0..lower.nrows()).rev() {
        let (mut before, mut rest) = solution.view_mut().split_at(Axis(0), row);
        let mut own = rest.row_mut(0);
        own.mapv_inplace(|value| value / lower[[row, row]]);
        for column in 0..row {
            before.row_mut(column).scaled_add(-lower[[row, column]], &own);
        }
    }
    solution
}

/// The eigenvalues of a symmetric matrix, the largest first, and the eigenvectors as columns in the same order, by
/// Jacobi's cyclic rotations.
pub(super) fn eigen(matrix: &Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    let size = matrix.nrows();
    let (mut rotated, mut vectors) = (matrix.clone(), Array2::<f64>::eye(size));
    let scale: f64 = matrix.iter().map(|value| value * value).sum();
    for _ in 0..SWEEPS {
        let upper = (0..size).flat_map(|row| (row + 1..size).map(move |column| [row, column]));
        let off: f64 = upper.map(|at| rotated[at] * rotated[at]).sum();
        // Without the second condition, a matrix of zeros or with values that are not numbers would go on.
        if off <= 1e-24 * scale || !off.is_finite() {
            break;
        }
        for one in 0..size {
            for other in one + 1..size {
                let beside = rotated[[one, other]];
                if beside == 0.0 {
                    continue;
                }
                let ratio = (rotated[[other, other]] - rotated[[one, one]]) / (2.0 * beside);
                let tangent = ratio.signum() / (ratio.abs() + (ratio * ratio + 1.0).sqrt());
                let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
                let sine = tangent * cosine;
                for index in 0..size {
                    let (a, b) = (rotated[[index, one]], rotated[[index, other]]);
                    rotated[[index, one]] = cosine * a - sine * b;
                    rotated[[index, other]] = sine * a + cosine * b;
                }
                for index in 0..size {
                    let (a, b) = (rotated[[one, index]], rotated[[other, index]]);
                    rotated[[one, index]] = cosine * a - sine * b;
                    rotated[[other, index]] = sine * a + cosine * b;
                    let (a, b) = (vectors[[index, one]], vectors[[index, other]]);
                    vectors[[index, one]] = cosine * a - sine * b;
                    vectors[[index, other]] = sine * a + cosine * b;
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|one, other| rotated[[*other, *other]].total_cmp(&rotated[[*one, *one]]));
    let values = order.iter().map(|index| rotated[[*index, *index]]).collect();
    (values, vectors.select(Axis(1), &order))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn largest(difference: &Array2<f64>) -> f64 {
        difference.iter().fold(0.0, |largest, value| largest.max(value.abs()))
    }

    #[test]
    fn a_factor_multiplied_by_its_transpose_is_the_matrix_and_solves_equations() {
        let matrix = array![[4.0, 2.0, 0.5], [2.0, 5.0, 1.0], [0.5, 1.0, 3.0]];
        let lower = cholesky(matrix.view()).unwrap();
        assert!(lower[[0, 2]] == 0.0 && (lower[[0, 0]] - 2.0).abs() < 1e-15, "{lower}");
        assert!(largest(&(lower.dot(&lower.t()) - &matrix)) < 1e-14, "{lower}");
        let right = array![[1.0, 0.0], [2.0, -1.0], [3.0, 4.0]];
        let solution = solve_transposed(&lower, &solve_lower(&lower, &right));
        assert!(largest(&(matrix.dot(&solution) - right)) < 1e-13, "{solution}");
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_has_no_factor() {
        assert_eq!(cholesky(array![[1.0, 2.0], [2.0, 1.0]].view()), None);
        assert_eq!(cholesky(array![[f64::NAN]].view()), None);
        assert_eq!(cholesky(Array2::zeros((2, 2)).view()), None);
    }

    #[test]
    fn eigenvalues_and_eigenvectors_are_those_of_the_matrix() {
        let matrix = array![[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, -5.0]];
        let (values, vectors) = eigen(&matrix);
        for (value, expected) in values.iter().zip([3.0, 1.0, -5.0]) {
            assert!((value - expected).abs() < 1e-12, "{values}");
        }
        assert!(largest(&(matrix.dot(&vectors) - &vectors * &values)) < 1e-12, "{vectors}");
        assert!(largest(&(vectors.t().dot(&vectors) - Array2::<f64>::eye(3))) < 1e-12, "{vectors}");
        assert_eq!(eigen(&Array2::zeros((2, 2))).0, array![0.0, 0.0]);
    }
}
