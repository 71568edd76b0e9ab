//! The demo's pipeline, with the board drawn while it runs.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::board::{Board, TimedOutcomes};
use super::broker::DemoBroker;
use super::robots::{Drives, publish};
use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::command::shutdown_signal;
use crate::config::{Config, SourceInput};
use crate::daemon::parts::{Serving, SourceTask};
use crate::daemon::pipeline::Pipeline;
use crate::decode::message::MessageFormat;
use crate::health::Health;
use crate::model::session::Model;
use crate::mqtt::{Role, Subscription};
use crate::print;
use crate::signal::{Columns, StreamId};
use crate::simulator::drive::Drive;
use crate::sink::Sink;
use crate::sink::mqtt::MqttSink;
use crate::source::simulator::SimulatorSource;

/// How often the board is drawn.
const FRAME: Duration = Duration::from_millis(200);
/// Capacity of the channel of outcomes to the board.
const OUTCOMES: usize = 4096;
/// How long to wait for the last predictions after the robots have stopped.
const SETTLE: Duration = Duration::from_millis(500);

/// Runs the pipeline until every robot has finished its drive, or until Ctrl-C.
pub(super) async fn run(
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
    let mut sinks = vec![Sink::Channel(sender)];
    let connection = assemble::broker(&config, Role::Daemon)?;
    let sources: Vec<_> = if let Some(connection) = &connection {
        let publisher = &connection.publisher;
        publisher.retain_at(publisher.topics().status(), b"online".to_vec());
        sinks.push(Sink::Mqtt(MqttSink::new(connection.publisher.clone(), &context)));
        let columns = Columns::of(&card.channels).map_err(Failure::failed)?;
        let subscription = Subscription {
            group: None,
            topic: "robots/{stream}/current".into(),
            format: MessageFormat::Auto,
            input: SourceInput { columns, time: Default::default(), csv: Default::default() },
            max_payload: config.limits.payload,
            max_streams: config.limits.streams,
            hold: config.limits.silence,
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
        streams: assemble::stream_options(&config, &card),
        context,
        sinks,
        ends_with_output: false,
    };
    let pipeline = Pipeline {
        sources,
        broker: connection,
        serving: Some(serving),
        recorder: None,
        observer: None,
        reload: None,
        http: None,
        health,
        supervised: false,
        drain: config.limits.drain,
    };
    let drives_finished = async {
        match &broker {
            // The simulator sources end by themselves, and the pipeline with them.
            None => std::future::pending().await,
            Some(broker) => publish(broker.port, &drives).await,
        }
    };
    let shutdown = async {
        tokio::select! {
            () = drives_finished => tokio::time::sleep(SETTLE).await,
            () = shutdown_signal() => {}
        }
    };
    let mut board = board;
    let ended = tokio::select! {
        ended = pipeline.run(shutdown) => ended.map_err(Failure::failed),
        // Nobody sees the rest.
        () = draw(&mut board, &outcomes) => return Ok(()),
    };
    board.take(&outcomes);
    board.finish();
    ended.map(|_| ())
}

/// Draws until cancelled, or until the output is closed: a live table on a terminal, and otherwise a line for each
/// change.
async fn draw(board: &mut Board, outcomes: &TimedOutcomes) {
    let on_terminal = std::io::stdout().is_terminal();
    let mut frames = tokio::time::interval(FRAME);
    while !print::is_closed() {
        frames.tick().await;
        board.take(outcomes);
        if on_terminal {
            board.draw();
        } else {
            board.print_changes();
        }
    }
}
