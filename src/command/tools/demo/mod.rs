//! `underfoot demo`: the real pipeline on simulated robots, to be watched.

pub(crate) mod board;
pub(crate) mod broker;

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use rumqttc::{AsyncClient, MqttOptions, QoS};
use tokio::time::Instant;

use self::board::{Board, Watched};
use self::broker::DemoBroker;
use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::command::{block_on, interrupted};
use crate::config::{Config, SourceInput};
use crate::daemon::pipeline::{Pipeline, Serving, SourceTask};
use crate::decode::message::MessageFormat;
use crate::health::Health;
use crate::model::session::Model;
use crate::mqtt::Role;
use crate::signal::{Columns, StreamId};
use crate::simulator::drive::{Drive, RATE};
use crate::simulator::surface::Surface;
use crate::simulator::wire;
use crate::sink::Sink;
use crate::sink::mqtt::MqttSink;
use crate::source::simulator::SimulatorSource;

/// The shipped model: it knows simulated robots, and no others.
const MODEL: &[u8] = include_bytes!("../../../../models/simulated.onnx");
/// How often the table is drawn.
const FRAME: Duration = Duration::from_millis(200);
/// Outcomes that may wait to be drawn.
const OUTCOMES: usize = 4096;
/// Time for the last samples to come out, after the robots have stopped.
const REST: Duration = Duration::from_millis(500);

/// Watch simulated robots drive over six surfaces, and underfoot name them
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// How many robots drive
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    robots: u8,
    /// Seconds on each surface
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(2..=3600))]
    seconds: u16,
    /// The seed of robots and drives
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Use no broker, even where mosquitto is installed
    #[arg(long)]
    no_broker: bool,
}

impl DemoArgs {
    /// Drives, draws, and says how well it went.
    ///
    /// # Errors
    /// [`Failure`].
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
                "A private broker listens on port {0}. Its topics, in another terminal:\n  mosquitto_sub -p {0} -v -t 'underfoot/#'\n",
                broker.port
            ),
            None if self.no_broker => {}
            None => println!("mosquitto is not installed, so the robots are fed in directly.\n"),
        }
        let board = Board::new(drives.clone(), model.card());
        block_on(watch(model, drives, broker, board))?
    }

    /// Each robot visits the surfaces in an order of its own.
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

type Drives = Vec<(StreamId, Drive)>;

async fn watch(
    model: Model,
    drives: Drives,
    broker: Option<DemoBroker>,
    board: Board,
) -> Result<(), Failure> {
    let mut config = Config::default();
    config.mqtt.host = broker.as_ref().map(|_| "127.0.0.1".into());
    config.model.path = Some("simulated.onnx".into());
    config.mqtt.port = broker.as_ref().map_or(0, |broker| broker.port);
    let card = model.card().clone();
    let context = assemble::context(&config, card.clone());
    let (sender, outcomes) = sync_channel(OUTCOMES);
    let mut sinks = vec![Sink::Watch(sender)];
    let connection = assemble::broker(&config, Role::Daemon)?;
    let sources: Vec<_> = if let Some(connection) = &connection {
        connection.publisher.retain("status", b"online".to_vec());
        sinks.push(Sink::Mqtt(MqttSink::new(connection.publisher.clone(), &context)));
        let columns = Columns::of(&card.channels).map_err(Failure::failed)?;
        let subscription = crate::mqtt::Subscription {
            topic: "robots/{stream}/current".into(),
            format: MessageFormat::Auto,
            input: SourceInput { columns, time: Default::default() },
            max_payload: config.limits.payload,
        };
        vec![("robots".to_owned(), SourceTask::Mqtt(subscription))]
    } else {
        let source = |(stream, drive): &(StreamId, Drive)| {
            let simulator = SimulatorSource { stream: stream.clone(), drive: drive.clone(), speed: 1.0 };
            (stream.to_string(), SourceTask::Simulator(simulator))
        };
        drives.iter().map(source).collect()
    };
    let silence = config.limits.silence;
    let health = Arc::new(Health::new(sources.iter().map(|(name, _)| (name.clone(), silence))));
    let serving = Serving {
        models: vec![model],
        batch: config.model.batch,
        queue_limit: config.limits.windows,
        streams: assemble::streams(&config, &card),
        context,
        sinks,
    };
    let pipeline = Pipeline {
        sources,
        broker: connection,
        serving: Some(serving),
        recorder: None,
        reload: None,
        http: None,
        health,
        supervised: false,
        drain: config.limits.drain,
    };
    let driven = async {
        match &broker {
            // The sources end by themselves.
            None => std::future::pending().await,
            Some(broker) => publish(broker.port, &drives).await,
        }
    };
    let shutdown = async {
        tokio::select! {
            () = driven => tokio::time::sleep(REST).await,
            () = interrupted() => {}
        }
    };
    let mut board = board;
    let ended = tokio::select! {
        ended = pipeline.run(shutdown) => ended.map_err(Failure::failed),
        never = draw(&mut board, &outcomes) => match never {},
    };
    board.take(&outcomes);
    board.finish();
    ended.map(|_| ())
}

/// Draws for ever: a live table on a terminal, a line a change elsewhere.
async fn draw(board: &mut Board, outcomes: &Watched) -> std::convert::Infallible {
    let live = std::io::stdout().is_terminal();
    let mut frames = tokio::time::interval(FRAME);
    loop {
        frames.tick().await;
        board.take(outcomes);
        if live {
            board.draw();
        } else {
            board.tell();
        }
    }
}

/// Sends every robot's samples to the broker as they are due, as boards on a network would.
async fn publish(port: u16, drives: &Drives) {
    let (client, mut events) = AsyncClient::new(MqttOptions::new("robots", "127.0.0.1", port), 64);
    events.network_options.set_tcp_nodelay(true);
    let network = async {
        loop {
            if events.poll().await.is_err() {
                tokio::time::sleep(FRAME).await;
            }
        }
    };
    let driving = async {
        let begun = Instant::now();
        let mut drives = drives.clone();
        loop {
            let mut moving = false;
            for (stream, drive) in &mut drives {
                let Some(reading) = drive.next() else { continue };
                moving = true;
                tokio::time::sleep_until(begun + Duration::from_secs_f64(reading.time.seconds())).await;
                let payload = wire::message(&reading);
                // A broker that went away is seen in the table: nothing comes any more.
                let _ =
                    client.publish(format!("robots/{stream}/current"), QoS::AtMostOnce, false, payload).await;
            }
            if !moving {
                return;
            }
        }
    };
    tokio::select! {
        () = network => {}
        () = driving => {}
    }
}
