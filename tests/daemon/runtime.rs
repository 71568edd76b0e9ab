//! An old ONNX Runtime gives the same probabilities as the pinned version.

use crate::support::recording::{Recording, replay_args};
use crate::support::{Ran, json, skipped, underfoot};

#[test]
fn an_old_library_gives_the_same_probabilities() {
    let Some(library) = std::env::var_os("UNDERFOOT_TEST_ORT_OLD") else {
        skipped("UNDERFOOT_TEST_ORT_OLD is not set; `make test` sets it to an old library");
        return;
    };
    let recording = Recording::tour(81, 2.0);
    let mut command = underfoot(replay_args(&[&recording.path], &[]));
    let old = Ran::from(command.env("ORT_DYLIB_PATH", library).output().unwrap()).ok();
    let new = recording.replayed();
    assert_eq!(old.lines().count(), new.len());
    for (old, new) in old.lines().map(json).zip(new.iter().map(json)) {
        assert_eq!(old["t"], new["t"]);
        for (label, new) in new["probabilities"].as_object().unwrap() {
            let old = old["probabilities"][label].as_f64().unwrap();
            assert!((old - new.as_f64().unwrap()).abs() <= 1e-4, "{label}: {old} {new}");
        }
    }
}
