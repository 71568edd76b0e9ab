//! `underfoot simulate`: a simulated robot's samples, to files, to a broker or to a pseudo-terminal.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::time::Instant;

use crate::command::failure::Failure;
use crate::command::{block_on, interrupted};
use crate::decode::StreamFormat;
use crate::signal::StreamId;
use crate::simulator::dataset;
use crate::simulator::drive::{Drive, Reading};
use crate::simulator::wire::{self, Wire};
use crate::source::simulator::SimulatorSource;

/// Make a simulated robot's samples: recordings, MQTT messages, or a serial line
#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    #[command(flatten)]
    target: Target,
    /// The seed of robots and drives
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Samples a second
    #[arg(long, value_name = "HZ", default_value_t = crate::simulator::drive::RATE, value_parser = positive)]
    rate: f64,
    /// Seconds a recording, or on each surface
    #[arg(long, value_name = "S", default_value_t = 30.0, value_parser = positive)]
    seconds: f64,
    /// With --out: drives on each surface
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "tour")]
    drives: usize,
    /// With --out: one drive over all surfaces, with its labels beside it
    #[arg(long, requires = "out")]
    tour: bool,
    /// With --mqtt: the robot's name
    #[arg(long, default_value = "simulated")]
    stream: StreamId,
    /// With --mqtt: the topic
    #[arg(long, default_value = "robots/{stream}/current")]
    topic: String,
    /// With --pty: how samples are written: csv, json or binary
    #[arg(long, default_value = "csv")]
    format: StreamFormat,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// Write recordings into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Send to this broker, a sample a message, until Ctrl-C
    #[arg(long, value_name = "HOST:PORT")]
    mqtt: Option<String>,
    /// Send to a pseudo-terminal with this name, as a board on a serial line would, until Ctrl-C
    #[arg(long, value_name = "LINK")]
    pty: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| (1e-3..=1e6).contains(number));
    number.ok_or_else(|| "it takes a number from 0.001 to 1000000".into())
}

impl SimulateArgs {
    /// Simulates.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        if let Some(folder) = &self.target.out {
            return self.recordings(folder);
        }
        let drive = Drive::rounds(self.seed, self.rate, self.seconds);
        block_on(async {
            let sending = async {
                match (&self.target.mqtt, &self.target.pty) {
                    (Some(broker), _) => self.publish(broker, drive).await,
                    (None, Some(link)) => self.serial(link, drive).await,
                    (None, None) => Ok(()),
                }
            };
            tokio::select! {
                sent = sending => sent,
                () = interrupted() => Ok(()),
            }
        })?
    }

    fn recordings(&self, folder: &Path) -> Result<(), Failure> {
        let failed =
            |error: std::io::Error| Failure::failed(format!("{folder:?} cannot be written: {error}"));
        if self.tour {
            let name = format!("tour{}", self.seed);
            let drive = Drive::tour(self.seed, self.rate, self.seconds);
            dataset::write_tour(folder, &name, drive).map_err(failed)?;
            eprintln!("wrote {}", folder.join(name).with_extension("csv").display());
        } else {
            let count =
                dataset::write(folder, self.seed, self.drives, self.seconds, self.rate).map_err(failed)?;
            eprintln!("wrote {count} recordings below {}", folder.display());
        }
        Ok(())
    }

    async fn publish(&self, broker: &str, drive: Drive) -> Result<(), Failure> {
        let bad = || Failure { message: format!("--mqtt is {broker:?}; it takes HOST:PORT"), code: 2 };
        let (host, port) = broker.rsplit_once(':').ok_or_else(bad)?;
        let port = port.parse().map_err(|_| bad())?;
        let topic = self.topic.replace("{stream}", self.stream.as_str());
        let mut options = MqttOptions::new(format!("underfoot-simulate-{}", std::process::id()), host, port);
        options.set_keep_alive(Duration::from_secs(15));
        let (client, mut events) = AsyncClient::new(options, 64);
        events.network_options.set_tcp_nodelay(true);
        let network = async {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => eprintln!("publishing to {topic} at {broker}"),
                    Ok(_) => {}
                    Err(error) => {
                        return Failure::failed(format!("the broker at {broker} cannot be reached: {error}"));
                    }
                }
            }
        };
        let samples = pace(drive, async |reading| {
            // A full queue is a network that went away, which is told there.
            let _ = client.publish(&topic, QoS::AtMostOnce, false, wire::message(&reading)).await;
        });
        tokio::select! {
            failure = network => Err(failure),
            () = samples => Ok(()),
        }
    }

    async fn serial(&self, link: &Path, drive: Drive) -> Result<(), Failure> {
        let mut terminal = PseudoTerminal::open(link).map_err(|error| {
            Failure::failed(format!("the pseudo-terminal {link:?} cannot be made: {error}"))
        })?;
        eprintln!("a simulated board is at {}", link.display());
        let mut wire = Wire::new(self.format, &[SimulatorSource::channel()]);
        let mut bytes = Vec::new();
        pace(drive, async |reading| {
            bytes.clear();
            wire.encode(reading.time, &[reading.current], &mut bytes);
            terminal.write(&bytes);
        })
        .await;
        Ok(())
    }
}

/// Gives each reading when it is due.
async fn pace(drive: Drive, mut give: impl AsyncFnMut(Reading)) {
    let begun = Instant::now();
    for reading in drive {
        tokio::time::sleep_until(begun + Duration::from_secs_f64(reading.time.seconds())).await;
        give(reading).await;
    }
}

/// A pseudo-terminal with a name of its own; the name goes away with it.
struct PseudoTerminal {
    board: File,
    /// Kept open, so that the line lives on when its reader goes away.
    _line: File,
    link: PathBuf,
}

impl PseudoTerminal {
    fn open(link: &Path) -> std::io::Result<Self> {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        let board = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&board)?;
        unlockpt(&board)?;
        let name = ptsname(&board, Vec::new())?;
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let line = File::options().read(true).write(true).open(path)?;
        let mut raw = tcgetattr(&line)?;
        raw.make_raw();
        tcsetattr(&line, OptionalActions::Now, &raw)?;
        rustix::io::ioctl_fionbio(&board, true)?;
        std::os::unix::fs::symlink(path, link)?;
        Ok(Self { board: File::from(board), _line: line, link: link.to_owned() })
    }

    /// Sends bytes; on a line that nobody reads they are lost, as on a wire.
    fn write(&mut self, bytes: &[u8]) {
        if let Err(error) = self.board.write_all(bytes)
            && error.kind() != ErrorKind::WouldBlock
        {
            tracing::debug!("the pseudo-terminal fails: {error}");
        }
    }
}

impl Drop for PseudoTerminal {
    fn drop(&mut self) {
        // Somebody else may have removed the name already.
        let _ = std::fs::remove_file(&self.link);
    }
}
