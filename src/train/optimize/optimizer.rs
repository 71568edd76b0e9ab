//! Optimisers: how a step changes the parameters, given their gradients. Each computes what Keras 3 computes.
//!
//! Parameters, gradients and the optimiser's state are flat vectors of the same length.

use crate::train::kernel::activation::vectorised;

/// The kind of an optimiser.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent, with momentum if that is above 0 (Polyak 1964, Nesterov 1983).
    Sgd,
    /// Divides each gradient by the root of the moving average of its square (Tieleman and Hinton 2012).
    #[value(name = "rmsprop")]
    RmsProp,
    /// Divides the moving average of the gradient by the root of that of its square, both bias-corrected
    /// (Kingma and Ba 2015).
    Adam,
    /// Adam with weight decay that is independent of the gradient (Loshchilov and Hutter 2019).
    #[default]
    #[value(name = "adamw")]
    AdamW,
}

/// The settings of an optimiser. Settings that are not listed here have Keras's defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OptimizerOptions {
    /// The kind of optimiser.
    pub kind: OptimizerKind,
    /// The momentum of SGD, from 0 to below 1; 0 for none.
    pub momentum: f32,
    /// Whether SGD uses Nesterov's momentum.
    pub nesterov: bool,
    /// The weight decay of AdamW: each step first multiplies every parameter by 1 - learning rate · weight
    /// decay.
    pub weight_decay: f32,
}

/// The decay of RMSprop's moving average of squared gradients.
const RHO: f32 = 0.9;
/// The decays β1 and β2 of Adam's moving averages of the gradient and of its square.
const BETA: [f32; 2] = [0.9, 0.999];
/// Added to each denominator, so that no gradient is divided by 0.
const EPSILON: f32 = 1e-7;

/// An optimiser and its state.
#[derive(Clone, Debug)]
pub struct Optimizer {
    options: OptimizerOptions,
    /// Steps taken so far.
    steps: i32,
    /// The moving average of the gradient (Adam, AdamW) or the velocity (SGD with momentum), `[parameters]`;
    /// otherwise empty.
    first_moment: Vec<f32>,
    /// The moving average of the squared gradient, `[parameters]`; empty for SGD.
    second_moment: Vec<f32>,
}

impl Optimizer {
    /// An optimiser of `parameters` parameters, before its first step.
    pub fn new(options: OptimizerOptions, parameters: usize) -> Self {
        let zeros = |needed: bool| if needed { vec![0.0; parameters] } else { Vec::new() };
        let has_first = match options.kind {
            OptimizerKind::Sgd => options.momentum > 0.0,
            OptimizerKind::RmsProp => false,
            OptimizerKind::Adam | OptimizerKind::AdamW => true,
        };
        let has_second = options.kind != OptimizerKind::Sgd;
        Self { options, steps: 0, first_moment: zeros(has_first), second_moment: zeros(has_second) }
    }

    /// The factor that a step multiplies each parameter's gradient by, apart from the learning rate and
    /// momentum, `[parameters]`. Empty for SGD, where every factor is 1.
    pub fn preconditioner(&self) -> Vec<f32> {
        let correction = (1.0 - f64::from(BETA[1]).powi(self.steps.max(1))) as f32;
        let factor = |square: &f32| match self.options.kind {
            OptimizerKind::Sgd => 1.0,
            OptimizerKind::RmsProp => 1.0 / (square + EPSILON).sqrt(),
            OptimizerKind::Adam | OptimizerKind::AdamW => 1.0 / ((square / correction).sqrt() + EPSILON),
        };
        self.second_moment.iter().map(factor).collect()
    }

    /// Changes the parameters by one step, given their gradients.
    pub fn step(&mut self, learning_rate: f32, parameters: &mut [f32], gradients: &[f32]) {
        self.steps = self.steps.saturating_add(1);
        let Self { options, steps, first_moment: first, second_moment: second } = self;
        vectorised(
            #[inline(always)]
            || match options.kind {
                OptimizerKind::Sgd if first.is_empty() => sgd(learning_rate, parameters, gradients),
                OptimizerKind::Sgd => momentum(learning_rate, *options, parameters, gradients, first),
                OptimizerKind::RmsProp => rms_prop(learning_rate, parameters, gradients, second),
                OptimizerKind::Adam => adam(learning_rate, *steps, parameters, gradients, first, second),
                OptimizerKind::AdamW => {
                    let decay = 1.0 - learning_rate * options.weight_decay;
                    parameters.iter_mut().for_each(|value| *value *= decay);
                    adam(learning_rate, *steps, parameters, gradients, first, second);
                }
            },
        );
    }
}

