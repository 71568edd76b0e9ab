//! The currents of the single motors of a simulated robot.

use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;

use super::drive::{Drive, NOISE, STEP};
use super::random_process::RandomProcess;
use super::surface::Surface;
use crate::signal::{Channel, Time};

/// The most motors that a robot has.
pub(crate) const MAX_MOTORS: usize = 4;

/// Separates the random numbers of the motors from those of the drive, which has the same seed.
const SALT: u64 = 0x6d6f_746f_7273;
/// How often a wheel turns in a second, at the mean speed of a robot.
const TURNS: f64 = 1.33;
/// The correlation time in s of the changing load of a motor, as the robot steers and its weight shifts.
const LOAD_TIME: f64 = 0.5;

/// A drive with the current of each motor, as an iterator of its samples.
///
/// With one motor, they are the samples of the drive, whose current is that of all motors together. More motors share
/// that current; each has a share, a ripple, a changing load and a sensor of its own.
#[derive(Clone, Debug)]
pub(crate) struct Motors {
    drive: Drive,
    /// The time between two samples in s.
    interval: f64,
    rng: Pcg64,
    /// Empty if all motors together are one channel.
    motors: Vec<Motor>,
}

/// One sample of all motors.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MotorReading {
    /// The time since the start of the drive, in whole microseconds.
    pub time: Time,
    /// The current of each motor in A.
    pub currents: Vec<f32>,
    /// The surface below the front wheels.
    pub surface: Surface,
}

/// What distinguishes one motor from the others.
#[derive(Clone, Debug)]
struct Motor {
    /// Its share of the current of all motors.
    share: f64,
    /// The amplitude of the ripple of its wheel, as a fraction of its current.
    ripple: f64,
    /// The turns of its wheel in a second, and where the wheel is at the start, in turns.
    turns: f64,
    phase: f64,
    /// The changing part of its load.
    load: RandomProcess,
    /// The reading of its sensor without a current, in A.
    offset: f64,
}

impl Motors {
    /// The names of the channels of a robot with this number of motors, from 1 to [`MAX_MOTORS`].
    pub(crate) fn channels(count: usize) -> Vec<Channel> {
        let names: &[&str] = match count {
            0 | 1 => &["current"],
            2 => &["left", "right"],
            3 => &["left", "right", "rear"],
            _ => &["front_left", "front_right", "rear_left", "rear_right"],
        };
        names.iter().map(|name| Channel::in_ampere(name)).collect()
    }

    /// A drive of a robot with this number of motors, at `rate` Hz, drawn at random from `seed`.
    pub(crate) fn new(drive: Drive, seed: u64, rate: f64, count: usize) -> Self {
        let mut rng = Pcg64::seed_from_u64(seed ^ SALT);
        let count = if count <= 1 { 0 } else { count.min(MAX_MOTORS) };
        let motors = (0..count).map(|_| Motor::new(count, &mut rng)).collect();
        Self { drive, interval: 1.0 / rate.clamp(1.0, 100_000.0), rng, motors }
    }
}

impl Iterator for Motors {
    type Item = MotorReading;

    fn next(&mut self) -> Option<MotorReading> {
        let reading = self.drive.next()?;
        let Self { motors, rng, interval, .. } = self;
        let currents = if motors.is_empty() {
            vec![reading.current]
        } else {
            let (all, seconds) = (f64::from(reading.current), reading.time.seconds());
            motors.iter_mut().map(|motor| motor.current(all, seconds, *interval, rng)).collect()
        };
        Some(MotorReading { time: reading.time, currents, surface: reading.surface })
    }
}

impl Motor {
    /// Draws one of `count` motors at random.
    fn new(count: usize, rng: &mut Pcg64) -> Self {
        let mut around = |mean: f64, deviation: f64| {
            let normal: f64 = rng.sample(StandardNormal);
            mean + deviation * normal.clamp(-3.0, 3.0)
        };
        let (share, ripple) = (around(1.0, 0.08) / count as f64, around(0.06, 0.01));
        let (turns, offset) = (around(TURNS, 0.02), around(0.0, 0.02));
        Self { share, ripple, turns, offset, phase: rng.random(), load: RandomProcess::new(rng) }
    }

    /// What its sensor reads while all motors draw `all` A.
    fn current(&mut self, all: f64, seconds: f64, interval: f64, rng: &mut Pcg64) -> f32 {
        let ripple = self.ripple * (TAU * (self.turns * seconds + self.phase)).sin();
        let load = 0.05 * self.load.step(interval / LOAD_TIME, rng);
        let noise: f64 = rng.sample(StandardNormal);
        let current = all * self.share * (1.0 + ripple + load) + self.offset + NOISE * noise;
        ((current / STEP).round().clamp(-2048.0, 2047.0) * STEP) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::super::drive::RATE;
    use super::*;

    fn motors(seed: u64, count: usize) -> Motors {
        let drive = Drive::new(seed, RATE, vec![(Surface::Tile, 20.0)]);
        Motors::new(drive, seed, RATE, count)
    }

    #[test]
    fn one_motor_has_the_samples_of_the_drive() {
        let drive = Drive::new(3, RATE, vec![(Surface::Tile, 20.0)]);
        assert!(motors(3, 1).map(|reading| reading.currents).eq(drive.map(|reading| vec![reading.current])));
        assert_eq!(Motors::channels(1), [Channel::in_ampere("current")]);
    }

    #[test]
    fn more_motors_share_the_current_and_each_has_values_of_its_own() {
        for count in 2..=MAX_MOTORS {
            assert_eq!(Motors::channels(count).len(), count);
            let readings: Vec<_> = motors(3, count).collect();
            assert!(readings.iter().all(|reading| reading.currents.len() == count));
            let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
            let sum =
                mean(readings.iter().map(|r| r.currents.iter().copied().map(f64::from).sum()).collect());
            let all = mean(motors(3, 1).map(|reading| f64::from(reading.currents[0])).collect());
            assert!((sum / all - 1.0).abs() < 0.25, "{count} motors draw {sum} A of {all} A");
            let column =
                |motor: usize| readings.iter().map(|r| f64::from(r.currents[motor])).collect::<Vec<_>>();
            let (first, second) = (column(0), column(1));
            let deviations = |values: &[f64]| {
                let mean = mean(values.to_vec());
                values.iter().map(|value| value - mean).collect::<Vec<_>>()
            };
            let (first, second) = (deviations(&first), deviations(&second));
            let product = |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(a, b)| a * b).sum::<f64>();
            let correlation =
                product(&first, &second) / (product(&first, &first) * product(&second, &second)).sqrt();
            assert!((0.1..0.98).contains(&correlation), "{count} motors are correlated by {correlation}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_motors_and_a_different_seed_different_ones() {
        assert!(motors(5, 2).eq(motors(5, 2)));
        assert!(!motors(5, 2).eq(motors(6, 2)));
    }
}
