//! A private mosquitto broker that runs during the demo.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where to look for mosquitto. Debian installs it in /usr/sbin, which is not on a user's PATH.
const CANDIDATES: [&str; 3] = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
/// Longest time for the broker to start listening.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// A running broker on the loopback interface. It is stopped on drop.
pub(crate) struct DemoBroker {
    /// The TCP port on which it listens.
    pub(crate) port: u16,
    process: Child,
    _folder: TempDir,
}

impl DemoBroker {
    /// Starts a broker on a free port; `None` if mosquitto is not installed.
    ///
    /// # Errors
    /// An error message if mosquitto is installed but does not start.
    pub(crate) fn start() -> Result<Option<Self>, String> {
        let failed = |error: io::Error| format!("mosquitto cannot be started: {error}; use --no-broker");
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
        let Some(process) = CANDIDATES.iter().find_map(spawn) else { return Ok(None) };
        let mut broker = Self { port, process, _folder: folder };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = broker.process.try_wait().map_err(failed)?;
            if ended.is_some() || started.elapsed() > START_TIMEOUT {
                return Err("mosquitto does not start; use --no-broker".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(broker))
    }
}

impl Drop for DemoBroker {
    fn drop(&mut self) {
        // Both fail only if the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
