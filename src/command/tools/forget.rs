//! `underfoot forget`: removes retired robots from the broker.

use super::broker::BrokerArgs;
use crate::command::block_on;
use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::mqtt::Role;
use crate::signal::StreamId;
use crate::sink::home_assistant;

/// Remove retired robots from the broker: their retained surfaces and their devices in Home Assistant
#[derive(Debug, clap::Args)]
pub struct ForgetArgs {
    /// Names of the robots to remove, as in the topic BASE/STREAM/surface
    #[arg(required = true, value_name = "STREAM", num_args = 1..=256)]
    streams: Vec<StreamId>,
    #[command(flatten)]
    broker: BrokerArgs,
}

impl ForgetArgs {
    /// Clears the retained topics of the robots.
    ///
    /// # Errors
    /// [`Failure`]: exit code 78 if the configuration cannot work, 1 if the broker cannot be reached.
    pub fn run(self) -> Result<(), Failure> {
        let config = self.broker.load()?;
        let (base, prefix) = (&config.publish.base, &config.home_assistant.prefix);
        let topics =
            |stream| [format!("{base}/{stream}/surface"), home_assistant::topic(prefix, base, stream)];
        let topics: Vec<_> = self.streams.iter().flat_map(topics).collect();
        block_on(async {
            let Some(broker) = assemble::broker(&config, Role::Tool("forget"))? else { return Ok(()) };
            broker.connection.clear(&broker.publisher, &topics).await.map_err(Failure::failed)
        })??;
        for topic in topics {
            println!("cleared {topic}");
        }
        Ok(())
    }
}
