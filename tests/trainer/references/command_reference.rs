//! The page docs/commands.md.

use std::fmt::Write as _;

use clap::{Arg, Command};

const HEAD: &str = "\
# Commands

Every command of both programs, with its flags. `--help` prints the same in a terminal, and the package has it as man
pages. `-h` and `--help` belong to every command, `--version` to both programs. This page follows from the code;
`make references` writes it.
";

/// The page for these programs.
pub(super) fn page(programs: [Command; 2]) -> String {
    let mut out = HEAD.to_owned();
    for program in programs {
        let mut program = program.disable_help_subcommand(true);
        program.build();
        let _ = write!(out, "\n## {}\n", program.get_name());
        for paragraph in about(&program) {
            let _ = write!(out, "\n{paragraph}\n");
        }
        let mut written = Vec::new();
        for command in leaves(&program) {
            section(command, &mut written, &mut out);
        }
    }
    out
}

/// The commands below a command that have no commands below them.
fn leaves(command: &Command) -> Vec<&Command> {
    let below: Vec<&Command> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    if below.is_empty() { vec![command] } else { below.into_iter().flat_map(leaves).collect() }
}

/// Appends the section of a command. Tables of flags that an earlier command has, too, are not repeated; `written` has
/// these tables with the heading of that command.
fn section(command: &Command, written: &mut Vec<(String, String)>, out: &mut String) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let _ = write!(out, "\n### {name}\n");
    for paragraph in about(command) {
        let _ = write!(out, "\n{paragraph}\n");
    }
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = write!(out, "\n```text\n{usage}\n```\n");
    let mut headings: Vec<Option<&str>> = command.get_arguments().map(Arg::get_help_heading).collect();
    headings.sort();
    headings.dedup();
    let mut repeated = Vec::new();
    for heading in headings {
        let rows: String = command
            .get_arguments()
            .filter(|arg| arg.get_help_heading() == heading && !arg.is_hide_set())
            .filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"))
            .map(row)
            .collect();
        if rows.is_empty() {
            continue;
        }
        if let Some(heading) = heading {
            if let Some((_, owner)) = written.iter().find(|(table, _)| *table == rows) {
                repeated.push((heading, owner.clone()));
                continue;
            }
            written.push((rows.clone(), name.clone()));
            let _ = write!(out, "\n**{heading}**\n");
        }
        let _ = write!(out, "\n| argument | meaning | default |\n|---|---|---|\n{rows}");
    }
    if let Some((_, owner)) = repeated.first() {
        let headings: Vec<&str> = repeated.iter().map(|(heading, _)| *heading).collect();
        let anchor = owner.replace(' ', "-");
        let _ = write!(
            out,
            "\nThe flags of [`{owner}`](#{anchor}) under {} belong to this command, too.\n",
            headings.join(", ")
        );
    }
}

/// The paragraphs that describe a command.
fn about(command: &Command) -> Vec<String> {
    let text = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let joined = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if joined.ends_with(['.', ':']) { joined } else { joined + "." }
    });
    paragraphs.filter(|paragraph| paragraph != ".").collect()
}

/// The row of an argument in a table.
fn row(arg: &Arg) -> String {
    let long = arg.to_string();
    let flag = match arg.get_short() {
        Some(short) => format!("`-{short}`, `{}`", cell(&long)),
        None => format!("`{}`", cell(&long)),
    };
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let (help, mut default) = match help.rsplit_once(" [default: ") {
        Some((help, default)) => (help.to_owned(), default.trim_end_matches(']').to_owned()),
        None => (help, String::new()),
    };
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set() && !matches!(value.get_name(), "true" | "false"))
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}`: {help}", value.get_name()),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    let values = if values.is_empty() { String::new() } else { format!(". Values: {}", values.join("; ")) };
    if arg.get_action().takes_values() && !arg.get_default_values().is_empty() {
        let values = arg.get_default_values().iter().map(|value| value.to_string_lossy());
        default = format!("`{}`", values.collect::<Vec<_>>().join(","));
    } else if default.is_empty() && arg.is_required_set() {
        default = "required".into();
    }
    format!("| {flag} | {} | {} |\n", cell(&(escape(&help) + &values)), cell(&default))
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Text in which `<` and `*` outside of code are no markup.
pub(super) fn escape(text: &str) -> String {
    let escaped = text.split('`').enumerate().map(|(index, part)| {
        if index % 2 == 0 { part.replace('<', "\\<").replace('*', "\\*") } else { part.to_owned() }
    });
    escaped.collect::<Vec<_>>().join("`")
}
