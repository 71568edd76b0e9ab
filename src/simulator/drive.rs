//! A simulated drive: the current that the motors of a robot draw, sample by sample.
//!
//! The robot has a front and a rear axle. The current results from the drag of the surface on both axles, the
//! gears, the speed controller, the ripple of wheels and gears, the battery and the current sensor. Each step
//! of the simulation is one sample. The robots differ a little; their properties and all noise are drawn from
//! a seed.

use std::f64::consts::TAU;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;

use super::axle::Axle;
use super::random_process::RandomProcess;
use super::robot::SimulatedRobot;
use super::surface::Surface;
use crate::signal::Time;

/// The default sample rate in Hz.
pub(crate) const RATE: f64 = 100.0;

/// The radius of a wheel in m.
const RADIUS: f64 = 0.06;
/// The distance between the axles in m. At 0.5 m/s, the rear axle reaches a new surface 0.3 s after the front
/// axle.
const WHEELBASE: f64 = 0.15;
/// The turns of the gear's last pinion per turn of the wheel. Its teeth cause the fast ripple.
const PINION: f64 = 9.0;
/// The resolution of the sensor in A: a 12-bit converter for the ±30 A of a Hall sensor such as the ACS712.
pub(super) const STEP: f64 = 60.0 / 4096.0;
/// The RMS noise of the sensor in A, within the bandwidth of the converter.
pub(super) const NOISE: f64 = 0.012;

/// One sample of a drive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// The time since the start of the drive, in whole microseconds.
    pub time: Time,
    /// The current of all motors together, in A.
    pub current: f32,
    /// The surface below the front wheels.
    pub surface: Surface,
}

/// A drive over one surface after another, as an iterator of its samples. The same seed gives the same
/// samples.
#[derive(Clone, Debug)]
pub(crate) struct Drive {
    rate: f64,
    /// Each surface with the time in s at which it ends.
    plan: Vec<(Surface, f64)>,
    /// The number of samples so far.
    count: u64,
    rng: Pcg64,
    robot: SimulatedRobot,
    /// The distance driven so far in m.
    distance: f64,
    front: Axle,
    rear: Axle,
    /// The surface that the front axle has reached and the rear axle has not, and the distance in m at which
    /// it starts.
    boundary: Option<(Surface, f64)>,
    /// The slow variation of the speed.
    speed_variation: RandomProcess,
    /// The slow drift of the sensor's zero.
    drift: RandomProcess,
    /// The current of the motors in A after the last sample, as the speed controller sets it; `None` before
    /// the first.
    motor_current: Option<f64>,
}

impl Drive {
    /// A drive on each surface for its time in s, sampled at `rate` Hz, by a robot that is drawn at random
    /// from `seed`.
    ///
    /// The times may be infinite, and count as 0 if they are negative or not a number. The rate is limited to
    /// the range from 1 Hz to 100 kHz, and is [`RATE`] if it is not a number.
    pub(crate) fn new(seed: u64, rate: f64, plan: Vec<(Surface, f64)>) -> Self {
        let rate = if rate.is_nan() { RATE } else { rate.clamp(1.0, 100_000.0) };
        let mut end = 0.0;
        let plan: Vec<_> = plan
            .into_iter()
            .map(|(surface, seconds)| {
                end += f64::max(seconds, 0.0);
                (surface, end)
            })
            .collect();
        let start = surface_in(&plan, 0.0).unwrap_or(Surface::Concrete);
        let mut rng = Pcg64::seed_from_u64(seed);
        Self {
            rate,
            plan,
            count: 0,
            robot: SimulatedRobot::new(&mut rng),
            distance: 0.0,
            front: Axle::new(start, &mut rng),
            rear: Axle::new(start, &mut rng),
            boundary: None,
            speed_variation: RandomProcess::new(&mut rng),
            drift: RandomProcess::new(&mut rng),
            motor_current: None,
            rng,
        }
    }

    /// A drive over all surfaces, `seconds_each` on each, in an order that is drawn from the seed.
    pub(crate) fn tour(seed: u64, rate: f64, seconds_each: f64) -> Self {
        let mut surfaces = Surface::ALL;
        surfaces.shuffle(&mut Pcg64::seed_from_u64(seed));
        Self::new(seed, rate, surfaces.map(|surface| (surface, seconds_each)).to_vec())
    }

    /// A drive of a thousand rounds over all surfaces, `seconds_each` on each, which is practically endless.
    pub(crate) fn rounds(seed: u64, rate: f64, seconds_each: f64) -> Self {
        let rounds = std::iter::repeat_n(Surface::ALL, 1000).flatten();
        Self::new(seed, rate, rounds.map(|surface| (surface, seconds_each)).collect())
    }

    /// The surface below the front wheels at a time; `None` before and after the drive.
    pub(crate) fn surface_at(&self, time: Time) -> Option<Surface> {
        surface_in(&self.plan, time.seconds())
    }

