//! Runs the commands of docs/tutorial.md in their order on simulated drives. The README's are among them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::support::broker::Broker;
use crate::support::daemon::Daemon;
use crate::support::manager::Manager;
use crate::support::markdown::{self, Page};
use crate::support::pty::Pty;
use crate::support::{self, assert_says, program, run, underfoot, wait_for};

/// The number of recorded drives on each surface. One more drive is held out to test the model on new drives.
const DRIVES: usize = 3;
/// The surfaces that the tutorial records.
const SURFACES: [&str; 3] = ["gravel", "tile", "carpet"];
/// The board's port on the pages.
const PORT: &str = "/dev/serial/by-id/usb-…";

/// The state of the walk-through.
struct Walk {
    folder: tempfile::TempDir,
    broker: Broker,
    pty: Pty,
    /// The daemon that `underfoot run` has started.
    daemon: Option<Daemon>,
    walked: BTreeSet<String>,
}

impl Walk {
    fn new() -> Self {
        let folder = support::folder();
        let pty = Pty::open(&folder.path().join("board"));
        let pool = folder.path().join("pool");
        let drives = (DRIVES + 1).to_string();
        run(["simulate", "--seconds", "8", "--drives", &drives, "--out", pool.to_str().unwrap()]).ok();
        Self { folder, broker: Broker::start(), pty, daemon: None, walked: BTreeSet::new() }
    }

    /// The lines that the board prints during a drive, one per sample.
    fn drive(&self, surface: &str, index: usize) -> String {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.path().join("pool").join(surface))
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        let text = std::fs::read_to_string(&files[index]).unwrap();
        let rows = text.lines().skip(1).map(|row| {
            let (t, current) = row.split_once(',').unwrap();
            format!("{t},{current},{:.4}\n", 0.05 + 0.9 * current.parse::<f64>().unwrap())
        });
        rows.collect()
    }

    /// The arguments of a command on the page, with the port of this test and with options that make it
    /// faster.
    fn arguments(&self, line: &str) -> Vec<String> {
        let port = self.pty.link.to_str().unwrap();
        let line =
            line.replace(PORT, port).replace("--budget 10m", "--budget 10s").replace(" --duration 10s", "");
        let line = line.replace('\'', "");
        let quick = if line.starts_with("underfoot-train fit") { " --epochs 3 --hop 50" } else { "" };
        (line + quick).split_whitespace().map(str::to_owned).collect()
    }

    /// Runs a command of the page and checks its result.
    fn step(&mut self, line: &str) {
        let arguments = self.arguments(line);
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let name = words[..2.min(words.len())].join(" ");
        match name.as_str() {
            "underfoot record" => self.record(&words[1..]),
            "underfoot-train fit" => {
                self.train(&words[1..]);
                let root = self.folder.path();
                assert!(root.join("model.onnx").is_file() && root.join("model.run/report.html").is_file());
                for surface in SURFACES {
                    let folder = root.join("new-drives").join(surface);
                    std::fs::create_dir_all(&folder).unwrap();
                    let rows = self.drive(surface, DRIVES);
                    std::fs::write(folder.join("last.csv"), format!("t,left,right\n{rows}")).unwrap();
                }
            }
            "underfoot-train diagnose" => {
                self.train(&words[1..]);
                assert!(self.folder.path().join("why.html").is_file());
            }
            "underfoot-train evaluate" => {
                assert_says(&self.train(&words[1..]), &["3 recordings", "accuracy"])
            }
            "underfoot replay" => {
                let output = self.tool(&words[1..]).output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                assert_says(&String::from_utf8_lossy(&output.stdout), &SURFACES);
            }
            "underfoot check" => {
                let output = self.tool(&words[1..]).output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
            "underfoot run" => {
                let mut daemon = Daemon::command(self.tool(&words[1..]));
                daemon.wait_for_line("connected to the broker");
                daemon.wait_for_line("the serial port is open");
                self.daemon = Some(daemon);
            }
            "sudo install" => {
                // The unit's command looks for these files below /etc.
                let etc = self.folder.path().join("etc");
                std::fs::create_dir_all(&etc).unwrap();
                for name in ["model.onnx", "underfoot.toml"] {
                    assert!(line.contains(name), "{line}");
                    std::fs::copy(self.folder.path().join(name), etc.join(name)).unwrap();
                }
            }
            "sudo sed" => {
                assert!(line.contains("\"/etc/underfoot/model.onnx\""), "{line}");
                let etc = self.folder.path().join("etc");
                let text = std::fs::read_to_string(etc.join("underfoot.toml")).unwrap();
                let model = etc.join("model.onnx");
                let text = text.replace("\"model.onnx\"", &format!("{model:?}"));
                std::fs::write(etc.join("underfoot.toml"), text).unwrap();
            }
            "sudo systemctl" => {
                assert!(line.ends_with("enable --now underfoot"), "{line}");
                assert_eq!(
                    self.daemon.take().unwrap().terminate().code,
                    Some(0),
                    "the daemon in the terminal ends"
                );
                self.daemon = Some(self.service());
            }
            "underfoot watch" => {
                let mut watch = self.tool(&words[1..]);
                watch.env("TERM", "dumb");
                let watch = Daemon::command(watch);
                let rows = self.drive("gravel", DRIVES);
                self.pty.send(rows.as_bytes());
                wait_for("a line of the surface", || {
                    watch.stdout.all().iter().any(|line| line.contains("rover")).then_some(())
                });
                watch.kill();
            }
            "mosquitto_sub -v" => {
                let mut listener = program("mosquitto_sub", "mosquitto-clients");
                listener.args(&words[1..]).args(["-p", &self.broker.port.to_string()]);
                let listener = Daemon::command(listener);
                let rows = self.drive("gravel", DRIVES);
                self.pty.send(rows.as_bytes());
                wait_for("a surface", || {
                    let lines = listener.stdout.all();
                    lines.iter().any(|line| line.starts_with("underfoot/rover/surface {")).then_some(())
                });
                listener.kill();
            }
            other => panic!("the page has a command that this test does not know: {other:?}"),
        }
        self.walked.insert(name);
    }

    /// A command that runs `underfoot` in the folder of the walk-through.
    fn tool(&self, arguments: &[&str]) -> Command {
        let mut command = underfoot(arguments);
        command.current_dir(self.folder.path());
        command
    }

    /// Starts the daemon with the unit's command under a stand-in for the service manager.
    fn service(&self) -> Daemon {
        let unit = std::fs::read_to_string(markdown::root().join("deploy/underfoot.service"));
        let unit = unit.unwrap();
        let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        assert_eq!(line, "/usr/bin/underfoot run", "it reads /etc/underfoot/underfoot.toml");
        let config = self.folder.path().join("etc/underfoot.toml");
        let manager = Manager::new();
        let mut daemon = manager.command(self.tool(&["run", "-c", config.to_str().unwrap()]));
        manager.wait_for("READY=1");
        daemon.wait_for_line("connected to the broker");
        daemon
    }

    /// Runs `underfoot-train`, which must succeed, and returns its standard error.
    fn train(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
        let done = command.args(arguments).current_dir(self.folder.path()).output().unwrap();
        let stderr = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.success(), "{arguments:?}: {stderr}");
        stderr
    }

    /// Records `DRIVES` drives on the surface that the command names, each into its own recording, or one drive where
    /// the board is only tried.
    fn record(&mut self, arguments: &[&str]) {
        let of = |flag| arguments.iter().position(|word| *word == flag).map(|index| arguments[index + 1]);
        let label = of("--label").unwrap();
        let out = self.folder.path().join(of("--out").unwrap_or("recordings"));
        let (surface, drives) = if SURFACES.contains(&label) { (label, DRIVES) } else { (SURFACES[0], 1) };
        for index in 0..drives {
            let rows = self.drive(surface, index);
            let mut daemon = Daemon::command(self.tool(arguments));
            daemon.wait_for_line("the serial port is open");
            self.pty.send(rows.as_bytes());
            let folder = out.join(label);
            wait_for("the drive on the disk", || {
                let mut files: Vec<_> =
                    std::fs::read_dir(&folder).ok()?.map(|file| file.unwrap().path()).collect();
                files.sort();
                let text = files.iter().map(|file| std::fs::read_to_string(file).unwrap().lines().count());
                let lines: usize = text.sum();
                (files.len() == index + 1 && lines == (index + 1) * (rows.lines().count() + 1)).then_some(())
            });
            let ended = daemon.terminate();
            assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
        }
    }
}

