//! A simple HTTP client for the daemon's port, which can also send invalid requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::TIMEOUT;
use super::daemon::{Daemon, Lines};

/// The maximum size of a response in bytes. Only the event stream can be longer.
const MAX_RESPONSE: u64 = 1 << 18;

/// An HTTP response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The status line and the header fields, as received.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    /// The value of a header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let named =
            |line: &&str| line.split(':').next().is_some_and(|field| field.eq_ignore_ascii_case(name));
        self.head.lines().find(named)?.split_once(':').map(|(_, value)| value.trim())
    }
}

/// The address and port that the daemon has logged for its page.
pub(crate) fn address(daemon: &mut Daemon) -> String {
    let line = daemon.wait_for_line("the page is served");
    let (_, rest) = line.split_once("address=").unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

/// A connection whose reads and writes fail after `TIMEOUT`.
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// Sends a request without changes, and reads until the other side closes the connection.
pub(crate) fn raw(address: &str, request: &str) -> Response {
    let mut stream = connect(address);
    let mut text = Vec::new();
    // If the daemon answers before it has read the whole request, the connection may end with a reset.
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.take(MAX_RESPONSE).read_to_end(&mut text);
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Response { status, head: head.to_owned(), body: body.to_owned() }
}

/// Gets a page.
pub(crate) fn get(address: &str, path: &str) -> Response {
    raw(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

/// Requests the live events and collects the lines of the response, beginning with the status line.
pub(crate) fn events(address: &str) -> Lines {
    let mut stream = connect(address);
    stream.write_all(format!("GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    Lines::read(stream)
}

/// Requests the live events and reads only the status line.
pub(crate) fn events_without_reading(address: &str) -> (BufReader<TcpStream>, String) {
    let mut stream = connect(address);
    stream.write_all(format!("GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let mut reader = BufReader::with_capacity(16, stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    (reader, line)
}