    /// Each surface with the times in s at which it starts and ends, in order. Those without a duration are
    /// omitted.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (f64, f64, Surface)> {
        let starts = std::iter::once(0.0).chain(self.plan.iter().map(|(_, end)| *end));
        starts.zip(&self.plan).map(|(start, &(surface, end))| (start, end, surface)).filter(|(s, e, _)| s < e)
    }

    /// Moves the robot by `step` m, with its front wheels on `surface`, and returns its drag as a fraction of
    /// its weight.
    fn drag(&mut self, surface: Surface, step: f64) -> f64 {
        self.distance += step;
        if let Some((next, from)) = self.boundary
            && (self.distance >= from + WHEELBASE || surface != next)
        {
            self.rear.enter(next, &mut self.rng);
            self.boundary = None;
        }
        if surface != self.front.surface {
            self.front.enter(surface, &mut self.rng);
            self.boundary = Some((surface, self.distance));
        }
        0.5 * (self.front.roll(step, &mut self.rng) + self.rear.roll(step, &mut self.rng))
    }

    /// Simulates one sampling interval, and returns the current of the battery in A.
    ///
    /// `seconds` is the time since the start of the drive.
    fn current(&mut self, seconds: f64, surface: Surface) -> f64 {
        let interval = 1.0 / self.rate;
        // The speed varies over seconds, and the frequencies of everything periodic vary with it.
        let relative_speed = (1.0 + 0.04 * self.speed_variation.step(interval / 4.0, &mut self.rng)).max(0.5);
        let drag = self.drag(surface, self.robot.speed * relative_speed * interval);
        let robot = &self.robot;
        let torque = drag * robot.weight * RADIUS;
        // The friction of the gears also depends on the speed. Downhill the robot coasts, but it recovers no
        // current.
        let load = (torque / robot.torque_constant + robot.friction * (0.6 + 0.4 * relative_speed)).max(0.0);
        // A load first lowers the speed, and then the controller responds, so that the current follows with a
        // delay.
        let before = self.motor_current.unwrap_or(load);
        let motor_current = load + (before - load) * (-interval / robot.response).exp();
        self.motor_current = Some(motor_current);
        // Wheels that are not quite round and the teeth of the pinion modulate the torque, once and `PINION`
        // times per turn of the wheel.
        let turns = self.distance / (TAU * RADIUS);
        let wave = |turns: f64, phase: f64| (TAU * (turns + phase)).sin();
        let ripple = robot.ripple[0] * wave(turns, robot.phases[0])
            + robot.ripple[1] * wave(PINION * turns, robot.phases[1]);
        let undamped = 1.0 - self.front.surface.ground().damping;
        // The same power at a lower voltage needs more current. The voltage drops by a tenth in four hours.
        let sag = (robot.sag + 0.1 * seconds / 14_400.0).min(0.2);
        motor_current * (1.0 + undamped * ripple) / (1.0 - sag)
    }
}

impl Iterator for Drive {
    type Item = Reading;

    fn next(&mut self) -> Option<Reading> {
        let seconds = self.count as f64 / self.rate;
        // Boards count whole microseconds. Every format preserves these exactly.
        let time = Time::from_units((seconds * 1e6).round(), 1e3)?;
        let surface = self.surface_at(time)?;
        self.count += 1;
        let current = self.current(seconds, surface);
        // The sensor warms up and cools down over minutes, which moves its zero.
        let drift = 0.01 * self.drift.step(1.0 / (60.0 * self.rate), &mut self.rng);
        let noise: f64 = self.rng.sample(StandardNormal);
        let measured = current + self.robot.offset + drift + NOISE * noise;
        let code = (measured / STEP).round().clamp(-2048.0, 2047.0);
        Some(Reading { time, current: (code * STEP) as f32, surface })
    }
}

