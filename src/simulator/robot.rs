//! The properties of a simulated robot.

use rand::RngExt;
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;

/// The gravitational acceleration in m/s².
const GRAVITY: f64 = 9.81;

/// The properties that differ from one robot to the next.
#[derive(Clone, Debug)]
pub(super) struct SimulatedRobot {
    /// The weight of the robot with its load, in N.
    pub(super) weight: f64,
    /// The mean speed in m/s.
    pub(super) speed: f64,
    /// The torque at the wheels per current, in N·m/A.
    pub(super) torque_constant: f64,
    /// The current in A that the gears need without a load.
    pub(super) friction: f64,
    /// The time constant in s with which the speed controller responds to a load.
    pub(super) response: f64,
    /// The amplitudes of the ripple of wheel and pinion, as fractions of the current.
    pub(super) ripple: [f64; 2],
    /// The phases of the ripple of wheel and pinion, in turns.
    pub(super) phases: [f64; 2],
    /// The reading of the sensor without a current, in A.
    pub(super) offset: f64,
    /// The drop of the battery's voltage at the start, as a fraction of the full voltage.
    pub(super) sag: f64,
}

impl SimulatedRobot {
    /// Draws the properties of a robot at random.
    pub(super) fn new(rng: &mut Pcg64) -> Self {
        let mut around = |mean: f64, deviation: f64| {
            // Limited to three deviations, so that no robot has a negative mass.
            let normal: f64 = rng.sample(StandardNormal);
            mean + deviation * normal.clamp(-3.0, 3.0)
        };
        Self {
            weight: around(12.0, 0.8) * GRAVITY,
            speed: around(0.5, 0.03),
            torque_constant: around(0.5, 0.02),
            friction: around(0.8, 0.04),
            response: around(0.018, 0.002),
            ripple: [around(0.02, 0.003), around(0.015, 0.003)],
            offset: around(0.0, 0.03),
            phases: [rng.random(), rng.random()],
            sag: rng.random_range(0.0..0.06),
        }
    }
}
