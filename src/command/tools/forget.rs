//! `underfoot forget`: takes robots that are no more off the broker.

use super::broker::BrokerArgs;
use crate::command::block_on;
use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::mqtt::Role;
use crate::signal::StreamId;
use crate::sink::home_assistant;

/// Take robots that are no more off the broker: the surface that is retained, and the device in Home Assistant
#[derive(Debug, clap::Args)]
pub struct ForgetArgs {
    /// The robots' names
    #[arg(required = true, value_name = "STREAM", num_args = 1..=256)]
    streams: Vec<StreamId>,
    #[command(flatten)]
    broker: BrokerArgs,
}

impl ForgetArgs {
    /// Empties their topics.
    ///
    /// # Errors
    /// [`Failure`]: 78 where the configuration cannot work, 1 where the broker is away.
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
