//! A serial port as a source of one stream. The port is opened again whenever it fails.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio_serial::{ClearBuffer, SerialPort, SerialPortBuilderExt, SerialStream};

use super::backoff::backoff;
use super::bytes::{self, ByteSource, ReadEnd};
use super::handle::SourceHandle;
use super::port_holder::PortHolder;
use crate::health::SourceState;
use crate::shutdown::Shutdown;

/// The folder in which udev names serial ports by their device, not by the order in which they were plugged
/// in.
const STABLE_NAMES: &str = "/dev/serial/by-id";
/// Maximum number of ports that an error message lists.
const LISTED_PORTS: usize = 16;
/// A port must work for longer than this before the delays between attempts start small again.
const WORKING: Duration = Duration::from_secs(5);

/// A serial port and how it is read.
#[derive(Clone, Debug)]
pub(crate) struct SerialSource {
    /// The path of the port.
    pub port: String,
    /// The speed, in bits per second.
    pub baud: u32,
    /// How the bytes become samples.
    pub bytes: ByteSource,
}

impl SerialSource {
    /// Opens the port once, as `underfoot check` does. What the system has kept from before is discarded: a
    /// pseudo-terminal keeps several kilobytes that nobody has read, which are seconds of samples. They would be
    /// taken for what the robot does now, and without times of their own for samples of a single moment.
    ///
    /// # Errors
    /// A message that names the port, what is wrong with it, and the fix.
    pub(crate) fn open(&self) -> Result<SerialStream, String> {
        let port = tokio_serial::new(&self.port, self.baud)
            .open_native_async()
            .map_err(|error| self.explain(&error.into()))?;
        // A device that cannot do this still gives its samples.
        if let Err(error) = port.clear(ClearBuffer::Input) {
            tracing::debug!("the input of {:?} cannot be discarded: {error}", self.port);
        }
        Ok(port)
    }

    /// Says that no byte has arrived for this long, and what to check.
    pub(crate) fn explain_silence(&self, time: Duration) -> String {
        format!(
            "no bytes arrived from the serial port {:?} for {}; check the board, the wires and source.baud = {}",
            self.port,
            humantime::format_duration(time),
            self.baud
        )
    }

    /// Says in plain words what an error of the port means and how to fix it.
    fn explain(&self, error: &io::Error) -> String {
        let port = &self.port;
        // The serial library tells a port that another program has locked as one that does not exist.
        let is_busy =
            error.to_string().to_lowercase().contains("busy") || error.kind() == io::ErrorKind::WouldBlock;
        if is_busy || (is_device(port) && error.kind() == io::ErrorKind::NotFound) {
            return self.explain_use(PortHolder::find(port).as_ref());
        }
        match error.kind() {
            io::ErrorKind::NotFound => {
                format!("the serial port {port:?} does not exist; plug the board in, or {}", other_ports())
            }
            io::ErrorKind::PermissionDenied => format!(
                "this user may not open the serial port {port:?}; run `sudo usermod -a -G dialout $USER` and \
                 log in again"
            ),
            _ if !is_device(port) && Path::new(port).exists() => {
                format!("{port:?} is not a serial port ({error}); {}", other_ports())
            }
            _ => format!("the serial port {port:?} failed: {error}; check the board and its cable"),
        }
    }

    /// Says that the port is in use, and what to do.
    fn explain_use(&self, holder: Option<&PortHolder>) -> String {
        let port = &self.port;
        match holder {
            Some(holder) => format!("the serial port {port:?} is in use by {holder}; stop that program"),
            None => format!(
                "the serial port {port:?} is in use by another program or by another [[source]]; stop that \
                 program (`sudo fuser -v {port}` names it)"
            ),
        }
    }

