//! `underfoot watch`: the live surfaces of all streams, in a terminal.

pub(crate) mod fleet;
pub(crate) mod message;
pub(crate) mod robot;
pub(crate) mod table;
pub(crate) mod terminal;

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use self::fleet::{Fleet, FleetUpdate};
use self::terminal::Screen;
use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::command::tools::broker::BrokerArgs;
use crate::command::{block_on, interrupted};
use crate::mqtt::{Heard, Role};

/// How often the table is drawn.
const FRAME: Duration = Duration::from_millis(250);
/// Messages that may wait to be taken in.
const HEARD: usize = 1024;

/// Watch what every robot drives on, in a table on a terminal, or else a line for each change
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    #[command(flatten)]
    broker: BrokerArgs,
}

impl WatchArgs {
    /// Watches until Ctrl-C.
    ///
    /// # Errors
    /// [`Failure`]; 78 for a configuration that cannot work. A broker that is away is waited for.
    pub fn run(self) -> Result<(), Failure> {
        let config = self.broker.load()?;
        let base = &config.publish.base;
        block_on(async {
            let Some(broker) = assemble::broker(&config, Role::Tool("watch"))? else { return Ok(()) };
            let address = broker.connection.broker().to_owned();
            let (sender, heard) = mpsc::channel(HEARD);
            let filters = Fleet::filters(base);
            let listening = broker.connection.listen(&broker.publisher, &filters, sender);
            let shown = async {
                if Screen::is_there() {
                    draw(Fleet::new(base), &address, heard).await
                } else {
                    tell(Fleet::new(base), heard).await
                }
            };
            tokio::select! {
                // A signal is caught before the screen is taken.
                biased;
                () = interrupted() => Ok(()),
                shown = shown => shown,
                () = listening => Ok(()),
            }
        })?
    }
}

/// A table that is drawn over in place, until the terminal goes away.
async fn draw(mut fleet: Fleet, address: &str, mut heard: mpsc::Receiver<Heard>) -> Result<(), Failure> {
    let mut terminal = Screen::open();
    let mut frames = tokio::time::interval(FRAME);
    loop {
        tokio::select! {
            next = heard.recv() => match next {
                // What is news is seen in the table.
                Some(next) => drop(fleet.take(next, Instant::now())),
                None => return Ok(()),
            },
            _ = frames.tick() => {
                let (height, width) = Screen::size();
                if !terminal.show(&table::screen(&fleet, address, Instant::now(), height, width)) {
                    return Ok(());
                }
            }
        }
    }
}

/// A line on standard output for each change of a surface, and on standard error for what else happens.
async fn tell(mut fleet: Fleet, mut heard: mpsc::Receiver<Heard>) -> Result<(), Failure> {
    while let Some(next) = heard.recv().await {
        match fleet.take(next, Instant::now()) {
            None => {}
            Some(FleetUpdate::State(said)) => eprintln!("{said}"),
            Some(FleetUpdate::Surface { stream, surface, confidence, previous }) => {
                let time = humantime::format_rfc3339_seconds(SystemTime::now());
                let stream = message::Plain::new(stream.as_str());
                let sure = 100.0 * confidence.clamp(0.0, 1.0);
                let was = previous.map(|previous| format!(", was {previous}")).unwrap_or_default();
                let line = format!("{time} {stream} {surface} {sure:.0} %{was}");
                match writeln!(std::io::stdout(), "{line}") {
                    // A reader that went away has what it wanted.
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
