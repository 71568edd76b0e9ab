//! Sends events to the systemd journal with their fields.
//!
//! Each field `name` of an event becomes the journal's field `UNDERFOOT_NAME`. `journalctl
//! UNDERFOOT_STREAM=rover` therefore shows the events of one robot. The text that `journalctl` shows also has
//! the fields after the message, as on a terminal.
//!
//! The wire format is [systemd's native journal protocol](https://systemd.io/JOURNAL_NATIVE_PROTOCOL/).

use std::fmt::Debug;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// The path of the socket at which the journal listens.
pub(crate) const SOCKET: &str = "/run/systemd/journal/socket";

/// A layer that sends every event to the journal.
///
/// It never waits for the journal. Events that the journal is too busy to accept are lost; their number is in
/// the field `UNDERFOOT_LOST_BEFORE` of the next event that is accepted. If the journal does not listen,
/// events go to standard error.
#[derive(Debug)]
pub(crate) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    /// The number of events lost since the last one that the journal accepted.
    lost: AtomicU64,
}

impl Journal {
    /// Connects to the journal that listens at a path.
    ///
    /// # Errors
    /// The error of the system if no journal listens there.
    pub(crate) fn at(path: &Path) -> std::io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // The processing of samples must not wait for the log.
        socket.set_nonblocking(true)?;
        // The journal ignores an entry without fields, so sending one only tests whether the journal listens.
        socket.send_to(&[], path)?;
        Ok(Self { socket, path: path.into(), lost: AtomicU64::new(0) })
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut entry = JournalEntry::default();
        event.record(&mut entry);
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            entry.fields.push(("lost_before", lost.to_string()));
        }
        // The path is resolved for each event, because a journal that was restarted listens at a new socket.
        match self.socket.send_to(&entry.encode(*event.metadata().level()), &self.path) {
            Ok(_) => drop(self.lost.fetch_sub(lost, Ordering::Relaxed)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => drop(writeln!(std::io::stderr(), "{}", entry.text())),
        }
    }
}

/// An entry of the journal, which collects the fields of an event.
#[derive(Debug, Default)]
struct JournalEntry {
    message: String,
    /// The fields as the text shows them after the message: ` name=value` for each.
    suffix: String,
    /// The names and values of the fields other than the message.
    fields: Vec<(&'static str, String)>,
}

impl JournalEntry {
    fn add(&mut self, name: &'static str, debug: &dyn Debug, value: String) {
        // Writing to a string cannot fail.
        let _ = write!(self.suffix, " {name}={debug:?}");
        self.fields.push((name, value));
    }

    /// The message with the fields after it.
    fn text(&self) -> String {
        format!("{}{}", self.message, self.suffix)
    }

    /// The entry in the journal's wire format.
    fn encode(&self, level: Level) -> Vec<u8> {
        // The priorities of syslog.
        let priority = match level {
            Level::ERROR => "3",
            Level::WARN => "4",
            Level::INFO => "6",
            Level::DEBUG | Level::TRACE => "7",
        };
        let mut bytes = Vec::new();
        append_field(&mut bytes, "MESSAGE", &self.text());
        append_field(&mut bytes, "PRIORITY", priority);
        append_field(&mut bytes, "SYSLOG_IDENTIFIER", "underfoot");
        for (name, value) in &self.fields {
            append_field(&mut bytes, &format!("UNDERFOOT_{}", name.to_ascii_uppercase()), value);
        }
        bytes
    }
}

/// Appends a field: `NAME=value`, or the name, the length and the value if the value has several lines.
fn append_field(bytes: &mut Vec<u8>, name: &str, value: &str) {
    bytes.extend(name.as_bytes());
    if value.contains('\n') {
        bytes.push(b'\n');
        bytes.extend((value.len() as u64).to_le_bytes());
    } else {
        bytes.push(b'=');
    }
    bytes.extend(value.as_bytes());
    bytes.push(b'\n');
}

impl Visit for JournalEntry {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.add(field.name(), &value, value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.add(field.name(), value, format!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn an_event_reaches_the_journal_with_its_fields_also_in_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        assert!(Journal::at(&path).is_err());
        let journal = UnixDatagram::bind(&path).unwrap();
        let receive = || {
            let mut bytes = [0; 1000];
            let length = journal.recv(&mut bytes).unwrap();
            bytes[..length].to_vec()
        };
        let subscriber = tracing_subscriber::registry().with(Journal::at(&path).unwrap());
        assert_eq!(receive(), b"");
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(stream = "rover", total = 3, path = %"a b", "{} is stuck", "m1");
            tracing::info!(why = "one\ntwo", "reloaded");
        });
        assert_eq!(
            String::from_utf8(receive()).unwrap(),
            "MESSAGE=m1 is stuck stream=\"rover\" total=3 path=a b\nPRIORITY=4\nSYSLOG_IDENTIFIER=underfoot\n\
             UNDERFOOT_STREAM=rover\nUNDERFOOT_TOTAL=3\nUNDERFOOT_PATH=a b\n"
        );
        // The line end in a value does not end the field.
        let second = receive();
        assert!(second.starts_with(b"MESSAGE=reloaded why=\"one\\ntwo\"\nPRIORITY=6\n"));
        assert!(second.ends_with(b"UNDERFOOT_WHY\n\x07\0\0\0\0\0\0\0one\ntwo\n"));
    }

    #[test]
    fn events_that_a_busy_journal_does_not_accept_are_counted_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let subscriber = tracing_subscriber::registry().with(Journal::at(&path).unwrap());
        journal.set_nonblocking(true).unwrap();
        let mut bytes = [0; 1000];
        tracing::subscriber::with_default(subscriber, || {
            (0..10_000).for_each(|event| tracing::info!(event, "busy"));
            let accepted = std::iter::from_fn(|| journal.recv(&mut bytes).ok()).count() - 1;
            tracing::info!("no longer busy");
            let length = journal.recv(&mut bytes).unwrap();
            let lost = format!("UNDERFOOT_LOST_BEFORE={}\n", 10_000 - accepted);
            assert!(String::from_utf8_lossy(&bytes[..length]).ends_with(&lost), "{accepted}, {bytes:?}");
        });
    }
}
