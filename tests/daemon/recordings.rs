//! Recordings with faults are reported, and the other recordings are still replayed.

use std::path::{Path, PathBuf};

use crate::support::recording::{Recording, replay_args};
use crate::support::{self, Ran, assert_same, assert_says, run};

/// Writes a file below a folder, and returns its path.
fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// The only error line of a replay that failed.
fn fault(ran: &Ran) -> String {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let errors: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{}", ran.stderr);
    errors[0].to_owned()
}

#[test]
fn each_fault_is_reported_in_one_line_with_the_file_and_the_others_are_replayed() {
    let good = Recording::tour(71, 1.0);
    let expected = good.replayed();
    for (name, text, says) in [
        ("column.csv", "t,volts\n0,1\n", "column \"current\" is not in the header, which has t, volts"),
        ("text.csv", "t,current\n0,1\n0.01,abc\n", "line 3: column \"current\" holds \"abc\""),
        ("time.csv", "t,current\nnoon,1\n", "line 2: column \"t\" holds \"noon\", which is not a time"),
        ("no-time.csv", "clock,current\n0,1\n", "no time column \"t\""),
        ("empty.csv", "", "is empty; delete it"),
        ("header.csv", "t,current\n", "has a header and no samples; delete it"),
        ("noise.csv", "\u{0}\u{1}\u{2}\n\n\"\"\"\n", "noise.csv"),
    ] {
        let folder = support::folder();
        let path = write(folder.path(), name, text);
        // The faulty recording is tested before and after a good one.
        for paths in [[Path::new(&path), &good.path], [&good.path, Path::new(&path)]] {
            let ran = run(replay_args(&paths, &[]));
            assert_says(&fault(&ran), &[&path, says]);
            assert_same(&ran.stdout.lines().collect::<Vec<_>>(), &expected);
        }
    }
}

#[test]
fn several_faults_are_counted_and_the_first_is_shown() {
    let folder = support::folder();
    write(folder.path(), "tile/a.csv", "");
    write(folder.path(), "tile/b.csv", "t,volts\n0,1\n");
    let ran = run(replay_args(&[folder.path()], &[]));
    assert_says(&fault(&ran), &["2 recordings have faults; the first: ", "tile/a.csv\" is empty"]);
}

#[test]
fn a_missing_path_is_an_error_before_anything_is_replayed() {
    let good = Recording::tour(74, 0.5);
    let ran = run(replay_args(&[&good.path, Path::new("/nowhere/drive.csv")], &[]));
    assert_eq!(ran.stdout, "");
    assert_says(&ran.one_line(1), &["\"/nowhere/drive.csv\" cannot be read: No such file"]);
}

#[test]
fn a_folder_without_recordings_is_an_error_that_names_it() {
    let folder = support::folder();
    write(folder.path(), "notes.txt", "nothing to drive on");
    let line = run(replay_args(&[folder.path()], &[])).one_line(1);
    assert_says(
        &line,
        &["no .csv or .mcap recording in", folder.path().to_str().unwrap(), "underfoot record"],
    );
}

#[test]
fn a_dataset_toml_with_a_fault_is_named_with_its_line() {
    let folder = support::folder();
    write(folder.path(), "tile/a.csv", "t;current\n0;1\n");
    write(folder.path(), "dataset.toml", "[csv]\ndelimeter = ';'\n");
    let line = run(replay_args(&[folder.path()], &[])).one_line(1);
    assert_says(&line, &["dataset.toml", "line 2: ", "delimeter"]);
}

#[test]
fn samples_before_a_fault_are_still_classified() {
    let recording = Recording::tour(72, 1.0);
    let expected = recording.replayed();
    let text = recording.csv(0..400) + &"4.0,abc\n".repeat(20) + &recording.csv(420..600);
    std::fs::write(&recording.path, format!("t,current\n{text}")).unwrap();
    let ran = run(replay_args(&[&recording.path], &[]));
    assert_says(
        &fault(&ran),
        &["line 402: column \"current\" holds \"abc\"", "(20 of 600 rows cannot be read)"],
    );
    let lines: Vec<_> = ran.stdout.lines().collect();
    // The last sample before the fault is at 3.99 s.
    assert!(lines.len() >= 30, "{}", lines.len());
    assert_same(&lines[..30], &expected[..30]);
}

