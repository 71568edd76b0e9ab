//! A robot on its way: the current that its motors draw, sample by sample.

use std::f64::consts::TAU;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::{Gamma, StandardNormal};
use rand_pcg::Pcg64;

use super::surface::{Ground, Surface};
use crate::signal::Time;

/// Samples a second, where nothing else is asked for.
pub(crate) const RATE: f64 = 100.0;

/// m/s², at the surface of the Earth.
const GRAVITY: f64 = 9.81;
/// Radius of a wheel in m.
const RADIUS: f64 = 0.06;
/// From the front to the rear axle in m: at 0.5 m/s, the rear one changes the surface 0.3 s later.
const WHEELBASE: f64 = 0.15;
/// Length in m over which a wheel rolls off an obstacle: about its contact patch.
const CONTACT: f64 = 0.02;
/// Distance in m over which a wheel slips and grips again.
const GRIP: f64 = 0.15;
/// Turns of the gear's last pinion in a turn of the wheel: its teeth are the drive's fast ripple.
const PINION: f64 = 9.0;
/// A 12-bit converter over the ±30 A of a Hall sensor such as the ACS712: A a step.
const STEP: f64 = 60.0 / 4096.0;
/// The sensor's noise in A, RMS, within the band of the converter.
const NOISE: f64 = 0.012;

/// One sample of a drive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Since the start of the drive, in whole microseconds.
    pub time: Time,
    /// What all motors draw, in A.
    pub current: f32,
    /// What the front wheels are on.
    pub surface: Surface,
}

/// A drive over one surface after another; an iterator of its samples. The same seed gives the same samples.
#[derive(Clone, Debug)]
pub(crate) struct Drive {
    rate: f64,
    /// Each surface with the seconds at which it ends.
    plan: Vec<(Surface, f64)>,
    given: u64,
    rng: Pcg64,
    robot: SimulatedRobot,
    distance: f64,
    front: Axle,
    rear: Axle,
    /// What the front has crossed onto and the rear not yet, and where.
    boundary: Option<(Surface, f64)>,
    pace: Wander,
    drift: Wander,
    /// The motors' current, after the speed controller, in A.
    drawn: Option<f64>,
}

/// What differs from one robot to the next.
#[derive(Clone, Debug)]
struct SimulatedRobot {
    /// N: the mass with its load, times gravity.
    weight: f64,
    /// m/s.
    speed: f64,
    /// N·m at the wheels for each A.
    torque_constant: f64,
    /// A that the gears cost without a load.
    friction: f64,
    /// Seconds in which the speed controller answers a load.
    response: f64,
    /// The ripple of wheel and pinion, in parts of the current, and their phases in turns.
    ripple: [f64; 2],
    phases: [f64; 2],
    /// A that the sensor shows at rest.
    offset: f64,
    /// How far the battery's voltage has sunk below its full one, in parts.
    sag: f64,
}