    /// Reads until the shutdown, and opens the port again after every failure and every silence.
    ///
    /// A reason for opening it again is logged once, until it changes or the port has been opened in between.
    pub(crate) async fn run(self, handle: SourceHandle, mut shutdown: Shutdown) {
        let mut delays = backoff();
        let mut reported = String::new();
        let mut opened_before = false;
        loop {
            handle.set_state(SourceState::Connecting);
            let why = match self.open() {
                Ok(mut port) => {
                    tracing::info!(
                        source = handle.name(),
                        port = self.port,
                        baud = self.baud,
                        "the serial port is open"
                    );
                    handle.set_state(SourceState::Silent);
                    if std::mem::replace(&mut opened_before, true) {
                        handle.count_reopened();
                    }
                    reported.clear();
                    let opened = Instant::now();
                    let end = bytes::read(&handle, &self.bytes, &mut port, &mut shutdown).await;
                    // A port that opens and fails at once is not yet working again.
                    if opened.elapsed() > WORKING {
                        delays = backoff();
                    }
                    match end {
                        ReadEnd::Shutdown => return,
                        ReadEnd::Closed => {
                            format!("the serial port {:?} was disconnected; check the cable", self.port)
                        }
                        ReadEnd::Failed(error) => self.explain(&error),
                        ReadEnd::Silent(time) => {
                            let detail = self.explain_silence(time);
                            handle.set_problem(&self.bytes.stream, "silent", detail.clone());
                            detail
                        }
                        ReadEnd::NoLines(time) => format!(
                            "bytes arrived from the serial port {:?} for {} without a line end; check source.baud = {} \
                             and source.format",
                            self.port,
                            humantime::format_duration(Duration::from_secs(time.as_secs())),
                            self.baud
                        ),
                    }
                }
                Err(why) => {
                    handle.set_problem(&self.bytes.stream, "port", why.clone());
                    why
                }
            };
            if why != reported {
                tracing::warn!(source = handle.name(), "{why}; trying again");
                reported = why;
            }
            let delay = delays.next().unwrap_or(Duration::from_secs(30));
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = shutdown.requested() => return,
            }
        }
    }
}

/// Whether the path is a character device, which a serial port is.
fn is_device(path: &str) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_char_device())
}

/// The end of a message: what `source.port` can be set to, with the ports that this computer has now.
fn other_ports() -> String {
    let entries = std::fs::read_dir(STABLE_NAMES).into_iter().flatten().flatten();
    let mut ports: Vec<_> =
        entries.take(LISTED_PORTS).map(|entry| entry.path().display().to_string()).collect();
    ports.sort();
    match ports.as_slice() {
        [] => format!("set source.port to a path in {STABLE_NAMES} (there is none at the moment)"),
        [port] => format!("set source.port to {port}"),
        ports => format!("set source.port to one of {}", ports.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SourceInput;
    use crate::decode::StreamFormat;
    use crate::decode::csv::CsvFormat;
    use crate::signal::Columns;
    use crate::signal::StreamId;
    use crate::signal::{Channel, TimeInput};

    #[test]
    fn each_error_of_a_port_names_the_port_and_the_fix() {
        let columns = Columns::of(&[Channel::in_ampere("current")]).unwrap();
        let serial = SerialSource {
            port: "/dev/ttyACM0".into(),
            baud: 115_200,
            bytes: ByteSource {
                stream: StreamId::new("rover").unwrap(),
                format: StreamFormat::Csv,
                input: SourceInput { columns, time: TimeInput::default(), csv: CsvFormat::default() },
                silence: None,
                is_mid_line: true,
            },
        };
        for (error, fix) in [
            (io::Error::from(io::ErrorKind::NotFound), "plug the board in"),
            (io::Error::from(io::ErrorKind::PermissionDenied), "usermod -a -G dialout"),
            (io::Error::other("Device or resource busy"), "stop that program"),
        ] {
            let message = serial.explain(&error);
            assert!(message.contains("\"/dev/ttyACM0\"") && message.contains(fix), "{message}");
        }
    }
}
