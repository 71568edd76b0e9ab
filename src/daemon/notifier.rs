//! Messages to the service manager, in the protocol of sd_notify(3).
//!
//! Nothing is sent when no service manager listens. Sending never waits: a service manager that does not read
//! must not stop the predictions. A message that does not fit into its socket is dropped, or, if it announces a
//! change of state, kept and sent later.

use std::collections::VecDeque;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};

use sd_notify::NotifyState;

/// The environment variable with the address of the service manager's socket.
const SOCKET: &str = "NOTIFY_SOCKET";
/// Maximum number of messages that are kept for later.
const MAX_KEPT: usize = 16;

/// Sends messages to the service manager.
#[derive(Debug, Default)]
pub(crate) struct Notifier(Option<Mutex<Line>>);

/// The connection to the service manager.
#[derive(Debug)]
struct Line {
    /// The address of the service manager's socket.
    address: Vec<u8>,
    socket: UnixDatagram,
    /// Announcements that did not fit into the socket.
    kept: VecDeque<String>,
    /// Whether it was logged that the service manager does not read.
    said: bool,
}

impl Notifier {
    /// A notifier that sends nothing.
    pub(crate) fn silent() -> Self {
        Self(None)
    }

    /// A notifier for the service manager that has started this process, if there is one.
    pub(crate) fn from_environment() -> Self {
        let Some(address) = std::env::var_os(SOCKET).filter(|address| !address.is_empty()) else {
            return Self::silent();
        };
        match Line::connect(address.as_bytes()) {
            Ok(line) => Self(Some(Mutex::new(line))),
            Err(error) => {
                tracing::warn!(
                    "{SOCKET} is {address:?}, and the service manager cannot be notified: {error}"
                );
                Self::silent()
            }
        }
    }

    /// Reports that the daemon is ready.
    pub(crate) fn ready(&self) {
        self.announce(&[NotifyState::Ready]);
    }

    /// Reports that the daemon is stopping.
    pub(crate) fn stopping(&self) {
        self.announce(&[NotifyState::Stopping, NotifyState::Status("finishing the work in progress")]);
    }

    /// Reports that the daemon has begun to reload.
    pub(crate) fn reloading(&self) {
        // From this time stamp the service manager knows which of its signals the report belongs to.
        let now = NotifyState::monotonic_usec_now();
        self.announce(&[NotifyState::Reloading].into_iter().chain(now).collect::<Vec<_>>());
    }

    /// Reports that the daemon has finished a reload, and its status.
    pub(crate) fn reloaded(&self, status: &str) {
        self.announce(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// Sends a message that can be lost: the next one of its kind says the same.
    pub(crate) fn update(&self, state: &NotifyState<'_>) {
        self.send(text(std::slice::from_ref(state)), false);
    }

    /// Sends the announcements that did not fit into the socket before.
    pub(crate) fn send_kept(&self) {
        if let Some(line) = &self.0 {
            line.lock().unwrap_or_else(PoisonError::into_inner).send_kept();
        }
    }

    fn announce(&self, states: &[NotifyState<'_>]) {
        self.send(text(states), true);
    }

    fn send(&self, message: String, keep: bool) {
        let Some(line) = &self.0 else { return };
        let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
        if line.send_kept() && line.send(&message) || !keep {
            return;
        }
        if line.kept.len() >= MAX_KEPT {
            line.kept.pop_front();
        }
        line.kept.push_back(message);
    }
}

impl Line {
    fn connect(address: &[u8]) -> io::Result<Self> {
        let socket = connect(address)?;
        Ok(Self { address: address.to_owned(), socket, kept: VecDeque::new(), said: false })
    }

    /// Sends what was kept, in order. Returns whether nothing is left.
    fn send_kept(&mut self) -> bool {
        while let Some(first) = self.kept.pop_front() {
            if !self.send(&first) {
                self.kept.push_front(first);
                return false;
            }
        }
        true
    }

    /// Sends a message. Returns false if it did not fit. Any other error is final, and only logged: the daemon
    /// works without the service manager.
    fn send(&mut self, message: &str) -> bool {
        let sent = self.socket.send(message.as_bytes()).or_else(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Err(error),
            // The service manager may have been restarted, with another socket at the same address.
            _ => {
                self.socket = connect(&self.address)?;
                self.socket.send(message.as_bytes())
            }
        });
        match sent {
            Ok(_) => self.said = false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !std::mem::replace(&mut self.said, true) {
                    tracing::warn!(
                        "the service manager does not read its messages; they are dropped until it does"
                    );
                }
                return false;
            }
            Err(error) => tracing::debug!("the service manager cannot be notified: {error}"),
        }
        true
    }
}

/// Connects to the socket at a path, or, if the address starts with "@", with an abstract name.
fn connect(address: &[u8]) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    let address = match address.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(address))?,
    };
    socket.connect_addr(&address)?;
    Ok(socket)
}

/// The message with these states, one on each line.
fn text(states: &[NotifyState<'_>]) -> String {
    states.iter().map(|state| format!("{state}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_that_does_not_read_delays_nothing_and_gets_the_announcements_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let notifier = Notifier(Some(Mutex::new(Line::connect(path.as_os_str().as_bytes()).unwrap())));
        // Far more than the socket holds.
        for _ in 0..10_000 {
            notifier.update(&NotifyState::Watchdog);
        }
        notifier.reloading();
        notifier.reloaded("fine");
        let read = || {
            let mut buffer = [0; 4096];
            let length = manager.recv(&mut buffer).ok()?;
            Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
        };
        let before: Vec<_> = std::iter::from_fn(read).collect();
        assert!(before.len() < 10_000 && before.iter().all(|message| message == "WATCHDOG=1\n"));
        notifier.send_kept();
        let after: Vec<_> = std::iter::from_fn(read).collect();
        assert!(after[0].starts_with("RELOADING=1\nMONOTONIC_USEC="), "{after:?}");
        assert_eq!(after[1..], ["READY=1\nSTATUS=fine\n"]);
    }

    #[test]
    fn an_abstract_address_is_understood() {
        let name = format!("underfoot-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Notifier(Some(Mutex::new(Line::connect(format!("@{name}").as_bytes()).unwrap()))).ready();
        let mut buffer = [0; 16];
        let length = manager.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1\n");
    }

    #[test]
    fn a_manager_that_was_restarted_gets_messages_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let first = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier(Some(Mutex::new(Line::connect(path.as_os_str().as_bytes()).unwrap())));
        drop(first);
        std::fs::remove_file(&path).unwrap();
        notifier.ready();
        let second = UnixDatagram::bind(&path).unwrap();
        notifier.stopping();
        let mut buffer = [0; 64];
        let length = second.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"STOPPING=1\n"));
    }
}
