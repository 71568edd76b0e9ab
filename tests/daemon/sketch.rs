//! The firmware: the decoders read what the header file encodes and what the sketches send.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use underfoot::config::{SourceKind, load};
use underfoot::decode::csv::CsvFormat;
use underfoot::decode::message::{self, MessageFormat};
use underfoot::decode::{StreamDecoder, StreamFormat, binary};
use underfoot::signal::{Channel, Columns, DropReason, Drops, Samples, TimeInput, TimeUnit};
use underfoot::stream::{Placement, TimeUnwrapper};

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::Daemon;
use crate::support::markdown::Page;
use crate::support::pty::Pty;
use crate::support::{assert_says, folder, private, program, underfoot, wait_for};

const LIBRARY: &str = "deploy/microcontroller";
/// The number of seconds for which a sketch runs. The board's counter wraps after the first.
const SECONDS: usize = 5;
/// The board of a sketch.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Board {
    Uno,
    Esp32,
}

impl Board {
    /// The current of one step of the board's converter, in A: an Uno has 1,024 steps for 5 V and an ACS712 with 185 mV/A,
    /// and an ESP32 reads millivolts of an ACS725 with 264 mV/A.
    fn amperes(self) -> f32 {
        match self {
            Board::Uno => 5.0 / 1024.0 / 0.185,
            Board::Esp32 => 0.001 / 0.264,
        }
    }

    /// The currents of this number of motors, as tests/arduino/Arduino.h has them.
    fn currents(self, motors: usize) -> Vec<f32> {
        (1..=motors).map(|motor| 20.0 * motor as f32 * self.amperes()).collect()
    }
}

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// A C++ program that is compiled for this computer, with warnings as errors.
struct Built {
    _folder: tempfile::TempDir,
    program: PathBuf,
}

impl Built {
    fn new(source: &str, extra: &[&str]) -> Self {
        let folder = folder();
        let program = folder.path().join("program");
        // The sanitizers find errors that would go unnoticed on a board. Some compilers come without their
        // libraries.
        let sanitizers = ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"];
        if !compile(source, extra, &sanitizers, &program).status.success() {
            let plain = compile(source, extra, &[], &program);
            assert!(plain.status.success(), "{source}: {}", String::from_utf8_lossy(&plain.stderr));
        }
        Self { _folder: folder, program }
    }