/// θ ← θ - η g, with the parameter θ, its gradient g and the learning rate η.
#[inline(always)]
fn sgd(learning_rate: f32, parameters: &mut [f32], gradients: &[f32]) {
    for (value, gradient) in parameters.iter_mut().zip(gradients) {
        *value -= learning_rate * gradient;
    }
}

/// v ← μ v - η g, with the velocity v and the momentum μ; then θ ← θ + v, or with Nesterov's momentum θ ← θ +
/// μ v - η g.
#[inline(always)]
fn momentum(
    learning_rate: f32,
    options: OptimizerOptions,
    parameters: &mut [f32],
    gradients: &[f32],
    velocities: &mut [f32],
) {
    let (momentum, nesterov) = (options.momentum, options.nesterov);
    for ((value, velocity), gradient) in parameters.iter_mut().zip(velocities).zip(gradients) {
        *velocity = momentum * *velocity - learning_rate * gradient;
        *value += if nesterov { momentum * *velocity - learning_rate * gradient } else { *velocity };
    }
}

/// s ← ρ s + (1 - ρ) g², then θ ← θ - η g / sqrt(s + ε), with the moving average s of the squared gradient.
#[inline(always)]
fn rms_prop(learning_rate: f32, parameters: &mut [f32], gradients: &[f32], squares: &mut [f32]) {
    for ((value, square), gradient) in parameters.iter_mut().zip(squares).zip(gradients) {
        *square = RHO * *square + (1.0 - RHO) * gradient * gradient;
        *value -= learning_rate * gradient / (*square + EPSILON).sqrt();
    }
}

/// m ← β1 m + (1 - β1) g and s ← β2 s + (1 - β2) g², then θ ← θ - η' m / (sqrt(s) + ε), with the
/// bias-corrected learning rate η' = η sqrt(1 - β2^t) / (1 - β1^t) at step t.
///
/// ε is added to the uncorrected root, as at the end of section 2 of Kingma and Ba 2015 and in Keras.
#[inline(always)]
fn adam(
    learning_rate: f32,
    steps: i32,
    parameters: &mut [f32],
    gradients: &[f32],
    means: &mut [f32],
    squares: &mut [f32],
) {
    let correction = |beta: f32| 1.0 - f64::from(beta).powi(steps);
    let rate = (f64::from(learning_rate) * correction(BETA[1]).sqrt() / correction(BETA[0])) as f32;
    let moments = means.iter_mut().zip(squares);
    for ((value, (mean, square)), gradient) in parameters.iter_mut().zip(moments).zip(gradients) {
        *mean += (gradient - *mean) * (1.0 - BETA[0]);
        *square += (gradient * gradient - *square) * (1.0 - BETA[1]);
        *value -= rate * *mean / (square.sqrt() + EPSILON);
    }
}

/// Scales the gradients down so that their Euclidean norm is at most `limit` (Pascanu et al. 2013), and
/// returns the norm that they had before.
pub fn clip_norm(gradients: &mut [f32], limit: f32) -> f32 {
    let norm = gradients.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>().sqrt() as f32;
    if norm > limit {
        let factor = limit / norm;
        gradients.iter_mut().for_each(|gradient| *gradient *= factor);
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_limits_the_norm_and_keeps_the_direction() {
        let mut gradients = [3.0, 4.0];
        assert_eq!(clip_norm(&mut gradients, 1.0), 5.0);
        assert!((gradients[0] - 0.6).abs() < 1e-6 && (gradients[1] - 0.8).abs() < 1e-6);
        assert_eq!(clip_norm(&mut [0.3, 0.4], 1.0), 0.5);
    }
}
