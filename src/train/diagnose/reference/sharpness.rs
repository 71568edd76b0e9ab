//! The sharpness: the largest eigenvalue of the preconditioned Hessian. If it is above 2 / learning rate, the
//! steps of gradient descent overshoot and move away from the minimum (Cohen et al. 2021; with the
//! preconditioners of RMSprop and Adam, Cohen et al. 2022).

use crate::train::fit::trainer::Trainer;
use crate::train::optimize::optimizer::OptimizerKind;

/// The length of the step of a finite difference, as a norm in parameter space.
const STEP_NORM: f64 = 2e-2;

/// The state of a power iteration. If it is reused, the next iteration starts from the last eigenvector.
#[derive(Clone, Debug, Default)]
pub(crate) struct PowerIteration {
    vector: Vec<f64>,
}

/// The largest eigenvalue by absolute value of D^½ H D^½, where H is the Hessian of the mean loss of these
/// windows and D is the factor by which the optimiser multiplies gradients, without the learning rate. It is
/// found by power iteration from `state`, which is updated. The products with H are central differences of
/// gradients. `None` if `expired` became true before the last iteration.
pub(crate) fn sharpness(
    trainer: &mut Trainer<'_>,
    windows: &[usize],
    state: &mut PowerIteration,
    iterations: usize,
    expired: &dyn Fn() -> bool,
) -> Option<f64> {
    let parameters = trainer.network().parameters().to_vec();
    let root: Vec<f64> =
        trainer.optimizer().preconditioner().iter().map(|factor| f64::from(*factor).sqrt()).collect();
    let root = if root.is_empty() { vec![1.0; parameters.len()] } else { root };
    let vector = &mut state.vector;
    if vector.len() != parameters.len() {
        // Any vector will do that is not orthogonal to the eigenvector by chance.
        *vector = (0..parameters.len()).map(|index| (index as f64 * 0.7 + 1.0).sin()).collect();
    }
    let mut largest = 0.0;
    for _ in 0..iterations {
        if expired() {
            return None;
        }
        normalise(vector);
        let step: Vec<f64> = vector.iter().zip(&root).map(|(value, root)| value * root).collect();
        let scale = STEP_NORM / norm(&step).max(1e-30);
        let mut gradient_at = |sign: f64| -> Vec<f64> {
            let at: Vec<f32> = parameters
                .iter()
                .zip(&step)
                .map(|(value, step)| (f64::from(*value) + sign * scale * step) as f32)
                .collect();
            trainer.gradient(&at, windows).1.iter().map(|gradient| f64::from(*gradient)).collect()
        };
        let (ahead, behind) = (gradient_at(1.0), gradient_at(-1.0));
        let product = ahead.iter().zip(&behind).zip(&root);
        let product: Vec<f64> =
            product.map(|((ahead, behind), root)| root * (ahead - behind) / (2.0 * scale)).collect();
        largest = product.iter().zip(vector.iter()).map(|(one, other)| one * other).sum();
        *vector = product;
    }
    normalise(vector);
    Some(largest)
}

/// The sharpness above which the steps of an optimiser at this learning rate are unstable: (2 + 2 β) / η for
/// momentum β and learning rate η (Cohen et al. 2021). `momentum` is that of SGD; the other optimisers have a
/// fixed one.
pub(crate) fn sharpness_limit(kind: OptimizerKind, momentum: f64, learning_rate: f64) -> f64 {
    let momentum = match kind {
        OptimizerKind::Sgd => momentum,
        OptimizerKind::RmsProp => 0.0,
        OptimizerKind::Adam | OptimizerKind::AdamW => 0.9,
    };
    // Adam keeps a running mean in which a new gradient has the share 1 - β, so its limit is higher by the
    // factor 1 / (1 - β) (Cohen et al. 2022, equation 3).
    match kind {
        OptimizerKind::Sgd => (2.0 + 2.0 * momentum) / learning_rate,
        _ => (2.0 + 2.0 * momentum) / ((1.0 - momentum) * learning_rate),
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

fn normalise(values: &mut [f64]) {
    let length = norm(values);
    if length > 0.0 {
        values.iter_mut().for_each(|value| *value /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::split::Split;
    use crate::train::export::exact;
    use crate::train::fit::context::TrainingContext;
    use crate::train::fit::epoch::Epoch;
    use crate::train::options::FitOptions;
    use crate::train::tests::sine_waves;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn the_largest_eigenvalue_agrees_with_the_whole_hessian_in_double_precision() {
        let dataset = sine_waves(2, 2, 4);
        let options = FitOptions {
            hidden: Some(2),
            patch: 1,
            dense: Some(0),
            dropout: 0.2,
            epochs: Some(8),
            optimizer: OptimizerKind::RmsProp,
            summary: false,
            learning_rate: 1e-2,
            balance: crate::train::options::Balance::None,
            folds: Some(0),
            ..FitOptions::default()
        };
        let (stop, quiet) = (AtomicBool::new(false), |_: usize, _: &Epoch| {});
        let training =
            TrainingContext { options: &options, dataset: &dataset, stop: &stop, progress: &quiet };
        let split = Split::new(&dataset, 0.5, 0);
        let windows = split.training.clone();
        let mut trainer = Trainer::new(&training, split, 0);
        for _ in 0..4 {
            trainer.epoch().unwrap();
        }
        let found = sharpness(&mut trainer, &windows, &mut PowerIteration::default(), 60, &|| false).unwrap();
        let loss = |parameters: &[f64]| {
            let costs = windows.iter().map(|window| {
                let mut row = exact::logits(trainer.network(), parameters, dataset.window(*window));
                exact::softmax(&mut row);
                -row[dataset.labels[*window]].ln()
            });
            costs.sum::<f64>() / windows.len() as f64
        };
        let at = exact::double_parameters(trainer.network());
        let root: Vec<f64> =
            trainer.optimizer().preconditioner().iter().map(|by| f64::from(*by).sqrt()).collect();
        let (count, by) = (at.len(), 1e-4);
        let moved = |i: usize, j: usize, si: f64, sj: f64| {
            let mut to = at.clone();
            to[i] += si * by;
            to[j] += sj * by;
            loss(&to)
        };
        let mut hessian = vec![0.0; count * count];
        for i in 0..count {
            for j in 0..=i {
                let second =
                    moved(i, j, 1., 1.) - moved(i, j, 1., -1.) - moved(i, j, -1., 1.) + moved(i, j, -1., -1.);
                hessian[i * count + j] = second / (4.0 * by * by) * root[i] * root[j];
                hessian[j * count + i] = hessian[i * count + j];
            }
        }
        let mut vector: Vec<f64> = (0..count).map(|i| (i as f64 + 0.3).cos()).collect();
        let mut expected = 0.0;
        for _ in 0..300 {
            normalise(&mut vector);
            let product: Vec<f64> = hessian
                .chunks_exact(count)
                .map(|row| row.iter().zip(&vector).map(|(one, other)| one * other).sum())
                .collect();
            expected = product.iter().zip(&vector).map(|(one, other)| one * other).sum();
            vector = product;
        }
        assert!((found / expected - 1.0).abs() < 0.03, "{found} {expected}");
    }

    #[test]
    fn limits_are_those_of_the_papers() {
        assert_eq!(sharpness_limit(OptimizerKind::RmsProp, 0.0, 0.001), 2000.0);
        assert!((sharpness_limit(OptimizerKind::Adam, 0.0, 0.001) - 38_000.0).abs() < 1e-6);
        assert!((sharpness_limit(OptimizerKind::Sgd, 0.9, 0.1) - 38.0).abs() < 1e-9);
    }
}