    /// Runs the program with this standard input, and returns its standard output.
    fn run(&self, args: &[&str], input: Vec<u8>) -> Vec<u8> {
        let mut command = std::process::Command::new(&self.program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        writer.join().unwrap().unwrap();
        ended.stdout
    }
}

fn compile(source: &str, extra: &[&str], sanitizers: &[&str], program: &Path) -> Output {
    let mut command = self::program("g++", "g++");
    command.args(["-std=c++11", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-O1"]);
    command.args(sanitizers).args(extra);
    for include in [path(LIBRARY).join("src"), path("tests/arduino")] {
        command.arg("-I").arg(include);
    }
    command.arg("-o").arg(program).args(["-x", "c++"]).arg(path(source)).output().unwrap()
}

fn encoder() -> Built {
    Built::new("tests/arduino/encode.cpp", &[])
}

fn columns(count: usize) -> Columns {
    let channels: Vec<_> = (0..count).map(|i| Channel::in_ampere(&format!("m{i}"))).collect();
    Columns::of(&channels).unwrap()
}

fn micros() -> TimeInput {
    TimeInput { unit: Some(TimeUnit::Us), ..TimeInput::default() }
}

/// Decodes a stream of bytes.
fn read(format: StreamFormat, bytes: &[u8], channels: usize) -> (Samples, Drops) {
    let mut stream = StreamDecoder::new(format, columns(channels), micros());
    let (mut samples, mut drops) = (Samples::new(channels), Drops::default());
    stream.feed(bytes, &mut samples, &mut drops);
    stream.finish(&mut samples, &mut drops);
    (samples, drops)
}

/// Samples in the input format of the encoder.
fn packed(rows: &[(u32, Vec<f32>)]) -> Vec<u8> {
    let row = |(micros, values): &(u32, Vec<f32>)| {
        let values = values.iter().flat_map(|value| value.to_le_bytes());
        micros.to_le_bytes().into_iter().chain(values).collect::<Vec<_>>()
    };
    rows.iter().flat_map(row).collect()
}

/// Difficult values for an encoder: with no, some or only zero bytes, the largest, the smallest, and values
/// that are not finite.
const EXTREMES: [f32; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    f32::MAX,
    f32::MIN,
    f32::MIN_POSITIVE,
    1e-45,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    1.234_567_9,
    -0.000_049,
    16_777_216.0,
];

/// Rows in which each extreme value occurs in each channel, and the counter wraps.
fn extreme_rows(channels: usize) -> Vec<(u32, Vec<f32>)> {
    let row = |i: usize| {
        let values = (0..channels).map(|channel| EXTREMES[(i + channel) % EXTREMES.len()]);
        ((u32::MAX - 70_000).wrapping_add(i as u32 * 10_000), values.collect())
    };
    (0..2 * EXTREMES.len()).map(row).collect()
}

#[test]
fn the_header_encodes_frames_with_the_same_bytes_as_the_program() {
    let encoder = encoder();
    for channels in [1, 3, 60, 61, 64] {
        let mut rows = extreme_rows(channels);
        // No zero byte, for the longest run in COBS.
        rows.push((0x0101_0101, vec![f32::from_bits(0x4142_4344); channels]));
        let frames = encoder.run(&["frame", &channels.to_string()], packed(&rows));
        let mut expected = Vec::new();
        for (sequence, (micros, values)) in rows.iter().enumerate() {
            binary::encode(sequence as u16, *micros, values, &mut expected);
        }
        assert_eq!(frames, expected, "{channels} channels");
        let (samples, drops) = read(StreamFormat::Binary, &frames, channels);
        assert_eq!((samples.len(), drops.total()), (rows.len(), 0), "{:?}", drops.first());
        for ((time, decoded), (micros, values)) in samples.iter().zip(&rows) {
            assert_eq!(time.nanos(), i64::from(*micros) * 1000);
            let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            assert!(decoded.iter().zip(values).all(same), "{values:?} became {decoded:?}");
        }
    }
}

#[test]
fn sequence_numbers_wrap_without_a_lost_frame_and_a_missing_frame_is_counted() {
    let encoder = encoder();
    let rows: Vec<_> = (0..70_000_u32).map(|i| (i * 10_000, vec![i as f32])).collect();
    let mut frames = encoder.run(&["frame", "1"], packed(&rows));
    let (samples, drops) = read(StreamFormat::Binary, &frames, 1);
    assert_eq!((samples.len(), drops.total()), (rows.len(), 0));
    let end = frames.iter().position(|byte| *byte == 0).unwrap();
    let second = end + 1 + frames[end + 1..].iter().position(|byte| *byte == 0).unwrap();
    frames.drain(end + 1..=second);
    let (samples, drops) = read(StreamFormat::Binary, &frames, 1);
    assert_eq!((samples.len(), drops.count(DropReason::LostFrame)), (rows.len() - 1, 1));
}

#[test]
fn the_header_writes_values_with_four_decimals_and_nan_for_missing_values() {
    let encoder = encoder();
    let mut rows = extreme_rows(3);
    for value in [0.99994, 0.99996, 9.99996, 4_294_967_040.0, 4_294_967_296.0, -3.25, 1e9, 123_456.78] {
        rows.push((0, vec![value, -value, 0.5]));
    }
    let lines = encoder.run(&["line", "3"], packed(&rows));
    let text = String::from_utf8(lines.clone()).unwrap();
    assert!(text.contains("\n0,1.0000,-1.0000,0.5000\n"), "{text}");
    let (samples, drops) = read(StreamFormat::Csv, &lines, 3);
    assert_eq!((samples.len(), drops.total()), (rows.len(), 0), "{:?}", drops.first());
    for ((time, decoded), (micros, values)) in samples.iter().zip(&rows) {
        assert_eq!(time.nanos(), i64::from(*micros) * 1000);
        for (decoded, value) in decoded.iter().zip(values) {
            if value.abs() < 4_294_967_296.0 {
                // Half of the last decimal, plus the resolution of float32.
                let error = (f64::from(*decoded) - f64::from(*value)).abs();
                assert!(error <= 0.000_051 + f64::from(value.abs()) * 6e-8, "{value} became {decoded}");
            } else {
                assert!(decoded.is_nan(), "{value} became {decoded}");
            }
        }
    }
}

/// Compiles a sketch for a board with this number of motors, runs it, and returns the bytes that it sends in
/// [`SECONDS`].
fn sketch(name: &str, board: Board, motors: usize) -> Vec<u8> {
    let mut text =
        std::fs::read_to_string(path(LIBRARY).join(format!("examples/{name}/{name}.ino"))).unwrap();
    // As the README says: one, two, three or four of each.
    for (two, four) in [
        ("{A0, A1}", ["A0", "A1", "A2", "A3"]),
        ("{34, 35}", ["34", "35", "32", "33"]),
        ("{0.0f, 0.0f}", ["0.0f"; 4]),
        ("{\"left\", \"right\"}", ["\"left\"", "\"right\"", "\"third\"", "\"fourth\""]),
    ] {
        text = text.replace(two, &format!("{{{}}}", four[..motors].join(", ")));
    }
    assert!(motors == 2 || !text.contains("{0.0f, 0.0f}"), "{name} has another AT_REST");
    let folder = folder();
    let source = folder.path().join("sketch.ino");
    std::fs::write(&source, text).unwrap();
    let board: &[&str] = if board == Board::Esp32 { &["-DESP32"] } else { &[] };
    let options = [&["-include", "Arduino.h"], board].concat();
    Built::new(source.to_str().unwrap(), &options).run(&[&SECONDS.to_string()], Vec::new())
}

/// Fails unless the samples have this rate without gaps, and these values up to `error`.
fn assert_steady(samples: &Samples, rate: usize, values: &[f32], error: f32) {
    let expected = SECONDS * rate;
    assert!((expected - 20..=expected + 1).contains(&samples.len()), "{} of {expected}", samples.len());
    let period = 1_000_000_000 / rate as i64;
    let mut clock = TimeUnwrapper::new(2 * period);
    let mut times = Vec::new();
    for (index, (time, row)) in samples.iter().enumerate() {
        let Placement::Next(placed) = clock.place(time) else { panic!("sample {index} is out of order") };
        times.push(placed);
        let close = row.iter().zip(values).all(|(value, expected)| (value - expected).abs() < error);
        assert!(close, "sample {index} is {row:?}, not {values:?}");
    }
    let steps: Vec<_> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert!(steps.iter().all(|step| (step - period).abs() < period / 10), "{steps:?}");
    let drift = (times[times.len() - 1].since(times[0]) - steps.len() as i64 * period).abs();
    assert!(drift < period / 10, "the period drifts by {drift} ns");
    let wrapped = samples.times().windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert_eq!(wrapped, 1, "the counter wraps exactly once");
}

#[test]
fn the_csv_sketch_sends_the_mean_currents_of_one_to_four_motors_from_an_uno_and_an_esp32() {
    const NAMES: [&str; 4] = ["left", "right", "third", "fourth"];
    for board in [Board::Uno, Board::Esp32] {
        for motors in 1..=4 {
            let bytes = sketch("SerialCsv", board, motors);
            let header = format!("t,{}\n", NAMES[..motors].join(","));
            assert!(bytes.starts_with(header.as_bytes()), "{board:?}, {motors} motors");
            // Two readings of the simulated pins differ by 16 steps; the mean of many is right to half a step.
            let (samples, drops) = read(StreamFormat::Csv, &bytes[header.len()..], motors);
            assert_eq!(drops.total(), 0, "{:?}", drops.first());
            assert_steady(&samples, 100, &board.currents(motors), board.amperes() / 2.0);
        }
    }
}

#[test]
fn the_binary_sketch_sends_two_hundred_samples_per_second_of_one_to_four_motors() {
    for motors in 1..=4 {
        let bytes = sketch("SerialBinary", Board::Uno, motors);
        let (samples, drops) = read(StreamFormat::Binary, &bytes, motors);
        assert_eq!(drops.total(), 0, "{:?}", drops.first());
        // With four motors there are eleven readings of each in a sample.
        assert_steady(&samples, 200, &Board::Uno.currents(motors), Board::Uno.amperes());
    }
}

/// The messages of the MQTT sketch: their topics and payloads.
fn messages(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut messages = Vec::new();
    while let Some((head, after)) = bytes.split_at_checked(8) {
        let length = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap()) as usize;
        let (topic, after) = after.split_at(length(0));
        let (payload, after) = after.split_at(length(4));
        messages.push((String::from_utf8(topic.to_vec()).unwrap(), payload.to_vec()));
        bytes = after;
    }
    messages
}

#[test]
fn the_mqtt_sketch_sends_the_mean_currents_of_one_to_four_motors_on_the_robots_topic() {
    for motors in 1..=4 {
        let messages = messages(&sketch("Esp32Mqtt", Board::Esp32, motors));
        let (mut samples, mut drops) = (Samples::new(motors), Drops::default());
        for (topic, payload) in &messages {
            assert_eq!(topic, "robots/rover/current");
            message::decode(
                MessageFormat::Csv,
                payload,
                &columns(motors),
                &micros(),
                CsvFormat::default(),
                &mut samples,
                &mut drops,
            );
        }
        assert_eq!(drops.total(), 0, "{:?}", drops.first());
        assert_eq!(samples.len(), 20 * messages.len());
        assert_steady(&samples, 100, &Board::Esp32.currents(motors), 1e-4);
    }
}

/// The rows of the only recording of gravel below a folder, without the header, which must name both motors.
fn recorded(out: &Path) -> Option<Vec<Vec<f64>>> {
    let file = std::fs::read_dir(out.join("gravel")).ok()?.next()?.unwrap().path();
    let text = std::fs::read_to_string(file).unwrap();
    let whole = &text[..text.rfind('\n')?];
    let (header, rows) = whole.split_once('\n')?;
    assert_eq!(header, "t,left,right");
    Some(rows.lines().map(|row| row.split(',').map(|field| field.parse().unwrap()).collect()).collect())
}

/// Waits until a recording has this number of rows, and fails unless they have this rate and these values.
#[track_caller]
fn assert_recorded(out: &Path, count: usize, rate: f64, values: &[f32], error: f32) {
    let rows = wait_for("the rows", || recorded(out).filter(|rows| rows.len() >= count));
    for pair in rows.windows(2) {
        assert!((pair[1][0] - pair[0][0] - 1.0 / rate).abs() < 0.1 / rate, "{pair:?}");
        let close = |(value, expected): (&f64, &f32)| (value - f64::from(*expected)).abs() < f64::from(error);
        assert!(pair[1][1..].iter().zip(values).all(close), "{:?} is not {values:?}", pair[1]);
    }
}

#[test]
fn record_takes_what_the_serial_sketches_send_with_the_commands_of_their_readme() {
    let page = Page::read(&format!("{LIBRARY}/README.md"));
    for (name, board, rate) in [
        ("SerialCsv", Board::Uno, 100.0),
        ("SerialCsv", Board::Esp32, 100.0),
        ("SerialBinary", Board::Uno, 200.0),
    ] {
        let blocks = page.blocks(Some(name), "sh");
        let line = blocks.iter().flatten().find(|line| line.starts_with("underfoot record")).unwrap();
        let folder = folder();
        let mut pty = Pty::open(&folder.path().join("board"));
        let words = line.replace("/dev/serial/by-id/usb-…", pty.link.to_str().unwrap());
        let mut command = underfoot(words.split_whitespace().skip(1));
        command.current_dir(folder.path());
        let mut daemon = Daemon::command(command);
        daemon.wait_for_line("the serial port is open");
        let bytes = sketch(name, board, 2);
        pty.send(&bytes);
        let count = SECONDS * rate as usize - 20;
        let out = folder.path().join("recordings");
        assert_recorded(&out, count, rate, &board.currents(2), board.amperes());
        let ended = daemon.interrupt();
        assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    }
}

#[test]
fn record_takes_what_the_mqtt_sketch_sends_to_a_broker_with_passwords() {
    let access = std::fs::read_to_string(path("deploy/mosquitto/plain.conf")).unwrap();
    // The listener and the files are those of this test.
    let access =
        access.lines().filter(|line| !line.starts_with("listener") && !line.contains("/etc/mosquitto/"));
    let access = access.map(|line| format!("{line}\n")).collect::<String>();
    let acl = path("deploy/mosquitto/acl");
    let access = format!("{access}acl_file {}\n", acl.display());
    let broker = Broker::with_users(&access, &[("underfoot", "moon"), ("rover", "sun")]);
    let folder = folder();
    let page = Page::read(&format!("{LIBRARY}/README.md"));
    let toml = page.blocks(Some("Esp32Mqtt"), "toml").remove(0).join("\n");
    let secret = private(folder.path(), "moon");
    let toml = toml
        .replace("mqtt-password", secret.to_str().unwrap())
        .replace("host = \"127.0.0.1\"", &format!("host = \"127.0.0.1\"\nport = {}", broker.port));
    std::fs::write(folder.path().join("robots.toml"), toml).unwrap();
    let blocks = page.blocks(Some("Esp32Mqtt"), "sh");
    let line = blocks.iter().flatten().find(|line| line.starts_with("underfoot record")).unwrap();
    let mut command = underfoot(line.split_whitespace().skip(1));
    command.current_dir(folder.path());
    let daemon = Daemon::command(command);
    broker.wait_for_subscription("robots/+/current");
    let robot = Client::with_user(&broker, Some("rover"), "underfoot/rover/surface");
    let messages = messages(&sketch("Esp32Mqtt", Board::Esp32, 2));
    for (topic, payload) in &messages {
        robot.publish(topic, payload.as_slice());
    }
    let out = folder.path().join("recordings");
    assert_recorded(&out, 20 * messages.len(), 100.0, &Board::Esp32.currents(2), 1e-4);
    let ended = daemon.interrupt();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    assert_says(&ended.stderr.join("\n"), &["recording \"gravel\""]);
}

#[test]
fn the_configurations_in_the_readme_of_the_sketches_are_valid() {
    let page = std::fs::read_to_string(path(LIBRARY).join("README.md")).unwrap();
    let blocks = page.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap());
    let kinds: Vec<_> = blocks
        .map(|block| {
            let config = load::parse(block, "README.md").unwrap();
            config.validate().unwrap();
            config.sources[0].kind
        })
        .collect();
    assert!(matches!(kinds[..], [SourceKind::Serial, SourceKind::Serial, SourceKind::Mqtt]), "{kinds:?}");
}

#[test]
fn the_arduino_library_has_the_version_of_the_program() {
    let properties = std::fs::read_to_string(path(LIBRARY).join("library.properties")).unwrap();
    let expected = concat!("version=", env!("CARGO_PKG_VERSION"));
    assert!(properties.lines().any(|line| line == expected), "{properties}");
}
