//! Who connects to the broker.

/// Who connects to the broker. It decides the client's name and its last will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The daemon. It always connects under the same name, and the broker publishes `offline` when it is
    /// gone.
    Daemon,
    /// The tool of this name. It connects under a name of its own, so that it does not end the daemon's
    /// connection.
    Tool(&'static str),
}
