//! The trainer: labelled recordings to a model.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use underfoot::command::{evaluate, fit};
use underfoot::train::fit::FitError;

/// Train models that tell what a robot drives on
#[derive(Debug, Parser)]
#[command(name = "underfoot-train", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fit(fit::Fit),
    Evaluate(evaluate::Evaluate),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Fit(args) => fit::run(args),
        Command::Evaluate(args) => evaluate::run(args),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("error: {error:#}");
    match error.downcast_ref::<FitError>() {
        Some(FitError::Option { .. }) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
