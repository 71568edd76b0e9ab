//! The `underfoot-train` binary: trains models on labelled recordings.

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use underfoot::command::failure::{self, Failure};
use underfoot::command::training::interrupt::Interrupted;
use underfoot::command::training::{bench, diagnose, evaluate, fit, refit, topics};
use underfoot::train::options::OptionError;
use underfoot::train::options::settings::SettingsError;

/// Train models that classify the surface under a robot
#[derive(Debug, Parser)]
#[command(name = "underfoot-train", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fit(Box<fit::FitArgs>),
    Refit(refit::RefitArgs),
    Diagnose(Box<diagnose::DiagnoseArgs>),
    Evaluate(evaluate::EvaluateArgs),
    Topics(topics::TopicsArgs),
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let result = match Cli::from_arg_matches(&matches) {
        Ok(cli) => run(cli.command, matches.subcommand().map(|(_, matches)| matches)),
        Err(error) => error.exit(),
    };
    if let Err(error) = &result
        && let Some(interrupted) = error.downcast_ref::<Interrupted>()
    {
        eprintln!("{interrupted}");
        return ExitCode::from(Interrupted::EXIT_CODE);
    }
    failure::exit(result.map_err(|error| {
        let usage = error.is::<OptionError>()
            || matches!(error.downcast_ref(), Some(SettingsError::Contradiction { .. }));
        let message = format!("{error:#}");
        if usage { Failure::usage(message) } else { Failure::failed(message) }
    }))
}

fn run(command: Command, matches: Option<&ArgMatches>) -> anyhow::Result<()> {
    match command {
        Command::Fit(args) => fit::run(*args, matches.unwrap_or(&ArgMatches::default())),
        Command::Refit(args) => refit::run(args),
        Command::Diagnose(args) => diagnose::run(*args, matches.unwrap_or(&ArgMatches::default())),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Topics(args) => topics::run(args),
        Command::Bench(args) => bench::run(args),
    }
}
