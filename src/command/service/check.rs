//! `underfoot check`: checks everything that the daemon needs, before it is started.

use std::path::PathBuf;

use super::assemble;
use crate::command::block_on;
use crate::command::failure::Failure;
use crate::config::load;
use crate::daemon::parts::SourceTask;
use crate::http;
use crate::model::card::Card;
use crate::mqtt::Role;
use crate::signal::channel_names;

/// Check the configuration, the model, each source, the page's address and the broker
///
/// Prints a line for each, with "ok" or with what is wrong and how to fix it. Exit codes: 0 all is well, 1 a
/// port or the broker cannot be reached, 78 the configuration or the model cannot work.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The configuration file [default: /etc/underfoot/underfoot.toml]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
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
            Ok(detail) => println!("ok      {part}: {detail}"),
            Err(failure) => {
                println!("failed  {part}: {}", failure.message);
                if worst.as_ref().is_none_or(|worst| worst.code < failure.code) {
                    worst = Some(failure);
                }
            }
        };
        let config = load::load(self.config.as_deref(), &[]).map_err(Failure::config)?;
        report("configuration", Ok(format!("{} sources", config.sources.len())));

        let model = assemble::models(&config).map(|(card, _)| card);
        let card = model.as_ref().ok().cloned();
        let describe = |card: Card| {
            format!(
                "{} at {} Hz, windows of {} steps, surfaces {}",
                channel_names(&card.channels),
                card.rate,
                card.window,
                card.labels.join(", ")
            )
        };
        report("model", model.map(describe));

        let channels = card.as_ref().map(|card| card.channels.as_slice());
        let checked = block_on(async {
            match assemble::sources(&config, channels) {
                Err(failure) => report("sources", Err(failure)),
                Ok(sources) => {
                    for (name, source) in sources {
                        report(&format!("source {name}"), check_source(source));
                    }
                }
            }
            match config.http.address() {
                Ok(None) => {}
                Ok(Some(address)) => {
                    let result = http::try_address(address).map_err(Failure::failed);
                    report("page", result.map(|url| format!("it will be served at {url}")));
                }
                Err(error) => report("page", Err(Failure::config(error))),
            }
            match assemble::broker(&config, Role::Tool("check")) {
                Ok(None) => {}
                Ok(Some(broker)) => {
                    let result = broker.connection.try_once().await;
                    report(
                        "broker",
                        result.map(|()| "it accepts the connection".into()).map_err(Failure::failed),
                    );
                }
                Err(failure) => report("broker", Err(failure)),
            }
        });
        checked?;
        // Each fault has been printed on its own line.
        worst.map_or(Ok(()), |worst| Err(Failure { message: String::new(), code: worst.code }))
    }
}

/// Opens a serial port, and describes any other source.
fn check_source(source: SourceTask) -> Result<String, Failure> {
    match source {
        SourceTask::Mqtt(subscription) => Ok(subscription.describe()),
        SourceTask::Serial(serial) => {
            serial.open().map(|_| format!("{:?} can be opened", serial.port)).map_err(Failure::failed)
        }
        SourceTask::Stdin(_) => Ok("standard input".into()),
        SourceTask::Files(files) => Ok(format!("{} recordings", files.recordings.len())),
        SourceTask::Simulator(_) => Ok("a simulated robot".into()),
    }
}
