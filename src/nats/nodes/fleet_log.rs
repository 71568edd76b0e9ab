//! What is logged about the other nodes and the servers.

/// Logs what happens to the other nodes and to the consumers, each thing once.
#[derive(Debug, Default)]
pub(super) struct FleetLog {
    /// How many partitions were read from the stream itself the last time.
    directly: usize,
    is_namesake_told: bool,
}

impl FleetLog {
    /// A node is there that was not there before.
    pub(super) fn joined(&self, node: &str) {
        tracing::info!(node, "a node is there, and reads its share of the robots");
    }

    /// A node has said that it leaves.
    pub(super) fn left(&self, node: &str) {
        tracing::info!(node, "a node leaves; the others read its robots");
    }

    /// A node has not been heard for too long.
    pub(super) fn gone(&self, node: &str) {
        tracing::warn!(node, "a node is gone; the others read its robots");
    }

    /// Another process has this node's name.
    pub(super) fn namesake(&mut self, node: &str) {
        if !std::mem::replace(&mut self.is_namesake_told, true) {
            tracing::error!(
                node,
                "another daemon has this node's name, and takes its robots from it; give each a node.name of its own"
            );
        }
    }

    /// So many partitions are read from the stream itself now.
    pub(super) fn directly(&mut self, partitions: usize) {
        match (std::mem::replace(&mut self.directly, partitions), partitions) {
            (0, 1..) => tracing::warn!(
                partitions,
                "consumers deliver nothing, as after the loss of a server; their messages are read from the stream itself"
            ),
            (1.., 0) => tracing::info!("all consumers deliver again"),
            _ => {}
        }
    }
}