impl SimulatedRobot {
    fn new(rng: &mut Pcg64) -> Self {
        let mut around = |mean: f64, deviation: f64| {
            // Within three deviations, so that no robot has a mass below 0.
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

/// A stationary first-order process (Ornstein and Uhlenbeck) of deviation 1.
#[derive(Clone, Debug)]
struct Wander(f64);

impl Wander {
    fn new(rng: &mut Pcg64) -> Self {
        Self(rng.sample(StandardNormal))
    }

    /// Moves on by `step`, in units of the correlation length; exact for a step of any size.
    fn step(&mut self, step: f64, rng: &mut Pcg64) -> f64 {
        let kept = (-step).exp();
        let normal: f64 = rng.sample(StandardNormal);
        self.0 = kept * self.0 + (1.0 - kept * kept).sqrt() * normal;
        self.0
    }
}

/// The wheels of one axle, and the ground below them.
#[derive(Clone, Debug)]
struct Axle {
    surface: Surface,
    slope: Wander,
    grip: Wander,
    /// m to the next obstacle.
    ahead: f64,
    /// What is left of the obstacles behind, in parts of the weight.
    jolt: f64,
}

impl Axle {
    fn new(surface: Surface, rng: &mut Pcg64) -> Self {
        let (slope, grip) = (Wander::new(rng), Wander::new(rng));
        let ahead = rng.random::<f64>() * surface.ground().spacing;
        Self { surface, slope, grip, ahead, jolt: 0.0 }
    }

    /// Rolls onto another surface, at a random place between two of its obstacles.
    fn enter(&mut self, surface: Surface, rng: &mut Pcg64) {
        self.surface = surface;
        self.ahead = rng.random::<f64>() * surface.ground().spacing;
    }

    /// Rolls on by `step` m; gives the drag in parts of the weight.
    fn roll(&mut self, step: f64, rng: &mut Pcg64) -> f64 {
        let ground = self.surface.ground();
        self.jolt *= (-step / CONTACT).exp();
        self.ahead -= step;
        while self.ahead <= 0.0 {
            self.ahead += gap(ground, rng);
            self.jolt += ground.bump * rng.random_range(0.5..1.5);
        }
        let slope = ground.slope * self.slope.step(TAU * step / ground.corner, rng);
        let slip = ground.slip * self.grip.step(step / GRIP, rng);
        ground.rolling_resistance * (1.0 + slip) + slope + self.jolt
    }
}

/// m from one obstacle to the next; not under a tenth of the mean, so that a step passes few of them.
fn gap(ground: &Ground, rng: &mut Pcg64) -> f64 {
    let gaps = Gamma::new(ground.regularity, ground.spacing / ground.regularity);
    gaps.map_or(ground.spacing, |gaps| rng.sample(gaps)).max(ground.spacing / 10.0)
}

impl Drive {
    /// A robot drawn from `seed` on each surface for its seconds, sampled at `rate` Hz.
    ///
    /// Seconds may be infinite, and count as 0 where they are negative or no number. The rate is taken into 1 Hz to
    /// 100 kHz, and is [`RATE`] where it is no number.
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
            given: 0,
            robot: SimulatedRobot::new(&mut rng),
            distance: 0.0,
            front: Axle::new(start, &mut rng),
            rear: Axle::new(start, &mut rng),
            boundary: None,
            pace: Wander::new(&mut rng),
            drift: Wander::new(&mut rng),
            drawn: None,
            rng,
        }
    }

    /// A drive over all surfaces for `seconds_each`, in an order drawn from the seed.
    pub(crate) fn tour(seed: u64, rate: f64, seconds_each: f64) -> Self {
        let mut surfaces = Surface::ALL;
        surfaces.shuffle(&mut Pcg64::seed_from_u64(seed));
        Self::new(seed, rate, surfaces.map(|surface| (surface, seconds_each)).to_vec())
    }

    /// A drive over all surfaces, `seconds_each`, again and again for a thousand rounds: days, at the usual pace.
    pub(crate) fn rounds(seed: u64, rate: f64, seconds_each: f64) -> Self {
        let rounds = std::iter::repeat_n(Surface::ALL, 1000).flatten();
        Self::new(seed, rate, rounds.map(|surface| (surface, seconds_each)).collect())
    }

    /// What the front wheels are on at a time; `None` before and after the drive.
    pub(crate) fn surface_at(&self, time: Time) -> Option<Surface> {
        surface_in(&self.plan, time.seconds())
    }

    /// Each surface with the seconds at which it starts and ends, in order; those of no length are left out.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = (f64, f64, Surface)> {
        let starts = std::iter::once(0.0).chain(self.plan.iter().map(|(_, end)| *end));
        starts.zip(&self.plan).map(|(start, &(surface, end))| (start, end, surface)).filter(|(s, e, _)| s < e)
    }

    /// The drag on the whole robot in parts of its weight, after the next `step` m.
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

    /// The battery's current in A, a sampling interval later.
    fn current(&mut self, seconds: f64, surface: Surface) -> f64 {
        let interval = 1.0 / self.rate;
        // Nobody drives at one speed: it wanders over seconds, and with it the pitch of all that repeats.
        let pace = (1.0 + 0.04 * self.pace.step(interval / 4.0, &mut self.rng)).max(0.5);
        let drag = self.drag(surface, self.robot.speed * pace * interval);
        let robot = &self.robot;
        let torque = drag * robot.weight * RADIUS;
        // Gears drag with their speed, too. Downhill the robot coasts: its driver takes no current back.
        let load = (torque / robot.torque_constant + robot.friction * (0.6 + 0.4 * pace)).max(0.0);
        // The speed sinks under a load before the controller answers: the current follows with a delay.
        let before = self.drawn.unwrap_or(load);
        let drawn = load + (before - load) * (-interval / robot.response).exp();
        self.drawn = Some(drawn);
        // Wheels out of round and the teeth of their gears modulate the torque, once and `PINION` times a turn.
        let turns = self.distance / (TAU * RADIUS);
        let wave = |turns: f64, phase: f64| (TAU * (turns + phase)).sin();
        let ripple = robot.ripple[0] * wave(turns, robot.phases[0])
            + robot.ripple[1] * wave(PINION * turns, robot.phases[1]);
        let felt = 1.0 - self.front.surface.ground().damping;
        // The same power from a lower voltage is more current; the battery sinks by a tenth in four hours.
        let sag = (robot.sag + 0.1 * seconds / 14_400.0).min(0.2);
        drawn * (1.0 + felt * ripple) / (1.0 - sag)
    }
}

