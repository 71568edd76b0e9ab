//! Prototypes: a few rows that stand for many.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use crate::train::random_streams;

/// The rounds of Lloyd's algorithm. The novelty score does not gain from more.
const ROUNDS: usize = 8;
/// The rows whose distances are in memory at the same time.
const BLOCK: usize = 1024;

/// Finds up to `count` prototypes of rows by k-means (Lloyd 1982), beginning with rows that are drawn at random.
pub(super) fn prototypes(rows: &Array2<f64>, count: usize, seed: u64) -> Array2<f64> {
    let mut order: Vec<usize> = (0..rows.nrows()).collect();
    order.shuffle(&mut Pcg64::new(u128::from(seed), random_streams::PROTOTYPES));
    order.truncate(count.max(1));
    let mut prototypes = rows.select(Axis(0), &order);
    for _ in 0..ROUNDS {
        let mut sums = Array2::<f64>::zeros(prototypes.raw_dim());
        let mut members = vec![0.0; prototypes.nrows()];
        for_each_block(rows, |first, block| {
            let distances = squared_distances(block, &prototypes);
            for (offset, row) in distances.rows().into_iter().enumerate() {
                let nearest = nearest(row.iter().copied());
                sums.row_mut(nearest).scaled_add(1.0, &rows.row(first + offset));
                members[nearest] += 1.0;
            }
        });
        // A prototype that no row is nearest to stays where it is.
        for (index, members) in members.iter().enumerate().filter(|(_, members)| **members > 0.0) {
            prototypes.row_mut(index).assign(&(&sums.row(index) / *members));
        }
    }
    prototypes
}

/// The squared distance of each row, [n, F], to each prototype, [M, F]: [n, M].
pub(super) fn squared_distances(rows: ArrayView2<'_, f64>, prototypes: &Array2<f64>) -> Array2<f64> {
    let squares = |of: ArrayView2<'_, f64>| -> Array1<f64> {
        of.rows().into_iter().map(|row| row.iter().map(|value| value * value).sum()).collect()
    };
    let mut distances = rows.dot(&prototypes.t());
    let (of_rows, of_prototypes) = (squares(rows), squares(prototypes.view()));
    for (mut row, own) in distances.rows_mut().into_iter().zip(&of_rows) {
        for (value, other) in row.iter_mut().zip(&of_prototypes) {
            *value = (own + other - 2.0 * *value).max(0.0);
        }
    }
    distances
}

/// Calls `each` for blocks of rows, with the index of the first row.
pub(super) fn for_each_block(rows: &Array2<f64>, mut each: impl FnMut(usize, ArrayView2<'_, f64>)) {
    for first in (0..rows.nrows()).step_by(BLOCK) {
        each(first, rows.slice(s![first..(first + BLOCK).min(rows.nrows()), ..]));
    }
}

/// The position of the smallest value; the first one if several are equal, and 0 without values.
fn nearest(values: impl Iterator<Item = f64>) -> usize {
    let smallest = values.enumerate().fold((0, f64::INFINITY), |smallest, (index, value)| {
        if value < smallest.1 { (index, value) } else { smallest }
    });
    smallest.0
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn prototypes_are_the_means_of_what_is_nearest_to_them() {
        let rows = Array2::from_shape_fn((400, 2), |(row, column)| {
            let cluster = if row % 2 == 0 { 10.0 } else { -10.0 };
            cluster + ((row * 7 + column * 3) % 11) as f64 * 0.1
        });
        let found = prototypes(&rows, 2, 1);
        let (mut even, mut odd) = (array![0.0, 0.0], array![0.0, 0.0]);
        for (index, row) in rows.rows().into_iter().enumerate() {
            let sum = if index % 2 == 0 { &mut even } else { &mut odd };
            sum.scaled_add(1.0 / 200.0, &row);
        }
        let larger = usize::from(found[[0, 0]] < 0.0);
        for (prototype, mean) in [(found.row(larger), even), (found.row(1 - larger), odd)] {
            assert!(prototype.iter().zip(&mean).all(|(one, other)| (one - other).abs() < 1e-9), "{found}");
        }
        assert_eq!(found, prototypes(&rows, 2, 1), "the same each time");
    }

    #[test]
    fn there_are_at_most_as_many_prototypes_as_rows() {
        let rows = array![[1.0], [2.0], [4.0]];
        let mut found: Vec<f64> = prototypes(&rows, 256, 3).into_iter().collect();
        found.sort_by(f64::total_cmp);
        assert_eq!(found, [1.0, 2.0, 4.0]);
        let distances = squared_distances(rows.view(), &array![[2.0], [0.0]]);
        assert_eq!(distances, array![[1.0, 1.0], [0.0, 4.0], [4.0, 16.0]]);
    }
}
