//! The connections that are being served.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Maximum number of connections served at once. For a further one, the connection is closed whose client has
/// taken longest to send its request.
const MAX_CONNECTIONS: usize = 32;

/// The connections that are being served, up to a limit.
///
/// A client that sends its request slowly, or not at all, must not keep a probe out: a supervisor that gets no
/// answer would restart a daemon that is well. A client that has sent its request is never closed for another
/// one. Of these only open pages stay for long, and their number has a limit of its own.
#[derive(Default)]
pub(super) struct Clients {
    /// The clients in the order in which they came. Those that have left are removed when there is no room.
    states: VecDeque<Arc<ClientState>>,
    /// Notified when a client leaves.
    pub(super) left: Arc<Notify>,
}

/// One client. When it is dropped, there is room for another.
pub(super) struct Client {
    pub(super) state: Arc<ClientState>,
    left: Arc<Notify>,
}

/// What a connection and the list of connections know of each other.
#[derive(Default)]
pub(super) struct ClientState {
    /// Whether the client has sent its request.
    pub(super) has_asked: AtomicBool,
    /// Notified when the connection is to be closed for another one.
    pub(super) evicted: Notify,
}

impl Clients {
    /// Whether a further client can join, perhaps in the place of one that has not sent its request.
    pub(super) fn have_room(&mut self) -> bool {
        if self.states.len() >= MAX_CONNECTIONS {
            // The connection holds the other reference.
            self.states.retain(|state| Arc::strong_count(state) > 1);
        }
        self.states.len() < MAX_CONNECTIONS || self.states.iter().any(has_not_asked)
    }

    /// Adds a client. If there is no room, the one is evicted that has not sent its request for longest.
    pub(super) fn join(&mut self) -> Client {
        if self.states.len() >= MAX_CONNECTIONS
            && let Some(slowest) = self.states.iter().position(has_not_asked)
            && let Some(evicted) = self.states.remove(slowest)
        {
            evicted.evicted.notify_one();
        }
        let state = Arc::new(ClientState::default());
        self.states.push_back(state.clone());
        Client { state, left: self.left.clone() }
    }
}

fn has_not_asked(state: &Arc<ClientState>) -> bool {
    !state.has_asked.load(Ordering::Relaxed)
}

impl Drop for Client {
    fn drop(&mut self) {
        self.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_that_has_not_sent_its_request_for_longest_makes_room() {
        let mut clients = Clients::default();
        let mut joined: Vec<_> = (0..MAX_CONNECTIONS).map(|_| clients.join()).collect();
        joined[0].state.has_asked.store(true, Ordering::Relaxed);
        assert!(clients.have_room());
        joined.push(clients.join());
        assert!(Arc::strong_count(&joined[0].state) > 1, "it has sent its request");
        assert_eq!(Arc::strong_count(&joined[1].state), 2 - 1, "it was evicted");
        assert_eq!(clients.states.len(), MAX_CONNECTIONS);
    }

    #[test]
    fn without_one_to_evict_there_is_room_when_a_client_leaves() {
        let mut clients = Clients::default();
        let mut joined: Vec<_> = (0..MAX_CONNECTIONS).map(|_| clients.join()).collect();
        for client in &joined {
            client.state.has_asked.store(true, Ordering::Relaxed);
        }
        assert!(!clients.have_room());
        joined.remove(7);
        assert!(clients.have_room());
    }
}
