//! The command line of the demo.

use std::path::Path;

use super::board::Board;
use super::broker::DemoBroker;
use super::pipeline::run;
use crate::command::block_on;
use crate::command::failure::Failure;
use crate::model::session::Model;
use crate::signal::StreamId;
use crate::simulator::drive::{Drive, RATE};
use crate::simulator::surface::Surface;

/// The model of the demo, which was trained on simulated robots only.
const MODEL: &[u8] = include_bytes!("../../../../models/simulated.onnx");

/// Watch simulated robots drive over six surfaces while underfoot classifies them
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Number of robots
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    robots: u8,
    /// Time on each surface, in seconds
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(2..=3600))]
    seconds: u16,
    /// Seed of the robots and their drives; the same seed gives the same samples
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Pass the samples to the pipeline directly, even if mosquitto is installed
    #[arg(long)]
    no_broker: bool,
}

impl DemoArgs {
    /// Runs the robots over all surfaces, shows the decisions live, and prints the share that was correct.
    ///
    /// # Errors
    /// [`Failure`] if the model cannot be loaded, the broker does not start, or the pipeline fails.
    pub fn run(self) -> Result<(), Failure> {
        let model = Model::from_bytes(MODEL, Path::new("(built in)"), None).map_err(Failure::failed)?;
        let drives = (0..self.robots).map(|robot| {
            let name = StreamId::from_text(&format!("robot-{}", robot + 1));
            (name, self.drive(robot))
        });
        let drives: Vec<_> = drives.collect();
        let broker = if self.no_broker { None } else { DemoBroker::start().map_err(Failure::failed)? };
        match &broker {
            Some(broker) => println!(
                "Surfaces are published at a private broker. To see them in another terminal:\n\
                 \x20 mosquitto_sub -p {0} -v -t 'underfoot/+/surface'\n",
                broker.port
            ),
            None if self.no_broker => {}
            None => {
                println!("mosquitto is not installed, so the samples are passed to the pipeline directly.\n")
            }
        }
        let board = Board::new(drives.clone(), model.card());
        block_on(run(model, drives, broker, board))?
    }

    /// The drive of one robot, which visits the surfaces in an order of its own.
    fn drive(&self, robot: u8) -> Drive {
        let mut surfaces = Surface::ALL;
        surfaces.rotate_left(usize::from(robot) % Surface::ALL.len());
        if robot % 2 == 1 {
            surfaces.reverse();
        }
        let stay = f64::from(self.seconds);
        Drive::new(self.seed + u64::from(robot), RATE, surfaces.map(|surface| (surface, stay)).to_vec())
    }
}
