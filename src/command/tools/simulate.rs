//! `underfoot simulate`: produces samples of a simulated robot.
//!
//! They are written as labelled recordings, published to a broker, or sent to a pseudo-terminal that looks
//! like a board on a serial port. The latter two run in real time until Ctrl-C, and say on which surface the robot is.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::time::Instant;

use crate::command::failure::Failure;
use crate::command::{block_on, shutdown_signal};
use crate::decode::StreamFormat;
use crate::signal::StreamId;
use crate::simulator::dataset::{self, SimulatedDrives};
use crate::simulator::drive::Drive;
use crate::simulator::motors::{MAX_MOTORS, MotorReading, Motors};
use crate::simulator::surface::Surface;
use crate::simulator::wire::Wire;

/// Simulate a robot: write recordings, publish MQTT messages, or act as a board on a serial port
#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    #[command(flatten)]
    target: Target,
    /// Seed of the simulated robot and its drives; the same seed gives the same samples
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Samples per second
    #[arg(long, value_name = "HZ", default_value_t = crate::simulator::drive::RATE, value_parser = positive)]
    rate: f64,
    /// Length of each recording in seconds; with --tour, --mqtt or --pty the time on each surface, if there are several
    #[arg(long, value_name = "S", default_value_t = 30.0, value_parser = positive)]
    seconds: f64,
    /// Stay on this surface: concrete, tile, wood, carpet, grass or gravel [default: all in turn]
    #[arg(long, value_name = "NAME", value_parser = Surface::named, conflicts_with = "tour")]
    surface: Option<Surface>,
    /// Number of motors, from 1 to 4, each a channel; 1 stands for the current of all motors together. Two are called left
    /// and right, three also rear, and four front_left, front_right, rear_left and rear_right
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = motors)]
    channels: usize,
    /// With --out: number of recordings of each surface
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "tour")]
    drives: usize,
    /// With --out: write one recording that crosses all surfaces, with a file of its labels beside it
    #[arg(long, requires = "out")]
    tour: bool,
    /// With --mqtt: the robot's name
    #[arg(long, default_value = "simulated")]
    stream: StreamId,
    /// With --mqtt: the topic, in which {stream} stands for the robot's name
    #[arg(long, default_value = "robots/{stream}/current")]
    topic: String,
    /// With --pty: the format of the samples: csv, json or binary
    #[arg(long, default_value = "csv")]
    format: StreamFormat,
}

/// Where the samples go; exactly one is given.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// Write recordings to this folder, which is created if needed
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Publish to this broker, such as localhost:1883, one sample per message, until Ctrl-C
    #[arg(long, value_name = "HOST:PORT")]
    mqtt: Option<String>,
    /// Send to a new pseudo-terminal, linked at this path such as /tmp/board, until Ctrl-C
    #[arg(long, value_name = "LINK")]
    pty: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| (1e-3..=1e6).contains(number));
    number.ok_or_else(|| "it must be a number from 0.001 to 1000000".into())
}

fn motors(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX_MOTORS).contains(number));
    number.ok_or_else(|| format!("it must be a number from 1 to {MAX_MOTORS}"))
}

impl SimulateArgs {
    /// Produces the samples.
    ///
    /// # Errors
    /// [`Failure`]: exit code 2 if --mqtt is not HOST:PORT, 1 if the target cannot be written or reached.
    pub fn run(self) -> Result<(), Failure> {
        if let Some(folder) = &self.target.out {
            return self.write_recordings(folder);
        }
        let drive = match self.surface {
            None => Drive::rounds(self.seed, self.rate, self.seconds),
            Some(surface) => Drive::new(self.seed, self.rate, vec![(surface, f64::INFINITY)]),
        };
        let drive = Motors::new(drive, self.seed, self.rate, self.channels);
        block_on(async {
            let sending = async {
                match (&self.target.mqtt, &self.target.pty) {
                    (Some(broker), _) => self.publish(broker, drive).await,
                    (None, Some(link)) => self.send_serial(link, drive).await,
                    (None, None) => Ok(()),
                }
            };
            tokio::select! {
                sent = sending => sent,
                () = shutdown_signal() => Ok(()),
            }
        })?
    }

