//! The `underfoot` binary: the daemon and its tools.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use underfoot::command::failure;
use underfoot::command::service::{check, config, run};
use underfoot::command::tools::{demo, forget, model, record, replay, simulate, watch};
use underfoot::log;

/// Samples are allocated by the thread that reads them, and freed by those that classify and publish them. With thousands of
/// robots, the allocator of the C library takes long for that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Classifies the surface under a robot from the current that its motors draw.
///
/// Exit codes: 0 success, 1 failure, 2 wrong usage, 78 a configuration or model that cannot work.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub(crate) enum Cli {
    Run(run::RunArgs),
    Replay(replay::ReplayArgs),
    Record(record::RecordArgs),
    Simulate(simulate::SimulateArgs),
    Demo(demo::DemoArgs),
    Check(check::CheckArgs),
    Watch(watch::WatchArgs),
    Forget(forget::ForgetArgs),
    Config(config::ShowArgs),
    #[command(subcommand)]
    Model(model::ModelCommand),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let quiet = matches!(cli, Cli::Replay(_) | Cli::Check(_) | Cli::Demo(_) | Cli::Watch(_));
    if let Err(error) = log::start(if quiet { "error" } else { "info" }) {
        return failure::exit(Err(error.into()));
    }
    failure::exit(match cli {
        Cli::Run(run) => run.run(),
        Cli::Replay(replay) => replay.run(),
        Cli::Record(record) => record.run(),
        Cli::Simulate(simulate) => simulate.run(),
        Cli::Demo(demo) => demo.run(),
        Cli::Check(check) => check.run(),
        Cli::Watch(watch) => watch.run(),
        Cli::Forget(forget) => forget.run(),
        Cli::Config(config) => config.run(),
        Cli::Model(model) => model.run(),
    })
}
