//! The search: threads that run inputs, and a look-out for one that does not end.

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use underfoot_fuzz::Body;

use crate::mutator::Mutator;
use crate::progress::Progress;
use crate::report::{Report, Slowest};
use crate::{Arguments, folder, keep};

/// An input that takes longer than this counts as one that never ends.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How often the look-out looks.
const LOOK: Duration = Duration::from_millis(100);
/// How often there is a line about how far the search is.
const TELL: Duration = Duration::from_secs(600);

thread_local! {
    /// Place and message of the last panic of this thread.
    static LAST_PANIC: RefCell<(String, String)> = RefCell::default();
}

/// What one thread is doing now.
#[derive(Default)]
struct Now {
    number: AtomicU64,
    /// When it began with this input, in ms since the start.
    since: AtomicU64,
    ended: AtomicBool,
}

/// Runs a target until its time or its inputs are used up, and prints its row. Returns whether every promise held.
pub(crate) fn run(name: &str, body: Body, arguments: &Arguments, progress: &Path) -> bool {
    let progress = match Progress::create(progress) {
        Ok(progress) => progress,
        Err(error) => {
            eprintln!("mutate: {}: {error}", progress.display());
            return false;
        }
    };
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
        let message = info.payload_as_str().unwrap_or("").chars().take(300).collect();
        LAST_PANIC.set((place, message));
    }));
    let mutator = Mutator::of(folder(), name);
    let jobs = arguments.jobs();
    let threads: Vec<Now> = (0..jobs).map(|_| Now::default()).collect();
    let start = Instant::now();
    let search = Search { name, body, arguments, mutator: &mutator, progress: &progress, start };
    let mut report = Report::default();
    std::thread::scope(|scope| {
        let handles: Vec<_> = threads
            .iter()
            .enumerate()
            .map(|(job, now)| {
                let search = &search;
                scope.spawn(move || search.inputs(job, now))
            })
            .collect();
        look_out(&search, &threads);
        for handle in handles {
            // A body's panic is caught, so that the thread has none of its own.
            if let Ok(one) = handle.join() {
                report.merge(one);
            }
        }
    });
    println!("{}", report.row(name, start.elapsed()));
    for (index, (place, panics)) in report.panics.iter().enumerate() {
        let path = keep(name, &format!("panic-{}-{index}", arguments.seed), &panics.input);
        println!("  {} panics at {place}: {}", panics.count, panics.message.replace('\n', " "));
        println!("    the smallest input: {}", path.display());
    }
    report.panics.is_empty()
}

/// Waits until all threads have ended. One that does not come to an end with its input ends the process.
fn look_out(search: &Search<'_>, threads: &[Now]) {
    let mut told = Instant::now();
    while !threads.iter().all(|now| now.ended.load(Ordering::Relaxed)) {
        std::thread::sleep(LOOK);
        let at = search.start.elapsed().as_millis() as u64;
        for now in threads.iter().filter(|now| !now.ended.load(Ordering::Relaxed)) {
            let took = at.saturating_sub(now.since.load(Ordering::Relaxed));
            if took > TIMEOUT.as_millis() as u64 {
                let number = now.number.load(Ordering::Relaxed);
                let input = search.mutator.input(search.arguments.seed, search.name, number);
                let path = keep(search.name, &format!("slow-{number}"), &input);
                println!(
                    "{:<14} an input takes more than {} s: {}",
                    search.name,
                    TIMEOUT.as_secs(),
                    path.display()
                );
                std::process::exit(1);
            }
        }
        if told.elapsed() >= TELL {
            told = Instant::now();
            let number = threads.iter().map(|now| now.number.load(Ordering::Relaxed)).max();
            eprintln!("{}: about {} inputs so far", search.name, number.unwrap_or(0));
        }
    }
}

/// What all threads of a target share.
struct Search<'a> {
    name: &'a str,
    body: Body,
    arguments: &'a Arguments,
    mutator: &'a Mutator,
    progress: &'a Progress,
    start: Instant,
}

impl Search<'_> {
    /// Runs each input whose number is `job` more than a multiple of the number of threads.
    fn inputs(&self, job: usize, now: &Now) -> Report {
        let mut report = Report::default();
        let numbers = (job as u64..self.arguments.inputs.unwrap_or(u64::MAX)).step_by(self.arguments.jobs());
        for number in numbers {
            let begun = self.start.elapsed();
            if self.arguments.time().is_some_and(|time| begun >= time) {
                break;
            }
            now.number.store(number, Ordering::Relaxed);
            now.since.store(begun.as_millis() as u64, Ordering::Relaxed);
            self.progress.set(job, number);
            let input = self.mutator.input(self.arguments.seed, self.name, number);
            let made = self.start.elapsed();
            let outcome = std::panic::catch_unwind(|| (self.body)(&input));
            let took = self.start.elapsed() - made;
            report.inputs += 1;
            report.largest = report.largest.max(input.len());
            if took > report.slowest.took {
                report.slowest = Slowest { took, bytes: input.len(), number };
            }
            if outcome.is_err() {
                let (place, message) = LAST_PANIC.take();
                report.panicked(place, message, &input);
            }
        }
        now.ended.store(true, Ordering::Relaxed);
        report
    }
}
