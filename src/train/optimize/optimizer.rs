//! Optimisers: how parameters follow their gradients, each as Keras 3 computes it.

use crate::train::kernel::activation::vectorised;

/// Kinds of optimisers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent, with momentum where it is given.
    Sgd,
    /// Divides each gradient by the root of its recent mean square (Tieleman and Hinton 2012).
    #[value(name = "rmsprop")]
    RmsProp,
    /// RMSprop with momentum, both corrected for their beginning (Kingma and Ba 2015).
    Adam,
    /// Adam with the decay of weights apart from the gradient (Loshchilov and Hutter 2019).
    #[default]
    #[value(name = "adamw")]
    AdamW,
}

/// An optimiser's kind and settings; the others are Keras's defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OptimizerOptions {
    /// The kind.
    pub kind: OptimizerKind,
    /// Momentum of SGD.
    pub momentum: f32,
    /// Whether that is Nesterov's.
    pub nesterov: bool,
    /// The share of each parameter, times the learning rate, that a step of AdamW takes away.
    pub weight_decay: f32,
}

/// Of RMSprop: the share of the mean square that stays at each step.
const RHO: f32 = 0.9;
/// Of Adam: the shares of the mean and of the mean square that stay at each step.
const BETA: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-7;

/// An optimiser with its state.
#[derive(Clone, Debug)]
pub struct Optimizer {
    options: OptimizerOptions,
    /// Steps taken.
    steps: i32,
    /// Mean gradient, or momentum; empty where the kind has none.
    first: Vec<f32>,
    /// Mean square gradient; empty where the kind has none.
    second: Vec<f32>,
}

impl Optimizer {
    /// Before its first step.
    pub fn new(options: OptimizerOptions, parameters: usize) -> Self {
        let zeros = |wanted: bool| if wanted { vec![0.0; parameters] } else { Vec::new() };
        let first = match options.kind {
            OptimizerKind::Sgd => options.momentum > 0.0,
            OptimizerKind::RmsProp => false,
            OptimizerKind::Adam | OptimizerKind::AdamW => true,
        };
        let second = options.kind != OptimizerKind::Sgd;
        Self { options, steps: 0, first: zeros(first), second: zeros(second) }
    }

    /// What each gradient is multiplied by before the learning rate; empty where it is 1 for all.
    pub fn preconditioner(&self) -> Vec<f32> {
        let correction = (1.0 - f64::from(BETA[1]).powi(self.steps.max(1))) as f32;
        let of = |square: &f32| match self.options.kind {
            OptimizerKind::Sgd => 1.0,
            OptimizerKind::RmsProp => 1.0 / (square + EPSILON).sqrt(),
            OptimizerKind::Adam | OptimizerKind::AdamW => 1.0 / ((square / correction).sqrt() + EPSILON),
        };
        self.second.iter().map(of).collect()
    }

    /// Moves the parameters by one step against the gradients.
    pub fn step(&mut self, learning_rate: f32, parameters: &mut [f32], gradients: &[f32]) {
        self.steps = self.steps.saturating_add(1);
        let Self { options, steps, first, second } = self;
        vectorised(
            #[inline(always)]
            || match options.kind {
                OptimizerKind::Sgd if first.is_empty() => sgd(learning_rate, parameters, gradients),
                OptimizerKind::Sgd => momentum(learning_rate, *options, parameters, gradients, first),
                OptimizerKind::RmsProp => rms_prop(learning_rate, parameters, gradients, second),
                OptimizerKind::Adam => adam(learning_rate, *steps, parameters, gradients, first, second),
                OptimizerKind::AdamW => {
                    let kept = 1.0 - learning_rate * options.weight_decay;
                    parameters.iter_mut().for_each(|value| *value *= kept);
                    adam(learning_rate, *steps, parameters, gradients, first, second);
                }
            },
        );
    }
}

#[inline(always)]
fn sgd(learning_rate: f32, parameters: &mut [f32], gradients: &[f32]) {
    for (value, gradient) in parameters.iter_mut().zip(gradients) {
        *value -= learning_rate * gradient;
    }
}

#[inline(always)]
fn momentum(
    learning_rate: f32,
    options: OptimizerOptions,
    parameters: &mut [f32],
    gradients: &[f32],
    first: &mut [f32],
) {
    let (share, nesterov) = (options.momentum, options.nesterov);
    for ((value, velocity), gradient) in parameters.iter_mut().zip(first).zip(gradients) {
        *velocity = share * *velocity - learning_rate * gradient;
        *value += if nesterov { share * *velocity - learning_rate * gradient } else { *velocity };
    }
}

#[inline(always)]
fn rms_prop(learning_rate: f32, parameters: &mut [f32], gradients: &[f32], second: &mut [f32]) {
    for ((value, square), gradient) in parameters.iter_mut().zip(second).zip(gradients) {
        *square = RHO * *square + (1.0 - RHO) * gradient * gradient;
        *value -= learning_rate * gradient / (*square + EPSILON).sqrt();
    }
}

#[inline(always)]
fn adam(
    learning_rate: f32,
    steps: i32,
    parameters: &mut [f32],
    gradients: &[f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let correction = |beta: f32| 1.0 - f64::from(beta).powi(steps);
    let rate = (f64::from(learning_rate) * correction(BETA[1]).sqrt() / correction(BETA[0])) as f32;
    let moments = first.iter_mut().zip(second);
    for ((value, (mean, square)), gradient) in parameters.iter_mut().zip(moments).zip(gradients) {
        *mean += (gradient - *mean) * (1.0 - BETA[0]);
        *square += (gradient * gradient - *square) * (1.0 - BETA[1]);
        *value -= rate * *mean / (square.sqrt() + EPSILON);
    }
}

/// Scales gradients down to a norm of at most `limit`; gives the norm that they had.
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
    fn clipping_keeps_the_direction() {
        let mut gradients = [3.0, 4.0];
        assert_eq!(clip_norm(&mut gradients, 1.0), 5.0);
        assert!((gradients[0] - 0.6).abs() < 1e-6 && (gradients[1] - 0.8).abs() < 1e-6);
        assert_eq!(clip_norm(&mut [0.3, 0.4], 1.0), 0.5);
    }
}
