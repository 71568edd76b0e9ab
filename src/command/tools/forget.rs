//! `underfoot forget`: removes retired robots and nodes from the broker.

use super::broker::BrokerArgs;
use crate::command::block_on;
use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::mqtt::{DaemonTopics, Role};
use crate::signal::{LEVEL_RULE, StreamId, level_fault};
use crate::sink::home_assistant;

/// Remove retired robots from the broker: their retained surfaces and their devices in Home Assistant
///
/// With --node, also retired nodes: their retained status, info and health.
#[derive(Debug, clap::Args)]
pub struct ForgetArgs {
    /// Names of the robots to remove, as in the topic BASE/STREAM/surface; required without --node
    #[arg(required_unless_present = "nodes", value_name = "STREAM", num_args = 1..=256)]
    streams: Vec<StreamId>,
    /// Name of a node that no longer exists, as in its key node.name; may be given several times
    #[arg(long = "node", value_name = "NAME", value_parser = node_name)]
    nodes: Vec<String>,
    #[command(flatten)]
    broker: BrokerArgs,
}

impl ForgetArgs {
    /// Clears the retained topics of the robots and nodes.
    ///
    /// # Errors
    /// [`Failure`]: exit code 78 if the configuration cannot work, 1 if the broker cannot be reached.
    pub fn run(self) -> Result<(), Failure> {
        let config = self.broker.load()?;
        let (base, prefix) = (&config.publish.base, &config.home_assistant.prefix);
        let topics =
            |stream| [format!("{base}/{stream}/surface"), home_assistant::topic(prefix, base, stream)];
        let of_node = |node: &String| {
            let topics = DaemonTopics::new(base, Some(node));
            [topics.status(), topics.info(), topics.health()]
        };
        let of_nodes = self.nodes.iter().flat_map(of_node);
        let topics: Vec<_> = self.streams.iter().flat_map(topics).chain(of_nodes).collect();
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

/// Checks that a text can be the name of a node, so that no other topics are cleared.
fn node_name(text: &str) -> Result<String, String> {
    match level_fault(text) {
        None => Ok(text.to_owned()),
        Some(why) => Err(format!("it {why}; {LEVEL_RULE}")),
    }
}
