//! The drag of the surface on the wheels of one axle.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_distr::Gamma;
use rand_pcg::Pcg64;

use super::random_process::RandomProcess;
use super::surface::{Ground, Surface};

/// The distance in m over which the force of an obstacle decays, about the length of a wheel's contact patch.
const CONTACT: f64 = 0.02;
/// The correlation length in m of the slipping and gripping of a wheel.
const GRIP: f64 = 0.15;

/// The wheels of one axle on the surface below them.
#[derive(Clone, Debug)]
pub(super) struct Axle {
    pub(super) surface: Surface,
    slope: RandomProcess,
    grip: RandomProcess,
    /// The distance to the next obstacle in m.
    next_obstacle: f64,
    /// The remaining force of the obstacles so far, as a fraction of the weight.
    bump: f64,
}

impl Axle {
    /// Puts the axle at a random place on a surface.
    pub(super) fn new(surface: Surface, rng: &mut Pcg64) -> Self {
        let (slope, grip) = (RandomProcess::new(rng), RandomProcess::new(rng));
        let next_obstacle = rng.random::<f64>() * surface.ground().spacing;
        Self { surface, slope, grip, next_obstacle, bump: 0.0 }
    }

    /// Moves the axle to a different surface, at a random place between two of its obstacles.
    pub(super) fn enter(&mut self, surface: Surface, rng: &mut Pcg64) {
        self.surface = surface;
        self.next_obstacle = rng.random::<f64>() * surface.ground().spacing;
    }

    /// Rolls by `step` m, and returns the drag as a fraction of the weight.
    pub(super) fn roll(&mut self, step: f64, rng: &mut Pcg64) -> f64 {
        let ground = self.surface.ground();
        self.bump *= (-step / CONTACT).exp();
        self.next_obstacle -= step;
        while self.next_obstacle <= 0.0 {
            self.next_obstacle += obstacle_distance(ground, rng);
            self.bump += ground.bump * rng.random_range(0.5..1.5);
        }
        let slope = ground.slope * self.slope.step(TAU * step / ground.corner, rng);
        let slip = ground.slip * self.grip.step(step / GRIP, rng);
        ground.rolling_resistance * (1.0 + slip) + slope + self.bump
    }
}

/// A random distance in m from one obstacle to the next.
///
/// It is at least a tenth of the mean, so that an axle passes only a few obstacles in one step.
fn obstacle_distance(ground: &Ground, rng: &mut Pcg64) -> f64 {
    let distances = Gamma::new(ground.regularity, ground.spacing / ground.regularity);
    distances.map_or(ground.spacing, |distances| rng.sample(distances)).max(ground.spacing / 10.0)
}
