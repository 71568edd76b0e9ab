//! The pages of docs/ that follow from the code: docs/commands.md from the command lines, docs/configuration.md from
//! the sample configuration. `make references` writes them.

mod command_reference;
mod configuration_reference;

use crate::programs;
use crate::support::markdown::root;

/// Compares a page with what follows from the code, or writes it if the variable `UPDATE` is set.
fn compare(path: &str, expected: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, expected).unwrap();
        return;
    }
    let found = std::fs::read_to_string(file).unwrap_or_default();
    let lines = || found.lines().map(Some).chain(std::iter::repeat(None)).zip(expected.lines());
    let first = lines().find(|(found, expected)| *found != Some(*expected));
    assert!(
        found == expected,
        "{path} is not what the code says; run `make references`. The first difference: {first:?}"
    );
}

#[test]
fn the_reference_of_the_commands_is_that_of_the_programs() {
    use clap::CommandFactory;
    let programs = [programs::daemon::Cli::command(), programs::trainer::Cli::command()];
    compare("docs/commands.md", &command_reference::page(programs));
}

#[test]
fn the_reference_of_the_configuration_is_that_of_the_sample() {
    let page = configuration_reference::page(underfoot::config::SAMPLE);
    compare("docs/configuration.md", &page);
    for key in
        ["### `mqtt.keep_alive`", "### `source.channel.min`, `source.channel.max`", "- Default: `\"15s\"`"]
    {
        assert!(page.contains(&format!("\n{key}\n")), "{key} is missing");
    }
}
