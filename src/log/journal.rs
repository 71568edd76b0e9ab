//! The system's journal, each event with its fields: `journalctl UNDERFOOT_STREAM=rover` finds what concerns one robot.
//!
//! The wire format is that of systemd's native journal protocol. The message that `journalctl` shows has the fields behind it, too,
//! as on a terminal.

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

/// Where the journal listens.
pub(crate) const SOCKET: &str = "/run/systemd/journal/socket";

/// The journal, as a place for events.
#[derive(Debug)]
pub(crate) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    /// Events that it was too busy to take, since the last that it took.
    lost: AtomicU64,
}

impl Journal {
    /// The journal that listens at a path.
    ///
    /// # Errors
    /// Where nothing listens there.
    pub(crate) fn at(path: &Path) -> std::io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // Samples do not wait for the log.
        socket.set_nonblocking(true)?;
        // An entry without fields is left out by the journal, and tells whether it is there.
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
        // By its path each time: a journal that was started again listens at a new socket.
        match self.socket.send_to(&entry.encode(*event.metadata().level()), &self.path) {
            Ok(_) => drop(self.lost.fetch_sub(lost, Ordering::Relaxed)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => drop(writeln!(std::io::stderr(), "{}", entry.text())),
        }
    }
}

/// An event, field by field.
#[derive(Debug, Default)]
struct JournalEntry {
    message: String,
    /// The fields as they stand behind the message.
    shown: String,
    fields: Vec<(&'static str, String)>,
}

impl JournalEntry {
    fn add(&mut self, name: &'static str, shown: &dyn Debug, value: String) {
        // Writing to a string does not fail.
        let _ = write!(self.shown, " {name}={shown:?}");
        self.fields.push((name, value));
    }

    fn text(&self) -> String {
        format!("{}{}", self.message, self.shown)
    }

    fn encode(&self, level: Level) -> Vec<u8> {
        // As syslog counts them.
        let priority = match level {
            Level::ERROR => "3",
            Level::WARN => "4",
            Level::INFO => "6",
            Level::DEBUG | Level::TRACE => "7",
        };
        let mut bytes = Vec::new();
        put(&mut bytes, "MESSAGE", &self.text());
        put(&mut bytes, "PRIORITY", priority);
        put(&mut bytes, "SYSLOG_IDENTIFIER", "underfoot");
        for (name, value) in &self.fields {
            put(&mut bytes, &format!("UNDERFOOT_{}", name.to_ascii_uppercase()), value);
        }
        bytes
    }
}

/// A field: `NAME=value`, or with its length before it where it has more than one line.
fn put(bytes: &mut Vec<u8>, name: &str, value: &str) {
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
    fn an_event_reaches_the_journal_with_its_fields_and_is_shown_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        assert!(Journal::at(&path).is_err());
        let journal = UnixDatagram::bind(&path).unwrap();
        let heard = || {
            let mut bytes = [0; 1000];
            let length = journal.recv(&mut bytes).unwrap();
            bytes[..length].to_vec()
        };
        let subscriber = tracing_subscriber::registry().with(Journal::at(&path).unwrap());
        assert_eq!(heard(), b"");
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(stream = "rover", total = 3, path = %"a b", "{} is stuck", "m1");
            tracing::info!(why = "one\ntwo", "reloaded");
        });
        assert_eq!(
            String::from_utf8(heard()).unwrap(),
            "MESSAGE=m1 is stuck stream=\"rover\" total=3 path=a b\nPRIORITY=4\nSYSLOG_IDENTIFIER=underfoot\nUNDERFOOT_STREAM=rover\n\
             UNDERFOOT_TOTAL=3\nUNDERFOOT_PATH=a b\n"
        );
        // Lines of a value are not lines of the entry.
        let second = heard();
        assert!(second.starts_with(b"MESSAGE=reloaded why=\"one\\ntwo\"\nPRIORITY=6\n"));
        assert!(second.ends_with(b"UNDERFOOT_WHY\n\x07\0\0\0\0\0\0\0one\ntwo\n"));
    }

    #[test]
    fn a_journal_that_is_too_busy_is_not_waited_for_and_what_it_lost_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let subscriber = tracing_subscriber::registry().with(Journal::at(&path).unwrap());
        journal.set_nonblocking(true).unwrap();
        let mut bytes = [0; 1000];
        tracing::subscriber::with_default(subscriber, || {
            (0..10_000).for_each(|event| tracing::info!(event, "busy"));
            let taken = std::iter::from_fn(|| journal.recv(&mut bytes).ok()).count() - 1;
            tracing::info!("well again");
            let length = journal.recv(&mut bytes).unwrap();
            let lost = format!("UNDERFOOT_LOST_BEFORE={}\n", 10_000 - taken);
            assert!(String::from_utf8_lossy(&bytes[..length]).ends_with(&lost), "{taken}, {bytes:?}");
        });
    }
}
