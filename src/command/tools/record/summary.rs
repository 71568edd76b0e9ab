//! What `record` says at its end: what was recorded, and what to do next.

use std::collections::BTreeMap;
use std::path::Path;

use super::layout::hertz;
use crate::command::service::port::shell_word;
use crate::recordings;
use crate::sink::recorder::FinishedRecording;

/// With this number of drives on each surface, each of the five networks of a model is scored on a drive of each
/// surface that it was not trained on.
const DRIVES: usize = 5;
/// The most surfaces that are listed.
const MAX_LISTED: usize = 8;
/// The folder of recordings to train on, unless `--out` names another.
pub(super) const DEFAULT_FOLDER: &str = "recordings";
/// The folder of samples without a label, on which nothing is trained.
const UNLABELLED: &str = "unlabelled";

/// What a recording has, in a line.
pub(super) fn line(recording: &FinishedRecording) -> String {
    let rate = recording.rate().map(|rate| format!(", {}", hertz(rate))).unwrap_or_default();
    let (path, seconds) = (recording.path.display(), recording.span.as_secs_f64());
    format!("{path}: {seconds:.1} s, {} samples{rate}", recording.samples)
}

/// How many drives the folder has by now, and what is to be done next.
pub(super) fn next_step(folder: &Path) -> String {
    let is_default = folder == Path::new(DEFAULT_FOLDER);
    // Drives in a folder of their own may be there to score a model, which training on them must not overwrite.
    let name =
        folder.file_name().filter(|_| !is_default).map_or("model".into(), |name| name.to_string_lossy());
    let data = shell_word(&folder.to_string_lossy());
    let fit = format!("`underfoot-train fit {data} --out {}`", shell_word(&format!("{name}.onnx")));
    let drives = drives(folder);
    let listed: Vec<String> =
        drives.iter().take(MAX_LISTED).map(|(surface, count)| format!("{count} of {surface}")).collect();
    let more = match drives.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more surfaces"),
    };
    let has = match listed.is_empty() {
        true => String::new(),
        false => format!("{} has these recordings by now: {}{more}; ", folder.display(), listed.join(", ")),
    };
    let score = match is_default {
        true => String::new(),
        false => format!("; to score a model on them, run `underfoot-train evaluate model.onnx {data}`"),
    };
    if drives.len() > 1 && drives.values().all(|count| *count >= DRIVES) {
        format!("{has}run {fit} to train a model{score}")
    } else {
        format!("{has}record at least {DRIVES} drives on each of two or more surfaces, then run {fit}{score}")
    }
}

/// The number of recordings of each surface; none if the folder cannot be read.
fn drives(folder: &Path) -> BTreeMap<String, usize> {
    let mut drives = BTreeMap::new();
    let found = recordings::find(&[folder.to_owned()], None).unwrap_or_default();
    for surface in found.iter().filter_map(recordings::Recording::folder).filter(|name| name != UNLABELLED) {
        *drives.entry(surface).or_default() += 1;
    }
    drives
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn folder(surfaces: &[(&str, usize)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (surface, count) in surfaces {
            let of_surface = folder.path().join(surface);
            std::fs::create_dir(&of_surface).unwrap();
            for drive in 0..*count {
                std::fs::write(of_surface.join(format!("{drive}.csv")), "t,current\n0,1\n").unwrap();
            }
        }
        folder
    }

    #[test]
    fn a_recording_is_summed_up_with_its_time_samples_and_rate() {
        let recording = FinishedRecording {
            path: "recordings/tile/rover.csv".into(),
            samples: 6001,
            span: Duration::from_secs(60),
        };
        assert_eq!(line(&recording), "recordings/tile/rover.csv: 60.0 s, 6001 samples, 100 Hz");
        let single = FinishedRecording { samples: 1, span: Duration::ZERO, ..recording };
        assert_eq!(line(&single), "recordings/tile/rover.csv: 0.0 s, 1 samples");
    }

    #[test]
    fn more_drives_are_asked_for_until_two_surfaces_have_five() {
        for (surfaces, lists, asks) in [
            (&[("gravel", 1)][..], "1 of gravel;", true),
            (&[("gravel", 7)], "7 of gravel;", true),
            (&[("gravel", 5), ("tile", 4)], "5 of gravel, 4 of tile;", true),
            (&[("gravel", 5), ("tile", 6), ("unlabelled", 1)], "5 of gravel, 6 of tile;", false),
        ] {
            let folder = folder(surfaces);
            let said = next_step(folder.path());
            assert!(said.contains(lists), "{said}");
            assert_eq!(
                said.contains("record at least 5 drives on each of two or more surfaces"),
                asks,
                "{said}"
            );
            assert!(
                said.contains(&format!("`underfoot-train fit {} --out ", folder.path().display())),
                "{said}"
            );
        }
    }

    #[test]
    fn drives_in_a_folder_of_their_own_are_no_reason_to_overwrite_the_model() {
        assert!(
            next_step(Path::new(DEFAULT_FOLDER))
                .ends_with("`underfoot-train fit recordings --out model.onnx`")
        );
        let said = next_step(Path::new("new drives"));
        assert!(said.contains("run `underfoot-train fit 'new drives' --out 'new drives.onnx'`;"), "{said}");
        assert!(said.ends_with("run `underfoot-train evaluate model.onnx 'new drives'`"), "{said}");
    }
}