/// The lines of a page's shell blocks below a heading, without comments and with single blanks.
fn lines(path: &str, heading: &str) -> Vec<String> {
    let page = Page::read(path);
    let blocks = page.blocks(Some(heading), "sh").concat();
    let line = |line: &String| {
        line.split(" #").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    blocks.iter().map(line).filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_command_of_the_tutorial_works() {
    const SECTION: &str = "With a robot";
    let mut walk = Walk::new();
    let toml = Page::read("docs/tutorial.md").blocks(Some(SECTION), "toml").remove(0).join("\n");
    let toml = toml.replace(PORT, walk.pty.link.to_str().unwrap());
    let toml = toml.replace("[mqtt]", &format!("[mqtt]\nport = {}", walk.broker.port));
    std::fs::write(walk.folder.path().join("underfoot.toml"), toml).unwrap();
    for line in lines("docs/tutorial.md", SECTION) {
        walk.step(&line);
    }
    let walked: Vec<&str> = walk.walked.iter().map(String::as_str).collect();
    for command in ["record", "replay", "check", "run", "watch"] {
        assert!(walked.contains(&format!("underfoot {command}").as_str()), "{walked:?}");
    }
    assert_eq!(walk.daemon.take().unwrap().terminate().code, Some(0));
}

#[test]
fn every_command_of_the_readme_is_one_of_the_tutorial() {
    let tutorial = lines("docs/tutorial.md", "With a robot");
    let readme = lines("README.md", "Use it on your robot");
    assert!(readme.len() >= 5, "{readme:?}");
    for line in readme {
        assert!(tutorial.contains(&line), "docs/tutorial.md does not have {line:?}");
    }
}
