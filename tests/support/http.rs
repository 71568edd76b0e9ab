//! A client of the daemon's own port, plain enough to ask wrongly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::PATIENCE;
use super::daemon::{Daemon, Lines};

/// Bytes that no answer but the events has.
const ENOUGH: u64 = 1 << 18;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The fields of the head, as they came.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    /// A field of the head.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let named =
            |line: &&str| line.split(':').next().is_some_and(|field| field.eq_ignore_ascii_case(name));
        self.head.lines().find(named)?.split_once(':').map(|(_, value)| value.trim())
    }
}

/// The address that the daemon says it listens on.
pub(crate) fn address(daemon: &mut Daemon) -> String {
    let line = daemon.wait_for_line("the page is served");
    let (_, rest) = line.split_once("address=").unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

/// A connection that gives up in the end.
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a request as it is, and reads until the other side ends.
pub(crate) fn raw(address: &str, request: &str) -> Response {
    let mut stream = connect(address);
    let mut text = Vec::new();
    // An answer before the whole question was read may end with a reset.
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.take(ENOUGH).read_to_end(&mut text);
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Response { status, head: head.to_owned(), body: body.to_owned() }
}

/// Gets a page.
pub(crate) fn get(address: &str, path: &str) -> Response {
    raw(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

/// Asks for the events, and gives their lines as they come, with the status line first.
pub(crate) fn events(address: &str) -> Lines {
    let mut stream = connect(address);
    stream.write_all(format!("GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    Lines::read(stream)
}

/// Asks as `events` does, and never reads more than the status line.
pub(crate) fn deaf(address: &str) -> (BufReader<TcpStream>, String) {
    let mut stream = connect(address);
    stream.write_all(format!("GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let mut reader = BufReader::with_capacity(16, stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    (reader, line)
}
