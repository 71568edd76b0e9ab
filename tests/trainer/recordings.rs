//! What `underfoot-train` says about recordings in which something is wrong, before it trains on them.

use std::path::Path;
use std::process::{Command, Output};

/// Runs `underfoot-train` in a folder.
fn trainer(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

/// Trains for a moment on the recordings in `data`. Returns the exit code and the standard error.
fn fit(folder: &Path) -> (Option<i32>, String) {
    let arguments = ["fit", "data", "--out", "m.onnx", "--folds=2", "--epochs=1", "--hidden=4", "--hop=50"];
    let done = trainer(&arguments, folder);
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

/// The current in A of a surface, which is not the same for any two drives.
fn current(surface: usize, drive: usize) -> impl Fn(usize) -> f64 {
    move |i| {
        let phase = i as f64 * (0.31 + 0.2 * surface as f64) + drive as f64;
        2.0 + phase.sin() + 0.1 * ((i * 7919 + drive) % 13) as f64
    }
}

/// Writes two drives of 600 rows on each of two surfaces. `row` writes a row of a drive, given the surface, the
/// drive, the index of the row and its current.
fn write(header: &str, row: impl Fn(usize, usize, usize, f64) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (surface, name) in ["tile", "wood"].into_iter().enumerate() {
        std::fs::create_dir_all(folder.path().join("data").join(name)).unwrap();
        for drive in 0..2 {
            let current = current(surface, drive);
            let rows: String = (0..600).map(|i| row(surface, drive, i, current(i)) + "\n").collect();
            let path = folder.path().join("data").join(name).join(format!("drive{drive}.csv"));
            std::fs::write(path, format!("{header}\n{rows}")).unwrap();
        }
    }
    folder
}

/// The part of a message before the first epoch.
fn before_training(stderr: &str) -> &str {
    stderr.split_once("network 1 of 4, epoch 1").unwrap_or_else(|| panic!("{stderr}")).0
}

#[test]
fn rows_that_repeat_a_time_are_counted_and_named_before_training() {
    // The time is only the whole seconds of a stamp, of which the nanoseconds are in another column.
    let folder = write("t,current", |_, _, i, current| format!("{},{current:.3}", i / 2));
    let (code, stderr) = fit(folder.path());
    assert_eq!(code, Some(0), "{stderr}");
    let said = before_training(&stderr);
    assert!(said.contains("dropped: 300 duplicate of 600 rows in data/tile/drive0.csv\n"), "{said}");
    assert!(
        said.contains("dropped: 1,200 duplicate of 2,400 rows in all, also in 1 more recording"),
        "{said}"
    );
    assert!(
        said.contains("warning: 300 of 600 rows (50 %) of data/tile/drive0.csv, and many of 3 more recordings, were dropped as duplicate: they have the time of the row before"),
        "{said}"
    );
    assert!(
        said.contains("warning: a window is 100 s long (100 steps at 1 Hz): are the times in milliseconds?"),
        "{said}"
    );
    let scores = std::fs::read(folder.path().join("m.run/scores.json")).unwrap();
    let scores: serde_json::Value = serde_json::from_slice(&scores).unwrap();
    assert_eq!(scores["dropped"]["samples"]["duplicate"], 1200);
    assert_eq!(scores["dropped"]["recordings"][0]["rows"], 600);
    assert!(scores["warnings"][0].as_str().unwrap().contains("were dropped as duplicate"), "{scores}");
    let page = std::fs::read_to_string(folder.path().join("m.run/report.html")).unwrap();
    assert!(page.contains("dropped: 300 duplicate of 600 rows in data/tile/drive0.csv"), "{page}");
    let done = trainer(&["evaluate", "m.onnx", "data", "--json"], folder.path());
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["dropped"]["samples"]["duplicate"], 1200);
    assert!(String::from_utf8(done.stderr).unwrap().contains("were dropped as duplicate"));
}

#[test]
fn a_channel_that_is_written_less_often_is_named() {
    let folder = write("t,left,right", |_, _, i, current| {
        let right = if i % 10 == 0 { format!("{:.3}", current + 1.0) } else { String::new() };
        format!("{:.3},{current:.3},{right}", i as f64 * 0.002)
    });
    std::fs::write(
        folder.path().join("data/dataset.toml"),
        "[[channel]]\nname = 'left'\n[[channel]]\nname = 'right'\n",
    )
    .unwrap();
    let (code, stderr) = fit(folder.path());
    assert_eq!(code, Some(0), "{stderr}");
    assert!(before_training(&stderr).contains("channel \"right\" has no number in 540 of them"), "{stderr}");
    // The same where so much is dropped that no window is left.
    let arguments = ["fit", "data", "--out", "m.onnx", "--window=2000"];
    let stderr = String::from_utf8(trainer(&arguments, folder.path()).stderr).unwrap();
    assert!(
        stderr.contains("no recording is long enough") && stderr.contains("540 of 600 rows (90 %)"),
        "{stderr}"
    );
}

#[test]
fn rows_that_never_have_every_channel_are_told_as_that() {
    let folder = write("t,left,right", |_, _, i, current| {
        let (left, right) = if i % 2 == 0 {
            (format!("{current:.3}"), String::new())
        } else {
            (String::new(), format!("{current:.3}"))
        };
        format!("{:.2},{left},{right}", i as f64 * 0.01)
    });
    std::fs::write(
        folder.path().join("data/dataset.toml"),
        "[[channel]]\nname = 'left'\n[[channel]]\nname = 'right'\n",
    )
    .unwrap();
    let (code, stderr) = fit(folder.path());
    assert_eq!(code, Some(1), "{stderr}");
    let expected = "drive0.csv\": no row has both left and right (rows with a value: left in 300, right in 300); set hold";
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn a_time_in_two_columns_is_named_before_training() {
    let header = "header.stamp.secs,header.stamp.nsecs,current";
    let row = |_, _, i: usize, current: f64| format!("{},{},{current:.3}", i / 100, i % 100 * 10_000_000);
    let folder = write(header, row);
    let (_, stderr) = fit(folder.path());
    let expected = "drive0.csv: 594 of 600 rows repeat the time of the row before; its columns \"header.stamp.secs\" \
                    and \"header.stamp.nsecs\" look like one time: set [time] sum = [";
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn times_in_milliseconds_or_microseconds_are_understood_and_said_and_a_wrong_unit_is_told() {
    for (factor, unit, words) in [(10.0, "ms", "milliseconds"), (10_000.0, "us", "microseconds")] {
        let folder = write("t,current", |_, _, i, current| format!("{},{current:.3}", i as f64 * factor));
        let (code, stderr) = fit(folder.path());
        assert!(code == Some(0) && stderr.contains("100 steps at 100 Hz"), "{stderr}");
        assert!(
            stderr.contains(&format!("warning: the times are in {words} in 4 of 4 recordings")),
            "{stderr}"
        );
        let dataset = folder.path().join("data/dataset.toml");
        std::fs::write(&dataset, format!("[time]\nunit = '{unit}'\n")).unwrap();
        let (code, stderr) = fit(folder.path());
        assert!(code == Some(0) && stderr.contains("100 steps at 100 Hz"), "{stderr}");
        assert!(!stderr.contains("the times are in"), "{stderr}");
        std::fs::write(&dataset, "[time]\nunit = 's'\n").unwrap();
        let (_, stderr) = fit(folder.path());
        assert!(stderr.contains(&format!("unit = \"{unit}\"")), "{stderr}");
    }
}

#[test]
fn a_glitch_a_time_as_a_channel_and_another_unit_are_named_before_training() {
    // A second column that its name calls a time is not a channel; one that only rises may be one.
    let folder = write("t,current,odometer,millis", |surface, drive, i, current| {
        let current = match (surface, drive, i) {
            (0, 1, 250) => 4_294_967_295.0,
            (1, 0, _) => 1000.0 * current,
            _ => current,
        };
        format!("{:.2},{current},{},{}", i as f64 * 0.01, 5000 + 10 * i, 70 + 10 * i)
    });
    let (code, stderr) = fit(folder.path());
    assert_eq!(code, Some(0), "{stderr}");
    let said = before_training(&stderr);
    for expected in [
        "warning: channel \"current\" is 4294967295 at 2.5 s in data/tile/drive1.csv",
        "warning: channel \"current\" is about 1,000 times as large in data/wood/drive0.csv",
        "as if they were in mA and the others in A",
        "warning: channel \"odometer\" only ever rises, from 5000 to 10990 in data/tile/drive0.csv",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!stderr.contains("millis"), "{stderr}");
    let shown = Command::new(env!("CARGO_BIN_EXE_underfoot"))
        .args(["model", "show", "m.onnx"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(!String::from_utf8(shown.stdout).unwrap().contains("4294967"), "the glitch is in no statistic");
}

#[test]
fn a_surface_of_a_single_drive_is_named_before_training() {
    let folder = write("t,current", |_, _, i, current| format!("{:.2},{current:.3}", i as f64 * 0.01));
    std::fs::remove_file(folder.path().join("data/wood/drive1.csv")).unwrap();
    let (_, stderr) = fit(folder.path());
    let said = before_training(&stderr);
    assert!(said.contains("warning: label \"wood\" has only one recording (or group)"), "{said}");
}

#[test]
fn the_topics_of_a_bag_are_listed_with_the_lines_of_a_dataset_toml_that_work() {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/mcap");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tile")).unwrap();
    std::fs::copy(reference.join("zstd.mcap"), folder.path().join("tile/drive.mcap")).unwrap();
    let listed = trainer(&["topics", "."], folder.path());
    let text = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.status.success(), "{text}");
    let line = "/joint_states (sensor_msgs/msg/JointState), 300 messages at 100.0 Hz: position[right], position[left], effort[right], effort[left]";
    assert!(text.contains(line) && text.contains("/note (std_msgs/msg/String), 3 messages"), "{text}");
    let (_, lines) = text.split_once("which names the channels:\n\n").unwrap();
    std::fs::write(folder.path().join("dataset.toml"), lines).unwrap();
    // Of one surface nothing can be learned, which is said when the drive has been read.
    let done = trainer(&["fit", ".", "--out", "m.onnx"], folder.path());
    let stderr = String::from_utf8(done.stderr).unwrap();
    assert!(stderr.contains("all 21 windows are labelled \"tile\""), "{stderr}");

    let nothing = trainer(&["topics", "dataset.toml"], folder.path());
    let stderr = String::from_utf8(nothing.stderr).unwrap();
    assert!(stderr.starts_with("error: there is no MCAP file"), "{stderr}");
}
