//! The command line and the event loops of `underfoot watch`.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use super::fleet::{Fleet, FleetUpdate};
use super::message::Plain;
use super::reason::reason_in_words;
use super::table::screen;
use super::terminal::Screen;
use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::command::tools::broker::BrokerArgs;
use crate::command::{block_on, shutdown_signal};
use crate::model::card::UNKNOWN;
use crate::mqtt::{BrokerEvent, Role};

/// How often the table is drawn.
const FRAME: Duration = Duration::from_millis(250);
/// Capacity of the channel of messages from the broker.
const QUEUE: usize = 1024;

/// Watch every robot's surface live, from the broker
///
/// On a terminal a table is drawn in place. Otherwise each surface change is printed on a line of its own.
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    #[command(flatten)]
    broker: BrokerArgs,
}

impl WatchArgs {
    /// Watches until Ctrl-C. A broker that cannot be reached is tried again and again.
    ///
    /// # Errors
    /// [`Failure`]: exit code 78 if the configuration cannot work, 1 if standard output cannot be written.
    pub fn run(self) -> Result<(), Failure> {
        let config = self.broker.load()?;
        let base = &config.publish.base;
        block_on(async {
            let Some(broker) = assemble::broker(&config, Role::Tool("watch"))? else { return Ok(()) };
            let address = broker.connection.broker().to_owned();
            let (sender, events) = mpsc::channel(QUEUE);
            let filters = Fleet::filters(base);
            let listening = broker.connection.listen(&broker.publisher, &filters, sender);
            let showing = async {
                if Screen::is_available() {
                    draw(Fleet::new(base), &address, events).await
                } else {
                    print_changes(Fleet::new(base), events).await
                }
            };
            tokio::select! {
                // First, so that the signal is already caught when the terminal's screen is taken.
                biased;
                () = shutdown_signal() => Ok(()),
                shown = showing => shown,
                () = listening => Ok(()),
            }
        })?
    }
}

/// Draws a table in place, until the terminal is gone.
async fn draw(
    mut fleet: Fleet,
    address: &str,
    mut events: mpsc::Receiver<BrokerEvent>,
) -> Result<(), Failure> {
    let mut terminal = Screen::open();
    let mut frames = tokio::time::interval(FRAME);
    loop {
        tokio::select! {
            next = events.recv() => match next {
                // The table shows all updates, so none is printed.
                Some(next) => drop(fleet.take(next, Instant::now())),
                None => return Ok(()),
            },
            _ = frames.tick() => {
                let (height, width) = Screen::size();
                if !terminal.show(&screen(&fleet, address, Instant::now(), height, width)) {
                    return Ok(());
                }
            }
        }
    }
}

/// Prints surface changes on standard output, and changes of the broker and the daemon on standard error.
async fn print_changes(mut fleet: Fleet, mut events: mpsc::Receiver<BrokerEvent>) -> Result<(), Failure> {
    while let Some(next) = events.recv().await {
        match fleet.take(next, Instant::now()) {
            None => {}
            Some(FleetUpdate::State(state)) => eprintln!("{state}"),
            Some(FleetUpdate::Surface { stream, surface, confidence, reason, candidates, previous }) => {
                let time = humantime::format_rfc3339_seconds(SystemTime::now());
                let stream = Plain::new(stream.as_str());
                let was = previous.map(|previous| format!(", was {previous}")).unwrap_or_default();
                // An unknown surface has a reason and no confidence.
                let percent = format!(" {:.0} %", 100.0 * confidence.clamp(0.0, 1.0));
                let percent = if surface.as_str() == UNKNOWN { String::new() } else { percent };
                let reason = reason.as_ref().map(reason_in_words);
                let notes: Vec<_> = reason.into_iter().chain(candidates.text()).collect();
                let notes =
                    if notes.is_empty() { notes.concat() } else { format!(" ({})", notes.join("; ")) };
                let line = format!("{time} {stream} {surface}{notes}{percent}{was}");
                match writeln!(std::io::stdout(), "{line}") {
                    // A reader that closed its end has read what it wanted.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                    done => done.map_err(|error| {
                        Failure::failed(format!("standard output cannot be written: {error}"))
                    })?,
                }
            }
        }
    }
    Ok(())
}