#[test]
fn a_damaged_row_is_dropped_and_counted_and_the_rest_is_replayed() {
    let recording = Recording::tour(72, 1.0);
    let expected = recording.replayed();
    let text = recording.csv(0..400) + "4.0,1.24.01,1.3\n" + &recording.csv(401..600);
    std::fs::write(&recording.path, format!("t,current\n{text}")).unwrap();
    let ran = run(replay_args(&[&recording.path], &[]));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_says(&ran.stderr, &["line 402: the row has 3 fields", "dropped: 1 malformed"]);
    assert_eq!(ran.stdout.lines().count(), expected.len());
}

#[test]
fn the_form_of_a_recording_is_worked_out() {
    let recording = Recording::tour(75, 1.0);
    let expected = recording.replayed();
    let text =
        recording.csv(0..recording.rows.len()).replace(',', ";").replace('.', ",").replace('\n', "\r\n");
    std::fs::write(&recording.path, format!("\u{feff}Time [s];Current (A)\r\n{text}")).unwrap();
    let ran = run(replay_args(&[&recording.path], &[]));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_same(&ran.stdout.lines().collect::<Vec<_>>(), &expected);
}

#[test]
fn there_are_no_predictions_across_a_gap() {
    let recording = Recording::tour(73, 1.5).without(400..500);
    let times: Vec<_> =
        recording.replayed().iter().map(|line| support::json(line)["t"].as_f64().unwrap()).collect();
    // The gap is from 4 s to 5 s, and a window is 1 s long.
    assert!(times.iter().all(|t| *t < 4.0 || *t > 5.95), "{times:?}");
    assert!(times.iter().any(|t| *t > 6.0));
}

/// A file that a reference writer has written.
fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/mcap").join(name)
}

#[test]
fn a_bag_is_replayed_like_the_same_data_as_csv_byte_for_byte() {
    let layout = "[mcap]\ntopic = '/joint_states'\n[[channel]]\nname = 'current'\ncolumn = 'left'\nfield = 'effort[left]'\n";
    let folder = support::folder();
    write(folder.path(), "dataset.toml", layout);
    let copy = |from: &str, to: &str| {
        let path = folder.path().join(to);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(reference(from), &path).unwrap();
        path
    };
    let csv = copy("same.csv", "a/drive.csv");
    let (zstd, lz4) = (copy("zstd.mcap", "b/drive.mcap"), copy("lz4.mcap", "c/drive.mcap"));
    copy("bag/metadata.yaml", "d/drive/metadata.yaml");
    // The parts of a drive are joined in the order of their numbers.
    copy("bag/bag.mcap", "d/drive/bag_10.mcap");
    let bag = folder.path().join("d/drive");
    let replayed = |path: &Path| {
        let ran = run(replay_args(&[path], &[])).ok();
        ran.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let expected = replayed(&csv);
    assert!(expected.len() > 15, "{expected:?}");
    for path in [&zstd, &lz4, &bag] {
        assert_same(&replayed(path), &expected);
    }
}

#[test]
fn a_bag_in_sqlite_is_refused_with_the_command_that_converts_it() {
    let folder = support::folder();
    write(folder.path(), "bag/metadata.yaml", "rosbag2_bagfile_information:\n  version: 5\n");
    let path = write(folder.path(), "bag/bag_0.db3", "SQLite format 3");
    let bag = folder.path().join("bag");
    for given in [Path::new(&path), &bag, folder.path()] {
        let ran = run(replay_args(&[given], &[]));
        let line = fault(&ran);
        assert_says(
            &line,
            &["(.db3) are not read", &format!("`rosbags-convert --src \"{}\" --dst", bag.display())],
        );
    }
}
