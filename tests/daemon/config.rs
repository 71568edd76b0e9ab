//! Invalid configurations are rejected with one line that names the setting, its value and the fix.

use std::path::{Path, PathBuf};

use crate::support::broker::Broker;
use crate::support::recording::{Recording, replay_args};
use crate::support::{self, Ran, assert_says, model, run, underfoot};

const STDIN: &str = "[[source]]\nkind = 'stdin'\n";

/// A temporary folder with a configuration file.
struct Setup {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Setup {
    fn new(config: &str) -> Self {
        let folder = support::folder();
        let file = folder.path().join("underfoot.toml");
        std::fs::write(&file, config).unwrap();
        Self { folder, file }
    }

    /// A configuration with the model at this path.
    fn with_model(path: &Path) -> Self {
        Self::new(&format!("[model]\npath = {path:?}\n{STDIN}"))
    }

    fn command(&self, command: &str) -> Ran {
        run([command, "-c", self.file.to_str().unwrap()])
    }

    /// The error line of a daemon that rejects this configuration.
    fn rejection(&self) -> String {
        self.command("run").one_line(78)
    }
}

/// Writes a copy of the shipped model without its metadata, and returns its path.
fn cardless(folder: &Path) -> PathBuf {
    let bytes = std::fs::read(model()).unwrap();
    let mut rest = bytes.as_slice();
    let mut kept = Vec::new();
    while !rest.is_empty() {
        let whole = rest;
        let key = varint(&mut rest);
        let size = match key & 7 {
            0 => {
                varint(&mut rest);
                0
            }
            2 => varint(&mut rest) as usize,
            wire => panic!("a model has no field of wire type {wire}"),
        };
        rest = &rest[size..];
        // ModelProto.metadata_props
        if key >> 3 != 14 {
            kept.extend_from_slice(&whole[..whole.len() - rest.len()]);
        }
    }
    assert!(kept.len() < bytes.len());
    let path = folder.join("cardless.onnx");
    std::fs::write(&path, kept).unwrap();
    path
}

/// Reads a protobuf varint and removes it from `bytes`.
fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

#[test]
fn an_unknown_key_is_rejected_with_the_most_similar_key() {
    let setup = Setup::new("[mqtt]\nhots = 'broker'\n");
    let line = setup.rejection();
    assert_says(
        &line,
        &[setup.file.to_str().unwrap(), "unknown key \"mqtt.hots\"", "did you mean \"mqtt.host\"?"],
    );
    let variable = underfoot(["config"]).env("UNDERFOOT__MQTT__HOTS", "broker").output().unwrap();
    let line = Ran::from(variable).one_line(78);
    assert_says(&line, &["the variable UNDERFOOT__MQTT__HOTS", "did you mean \"mqtt.host\"?"]);
}

#[test]
fn an_invalid_value_is_rejected_with_the_valid_values() {
    for (config, says) in [
        ("[model]\nbatch = 0\n", ["model.batch is 0", "it must be from 1 to 4096"]),
        ("[decide]\ndwell = 'soon'\n", ["underfoot.toml, line 2: ", "soon"]),
        (
            "[decide]\ndwell = 20\n",
            ["decide.dwell is 20; it must be a time with its unit, in quotes", "\"5s\""],
        ),
        (
            "[mqtt]\nport = '21937'\n",
            ["mqtt.port is '21937'", "a whole number from 0 to 65535, without quotes"],
        ),
        ("[model]\nbatch = 'four'\n", ["model.batch is 'four'", "a whole number, 0 or more"]),
        ("[[source]]\nkind = 'tcp'\n", ["underfoot.toml, line 2: ", "source.kind is 'tcp'"]),
        ("[mqtt\n", ["underfoot.toml, line 1: ", "error: "]),
    ] {
        assert_says(&Setup::new(config).rejection(), &says);
    }
}

#[test]
fn a_missing_configuration_file_is_rejected_with_the_command_that_writes_one() {
    for command in ["run", "check", "config"] {
        let line = run([command, "-c", "/nowhere/underfoot.toml"]).one_line(78);
        assert_says(&line, &["\"/nowhere/underfoot.toml\" cannot be read", "underfoot config --sample"]);
    }
}

#[test]
fn a_configuration_without_a_model_or_a_source_is_rejected() {
    assert_says(&Setup::new(STDIN).rejection(), &["model.path is missing", "underfoot-train fit --out"]);
    let setup = Setup::new(&format!("[model]\npath = {:?}\n", model()));
    assert_says(&setup.rejection(), &["there is no [[source]]", "underfoot config --sample"]);
}

#[test]
fn an_invalid_model_is_rejected_by_the_daemon_and_by_replay() {
    let folder = support::folder();
    let text = folder.path().join("text.onnx");
    std::fs::write(&text, "no model at all").unwrap();
    let recording = Recording::tour(51, 0.5);
    for (path, says) in [
        (PathBuf::from("/nowhere/model.onnx"), "set model.path or --model to an .onnx file"),
        (text, "is not an ONNX model that ONNX Runtime can load"),
        (cardless(folder.path()), "has no model card; write one with `underfoot model stamp"),
    ] {
        let name = path.to_str().unwrap();
        assert_says(&Setup::with_model(&path).rejection(), &["error: ", name, says]);
        let replay = run(["replay", recording.path.to_str().unwrap(), "--model", name]);
        assert_says(&replay.one_line(1), &["error: ", name, says]);
    }
}

#[test]
fn a_runtime_library_that_cannot_be_loaded_is_rejected_by_the_daemon_and_by_replay() {
    let setup = Setup::with_model(&model());
    let text = setup.folder.path().join("libonnxruntime.so");
    std::fs::write(&text, "no library at all").unwrap();
    let recording = Recording::tour(52, 0.5);
    for library in ["/nowhere/libonnxruntime.so", text.to_str().unwrap()] {
        let says = ["ORT_DYLIB_PATH names the ONNX Runtime library", library, "version 1.17 or later"];
        let with = |mut command: std::process::Command| -> Ran {
            command.env("ORT_DYLIB_PATH", library).output().unwrap().into()
        };
        let daemon = with(underfoot(["run", "-c", setup.file.to_str().unwrap()]));
        assert_says(&daemon.one_line(78), &says);
        let replay = with(underfoot(replay_args(&[&recording.path], &[])));
        assert_says(&replay.one_line(1), &says);
    }
    let config = format!("[model]\npath = {:?}\nruntime = {text:?}\n{STDIN}", model());
    assert_says(&Setup::new(&config).rejection(), &["model.runtime names the ONNX Runtime library"]);
}

#[test]
fn a_source_without_the_models_channel_is_rejected_with_the_channels_that_it_has() {
    let config = format!(
        "[model]\npath = {:?}\n{STDIN}name = 'bench'\n[[source.channel]]\nname = 'voltage'\nunit = 'V'\n",
        model()
    );
    let says = ["channel \"current\"", "\"bench\"", "it has voltage", "Add it under [[source.channel]]"];
    assert_says(&Setup::new(&config).rejection(), &says);
}

#[test]
fn wrong_usage_exits_with_2() {
    let model = model();
    let model = model.to_str().unwrap();
    for args in [
        &["fly"][..],
        &["replay"],
        &["replay", "x.csv"],
        &["replay", "x.csv", "--model", model, "--hop", "0"],
        &["replay", "x.csv", "--model", model, "--speed", "-1"],
        &["record"],
        &["simulate"],
        &["simulate", "--mqtt", "no-port"],
        &["run", "--bogus"],
    ] {
        let ran = run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn the_effective_configuration_is_printed_with_secrets_masked() {
    let setup = Setup::new("[mqtt]\nhost = 'first'\npassword = 'hunter2'\n[window]\nhop = 7\n");
    std::fs::create_dir(setup.folder.path().join("conf.d")).unwrap();
    std::fs::write(setup.folder.path().join("conf.d/10.toml"), "[mqtt]\nhost = 'second'\nport = 1884\n")
        .unwrap();
    let shown = setup.command("config").ok();
    assert_says(&shown, &["host = \"second\"", "port = 1884", "hop = 7", "password = \"********\""]);
    assert!(!shown.contains("hunter2"));
    let mut command = underfoot(["config", "-c", setup.file.to_str().unwrap()]);
    command.env("UNDERFOOT__MQTT__HOST", "third").env("UNDERFOOT__PUBLISH__STDOUT", "true");
    command.env("UNDERFOOT__DECIDE__MIN_CONFIDENCE", "0.75").env("UNDERFOOT__WINDOW__HOP", "9");
    let shown = Ran::from(command.output().unwrap()).ok();
    assert_says(&shown, &["host = \"third\"", "stdout = true", "min_confidence = 0.75", "hop = 9"]);
}

#[test]
fn a_user_name_or_client_id_that_looks_like_a_number_is_not_changed() {
    let mut command = underfoot(["config"]);
    command.env("UNDERFOOT__MQTT__USERNAME", "007").env("UNDERFOOT__MQTT__CLIENT_ID", "1e3");
    let shown = Ran::from(command.output().unwrap()).ok();
    assert_says(&shown, &["username = \"007\"", "client_id = \"1e3\""]);
}

#[test]
fn the_sample_configuration_is_the_shipped_file_and_is_valid() {
    let sample = run(["config", "--sample"]).ok();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/underfoot.toml");
    assert_eq!(sample, std::fs::read_to_string(shipped).unwrap());
    let setup = Setup::new(&sample);
    let empty = Setup::new("");
    assert_eq!(
        setup.command("config").ok(),
        empty.command("config").ok(),
        "the sample has the default values"
    );
}

#[test]
fn check_reports_every_part_on_its_own_line_and_continues_after_a_fault() {
    let broker = Broker::start();
    let sources = "[[source]]\nkind = 'mqtt'\ntopic = 'robots/{stream}/current'\n\
        [[source]]\nkind = 'serial'\nport = '/nowhere/board'\n[[source]]\nkind = 'simulator'\n";
    let good = Setup::new(&format!("[model]\npath = {:?}\n{}{sources}", model(), broker.section()));
    let checked = good.command("check");
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(1), ""), "{checked:?}");
    let starts = [
        "ok      configuration: 3 sources",
        "ok      model: current at 100 Hz, windows of 100 steps, surfaces carpet, ",
        "ok      source mqtt0: it will subscribe to \"robots/+/current\"",
        "failed  source serial1: the serial port \"/nowhere/board\" does not exist",
        "ok      source simulator2: ",
        "ok      broker: ",
    ];
    assert_eq!(checked.stdout.lines().count(), starts.len(), "{}", checked.stdout);
    for (line, start) in checked.stdout.lines().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }

    let down = Broker::down();
    let bad = Setup::new(&format!("[model]\npath = '/nowhere/m.onnx'\n{}{sources}", down.section()));
    let checked = bad.command("check");
    assert_eq!(checked.code, Some(78), "the worst fault decides the exit code: {checked:?}");
    let says = [
        "failed  model: ",
        "/nowhere/m.onnx",
        "failed  source serial1: ",
        "failed  broker: ",
        &down.address(),
    ];
    assert_says(&checked.stdout, &says);
    assert_eq!(checked.stdout.lines().count(), 6);
}
