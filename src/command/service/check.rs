//! `underfoot check`: whether the daemon would work, told before it must.

use std::path::PathBuf;

use super::assemble;
use crate::command::block_on;
use crate::command::failure::Failure;
use crate::config::load;
use crate::daemon::pipeline::SourceTask;
use crate::http;
use crate::model::card::Card;
use crate::mqtt::Role;
use crate::signal::channel_names;

/// Look at the configuration, the model, each source, the page's address and the broker, and say what is wrong
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The configuration; /etc/underfoot/underfoot.toml where none is named
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl CheckArgs {
    /// Checks everything and goes on after a fault.
    ///
    /// # Errors
    /// [`Failure`]: 78 where the configuration or the model cannot work, 1 where a port or the broker is away.
    pub fn run(self) -> Result<(), Failure> {
        let mut worst: Option<Failure> = None;
        let mut tell = |what: &str, result: Result<String, Failure>| match result {
            Ok(said) => println!("ok      {what}: {said}"),
            Err(failure) => {
                println!("failed  {what}: {}", failure.message);
                if worst.as_ref().is_none_or(|worst| worst.code < failure.code) {
                    worst = Some(failure);
                }
            }
        };
        let config = load::load(self.config.as_deref(), &[]).map_err(Failure::config)?;
        tell("configuration", Ok(format!("{} sources", config.sources.len())));

        let model = assemble::models(&config).map(|(card, _)| card);
        let card = model.as_ref().ok().cloned();
        let about = |card: Card| {
            format!(
                "{} at {} Hz, windows of {}, tells {}",
                channel_names(&card.channels),
                card.rate,
                card.window,
                card.labels.join(", ")
            )
        };
        tell("model", model.map(about));

        let channels = card.as_ref().map(|card| card.channels.as_slice());
        let ports = block_on(async {
            match assemble::sources(&config, channels) {
                Err(failure) => tell("sources", Err(failure)),
                Ok(sources) => {
                    for (name, source) in sources {
                        tell(&format!("source {name}"), look(source));
                    }
                }
            }
            match config.http.address() {
                Ok(None) => {}
                Ok(Some(address)) => {
                    let tried = http::try_address(address).map_err(Failure::failed);
                    tell("page", tried.map(|url| format!("it will be at {url}")));
                }
                Err(error) => tell("page", Err(Failure::config(error))),
            }
            match assemble::broker(&config, Role::Tool("check")) {
                Ok(None) => {}
                Ok(Some(broker)) => {
                    let tried = broker.connection.try_once().await;
                    tell(
                        "broker",
                        tried.map(|()| "it accepts the connection".into()).map_err(Failure::failed),
                    );
                }
                Err(failure) => tell("broker", Err(failure)),
            }
        });
        ports?;
        // Each fault was told on its own line.
        worst.map_or(Ok(()), |worst| Err(Failure { message: String::new(), code: worst.code }))
    }
}

fn look(source: SourceTask) -> Result<String, Failure> {
    match source {
        SourceTask::Mqtt(subscription) => Ok(format!("it will ask for {:?}", subscription.filter())),
        SourceTask::Serial(serial) => {
            serial.open().map(|_| format!("{:?} opens", serial.port)).map_err(Failure::failed)
        }
        SourceTask::Stdin(_) => Ok("standard input".into()),
        SourceTask::Files(files) => Ok(format!("{} recordings", files.recordings.len())),
        SourceTask::Simulator(_) => Ok("a simulated robot".into()),
    }
}