/// The surface at a time in s, given each surface with the time at which it ends; `None` before and after the
/// plan.
fn surface_in(plan: &[(Surface, f64)], seconds: f64) -> Option<Surface> {
    if seconds < 0.0 {
        return None;
    }
    let index = plan.partition_point(|(_, end)| *end <= seconds);
    plan.get(index).map(|(surface, _)| *surface)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_samples_and_a_different_seed_different_ones() {
        let drive = |seed| Drive::tour(seed, RATE, 5.0).map(|r| (r.time, r.current.to_bits(), r.surface));
        assert!(drive(7).eq(drive(7)));
        assert!(!drive(7).eq(drive(8)));
    }

    #[test]
    fn the_samples_of_seed_0_are_those_that_models_and_documents_were_made_with() {
        let start = [0.864_257_8, 0.922_851_56, 0.952_148_44, 0.922_851_56, 0.952_148_44, 0.996_093_75];
        let rounds = Drive::rounds(0, RATE, 30.0).take(6);
        assert_eq!(rounds.map(|reading| reading.current).collect::<Vec<_>>(), start);
        let tour: Vec<_> =
            Drive::tour(0, RATE, 1.0).take(3).map(|reading| format!("{:.4}", reading.current)).collect();
        assert_eq!(tour, ["1.5234", "1.5527", "1.5820"]);
    }

    #[test]
    fn a_tour_stays_on_each_surface_once_for_the_given_time() {
        let drive = Drive::tour(3, 50.0, 4.0);
        let readings: Vec<_> = drive.clone().collect();
        assert_eq!(readings.len(), 6 * 200);
        for surface in Surface::ALL {
            assert_eq!(readings.iter().filter(|r| r.surface == surface).count(), 200);
        }
        assert!(readings.iter().all(|r| drive.surface_at(r.time) == Some(r.surface)));
        assert_eq!(drive.surface_at(Time::from_seconds(24.0).unwrap()), None);
        assert_eq!(drive.segments().count(), 6);
    }

    #[test]
    fn the_current_stays_within_the_range_of_a_real_robot() {
        let readings: Vec<_> = (0..20).flat_map(|seed| Drive::tour(seed, RATE, 10.0)).collect();
        let (low, high) =
            readings.iter().fold((f32::MAX, f32::MIN), |(l, h), r| (l.min(r.current), h.max(r.current)));
        assert!(low > -0.2 && high < 12.0, "{low} to {high}");
    }

    #[test]
    fn a_drive_with_an_empty_or_invalid_plan_has_no_samples() {
        assert_eq!(Drive::new(0, RATE, vec![]).next(), None);
        let plan = vec![(Surface::Wood, f64::NAN), (Surface::Tile, -1.0)];
        assert_eq!(Drive::new(0, f64::NAN, plan).next(), None);
        assert_eq!(Drive::new(0, -5.0, vec![(Surface::Wood, f64::INFINITY)]).take(9).count(), 9);
    }

    #[test]
    fn the_rear_wheels_reach_a_surface_within_half_a_second_after_the_front_wheels() {
        let mut drive = Drive::new(1, RATE, vec![(Surface::Tile, 1.0), (Surface::Grass, 1.0)]);
        let rear: Vec<_> = std::iter::from_fn(|| drive.next().map(|_| drive.rear.surface)).collect();
        let changed = rear.iter().position(|surface| *surface == Surface::Grass).unwrap();
        assert!((120..150).contains(&changed), "{changed}");
    }

    /// The mean, the logarithm of the deviation, and the logarithm of the mean squared difference of each
    /// window of 2 s.
    fn features(surface: Surface, seed: u64) -> Vec<[f64; 3]> {
        let drive = Drive::new(seed, RATE, vec![(surface, 30.0)]);
        let values: Vec<_> = drive.map(|reading| f64::from(reading.current)).collect();
        let feature = |window: &[f64]| {
            let count = window.len() as f64;
            let mean = window.iter().sum::<f64>() / count;
            let variance = window.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            let fast = window.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum::<f64>() / count;
            [mean, variance.sqrt().ln(), fast.ln()]
        };
        values.chunks_exact(200).map(feature).collect()
    }

    /// The fraction of windows of five robots that are nearest to the mean of five other robots on the same
    /// surface.
    fn nearest_centroid(dimensions: usize) -> f64 {
        let windows = |seeds: std::ops::Range<u64>| {
            Surface::ALL.map(|surface| seeds.clone().flat_map(|s| features(surface, s)).collect::<Vec<_>>())
        };
        let (train, test) = (windows(0..5), windows(5..10));
        let centroid = |rows: &[[f64; 3]]| {
            [0, 1, 2].map(|d| rows.iter().map(|row| row[d]).sum::<f64>() / rows.len() as f64)
        };
        let centroids: Vec<_> = train.iter().map(|rows| centroid(rows)).collect();
        let spread = [0, 1, 2].map(|d| {
            let squares =
                train.iter().zip(&centroids).flat_map(|(rows, c)| rows.iter().map(|r| (r[d] - c[d]).powi(2)));
            squares.sum::<f64>() / train.iter().map(Vec::len).sum::<usize>() as f64
        });
        let distance = |row: &[f64; 3], c: &[f64; 3]| {
            (0..dimensions).map(|d| (row[d] - c[d]).powi(2) / spread[d]).sum::<f64>()
        };
        let mut correct = 0;
        for (class, rows) in test.iter().enumerate() {
            for row in rows {
                let distances = centroids.iter().map(|centroid| distance(row, centroid)).enumerate();
                let nearest = distances.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(index, _)| index);
                correct += usize::from(nearest == Some(class));
            }
        }
        correct as f64 / test.iter().map(Vec::len).sum::<usize>() as f64
    }

    #[test]
    fn surfaces_are_distinguished_by_the_spectrum_but_not_by_the_mean_alone() {
        let (mean, all) = (nearest_centroid(1), nearest_centroid(3));
        println!("mean {mean:.3}, mean, deviation and differences {all:.3}");
        assert!(mean < 0.75, "{mean}");
        assert!(all > 0.85, "{all}");
    }
}
