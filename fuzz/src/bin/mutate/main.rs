//! Runs the fuzz targets on mutated seeds, on the stable toolchain and without libFuzzer.
//!
//! It does not learn from coverage, as libFuzzer does; in return it needs no nightly toolchain and runs on all cores. Build it with the
//! profile `mutate`, which has overflow checks and debug assertions; `make mutate` does. Each target runs in a process of its own, so
//! that a stack overflow or an allocation that fails ends that target only.
//!
//! An input is a function of `--seed`, the target and the input's number, so every run can be repeated.

mod dictionary;
mod mutator;
mod progress;
mod report;
mod search;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use underfoot_fuzz::{Body, TARGETS};

use mutator::Mutator;
use progress::Progress;

/// Looks for inputs that break a promise, by mutating the seeds of the fuzz targets.
#[derive(Parser, Clone)]
struct Arguments {
    /// The targets; all if none is named.
    targets: Vec<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many inputs each target gets, instead of a time.
    #[arg(long, conflicts_with = "seconds")]
    inputs: Option<u64>,
    /// Number of threads; all cores if it is not set.
    #[arg(long)]
    jobs: Option<usize>,
    /// Seed of the mutations.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Only runs this input through the one named target.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Runs one target in this process and keeps its progress in this file.
    #[arg(long, hide = true)]
    progress: Option<PathBuf>,
}

impl Arguments {
    fn jobs(&self) -> usize {
        self.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)
    }

    /// How long a target may run: without an end if the number of inputs is given.
    fn time(&self) -> Option<Duration> {
        self.inputs.is_none().then(|| Duration::from_secs(self.seconds))
    }
}

/// The folder of this package, with the seeds, the dictionaries and the artifacts.
fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Keeps an input that broke a promise, and returns where.
fn keep(target: &str, kind: &str, input: &[u8]) -> PathBuf {
    let folder = folder().join("artifacts").join(target);
    let path = folder.join(kind);
    if let Err(error) = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, input)) {
        eprintln!("mutate: {} cannot be written: {error}", path.display());
    }
    path
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(unknown) =
        arguments.targets.iter().find(|name| !TARGETS.iter().any(|(target, _)| target == *name))
    {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("mutate: there is no target {unknown:?}; choose from {}", names.join(", "));
        return ExitCode::from(2);
    }
    let chosen: Vec<(&str, Body)> = TARGETS
        .into_iter()
        .filter(|(name, _)| arguments.targets.is_empty() || arguments.targets.iter().any(|one| one == name))
        .collect();
    let held = match (&arguments.replay, &arguments.progress, chosen.as_slice()) {
        (Some(file), _, [(_, body)]) => replay(file, *body),
        (Some(_), ..) => {
            eprintln!("mutate: --replay needs the one target that the input is for");
            return ExitCode::from(2);
        }
        (None, Some(progress), [(name, body)]) => search::run(name, *body, &arguments, progress),
        _ => {
            println!("{}", report::HEAD);
            // All targets run, even if one of them found something.
            chosen.iter().filter(|(name, _)| !run_apart(name, &arguments)).count() == 0
        }
    };
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one input, whose panic is the program's own.
fn replay(file: &Path, body: Body) -> bool {
    match std::fs::read(file) {
        Ok(input) => {
            body(&input);
            println!("{} bytes, no panic", input.len());
            true
        }
        Err(error) => {
            eprintln!("mutate: {}: {error}", file.display());
            false
        }
    }
}

/// Runs a target in a process of its own. If that dies, the inputs that its threads were at are kept.
fn run_apart(name: &str, arguments: &Arguments) -> bool {
    let progress = std::env::temp_dir().join(format!("underfoot-mutate-{}-{name}", std::process::id()));
    let mut words = vec![name.to_owned(), "--progress".into(), progress.display().to_string()];
    words.extend([
        "--seed".into(),
        arguments.seed.to_string(),
        "--jobs".into(),
        arguments.jobs().to_string(),
    ]);
    match arguments.inputs {
        Some(inputs) => words.extend(["--inputs".into(), inputs.to_string()]),
        None => words.extend(["--seconds".into(), arguments.seconds.to_string()]),
    }
    let ended = std::env::current_exe().and_then(|program| Command::new(program).args(words).status());
    let held = match ended {
        Ok(status) if status.code().is_some() => status.success(),
        Ok(status) => {
            println!("{name:<14} died: {status}");
            let mutator = Mutator::of(folder(), name);
            for number in Progress::last(&progress, arguments.jobs()) {
                let input = mutator.input(arguments.seed, name, number);
                println!("  an input it was at: {}", keep(name, &format!("died-{number}"), &input).display());
            }
            false
        }
        Err(error) => {
            eprintln!("mutate: {name} cannot be run: {error}");
            false
        }
    };
    let _ = std::fs::remove_file(&progress);
    held
}
