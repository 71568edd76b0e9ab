//! A serial port, opened again whenever it goes away.

use std::io;
use std::time::Duration;

use tokio_serial::SerialPortBuilderExt;

use super::backoff::backoff;
use super::bytes::{self, ByteSource, Ended};
use super::handle::SourceHandle;
use crate::health::SourceState;
use crate::shutdown::Shutdown;

/// Where a port is and how it is read.
#[derive(Clone, Debug)]
pub(crate) struct SerialSource {
    /// The port's path.
    pub port: String,
    /// Bits a second.
    pub baud: u32,
    /// What comes from it.
    pub bytes: ByteSource,
}

impl SerialSource {
    /// Opens the port once, as `underfoot check` does.
    ///
    /// # Errors
    /// What is wrong, with the port and the mend.
    pub(crate) fn open(&self) -> Result<tokio_serial::SerialStream, String> {
        tokio_serial::new(&self.port, self.baud)
            .open_native_async()
            .map_err(|error| self.explain(&error.into()))
    }

    /// What an error means, and what mends it.
    fn explain(&self, error: &io::Error) -> String {
        let port = &self.port;
        match error.kind() {
            io::ErrorKind::NotFound => {
                format!(
                    "the serial port {port:?} is not there; plug the board in, or set source.port to one of {}",
                    ports()
                )
            }
            io::ErrorKind::PermissionDenied => format!(
                "the serial port {port:?} may not be opened by this user; run `sudo usermod -a -G dialout $USER` and log in again"
            ),
            // The serial library has no kind of its own for a port that another program holds.
            _ if error.to_string().to_lowercase().contains("busy") => {
                format!("the serial port {port:?} is in use by another program; end that one")
            }
            _ if is_no_device(port) => {
                format!("{port:?} is no serial port ({error}); set source.port to one of {}", ports())
            }
            _ => format!("the serial port {port:?} fails: {error}"),
        }
    }

    /// Reads until the shutdown, opening the port again after every fault and every silence.
    pub(crate) async fn run(self, handle: SourceHandle, mut shutdown: Shutdown) {
        let mut waits = backoff();
        let mut said = String::new();
        let mut before = false;
        loop {
            handle.state(SourceState::Connecting);
            let why = match self.open() {
                Ok(mut port) => {
                    tracing::info!(
                        source = handle.name(),
                        port = self.port,
                        baud = self.baud,
                        "the serial port is open"
                    );
                    handle.state(SourceState::Silent);
                    if std::mem::replace(&mut before, true) {
                        handle.reopened();
                    }
                    said.clear();
                    let opened = std::time::Instant::now();
                    let ended = bytes::read(&handle, &self.bytes, &mut port, &mut shutdown).await;
                    // A port that opens and fails at once is not a port that works.
                    if opened.elapsed() > Duration::from_secs(5) {
                        waits = backoff();
                    }
                    match ended {
                        Ended::Shutdown => return,
                        Ended::Closed => format!("the serial port {:?} went away", self.port),
                        Ended::Failed(error) => self.explain(&error),
                        Ended::Silent(time) => format!(
                            "nothing came from the serial port {:?} for {}; check the board, the wires and baud = {}",
                            self.port,
                            humantime::format_duration(time),
                            self.baud
                        ),
                    }
                }
                Err(why) => why,
            };
            if why != said {
                tracing::warn!(source = handle.name(), "{why}; trying again");
                said = why;
            }
            let wait = waits.next().unwrap_or(Duration::from_secs(30));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shutdown.requested() => return,
            }
        }
    }
}

fn is_no_device(path: &str) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.file_type().is_char_device())
}

/// The ports that are there, by the names that stay.
fn ports() -> String {
    let folder = std::path::Path::new("/dev/serial/by-id");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.take(16).map(|entry| entry.path().display().to_string()).collect();
    names.sort();
    if names.is_empty() { "those in /dev/serial/by-id (there is none now)".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SourceInput;
    use crate::decode::StreamFormat;
    use crate::signal::Columns;
    use crate::signal::StreamId;
    use crate::signal::{Channel, TimeInput};

    #[test]
    fn each_fault_of_a_port_names_it_and_its_mend() {
        let columns = Columns::of(&[Channel::in_ampere("current")]).unwrap();
        let serial = SerialSource {
            port: "/dev/ttyACM0".into(),
            baud: 115_200,
            bytes: ByteSource {
                stream: StreamId::new("rover").unwrap(),
                format: StreamFormat::Csv,
                input: SourceInput { columns, time: TimeInput::default() },
                silence: None,
            },
        };
        for (error, mend) in [
            (io::Error::from(io::ErrorKind::NotFound), "plug the board in"),
            (io::Error::from(io::ErrorKind::PermissionDenied), "usermod -a -G dialout"),
            (io::Error::other("Device or resource busy"), "end that one"),
        ] {
            let said = serial.explain(&error);
            assert!(said.contains("\"/dev/ttyACM0\"") && said.contains(mend), "{said}");
        }
    }
}