impl Iterator for Drive {
    type Item = Reading;

    fn next(&mut self) -> Option<Reading> {
        let seconds = self.given as f64 / self.rate;
        // Whole microseconds, as a board counts them, so that every form of writing gives the same time back.
        let time = Time::from_units((seconds * 1e6).round(), 1e3)?;
        let surface = self.surface_at(time)?;
        self.given += 1;
        let current = self.current(seconds, surface);
        // The sensor warms up and cools over minutes, which moves its zero.
        let drift = 0.01 * self.drift.step(1.0 / (60.0 * self.rate), &mut self.rng);
        let noise: f64 = self.rng.sample(StandardNormal);
        let sensed = current + self.robot.offset + drift + NOISE * noise;
        let code = (sensed / STEP).round().clamp(-2048.0, 2047.0);
        Some(Reading { time, current: (code * STEP) as f32, surface })
    }
}

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
    fn the_same_seed_gives_the_same_samples_and_another_seed_others() {
        let drive = |seed| Drive::tour(seed, RATE, 5.0).map(|r| (r.time, r.current.to_bits(), r.surface));
        assert!(drive(7).eq(drive(7)));
        assert!(!drive(7).eq(drive(8)));
    }

    #[test]
    fn a_tour_passes_each_surface_once_for_its_seconds() {
        let drive = Drive::tour(3, 50.0, 4.0);
        let readings: Vec<_> = drive.clone().collect();
        assert_eq!(readings.len(), 6 * 200);
        for surface in Surface::ALL {
            assert_eq!(readings.iter().filter(|r| r.surface == surface).count(), 200);
        }
        assert!(readings.iter().all(|r| drive.surface_at(r.time) == Some(r.surface)));
        assert_eq!(drive.surface_at(Time::from_seconds(24.0).unwrap()), None);
        assert_eq!(drive.stretches().count(), 6);
    }

    #[test]
    fn the_current_stays_within_what_the_robot_can_draw() {
        let readings: Vec<_> = (0..20).flat_map(|seed| Drive::tour(seed, RATE, 10.0)).collect();
        let (low, high) =
            readings.iter().fold((f32::MAX, f32::MIN), |(l, h), r| (l.min(r.current), h.max(r.current)));
        assert!(low > -0.2 && high < 12.0, "{low} to {high}");
    }

    #[test]
    fn a_drive_without_a_plan_or_with_a_senseless_one_ends_at_once() {
        assert_eq!(Drive::new(0, RATE, vec![]).next(), None);
        let plan = vec![(Surface::Wood, f64::NAN), (Surface::Tile, -1.0)];
        assert_eq!(Drive::new(0, f64::NAN, plan).next(), None);
        assert_eq!(Drive::new(0, -5.0, vec![(Surface::Wood, f64::INFINITY)]).take(9).count(), 9);
    }

    #[test]
    fn the_rear_wheels_follow_within_half_a_second() {
        let mut drive = Drive::new(1, RATE, vec![(Surface::Tile, 1.0), (Surface::Grass, 1.0)]);
        let rear: Vec<_> = std::iter::from_fn(|| drive.next().map(|_| drive.rear.surface)).collect();
        let changed = rear.iter().position(|surface| *surface == Surface::Grass).unwrap();
        assert!((120..150).contains(&changed), "{changed}");
    }

    /// Mean, and the logarithms of the deviation and of the energy of the differences, of each 2 s.
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

    /// How many windows of five unseen robots a surface are nearest to the mean of five other robots on their surface.
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
        let far = |row: &[f64; 3], c: &[f64; 3]| {
            (0..dimensions).map(|d| (row[d] - c[d]).powi(2) / spread[d]).sum::<f64>()
        };
        let mut right = 0;
        for (class, rows) in test.iter().enumerate() {
            for row in rows {
                let nearest =
                    (0..6).min_by(|&a, &b| far(row, &centroids[a]).total_cmp(&far(row, &centroids[b])));
                right += usize::from(nearest == Some(class));
            }
        }
        right as f64 / test.iter().map(Vec::len).sum::<usize>() as f64
    }

    #[test]
    fn the_mean_alone_does_not_tell_the_surfaces_apart_but_the_spectrum_does() {
        let (mean, all) = (nearest_centroid(1), nearest_centroid(3));
        println!("mean {mean:.3}, mean, deviation and differences {all:.3}");
        assert!(mean < 0.75, "{mean}");
        assert!(all > 0.85, "{all}");
    }
}