    fn write_recordings(&self, folder: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            Failure::failed(format!("\"{}\" cannot be written: {error}", folder.display()))
        };
        if self.tour {
            let name = format!("tour{}", self.seed);
            dataset::write_tour(folder, &name, self.seed, self.rate, self.seconds, self.channels)
                .map_err(failed)?;
            eprintln!("wrote {}", folder.join(name).with_extension("csv").display());
        } else {
            let drives = SimulatedDrives {
                seed: self.seed,
                per_surface: self.drives,
                seconds: self.seconds,
                rate: self.rate,
                motors: self.channels,
                only: self.surface,
            };
            let count = drives.write(folder).map_err(failed)?;
            eprintln!("wrote {count} recordings below {}", folder.display());
        }
        Ok(())
    }

    async fn publish(&self, broker: &str, drive: Motors) -> Result<(), Failure> {
        let invalid =
            || Failure::usage(format!("--mqtt is {broker:?}; it must be HOST:PORT, such as localhost:1883"));
        let (host, port) = broker.rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().map_err(|_| invalid())?;
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
                        return Failure::failed(format!(
                            "the broker at {broker} cannot be reached: {error}; check --mqtt and that the broker is running"
                        ));
                    }
                }
            }
        };
        let mut wire = Wire::new(StreamFormat::Json, &Motors::channels(self.channels));
        let samples = send_in_real_time(drive, async |reading| {
            let mut message = Vec::new();
            wire.encode(reading.time, &reading.currents, &mut message);
            let message = message.trim_ascii_end();
            // Publishing fails only if the connection is gone, which `network` reports.
            let _ = client.publish(&topic, QoS::AtMostOnce, false, message).await;
        });
        tokio::select! {
            failure = network => Err(failure),
            () = samples => Ok(()),
        }
    }

    async fn send_serial(&self, link: &Path, drive: Motors) -> Result<(), Failure> {
        let mut terminal = PseudoTerminal::open(link).map_err(|error| {
            Failure::failed(format!("the pseudo-terminal \"{}\" cannot be created: {error}", link.display()))
        })?;
        eprintln!("a simulated board is at {}", link.display());
        let mut wire = Wire::new(self.format, &Motors::channels(self.channels));
        let mut bytes = Vec::new();
        send_in_real_time(drive, async |reading| {
            bytes.clear();
            wire.encode(reading.time, &reading.currents, &mut bytes);
            terminal.write(&bytes);
        })
        .await;
        Ok(())
    }
}

/// Calls `send` with each reading at the time it is due, and says on which surface the robot is when that changes.
async fn send_in_real_time(drive: Motors, mut send: impl AsyncFnMut(MotorReading)) {
    let started = Instant::now();
    let mut surface = None;
    for reading in drive {
        tokio::time::sleep_until(started + Duration::from_secs_f64(reading.time.seconds())).await;
        if surface.replace(reading.surface) != Some(reading.surface) {
            eprintln!("{:.0} s: the robot is on {}", reading.time.seconds(), reading.surface.name());
        }
        send(reading).await;
    }
}

/// A pseudo-terminal with a symbolic link to it, which is removed on drop.
struct PseudoTerminal {
    /// The side of the simulated board, which writes.
    board: File,
    /// The other side, kept open so that the pseudo-terminal survives when its reader closes it.
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

    /// Sends bytes. If nobody reads them they are lost, as on a real serial line.
    fn write(&mut self, bytes: &[u8]) {
        if let Err(error) = self.board.write_all(bytes)
            && error.kind() != ErrorKind::WouldBlock
        {
            tracing::debug!("the pseudo-terminal cannot be written: {error}");
        }
    }
}

impl Drop for PseudoTerminal {
    fn drop(&mut self) {
        // Someone else may have removed the link already.
        let _ = std::fs::remove_file(&self.link);
    }
}
