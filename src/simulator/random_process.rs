//! Random variation along time or distance.

use rand::RngExt;
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;

/// A stationary first-order random process (Ornstein-Uhlenbeck) with mean 0 and standard deviation 1.
#[derive(Clone, Debug)]
pub(super) struct RandomProcess(f64);

impl RandomProcess {
    /// Starts the process at a random value.
    pub(super) fn new(rng: &mut Pcg64) -> Self {
        Self(rng.sample(StandardNormal))
    }

    /// Advances the process by `step`, in units of its correlation length, and returns its value.
    ///
    /// The result has the right distribution for steps of any size.
    pub(super) fn step(&mut self, step: f64, rng: &mut Pcg64) -> f64 {
        let kept = (-step).exp();
        let normal: f64 = rng.sample(StandardNormal);
        self.0 = kept * self.0 + (1.0 - kept * kept).sqrt() * normal;
        self.0
    }
}
