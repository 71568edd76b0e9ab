//! A private mosquitto for the time of the demo.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Debian keeps mosquitto out of a user's path.
const PLACES: [&str; 3] = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
/// A broker that does not listen after this long does not run.
const START: Duration = Duration::from_secs(5);

/// A running broker on the loopback interface; it ends with this value.
pub(crate) struct DemoBroker {
    /// Its port.
    pub(crate) port: u16,
    process: Child,
    _folder: TempDir,
}

impl DemoBroker {
    /// Starts one on a free port; `None` where mosquitto is not installed.
    pub(crate) fn start() -> Result<Option<Self>, String> {
        let failed = |error: io::Error| format!("mosquitto does not start: {error}; use --no-broker");
        let folder = tempfile::tempdir().map_err(failed)?;
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(failed)?.port();
        let config = folder.path().join("mosquitto.conf");
        std::fs::write(&config, format!("listener {port} 127.0.0.1\nallow_anonymous true\n"))
            .map_err(failed)?;
        let spawn = |program: &&str| {
            let mut command = Command::new(program);
            command.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().ok()
        };
        let Some(process) = PLACES.iter().find_map(spawn) else { return Ok(None) };
        let mut broker = Self { port, process, _folder: folder };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = broker.process.try_wait().map_err(failed)?;
            if ended.is_some() || begun.elapsed() > START {
                return Err("mosquitto does not start; use --no-broker".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(broker))
    }
}

impl Drop for DemoBroker {
    fn drop(&mut self) {
        // A process that is gone already needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
