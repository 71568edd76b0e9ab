//! Runs every fuzz target on its seeds.

use std::path::Path;

#[allow(unreachable_pub, reason = "the file is also the root of a separate crate")]
#[path = "../../fuzz/src/lib.rs"]
mod bodies;

#[test]
fn every_fuzz_target_accepts_its_seeds() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (name, body) in bodies::TARGETS {
        let files: Vec<_> =
            std::fs::read_dir(seeds.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty(), "{name} has no seed");
        for file in files {
            eprintln!("{}", file.display());
            body(&std::fs::read(&file).unwrap());
        }
    }
}

#[test]
fn every_fuzz_target_has_a_program() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut programs: Vec<_> = std::fs::read_dir(targets)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    programs.sort();
    assert_eq!(programs, bodies::TARGETS.map(|(name, _)| name));
}
