//! A stand-in for the service manager, which receives the messages that a service sends to systemd.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::daemon::Daemon;
use super::{folder, underfoot, wait_for};

pub(crate) struct Manager {
    pub(crate) folder: tempfile::TempDir,
    socket: UnixDatagram,
}

impl Manager {
    pub(crate) fn new() -> Self {
        let folder = folder();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { folder, socket }
    }

    /// The path of the configuration of the daemon that `start` runs.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("underfoot.toml")
    }

    /// Starts `underfoot run` as a service with this configuration and watchdog interval.
    pub(crate) fn start(&self, config: &str, watchdog: Duration) -> Daemon {
        std::fs::write(self.file(), config).unwrap();
        let mut command = underfoot(["run", "--stdout", "-c"]);
        command.arg(self.file()).env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        self.command(command)
    }

    /// Starts a command as a service, with the environment variables of the unit.
    pub(crate) fn command(&self, mut command: Command) -> Daemon {
        let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/underfoot.service");
        for line in std::fs::read_to_string(unit).unwrap().lines() {
            if let Some((name, value)) = line.strip_prefix("Environment=").and_then(|set| set.split_once('='))
            {
                command.env(name, value);
            }
        }
        command.env("NOTIFY_SOCKET", self.folder.path().join("notify"));
        Daemon::command(command)
    }

    /// The next message, or None if there is none yet.
    pub(crate) fn next_message(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// Waits for a message that contains `part`, and returns it. Earlier messages are dropped.
    pub(crate) fn wait_for(&self, part: &str) -> String {
        wait_for(&format!("the message {part:?}"), || {
            self.next_message().filter(|message| message.contains(part))
        })
    }
}
