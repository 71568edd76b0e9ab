//! `underfoot check`: checks everything that the daemon needs, before it is started.

use std::path::{Path, PathBuf};

use super::assemble;
use super::check_source::{SourceCheck, SourceFindings};
use super::port::{PortArgs, shell_word};
use crate::command::block_on;
use crate::command::failure::Failure;
use crate::config::Config;
use crate::daemon::parts::SourceTask;
use crate::http;
use crate::model::card::Card;
use crate::model::card_text::printable;
use crate::model::session::Model;
use crate::mqtt::Role;
use crate::signal::channel_names;

/// Check the configuration, the model, each source, the page's address and the broker
///
/// Each source is read for two seconds. Prints a line for each part, with "ok" or with what is wrong and how to fix
/// it, and warnings about what is not plausible. With --port only that serial port is read, without a configuration and
/// a model. Exit codes: 0 all is well, 1 a port or the broker cannot be reached
/// or sends nothing that can be used, 78 the configuration or the model cannot work.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The configuration file [default: /etc/underfoot/underfoot.toml]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    port: PortArgs,
}

impl CheckArgs {
    /// Checks everything; a fault in one part does not end the check.
    ///
    /// # Errors
    /// [`Failure`] with the highest exit code of all faults: 78 if the configuration or the model cannot
    /// work, 1 if a port or the broker cannot be reached.
    pub fn run(self) -> Result<(), Failure> {
        let mut worst: Option<Failure> = None;
        let mut report = |part: &str, result: Result<String, Failure>| match result {
            Ok(detail) => println!("ok      {}", printable(&format!("{part}: {detail}"))),
            Err(failure) => {
                println!("failed  {}", printable(&format!("{part}: {}", failure.message)));
                if worst.as_ref().is_none_or(|worst| worst.code < failure.code) {
                    worst = Some(failure);
                }
            }
        };
        let config = self.port.load(self.config.as_deref())?;
        let model = (!self.port.is_given()).then(|| {
            let count = config.sources.len();
            report("configuration", Ok(format!("{count} source{}", if count == 1 { "" } else { "s" })));
            assemble::models(&config)
        });
        let warnings =
            model.iter().flatten().flat_map(|(_, models)| models.first()).flat_map(Model::warnings);
        let novelty =
            model.iter().flatten().filter_map(|(_, models)| assemble::novelty_warning(&config, models));
        let warnings: Vec<String> = warnings.cloned().chain(novelty).collect();
        let model = model.map(|model| model.map(|(card, _)| card));
        let card = model.as_ref().and_then(|model| model.as_ref().ok().cloned());
        let describe = |card: Card| {
            format!(
                "{} at {} Hz, windows of {} steps, surfaces {}",
                channel_names(&card.channels),
                card.rate,
                card.window,
                card.labels.join(", ")
            )
        };
        if let Some(model) = model {
            report("model", model.map(describe));
        }
        for warning in warnings {
            println!("warning model: {warning}");
        }

        let findings = block_on(async {
            let checks = match source_checks(&config, card.as_ref()) {
                Ok(checks) => checks,
                Err(failure) => {
                    report("sources", Err(failure));
                    Vec::new()
                }
            };
            match assemble::broker(&config, Role::Tool("check")) {
                Ok(None) => (read_all(checks, &config, card.as_ref(), false).await, None),
                Ok(Some(broker)) => {
                    let result = broker.connection.try_once().await;
                    let findings = read_all(checks, &config, card.as_ref(), result.is_ok()).await;
                    let result = result.map(|()| accepted(&config)).map_err(Failure::failed);
                    (findings, Some(result))
                }
                Err(failure) => (read_all(checks, &config, card.as_ref(), false).await, Some(Err(failure))),
            }
        });
        let (sources, broker) = findings?;
        for SourceFindings { name, result, warnings } in sources {
            let part = format!("source {name}");
            report(&part, result);
            warnings
                .iter()
                .for_each(|warning| println!("warning {}", printable(&format!("{part}: {warning}"))));
        }
        match config.http.address() {
            Ok(None) => {}
            Ok(Some(address)) => {
                // Sockets of tokio exist only inside of its runtime.
                let result = block_on(async { http::try_address(address) })?.map_err(Failure::failed);
                report("page", result.map(|url| format!("it will be served at {url}")));
            }
            Err(error) => report("page", Err(Failure::config(error))),
        }
        if let Some(broker) = broker {
            report("broker", broker);
        }
        match worst {
            None => {
                eprintln!("{}", next_step(self.config.as_deref(), &self.port));
                Ok(())
            }
            // Each fault has been printed on its own line.
            Some(worst) => Err(Failure { message: String::new(), code: worst.code }),
        }
    }
}

/// What it means that the broker accepts the connection.
fn accepted(config: &Config) -> String {
    let node = config.node.name.as_ref();
    let node = node.map(|_| format!("; status of this node: {}", assemble::daemon_topics(config).status()));
    format!("it accepts the connection{}", node.unwrap_or_default())
}

/// What to do when everything works.
fn next_step(config: Option<&Path>, port: &PortArgs) -> String {
    match config {
        // A board that is only tried has no model yet.
        _ if port.is_given() => {
            format!("next: drive over a surface, such as gravel, and run {}", port.record_command("gravel"))
        }
        Some(config) => format!("next: underfoot run -c {}", shell_word(&config.to_string_lossy())),
        None => "next: sudo systemctl enable --now underfoot, or underfoot run to see what it does".into(),
    }
}

/// The sources to read, with the channels of the model, or with their own if it cannot be loaded.
fn source_checks(config: &Config, card: Option<&Card>) -> Result<Vec<SourceCheck>, Failure> {
    let wanted = card.map(|card| card.channels.as_slice());
    let sources = assemble::sources(config, wanted)?;
    let check = |(index, (name, source)): (usize, (String, SourceTask))| {
        let input = config.sources.get(index).map(|source| source.input(index, wanted)).transpose();
        let input = input.map_err(Failure::config)?;
        let channels = input.map(|input| input.columns.channels().to_vec()).unwrap_or_default();
        Ok(SourceCheck { name, source, channels, broker: None })
    };
    sources.into_iter().enumerate().map(check).collect()
}

/// Reads all sources at the same time. Those that need the broker are read one after another, because each has a
/// connection of its own; they are not read without `has_broker`.
async fn read_all(
    checks: Vec<SourceCheck>,
    config: &Config,
    card: Option<&Card>,
    has_broker: bool,
) -> Vec<SourceFindings> {
    let turn = tokio::sync::Mutex::new(());
    let read = async |mut check: SourceCheck| {
        let needs_broker = has_broker && matches!(check.source, SourceTask::Mqtt(_));
        let _turn = if needs_broker { Some(turn.lock().await) } else { None };
        if needs_broker {
            check.broker = assemble::broker(config, Role::Tool("check")).ok().flatten();
        }
        check.read(config, card).await
    };
    futures_util::future::join_all(checks.into_iter().map(read)).await
}
