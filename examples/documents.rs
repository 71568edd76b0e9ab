//! Writes the man pages and shell completions of both programs: `cargo run --example documents -- FOLDER`.
//!
//! `make deb` runs it to build the package. It includes the sources of the programs to get their command
//! lines, so neither the programs nor the library contain code that only the package needs.

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
    let folder = std::env::args_os()
        .nth(1)
        .ok_or("the output folder is missing; run `cargo run --example documents -- FOLDER`")?;
    let folder = Path::new(&folder);
    for program in [daemon::Cli::command(), trainer::Cli::command()] {
        completions(program.clone(), folder)?;
        let mut program = program.disable_help_subcommand(true);
        program.build();
        pages(&program, &folder.join("man"))?;
    }
    Ok(())
}

/// Writes the completions of a program for each shell, under the file name that the shell looks for.
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

/// Writes the man pages of a command and of all its visible subcommands.
fn pages(command: &Command, folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        pages(subcommand, folder)?;
    }
    let name = command.get_display_name().unwrap_or(command.get_name());
    let page = Man::new(command.clone())
        .title(name.to_uppercase())
        .date(date()?)
        .source(concat!("underfoot ", env!("CARGO_PKG_VERSION")))
        .manual("underfoot");
    let mut text = Vec::new();
    page.render(&mut text)?;
    extra_sections(name).to_writer(&mut text)?;
    fs::write(folder.join(format!("{name}.1")), text)?;
    Ok(())
}

/// The date on the pages, as YYYY-MM-DD: from `SOURCE_DATE_EPOCH` if that is set, so that builds are
/// reproducible, and otherwise today.
fn date() -> Result<String, Box<dyn Error>> {
    let moment = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.parse()?),
        Err(_) => SystemTime::now(),
    };
    Ok(humantime::format_rfc3339_seconds(moment).to_string().chars().take(10).collect())
}

/// The sections of a page that do not follow from the command line: files, environment variables and related
/// pages.
fn extra_sections(name: &str) -> Roff {
    let mut page = Roff::new();
    match name {
        "underfoot" => {
            list(
                &mut page,
                "FILES",
                &[
                    (
                        "/etc/underfoot/underfoot.toml",
                        "The configuration of the service, and of every command that is run without -c.",
                    ),
                    (
                        "/etc/underfoot/conf.d/*.toml",
                        "More configuration files, which are read after it in the order of their names.",
                    ),
                    (
                        "/etc/underfoot/NAME.toml",
                        "The configuration of the service underfoot@NAME, of which there may be several.",
                    ),
                    (
                        "/etc/credstore/underfoot.mqtt-password",
                        "The broker's password, which the service uses if the configuration has none.",
                    ),
                    (
                        "/var/lib/underfoot",
                        "The state folder of the service, for the model and for recordings.",
                    ),
                    ("/var/lib/underfoot-instances/NAME", "The state folder of the service underfoot@NAME."),
                    (
                        "/usr/share/underfoot/simulated.onnx",
                        "A model for simulated robots, to try the service without a board.",
                    ),
                    (
                        "/usr/lib/underfoot/libonnxruntime.so",
                        "The ONNX Runtime library, which runs the models.",
                    ),
                ],
            );
            list(
                &mut page,
                "ENVIRONMENT",
                &[
                    ("UNDERFOOT__SECTION__KEY", "Overrides the key of that section of the configuration."),
                    ("UNDERFOOT_LOG", "The log level: error, warn, info, debug or trace."),
                    (
                        "ORT_DYLIB_PATH",
                        "The path of the ONNX Runtime library to load instead of the installed one.",
                    ),
                ],
            );
            see_also(
                &mut page,
                &["underfoot-run(1)", "underfoot-check(1)", "underfoot-train(1)", "systemctl(1)"],
            );
        }
        "underfoot-train" => {
            list(
                &mut page,
                "ENVIRONMENT",
                &[(
                    "ORT_DYLIB_PATH",
                    "The path of the ONNX Runtime library to load instead of the installed one.",
                )],
            );
            see_also(&mut page, &["underfoot-train-fit(1)", "underfoot-train-diagnose(1)", "underfoot(1)"]);
        }
        _ => {
            let parent = name.rsplit_once('-').map_or(name, |(parent, _)| parent);
            see_also(&mut page, &[&format!("{parent}(1)")]);
        }
    }
    page
}

/// Adds a section with a list of items, each with its explanation.
fn list(page: &mut Roff, title: &str, items: &[(&str, &str)]) {
    page.control("SH", [title]);
    for (item, about) in items {
        page.control("TP", []);
        page.text([italic(*item)]);
        page.text([roman(*about)]);
    }
}

/// Adds the section with references to other pages, given as `name(section)`.
fn see_also(page: &mut Roff, pages: &[&str]) {
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
