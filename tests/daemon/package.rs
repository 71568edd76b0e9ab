//! The files of the Debian package exist, and its configuration files are valid.

use std::path::{Path, PathBuf};

use underfoot::config::{Config, load};

use crate::support::program;

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The table in Cargo.toml that describes the package.
fn description() -> toml::Table {
    let manifest: toml::Table = std::fs::read_to_string(path("Cargo.toml")).unwrap().parse().unwrap();
    manifest["package"]["metadata"]["deb"].as_table().unwrap().clone()
}

/// The source and the destination of each file of the package.
fn assets() -> Vec<(String, String)> {
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    let asset = |asset: &toml::Value| (text(&asset[0]), text(&asset[1]));
    description()["assets"].as_array().unwrap().iter().map(asset).collect()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whether a file matches a pattern with at most one `*` in its last part, or a `**` before it.
fn is_there(pattern: &str) -> bool {
    let Some((before, _)) = pattern.split_once('*') else { return path(pattern).is_file() };
    let (folder, start) = before.rsplit_once('/').unwrap();
    let end = pattern.rsplit('*').next().unwrap();
    path(folder).is_dir()
        && files(&path(folder)).iter().any(|file| {
            let name = file.file_name().unwrap().to_str().unwrap();
            name.starts_with(start) && name.ends_with(end)
        })
}

#[test]
fn every_file_of_the_package_is_in_the_repository_or_made_by_its_script() {
    let script = std::fs::read_to_string(path("scripts/make-deb")).unwrap();
    let documents = std::fs::read_to_string(path("examples/documents.rs")).unwrap();
    for (source, _) in assets() {
        // The name of a generated file is in the script, or in the example that the script runs.
        let made = match source.strip_prefix("target/release/deb/") {
            None => is_there(&source),
            Some(made) => {
                let (folder, name) = made.rsplit_once('/').unwrap_or(("", made));
                let name = name.trim_start_matches('*').trim_end_matches(".gz");
                let named = if folder.is_empty() { name } else { folder };
                [&script, &documents].iter().any(|text| text.contains(named))
            }
        };
        assert!(
            made,
            "{source} is listed under [package.metadata.deb] in Cargo.toml, but no such file exists or is made"
        );
    }
}

#[test]
fn files_are_installed_where_the_program_and_the_units_look_for_them() {
    let assets = assets();
    for (source, folder) in [
        ("target/release/deb/bin/*", "usr/bin/"),
        ("target/release/deb/libonnxruntime.so", "usr/lib/underfoot/"),
        ("deploy/debian/underfoot.toml", "etc/underfoot/"),
        ("deploy/underfoot.service", "usr/lib/systemd/system/"),
        ("deploy/underfoot@.service", "usr/lib/systemd/system/"),
    ] {
        assert!(assets.contains(&(source.into(), folder.into())), "{source} in {folder}");
    }
    let configuration = description()["conf-files"][0].as_str().unwrap().to_owned();
    assert_eq!(configuration, load::DEFAULT_FILE);
}

#[test]
fn the_installed_configuration_has_the_default_values_and_its_suggestions_are_valid() {
    let text = std::fs::read_to_string(path("deploy/debian/underfoot.toml")).unwrap();
    assert_eq!(load::parse(&text, "underfoot.toml").unwrap(), Config::default());
    // A line that begins with # but no space is a suggested setting.
    let uncommented: String = text
        .lines()
        .filter(|line| !line.starts_with("# ") && *line != "#")
        .map(|line| format!("{}\n", line.strip_prefix('#').unwrap_or(line)))
        .collect();
    let config = load::parse(&uncommented, "underfoot.toml").unwrap();
    config.validate().unwrap();
    assert!(config.model.path.is_some() && config.mqtt.host.is_some());
    assert_eq!(config.sources.len(), 1);
}

#[test]
fn the_example_with_a_simulated_robot_is_valid_and_uses_the_packages_model() {
    let text = std::fs::read_to_string(path("deploy/debian/simulated.toml")).unwrap();
    let config = load::parse(&text, "simulated.toml").unwrap();
    config.validate().unwrap();
    let model = config.model.path.unwrap();
    let shipped = assets().into_iter().find(|(source, _)| source.ends_with(".onnx")).unwrap();
    let name = Path::new(&shipped.0).file_name().unwrap();
    assert_eq!(model, Path::new("/").join(shipped.1).join(name));
}

#[test]
fn the_maintainer_scripts_are_valid_and_executable() {
    use std::os::unix::fs::PermissionsExt;
    for name in ["postinst", "prerm", "postrm"] {
        let file = path("deploy/debian").join(name);
        let checked = program("sh", "dash").arg("-n").arg(&file).output().unwrap();
        assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
        assert!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o100 != 0, "{name} is executable");
    }
}
