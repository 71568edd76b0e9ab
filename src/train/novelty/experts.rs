//! Three measures of how unlike the training windows a window is.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};

use super::discriminants::Discriminants;
use super::linear_algebra::{cholesky, solve_lower, solve_transposed};
use super::prototypes::{for_each_block, prototypes, squared_distances};
use crate::train::network::piecewise_linear::exceeds_rounding;

/// The number of measures.
pub(crate) const EXPERTS: usize = 3;
/// How many standard deviations from the mean a statistic is clipped to, in units of [`SOFT`].
pub(crate) const CLIP: f64 = 2.0;
/// The standard deviations at which the soft scaling of the discriminants bends.
const SOFT: f64 = 3.0;
/// The most prototypes; there are fewer if a prototype would stand for fewer than [`ROWS_FOR_EACH`] windows.
const PROTOTYPES: usize = 256;
const ROWS_FOR_EACH: usize = 4;
/// The strength of the ridge penalty.
const RIDGE: f64 = 0.1;
/// The width of the kernel: the exponent at the median distance of a window to its prototype.
const EXPONENT: f64 = 0.5;
/// The most statistics that the discriminants are found from: those that tell surfaces apart best.
const MAX_DISCRIMINATED: usize = 400;

/// The constants of three measures of a window's summary statistics, each of which is higher the less the window
/// resembles those that it was fitted to:
///
/// 1. the squared distance to the nearest of up to 256 prototypes (k-means),
/// 2. 1 - the highest answer of a kernel ridge regression of each surface against the others (Saunders, Gammerman
///    and Vovk 1998), with a Gaussian kernel to the same prototypes (a Nyström approximation, Williams and Seeger 2001),
/// 3. the logarithm of the ratio of a broad density to that of the surfaces, from [`Discriminants`].
///
/// All take statistics that are scaled by their standard deviation and clipped. In the distances, each counts by its
/// variance between surfaces over that within surfaces.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Experts {
    /// The mean of each statistic, `[F]`.
    pub(crate) mean: Array1<f64>,
    /// What the difference to the mean is multiplied by before it is clipped to ±[`CLIP`], `[F]`; 0 for a statistic
    /// that never changed.
    pub(crate) factor: Array1<f64>,
    /// What the clipped statistics are multiplied by before distances are taken, `[F]`.
    pub(crate) weights: Array1<f64>,
    /// The prototypes, [M, F].
    pub(crate) prototypes: Array2<f64>,
    /// The weight of each prototype in the answer for each surface, [M, surfaces].
    pub(crate) coefficients: Array2<f64>,
    /// The discriminants of the hyperbolic tangents of the clipped statistics, and of their squares, [2 F, ...].
    pub(crate) discriminants: Discriminants,
}

impl Experts {
    /// Fits the measures to the statistics of windows, [n, F], with their surfaces, `[n]`. `None` if there are fewer
    /// than two surfaces, or they do not differ.
    pub(super) fn fit(statistics: &Array2<f64>, labels: &[usize], seed: u64) -> Option<Self> {
        let last = labels.iter().max()?;
        let of = |label| (0..labels.len()).filter(|index| labels[*index] == label).collect();
        let classes: Vec<Vec<usize>> =
            (0..=*last).map(of).filter(|rows: &Vec<usize>| !rows.is_empty()).collect();
        if classes.len() < 2 {
            return None;
        }
        let mean = statistics.mean_axis(Axis(0))?;
        let deviation = statistics.std_axis(Axis(0), 0.0);
        let factor = mean.iter().zip(&deviation).map(|(mean, deviation)| {
            if exceeds_rounding(*deviation as f32, mean.abs() as f32) {
                1.0 / (SOFT * deviation)
            } else {
                0.0
            }
        });
        let factor: Array1<f64> = factor.collect();
        let scaled = scaled(statistics.view(), &mean, &factor);
        let ratios = variance_ratios(&scaled, &classes)?;
        let mut weights = (&ratios / ratios.mean()?.max(1e-12)).mapv(f64::sqrt);
        let count = PROTOTYPES.min(labels.len() / ROWS_FOR_EACH).max(1);
        let weighted = &scaled * &weights;
        let mut found = prototypes(&weighted, count, seed);
        // The unit of the distances is chosen so that the kernel is exp(-distance).
        let unit = (EXPONENT / median_distance(&weighted, &found)).sqrt();
        weights *= unit;
        found *= unit;
        let coefficients = ridge(&(weighted * unit), &found, &classes)?;
        let discriminants = discriminants(&scaled, &ratios, &classes)?;
        Some(Self { mean, factor, weights, prototypes: found, coefficients, discriminants })
    }

