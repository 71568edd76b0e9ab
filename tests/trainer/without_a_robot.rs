//! Runs the commands of `docs/without-a-robot.md` in their order, with shorter drives and fewer epochs.

use std::path::Path;
use std::process::Command;

use crate::support::broker::Broker;
use crate::support::daemon::Daemon;
use crate::support::{self, assert_says, underfoot, wait_for};

/// The surfaces that are recorded, and the number of drives on each.
const SURFACES: [&str; 3] = ["tile", "carpet", "grass"];
const DRIVES: usize = 3;
/// The path of the board in the page.
const BOARD: &str = "/tmp/board";

/// The code blocks of the page in a language below a heading, without comments.
fn blocks(heading: &str, language: &str) -> Vec<Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/without-a-robot.md");
    let text = std::fs::read_to_string(page).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with(heading)).unwrap().to_owned();
    let code = section.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix(language));
    let lines = |block: &str| {
        let lines = block.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
    };
    code.map(lines).collect()
}

/// The words of a command after the program, with another board, and where necessary other words.
fn words(line: &str, board: &Path, others: &[(&str, &str)]) -> Vec<String> {
    let mut line = line.replace(BOARD, board.to_str().unwrap());
    for (word, other) in others {
        assert!(line.contains(word), "{line:?} has no {word:?}");
        line = line.replace(word, other);
    }
    line.split_whitespace().skip(1).map(str::to_owned).collect()
}

/// A command of `underfoot` that runs in a folder.
fn tool(folder: &Path, words: &[String]) -> Command {
    let mut command = underfoot(words);
    command.current_dir(folder);
    command
}

/// Starts a simulated board.
fn board(folder: &Path, words: &[String]) -> Daemon {
    let mut board = Daemon::command(tool(folder, words));
    board.wait_for_line("a simulated board is at");
    board
}

/// The rows of each recording of a surface.
fn rows(folder: &Path, surface: &str) -> Vec<usize> {
    let files = std::fs::read_dir(folder.join("recordings").join(surface)).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let rows = |text: String| {
        assert!(text.starts_with("t,left,right\n"), "{text}");
        text.lines().count() - 1
    };
    texts.map(rows).collect()
}

#[test]
fn the_shipped_model_runs_on_a_simulated_board() {
    const SECTION: &str = "Run the model that comes with underfoot";
    let folder = support::folder();
    let (root, link) = (folder.path(), folder.path().join("board"));
    let [simulate, rest]: [Vec<String>; 2] = blocks(SECTION, "sh").try_into().unwrap();
    let toml = blocks(SECTION, "toml").remove(0).join("\n").replace(BOARD, link.to_str().unwrap());
    let toml = toml.replace("models/simulated.onnx", support::model().to_str().unwrap());
    std::fs::write(root.join("simulated.toml"), toml).unwrap();

    let mut board = board(root, &words(&simulate[0], &link, &[]));
    assert_says(&board.wait_for_line("the robot is on"), &["0 s: the robot is on concrete"]);
    let checked: support::Ran = tool(root, &words(&rest[0], &link, &[])).output().unwrap().into();
    assert_says(&checked.ok(), &["\"rover\" at 100 Hz, last \"current\" "]);
    let daemon = Daemon::command(tool(root, &words(&rest[1], &link, &[])));
    wait_for("the surface", || {
        let lines = daemon.stdout.all();
        lines.iter().any(|line| support::json(line)["surface"] == "concrete").then_some(())
    });
    assert_eq!(daemon.interrupt().code, Some(0));
    assert_eq!(board.interrupt().code, Some(0));
}

#[test]
fn a_model_is_recorded_trained_and_run_without_a_robot() {
    const SECTION: &str = "Record, train and run a model of your own";
    let folder = support::folder();
    let root = folder.path();
    let [boards, fit, rest]: [Vec<String>; 3] = blocks(SECTION, "sh").try_into().unwrap();

    // The boards of all surfaces drive at the same time, which saves time.
    let recorded: Vec<_> = SURFACES
        .iter()
        .map(|surface| {
            let (root, boards) = (root.to_owned(), boards.clone());
            std::thread::spawn(move || {
                let link = root.join(surface);
                let stays = format!("--surface {surface}");
                let other = [("--surface tile", stays.as_str())];
                let mut board = board(&root, &words(&boards[0], &link, &other));
                board.wait_for_line(&format!("the robot is on {surface}"));
                let label = format!("--label {surface}");
                let shorter = [("--label tile", label.as_str()), ("--duration 60s", "--duration 3s")];
                for drive in 1..=DRIVES {
                    let ran: support::Ran =
                        tool(&root, &words(&boards[1], &link, &shorter)).output().unwrap().into();
                    assert_eq!(ran.code, Some(0), "{ran:?}");
                    let recorded = format!("recording {surface:?} into recordings/{surface}");
                    let count = format!("{drive} of {surface}");
                    let says =
                        ["waiting for samples from serial0", &recorded, " Hz", &count, "record at least 5"];
                    assert_says(&ran.stderr, &says);
                    assert!(!ran.stderr.contains("warning: "), "{}", ran.stderr);
                }
                assert_eq!(board.interrupt().code, Some(0));
            })
        })
        .collect();
    recorded.into_iter().for_each(|thread| thread.join().unwrap());
    for surface in SURFACES {
        let rows = rows(root, surface);
        assert_eq!(rows.len(), DRIVES);
        // What the board sent while nothing was recorded is in none of them.
        assert!(rows.iter().all(|rows| (200..=330).contains(rows)), "{surface}: {rows:?}");
    }

    let quick =
        ["--epochs=20", "--hop=20", "--hidden=8", "--validation=0.3", "--calibrate=false", "--novelty=false"]
            .map(str::to_owned);
    let mut trainer = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    trainer.args(words(&fit[0], root, &[])).args(quick).current_dir(root);
    let done = trainer.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    let broker = Broker::start();
    let link = root.join("board");
    let toml = blocks(SECTION, "toml").remove(0).join("\n").replace(BOARD, link.to_str().unwrap());
    let toml = toml.replace("[mqtt]", &format!("[mqtt]\nport = {}", broker.port));
    std::fs::write(root.join("underfoot.toml"), toml).unwrap();
    let other = [("--surface tile", "--surface grass")];
    let board = board(root, &words(&boards[0], &link, &other));
    let checked: support::Ran = tool(root, &words(&rest[0], &link, &[])).output().unwrap().into();
    assert_says(&checked.ok(), &["ok      model: left, right at 100 Hz", "last \"left\" "]);
    let mut daemon = Daemon::command(tool(root, &words(&rest[1], &link, &[])));
    daemon.wait_for_line("connected to the broker");
    let watch = Daemon::command(tool(root, &words(&rest[2], &link, &[])));
    wait_for("the surface", || {
        watch.stdout.all().iter().any(|line| line.contains(" rover grass")).then_some(())
    });
    watch.kill();
    assert_eq!(daemon.terminate().code, Some(0));
    assert_eq!(board.interrupt().code, Some(0));
}
