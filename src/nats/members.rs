//! The nodes that are there, and which of them is to read which partition.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// Maximum number of nodes. Beats of further ones are ignored.
const MOST: usize = 256;

/// The nodes whose heartbeats were heard lately, this one included.
///
/// Times are counted from the start of this node, by its own clock: those of the nodes need not agree.
#[derive(Debug)]
pub(super) struct Members {
    /// The name of this node.
    own: String,
    /// After this long without a heartbeat, a node counts as gone.
    gone: Duration,
    /// When each of the other nodes was heard last.
    heard: BTreeMap<String, Duration>,
    /// Whether this node is to read each partition. It changes only with the nodes.
    wanted: Vec<bool>,
}

impl Members {
    /// Only this node, which is to read all of so many partitions.
    pub(super) fn new(own: &str, partitions: u16, gone: Duration) -> Self {
        let wanted = vec![true; usize::from(partitions)];
        Self { own: own.to_owned(), gone, heard: BTreeMap::new(), wanted }
    }

    /// Takes the heartbeat of another node. Returns whether the node is new.
    pub(super) fn heartbeat(&mut self, name: &str, now: Duration) -> bool {
        let has_room = self.heard.len() < MOST || self.heard.contains_key(name);
        let is_new = name != self.own && has_room && self.heard.insert(name.to_owned(), now).is_none();
        if is_new {
            self.assign();
        }
        is_new
    }

    /// Takes the last heartbeat of a node that leaves. Returns whether it was there.
    pub(super) fn left(&mut self, name: &str) -> bool {
        let was_there = self.heard.remove(name).is_some();
        if was_there {
            self.assign();
        }
        was_there
    }

    /// Removes the nodes that are gone, and returns their names.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<String> {
        let is_gone = |heard: &Duration| now.saturating_sub(*heard) > self.gone;
        let gone: Vec<String> =
            self.heard.iter().filter(|(_, heard)| is_gone(heard)).map(|(name, _)| name.clone()).collect();
        if !gone.is_empty() {
            self.heard.retain(|name, _| !gone.contains(name));
            self.assign();
        }
        gone
    }

    /// The number of nodes, this one included.
    pub(super) fn len(&self) -> usize {
        self.heard.len() + 1
    }

    /// Whether this node is to read each partition.
    pub(super) fn wanted(&self) -> &[bool] {
        &self.wanted
    }

    fn assign(&mut self) {
        let names: Vec<&str> = self.heard.keys().map(String::as_str).chain([self.own.as_str()]).collect();
        let partitions = u16::try_from(self.wanted.len()).unwrap_or(u16::MAX);
        self.wanted = assigned(partitions, names).into_iter().map(|name| name == self.own).collect();
    }
}

/// The node that is to read each partition, by rendezvous hashing with bounded loads: each partition goes to the node
/// with the highest hash of both names that has room, and each node has room for its share, rounded up (Thaler and
/// Ravishankar, "Using name-based mappings to increase hit rates", 1998; Mirrokni and others, "Consistent hashing with
/// bounded loads", 2018). A node that joins or leaves changes few partitions of the others.
fn assigned(partitions: u16, mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    let share = usize::from(partitions).div_ceil(names.len().max(1));
    let mut counts = vec![0; names.len()];
    let nodes = |partition: u16| {
        let mut ranked: Vec<usize> = (0..names.len()).collect();
        ranked.sort_by_key(|index| {
            std::cmp::Reverse(weight(names.get(*index).copied().unwrap_or_default(), partition))
        });
        ranked
    };
    (0..partitions)
        .filter_map(|partition| {
            let with_room = |index: &usize| counts.get(*index).is_some_and(|count| *count < share);
            let index = nodes(partition).into_iter().find(with_room)?;
            *counts.get_mut(index)? += 1;
            names.get(index).copied()
        })
        .collect()
}

/// A hash of a node and a partition.
fn weight(name: &str, partition: u16) -> [u8; 8] {
    let hash = Sha256::new().chain_update(partition.to_le_bytes()).chain_update(name).finalize();
    hash.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(assigned: &[&str]) -> Vec<usize> {
        let mut counts = BTreeMap::new();
        assigned.iter().for_each(|name| *counts.entry(*name).or_insert(0) += 1);
        counts.into_values().collect()
    }

    #[test]
    fn partitions_are_spread_evenly_and_a_node_that_leaves_moves_few_of_the_others() {
        let three = assigned(64, vec!["a", "b", "c"]);
        assert_eq!(counts(&three).iter().sum::<usize>(), 64);
        assert!(counts(&three).iter().all(|count| (20..=22).contains(count)), "{:?}", counts(&three));
        assert_eq!(three, assigned(64, vec!["c", "a", "b"]), "every node comes to the same answer");
        let two = assigned(64, vec!["a", "b"]);
        assert_eq!(counts(&two), [32, 32]);
        let moved =
            three.iter().zip(&two).filter(|(before, after)| **before != "c" && before != after).count();
        assert!(moved <= 12, "{moved} partitions of the nodes that stay have moved");
        assert_eq!(counts(&assigned(2, vec!["a", "b", "c"])).iter().sum::<usize>(), 2);
    }

    #[test]
    fn a_node_without_a_beat_is_gone_and_its_partitions_are_wanted_by_the_others() {
        let at = Duration::from_millis;
        let mut members = Members::new("a", 4, at(2500));
        assert_eq!(members.wanted(), [true; 4]);
        assert!(
            members.heartbeat("b", at(100))
                && !members.heartbeat("b", at(600))
                && !members.heartbeat("a", at(600))
        );
        assert_eq!((members.len(), members.wanted().iter().filter(|wanted| **wanted).count()), (2, 2));
        assert_eq!(members.expire(at(3100)), Vec::<String>::new());
        assert_eq!(members.expire(at(3101)), ["b"]);
        assert_eq!(members.wanted(), [true; 4]);
        members.heartbeat("c", at(4000));
        assert!(members.left("c") && !members.left("c"));
    }

    #[test]
    fn names_that_never_end_do_not_fill_the_memory() {
        let mut members = Members::new("a", 4, Duration::from_secs(1));
        for index in 0..10_000 {
            members.heartbeat(&index.to_string(), Duration::ZERO);
        }
        assert_eq!(members.len(), MOST + 1);
    }
}
