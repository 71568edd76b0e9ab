//! Linear discriminants of windows, and how much more probable all surfaces together make a window than one broad
//! distribution does.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use super::linear_algebra::{cholesky, eigen, solve_lower, solve_transposed};

/// The share of the mean variance that the covariance within surfaces is moved to (Ledoit and Wolf 2004, with a
/// constant share).
const SHRINKAGE: f64 = 0.03;
/// The share of a surface's own covariance in its Gaussian; the rest is the mean of all (Friedman 1989, "Regularized
/// Discriminant Analysis").
const OWN: f64 = 0.7;
/// The most directions, as further ones only have noise.
const MAX_DIRECTIONS: usize = 32;
/// What is added to variances, so that data without any have a distribution.
const FLOOR: f64 = 1e-9;

/// Fisher's linear discriminants (Fisher 1936, Rao 1948) of rows, and Gaussians of the surfaces in their space.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Discriminants {
    /// The k directions as columns, [columns, k].
    pub(crate) directions: Array2<f64>,
    /// What is added after the directions are applied, `[k]`.
    pub(crate) offset: Array1<f64>,
    /// For each surface and then for all of them as one, the factor that turns its covariance into the identity,
    /// [k, (surfaces + 1) k].
    pub(crate) factors: Array2<f64>,
    /// What is added after the factors are applied, `[(surfaces + 1) k]`.
    pub(crate) shifts: Array1<f64>,
    /// The logarithm of the determinant of each surface's covariance, `[surfaces]`.
    pub(crate) determinants: Array1<f64>,
}

/// A Gaussian in the space of the discriminants.
struct Gaussian {
    mean: Array1<f64>,
    covariance: Array2<f64>,
}

impl Discriminants {
    /// Fits the discriminants of rows, [n, columns]; `classes` has the positions of the rows of each surface. `None` if
    /// the surfaces do not differ.
    pub(super) fn fit(rows: &Array2<f64>, classes: &[Vec<usize>]) -> Option<Self> {
        let mean = rows.mean_axis(Axis(0))?;
        let parts: Vec<Gaussian> = classes.iter().filter_map(|of| Gaussian::of(rows, of)).collect();
        let count = parts.len() as f64;
        let mut within = parts
            .iter()
            .fold(Array2::zeros((rows.ncols(), rows.ncols())), |sum, part| sum + &part.covariance);
        within /= count;
        let average = within.diag().mean()?;
        within *= 1.0 - SHRINKAGE;
        within.diag_mut().mapv_inplace(|value| value + SHRINKAGE * average + FLOOR);
        let lower = cholesky(within.view())?;
        // The means of the surfaces about their own mean, as columns, where the covariance within is the identity.
        let means = stacked(parts.iter().map(|part| &part.mean))?;
        let centred = &means - &means.mean_axis(Axis(0))?;
        let whitened = solve_lower(&lower, &centred.t().to_owned());
        let (values, vectors) = eigen(&whitened.t().dot(&whitened));
        let largest = values.first().copied().unwrap_or_default();
        let most = MAX_DIRECTIONS.min(parts.len() - 1).min(rows.ncols());
        let kept = values.iter().take(most).take_while(|value| **value > 1e-9 * largest).count();
        if kept == 0 || largest.is_nan() || largest <= FLOOR {
            return None;
        }
        let lengths = values.slice(s![..kept]).mapv(f64::sqrt);
        let directions = solve_transposed(&lower, &(whitened.dot(&vectors.slice(s![.., ..kept])) / &lengths));
        let offset = -mean.dot(&directions);
        let projected = rows.dot(&directions) + &offset;
        Self::with_gaussians(directions, offset, &projected, classes)
    }

    /// The discriminants with the Gaussians of the rows in their space, [n, k].
    fn with_gaussians(
        directions: Array2<f64>,
        offset: Array1<f64>,
        projected: &Array2<f64>,
        classes: &[Vec<usize>],
    ) -> Option<Self> {
        let mut parts: Vec<Gaussian> = classes.iter().filter_map(|of| Gaussian::of(projected, of)).collect();
        let size = projected.ncols();
        let sum = parts.iter().fold(Array2::zeros((size, size)), |sum, part| sum + &part.covariance);
        let shared: Array2<f64> = sum / parts.len() as f64;
        let means = stacked(parts.iter().map(|part| &part.mean))?;
        let all: Vec<usize> = (0..parts.len()).collect();
        let mut broad = Gaussian::of(&means, &all)?;
        broad.covariance += &shared;
        parts.iter_mut().for_each(|part| part.covariance = OWN * &part.covariance + (1.0 - OWN) * &shared);
        let surfaces = parts.len();
        parts.push(broad);
        let mut factors = Array2::zeros((size, parts.len() * size));
        let (mut shifts, mut determinants) = (Array1::zeros(parts.len() * size), Array1::zeros(surfaces));
        for (index, part) in parts.iter_mut().enumerate() {
            part.covariance.diag_mut().mapv_inplace(|value| value + FLOOR);
            let lower = cholesky(part.covariance.view())?;
            let columns = index * size..(index + 1) * size;
            // The inverse of the factor, transposed.
            let factor = solve_lower(&lower, &Array2::eye(size)).reversed_axes();
            shifts.slice_mut(s![columns.clone()]).assign(&-part.mean.dot(&factor));
            factors.slice_mut(s![.., columns]).assign(&factor);
            if let Some(place) = determinants.get_mut(index) {
                *place = 2.0 * lower.diag().iter().map(|value| value.ln()).sum::<f64>();
            }
        }
        Some(Self { directions, offset, factors, shifts, determinants })
    }

