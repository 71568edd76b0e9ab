//! Simulated recordings, and their samples in every format that a robot can send.

use std::path::{Path, PathBuf};

use underfoot::decode::binary;

use super::{model, run};

/// A recording in its own folder.
pub(crate) struct Recording {
    folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) stream: String,
    /// The time and the current of each sample, as written in the file.
    pub(crate) rows: Vec<(String, String)>,
}

impl Recording {
    /// A drive over all surfaces at 100 Hz, with this number of seconds on each.
    pub(crate) fn tour(seed: u32, seconds: f64) -> Self {
        Self::tour_at(100, seed, seconds)
    }

    /// A drive over all surfaces at this rate in Hz.
    pub(crate) fn tour_at(rate: u32, seed: u32, seconds: f64) -> Self {
        let folder = super::folder();
        let [rate, seed, seconds] = [rate.to_string(), seed.to_string(), seconds.to_string()];
        simulate(folder.path(), &["--tour", "--rate", &rate, "--seed", &seed, "--seconds", &seconds]);
        let stream = format!("tour{seed}");
        let path = folder.path().join(&stream).with_extension("csv");
        let text = std::fs::read_to_string(&path).unwrap();
        let rows = text.lines().skip(1).map(|line| line.split_once(',').unwrap());
        let rows = rows.map(|(t, current)| (t.to_owned(), current.to_owned())).collect();
        Self { folder, path, stream, rows }
    }

    /// The same recording without the samples in a range.
    pub(crate) fn without(mut self, range: std::ops::Range<usize>) -> Self {
        self.rows.drain(range);
        let lines: String = self.csv(0..self.rows.len());
        std::fs::write(&self.path, format!("t,current\n{lines}")).unwrap();
        self
    }

    /// The same recording with other values. `value` gets the index of a row and its current.
    pub(crate) fn with(mut self, value: impl Fn(usize, f64) -> f64) -> Self {
        for (index, (_, current)) in self.rows.iter_mut().enumerate() {
            *current = format!("{:.4}", value(index, current.parse().unwrap()));
        }
        std::fs::write(&self.path, format!("t,current\n{}", self.csv(0..self.rows.len()))).unwrap();
        self
    }

    /// A range of rows as CSV lines.
    pub(crate) fn csv(&self, range: std::ops::Range<usize>) -> String {
        self.rows[range].iter().map(|(t, current)| format!("{t},{current}\n")).collect()
    }

    /// Each row as a JSON object.
    pub(crate) fn objects(&self) -> impl Iterator<Item = String> {
        self.rows.iter().map(|(t, current)| format!("{{\"t\":{t},\"current\":{current}}}"))
    }

    /// Each row as a binary frame.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Vec<u8>> {
        self.rows.iter().enumerate().map(|(sequence, (t, current))| {
            let mut frame = Vec::new();
            let micros = (t.parse::<f64>().unwrap() * 1e6).round() as u32;
            binary::encode(sequence as u16, micros, &[current.parse().unwrap()], &mut frame);
            frame
        })
    }

    /// The predictions of a replay of this recording.
    pub(crate) fn replayed(&self) -> Vec<String> {
        let lines = replay(&[&self.path], &[]).lines().map(str::to_owned).collect::<Vec<_>>();
        assert!(lines.len() > 5, "{lines:?}");
        lines
    }
}

/// Writes simulated recordings into a folder.
pub(crate) fn simulate(folder: &Path, args: &[&str]) {
    let folder = folder.to_str().unwrap();
    run(["simulate", "--out", folder].iter().chain(args)).ok();
}

/// The arguments of a replay with the shipped model.
pub(crate) fn replay_args(paths: &[&Path], args: &[&str]) -> Vec<String> {
    let paths = paths.iter().map(|path| path.display().to_string());
    let model = ["--model".to_owned(), model().display().to_string()];
    let args = args.iter().map(|arg| (*arg).to_owned());
    std::iter::once("replay".to_owned()).chain(paths).chain(model).chain(args).collect()
}

/// The standard output of a replay with the shipped model.
pub(crate) fn replay(paths: &[impl AsRef<Path>], args: &[&str]) -> String {
    let paths: Vec<_> = paths.iter().map(AsRef::as_ref).collect();
    run(replay_args(&paths, args)).ok()
}
