//! A broker that misbehaves as a test wants it to: it accepts connections, and leaves out some of its answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::wait_for;

/// What the broker answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answers {
    /// It acknowledges one of so many messages with QoS 1; 0 for none.
    pub(crate) puback: usize,
    /// The return code for each subscription; `None` for no answer.
    pub(crate) suback: Option<u8>,
    /// Whether it answers pings. If not, it sends a sample in place of each answer.
    pub(crate) pingresp: bool,
}

impl Answers {
    /// All answers, as a broker should give them.
    pub(crate) const ALL: Self = Self { puback: 1, suback: Some(0), pingresp: true };
}

pub(crate) struct FakeBroker {
    pub(crate) port: u16,
    received: Arc<Mutex<Vec<String>>>,
}

impl FakeBroker {
    /// A broker on a port of its own. Its threads end with the test's process.
    pub(crate) fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = received.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = log.clone();
                // A connection that ends is no fault of the test.
                std::thread::spawn(move || drop(serve(stream, answers, &log)));
            }
        });
        Self { port, received }
    }

    /// The configuration section for this broker.
    pub(crate) fn section(&self) -> String {
        format!("[mqtt]\nhost = '127.0.0.1'\nport = {}\nkeep_alive = '1s'\n", self.port)
    }

    /// Waits until at least `count` packets of those received contain `needle`, and returns them. A packet is
    /// written as its name and its content, such as "PUBLISH underfoot/status online".
    pub(crate) fn wait_for(&self, needle: &str, count: usize) -> Vec<String> {
        wait_for(&format!("{count} packets with {needle:?}"), || {
            let all = self.received.lock().unwrap();
            let found: Vec<_> = all.iter().filter(|packet| packet.contains(needle)).cloned().collect();
            (found.len() >= count).then_some(found)
        })
    }
}

/// Answers the packets of one client until its connection ends.
fn serve(mut stream: TcpStream, answers: Answers, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut acknowledgeable = 0;
    loop {
        let mut first = [0];
        stream.read_exact(&mut first)?;
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let text = |from: usize| {
            let size = usize::from(u16::from_be_bytes([body[from], body[from + 1]]));
            (String::from_utf8_lossy(&body[from + 2..from + 2 + size]).into_owned(), from + 2 + size)
        };
        match first[0] >> 4 {
            1 => {
                log.lock().unwrap().push("CONNECT".into());
                stream.write_all(&[0x20, 2, 0, 0])?;
            }
            3 => {
                let (topic, end) = text(0);
                let has_id = first[0] & 6 != 0;
                let payload = String::from_utf8_lossy(&body[end + 2 * usize::from(has_id)..]).into_owned();
                log.lock().unwrap().push(format!("PUBLISH {topic} {payload}"));
                acknowledgeable += usize::from(has_id);
                if has_id && answers.puback > 0 && acknowledgeable.is_multiple_of(answers.puback) {
                    stream.write_all(&[0x40, 2, body[end], body[end + 1]])?;
                }
            }
            8 => {
                let (mut at, mut filters) = (2, Vec::new());
                while at < body.len() {
                    let (filter, end) = text(at);
                    filters.push(filter);
                    at = end + 1;
                }
                log.lock().unwrap().push(format!("SUBSCRIBE {}", filters.join(" ")));
                if let Some(code) = answers.suback {
                    stream.write_all(&[0x90, 2 + filters.len() as u8, body[0], body[1]])?;
                    stream.write_all(&vec![code; filters.len()])?;
                }
            }
            12 if answers.pingresp => stream.write_all(&[0xd0, 0])?,
            12 => {
                log.lock().unwrap().push("PINGREQ".into());
                let topic = "robots/rover/current";
                stream.write_all(&[0x30, 3 + topic.len() as u8, 0, topic.len() as u8])?;
                stream.write_all(format!("{topic}1").as_bytes())?;
            }
            14 => {
                log.lock().unwrap().push("DISCONNECT".into());
                return Ok(());
            }
            _ => {}
        }
    }
}