    /// For each row, [n, columns], the logarithm of its density under one broad Gaussian over the mean density under
    /// the Gaussians of the surfaces, up to a constant: `[n]`.
    pub(super) fn log_ratios(&self, rows: ArrayView2<'_, f64>) -> Array1<f64> {
        let whitened = (rows.dot(&self.directions) + &self.offset).dot(&self.factors) + &self.shifts;
        whitened.rows().into_iter().map(|row| self.log_ratio(row)).collect()
    }

    fn log_ratio(&self, whitened: ArrayView1<'_, f64>) -> f64 {
        let squares: Vec<f64> = whitened
            .axis_chunks_iter(Axis(0), self.offset.len())
            .map(|part| part.iter().map(|value| value * value).sum())
            .collect();
        let broad = squares.last().copied().unwrap_or_default();
        let logs = squares
            .iter()
            .zip(&self.determinants)
            .map(|(square, determinant)| 0.5 * (broad - square - determinant));
        let largest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
        -(largest + logs.map(|log| (log - largest).exp()).sum::<f64>().ln())
    }
}

impl Gaussian {
    /// The Gaussian of some rows; `None` without any.
    fn of(rows: &Array2<f64>, chosen: &[usize]) -> Option<Self> {
        let own = rows.select(Axis(0), chosen);
        let mean = own.mean_axis(Axis(0))?;
        let centred = own - &mean;
        Some(Self { mean, covariance: centred.t().dot(&centred) / chosen.len() as f64 })
    }
}

/// Rows of the same length as a matrix; `None` without rows.
fn stacked<'a>(rows: impl Iterator<Item = &'a Array1<f64>>) -> Option<Array2<f64>> {
    ndarray::stack(Axis(0), &rows.map(|row| row.view()).collect::<Vec<_>>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of two surfaces that differ in the first of three columns, and the positions of each.
    fn two_surfaces() -> (Array2<f64>, Vec<Vec<usize>>) {
        let rows = Array2::from_shape_fn((200, 3), |(row, column)| {
            let noise = ((row * (17 + 12 * column)) % 23) as f64 / 23.0 - 0.5;
            noise + if column == 0 && row % 2 == 0 { 5.0 } else { 0.0 }
        });
        let of = |first: usize| (first..200).step_by(2).collect();
        (rows, vec![of(0), of(1)])
    }

    #[test]
    fn a_window_between_two_surfaces_or_beyond_them_is_less_probable_than_one_of_them() {
        let (rows, classes) = two_surfaces();
        let found = Discriminants::fit(&rows, &classes).unwrap();
        assert_eq!((found.directions.ncols(), found.factors.dim()), (1, (1, 3)));
        let at = |first: f64| found.log_ratios(ndarray::array![[first, 0.0, 0.0]].view())[0];
        for (known, new) in [(0.0, 2.5), (5.0, 2.5), (0.0, -3.0), (5.0, 8.0)] {
            assert!(at(known) + 1.0 < at(new), "{} {}", at(known), at(new));
        }
    }

    #[test]
    fn the_ratio_is_that_of_the_densities() {
        let (rows, classes) = two_surfaces();
        let found = Discriminants::fit(&rows, &classes).unwrap();
        // The density of each Gaussian in one dimension, straight from its formula.
        let projected = |first: f64| first * found.directions[[0, 0]] + found.offset[0];
        let density = |index: usize, first: f64| {
            let scaled = projected(first) * found.factors[[0, index]] + found.shifts[index];
            found.factors[[0, index]].abs() * (-0.5 * scaled * scaled).exp()
        };
        let ratio = |first: f64| density(2, first) / (density(0, first) + density(1, first));
        let at = |first: f64| found.log_ratios(ndarray::array![[first, 0.0, 0.0]].view())[0];
        let difference = |first: f64| at(first) - ratio(first).ln();
        assert!((difference(0.3) - difference(4.0)).abs() < 1e-9);
    }

    #[test]
    fn surfaces_that_do_not_differ_have_no_discriminants() {
        let rows = Array2::from_elem((20, 3), 1.5);
        assert_eq!(Discriminants::fit(&rows, &[(0..10).collect(), (10..20).collect()]), None);
    }
}