    /// The measures of windows with these statistics, [n, F]: [n, 3].
    pub(super) fn measure(&self, statistics: ArrayView2<'_, f64>) -> Array2<f64> {
        let scaled = scaled(statistics, &self.mean, &self.factor);
        let mut measures = Array2::zeros((scaled.nrows(), EXPERTS));
        for_each_block(&scaled, |first, block| {
            let distances = squared_distances((&block * &self.weights).view(), &self.prototypes);
            let answers = distances.mapv(|distance| (-distance).exp()).dot(&self.coefficients);
            let ratios = self.discriminants.log_ratios(softened(block).view());
            for index in 0..block.nrows() {
                let smallest = distances.row(index).iter().copied().fold(f64::INFINITY, f64::min);
                let highest = answers.row(index).iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let measured = Array1::from_vec(vec![smallest, 1.0 - highest, ratios[index]]);
                measures.row_mut(first + index).assign(&measured);
            }
        });
        measures
    }

    /// F, the number of statistics.
    pub(super) fn statistics(&self) -> usize {
        self.mean.len()
    }
}

/// The statistics, scaled and clipped.
fn scaled(statistics: ArrayView2<'_, f64>, mean: &Array1<f64>, factor: &Array1<f64>) -> Array2<f64> {
    let mut scaled = (&statistics - mean) * factor;
    scaled.mapv_inplace(|value| value.clamp(-CLIP, CLIP));
    scaled
}

/// The hyperbolic tangents of scaled statistics, and then their squares, [n, 2 F].
fn softened(scaled: ArrayView2<'_, f64>) -> Array2<f64> {
    let soft = scaled.mapv(f64::tanh);
    let squares = &soft * &soft;
    // Both parts have the same number of rows.
    concatenate(Axis(1), &[soft.view(), squares.view()]).unwrap_or(soft)
}

/// The variance of the surfaces' means over the mean variance within surfaces, for each statistic, `[F]`.
fn variance_ratios(scaled: &Array2<f64>, classes: &[Vec<usize>]) -> Option<Array1<f64>> {
    let (mut means, mut within) = (Vec::new(), Array1::<f64>::zeros(scaled.ncols()));
    for class in classes {
        let rows = scaled.select(Axis(0), class);
        means.push(rows.mean_axis(Axis(0))?);
        within += &(rows.var_axis(Axis(0), 0.0) / classes.len() as f64);
    }
    let means = ndarray::stack(Axis(0), &means.iter().map(|mean| mean.view()).collect::<Vec<_>>()).ok()?;
    Some(means.var_axis(Axis(0), 0.0) / (within + 1e-7))
}

/// The median of the squared distances of rows to their nearest prototype; never 0.
fn median_distance(rows: &Array2<f64>, prototypes: &Array2<f64>) -> f64 {
    let mut smallest = Vec::with_capacity(rows.nrows());
    for_each_block(rows, |_, block| {
        let distances = squared_distances(block, prototypes);
        let nearest = |row: ndarray::ArrayView1<'_, f64>| row.iter().copied().fold(f64::INFINITY, f64::min);
        smallest.extend(distances.rows().into_iter().map(nearest));
    });
    smallest.sort_by(f64::total_cmp);
    let spread: f64 = rows.var_axis(Axis(0), 0.0).sum();
    smallest.get(smallest.len() / 2).copied().unwrap_or_default().max(1e-3 * spread).max(1e-9)
}

