//! Writes the man pages and the shells' completions of both programs: `cargo run --example documents -- FOLDER`.
//!
//! The package is made with it. It takes the command lines from the programs' own sources, so that neither they nor the library
//! carry what only the package needs.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

#[allow(dead_code)] // only its command line is used
#[path = "../src/bin/underfoot.rs"]
mod daemon;
#[allow(dead_code)] // only its command line is used
#[path = "../src/bin/underfoot-train.rs"]
mod trainer;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("give the folder to write into")?;
    let folder = Path::new(&folder);
    for program in [daemon::Cli::command(), trainer::Cli::command()] {
        completions(program.clone(), folder)?;
        let mut program = program.disable_help_subcommand(true);
        program.build();
        pages(&program, &folder.join("man"))?;
    }
    Ok(())
}

/// A completion for each shell, in a file of the name that the shell looks for.
fn completions(mut program: Command, folder: &Path) -> Result<(), Box<dyn Error>> {
    let name = program.get_name().to_owned();
    for (shell, folder, file) in [
        (Shell::Bash, folder.join("bash"), name.clone()),
        (Shell::Zsh, folder.join("zsh"), format!("_{name}")),
        (Shell::Fish, folder.join("fish"), format!("{name}.fish")),
    ] {
        fs::create_dir_all(&folder)?;
        clap_complete::generate(shell, &mut program, &name, &mut fs::File::create(folder.join(file))?);
    }
    Ok(())
}

/// A man page for a command, and for each below it.
fn pages(command: &Command, folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(below, folder)?;
    }
    let name = command.get_display_name().unwrap_or(command.get_name());
    let page = Man::new(command.clone())
        .title(name.to_uppercase())
        .date(date()?)
        .source(concat!("underfoot ", env!("CARGO_PKG_VERSION")))
        .manual("underfoot");
    let mut text = Vec::new();
    page.render(&mut text)?;
    more(name).to_writer(&mut text)?;
    fs::write(folder.join(format!("{name}.1")), text)?;
    Ok(())
}

/// The day that the pages carry: that of `SOURCE_DATE_EPOCH`, so that the same sources give the same pages, or today.
fn date() -> Result<String, Box<dyn Error>> {
    let moment = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.parse()?),
        Err(_) => SystemTime::now(),
    };
    Ok(humantime::format_rfc3339_seconds(moment).to_string().chars().take(10).collect())
}

/// What a page says beyond the command line.
fn more(name: &str) -> Roff {
    let mut page = Roff::new();
    match name {
        "underfoot" => {
            list(
                &mut page,
                "FILES",
                &[
                    (
                        "/etc/underfoot/underfoot.toml",
                        "The configuration of the service, and of any command that is not given one.",
                    ),
                    ("/etc/underfoot/conf.d/*.toml", "Read after it, in the order of their names."),
                    (
                        "/etc/credstore/underfoot.mqtt-password",
                        "The broker's password, which the service reads where the configuration has none.",
                    ),
                    (
                        "/var/lib/underfoot",
                        "The service's own folder: the place for the model and for recordings.",
                    ),
                    (
                        "/usr/share/underfoot/simulated.onnx",
                        "A model that knows simulated robots, for trying things out.",
                    ),
                    ("/usr/lib/underfoot/libonnxruntime.so", "ONNX Runtime, which runs the models."),
                ],
            );
            list(
                &mut page,
                "ENVIRONMENT",
                &[
                    ("UNDERFOOT__SECTION__KEY", "Stands above a key of the configuration."),
                    ("UNDERFOOT_LOG", "What is logged: error, warn, info, debug or trace."),
                    ("ORT_DYLIB_PATH", "Another ONNX Runtime."),
                ],
            );
            see(&mut page, &["underfoot-run(1)", "underfoot-check(1)", "underfoot-train(1)", "systemctl(1)"]);
        }
        "underfoot-train" => {
            list(&mut page, "ENVIRONMENT", &[("ORT_DYLIB_PATH", "Another ONNX Runtime.")]);
            see(&mut page, &["underfoot-train-fit(1)", "underfoot-train-diagnose(1)", "underfoot(1)"]);
        }
        _ => {
            let above = name.rsplit_once('-').map_or(name, |(above, _)| above);
            see(&mut page, &[&format!("{above}(1)")]);
        }
    }
    page
}

fn list(page: &mut Roff, title: &str, items: &[(&str, &str)]) {
    page.control("SH", [title]);
    for (item, about) in items {
        page.control("TP", []);
        page.text([italic(*item)]);
        page.text([roman(*about)]);
    }
}

fn see(page: &mut Roff, pages: &[&str]) {
    page.control("SH", ["SEE ALSO"]);
    let mut line: Vec<Inline> = Vec::new();
    for name in pages {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        let (name, section) = name.split_once('(').unwrap_or((name, "1)"));
        line.extend([bold(name), roman(format!("({section}"))]);
    }
    page.text(line);
}
