//! The error for an address on which the server cannot listen.

use std::io;
use std::net::SocketAddr;

/// Why the server cannot listen on an address, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("http.listen is \"{address}\", and {reason}")]
pub(crate) struct BindError {
    address: SocketAddr,
    reason: String,
}

impl BindError {
    pub(super) fn new(address: SocketAddr, error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program has that port; end it, or set another port".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => {
                "this computer does not have that address (yet); set one that it has, such as 127.0.0.1"
                    .into()
            }
            io::ErrorKind::PermissionDenied => {
                "this user may not listen on that port; set a port from 1024 to 65535".into()
            }
            _ => format!("it cannot be listened on: {error}"),
        };
        Self { address, reason }
    }
}