/// The coefficients of a ridge regression of each surface against the others on the kernel of rows to prototypes,
/// [M, surfaces]. Each surface counts the same.
fn ridge(rows: &Array2<f64>, prototypes: &Array2<f64>, classes: &[Vec<usize>]) -> Option<Array2<f64>> {
    let count = prototypes.nrows();
    let kernel =
        |rows: ArrayView2<'_, f64>| squared_distances(rows, prototypes).mapv(|distance| (-distance).exp());
    let mut matrix = kernel(prototypes.view()) * RIDGE;
    let mut right = Array2::<f64>::zeros((count, classes.len()));
    for (index, class) in classes.iter().enumerate() {
        let weight = rows.nrows() as f64 / (classes.len() * class.len()) as f64;
        for_each_block(&rows.select(Axis(0), class), |_, block| {
            let kernel = kernel(block);
            matrix.scaled_add(weight, &kernel.t().dot(&kernel));
            right.column_mut(index).scaled_add(weight, &kernel.sum_axis(Axis(0)));
        });
    }
    // Prototypes that lie on each other make the matrix singular, so that it needs more on its diagonal.
    let mut jitter = 1e-6;
    while jitter < 1.0 {
        matrix.diag_mut().mapv_inplace(|value| value + jitter);
        if let Some(lower) = cholesky(matrix.view()) {
            return Some(solve_transposed(&lower, &solve_lower(&lower, &right)));
        }
        jitter *= 100.0;
    }
    None
}

/// The discriminants of all statistics, found from those with the highest ratios of variances.
fn discriminants(
    scaled: &Array2<f64>,
    ratios: &Array1<f64>,
    classes: &[Vec<usize>],
) -> Option<Discriminants> {
    let width = scaled.ncols();
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|one, other| ratios[*other].total_cmp(&ratios[*one]));
    order.truncate(MAX_DISCRIMINATED);
    order.sort_unstable();
    // The soft scaling bends at SOFT standard deviations; its squares have that unit twice.
    let mut rows = softened(scaled.select(Axis(1), &order).view());
    let chosen = order.len();
    rows.slice_mut(s![.., ..chosen]).mapv_inplace(|value| SOFT * value);
    rows.slice_mut(s![.., chosen..]).mapv_inplace(|value| SOFT * SOFT * value);
    let found = Discriminants::fit(&rows, classes)?;
    let mut directions = Array2::zeros((2 * width, found.directions.ncols()));
    for (from, to) in order.iter().enumerate() {
        directions.row_mut(*to).assign(&(SOFT * &found.directions.row(from)));
        directions.row_mut(width + to).assign(&(SOFT * SOFT * &found.directions.row(chosen + from)));
    }
    Some(Discriminants { directions, ..found })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statistics of two surfaces: the first tells them apart, the second does not, the third never changes.
    fn two_surfaces() -> (Array2<f64>, Vec<usize>) {
        let statistics = Array2::from_shape_fn((240, 3), |(row, column)| match column {
            0 => 10.0 * (row % 2) as f64 + (row * 17 % 23) as f64 / 23.0,
            1 => (row * 29 % 31) as f64,
            _ => 4.0,
        });
        (statistics, (0..240).map(|row| row % 2).collect())
    }

    #[test]
    fn each_measure_is_higher_for_a_window_that_is_like_no_surface() {
        let (statistics, labels) = two_surfaces();
        let experts = Experts::fit(&statistics, &labels, 0).unwrap();
        assert_eq!(experts.prototypes.dim(), (60, 3));
        let measured =
            experts.measure(ndarray::array![[0.5, 15.0, 4.0], [10.5, 15.0, 4.0], [5.5, 15.0, 4.0]].view());
        for column in measured.columns() {
            assert!(column[0] + 0.1 < column[2] && column[1] + 0.1 < column[2], "{measured}");
        }
        // What never changed says nothing about a window.
        let other = experts.measure(ndarray::array![[0.5, 15.0, -4.0]].view());
        assert_eq!(other.row(0), measured.row(0));
        assert_eq!(Experts::fit(&statistics, &labels, 0), Some(experts));
    }

    #[test]
    fn the_answers_of_the_ridge_regression_are_near_1_for_the_own_surface_and_0_for_the_other() {
        let (statistics, labels) = two_surfaces();
        let measured = Experts::fit(&statistics, &labels, 0).unwrap().measure(statistics.view());
        let mean = measured.column(1).mean().unwrap();
        assert!(mean.abs() < 0.1, "{mean}");
    }

    #[test]
    fn surfaces_without_windows_or_without_a_difference_have_no_measures() {
        let (statistics, _) = two_surfaces();
        assert_eq!(Experts::fit(&statistics, &[1; 240], 0), None);
        assert_eq!(Experts::fit(&Array2::from_elem((8, 2), 1.0), &[0, 0, 0, 0, 1, 1, 1, 1], 0), None);
        assert_eq!(Experts::fit(&Array2::zeros((0, 2)), &[], 0), None);
    }
}
