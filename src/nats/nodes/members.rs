//! The nodes that are there, which of them is to read which partition, and how far each has read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::heartbeat::Heartbeat;
use super::progress::Progress;
use crate::nats::partition::Elsewhere;

/// Maximum number of nodes. Beats of further ones are ignored.
const MOST: usize = 256;

/// The nodes whose heartbeats were heard lately, this one included.
///
/// Times are counted from the start of this node, by its own clock: those of the nodes need not agree.
#[derive(Debug)]
pub(super) struct Members {
    /// The name of this node.
    own: String,
    /// When the stream was made.
    stream: String,
    /// After this long without a heartbeat, a node counts as gone.
    gone: Duration,
    /// The other nodes by their names.
    others: BTreeMap<String, OtherNode>,
    /// Whether this node is to read each partition. It changes only with the nodes.
    wanted: Vec<bool>,
    /// How far the partitions are decided, by any node.
    progress: Progress,
}

/// What is known of another node.
#[derive(Debug, Default)]
struct OtherNode {
    /// When it was heard last.
    heard: Duration,
    /// Whether it leaves, so that it is to read nothing any more.
    leaves: bool,
    /// The partitions that it reads.
    reads: BTreeSet<u16>,
}

/// What a heartbeat says that was not known before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberNews {
    /// The node is there.
    Joined,
    /// The node leaves.
    Left,
}

impl Members {
    /// Only this node, which is to read all of so many partitions of a stream that was made at a time.
    pub(super) fn new(own: &str, stream: &str, partitions: u16, gone: Duration) -> Self {
        let (own, stream) = (own.to_owned(), stream.to_owned());
        Self {
            own,
            stream,
            gone,
            others: BTreeMap::new(),
            wanted: vec![true; usize::from(partitions)],
            progress: Progress::new(partitions),
        }
    }

    /// Takes the heartbeat of another node. Returns what is new.
    pub(super) fn heartbeat(&mut self, heartbeat: Heartbeat, now: Duration) -> Option<MemberNews> {
        let Heartbeat { node, process: _, leaves, stream, mut reads, decided } = heartbeat;
        let is_known = self.others.contains_key(&node);
        if node == self.own || !is_known && (leaves || self.others.len() >= MOST) {
            return None;
        }
        let member =
            self.others.entry(node).or_insert_with(|| OtherNode { leaves: true, ..OtherNode::default() });
        member.heard = now;
        let was_leaving = std::mem::replace(&mut member.leaves, leaves);
        if stream == self.stream {
            reads.retain(|partition| usize::from(*partition) < self.progress.partitions());
            member.reads = reads;
            self.progress.hear(decided, now);
        }
        let news = match (was_leaving, leaves) {
            (true, false) => MemberNews::Joined,
            (false, true) => MemberNews::Left,
            _ => return None,
        };
        self.assign();
        Some(news)
    }

    /// Notes that this node has decided everything up to a number in a partition.
    pub(super) fn decided(&mut self, partition: usize, number: u64, now: Duration) {
        self.progress.note(partition, number, now);
    }

    /// The heartbeat of this node, which reads these partitions, each decided up to a number by it.
    pub(super) fn own_heartbeat(
        &mut self,
        process: &str,
        leaves: bool,
        reads: &BTreeMap<u16, u64>,
        now: Duration,
    ) -> Heartbeat {
        reads.iter().for_each(|(partition, number)| self.decided(usize::from(*partition), *number, now));
        Heartbeat {
            node: self.own.clone(),
            process: process.to_owned(),
            leaves,
            stream: self.stream.clone(),
            reads: reads.keys().copied().collect(),
            decided: self.progress.say(now),
        }
    }

    /// What the other nodes say about a partition.
    pub(super) fn elsewhere(&self, partition: usize) -> Elsewhere {
        let reads = |member: &OtherNode| {
            u16::try_from(partition).is_ok_and(|partition| member.reads.contains(&partition))
        };
        Elsewhere { is_read: self.others.values().any(reads), decided: self.progress.decided(partition) }
    }

    /// Removes the nodes that are gone, and returns the names of those that had not said that they leave.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<String> {
        let is_gone = |member: &OtherNode| now.saturating_sub(member.heard) > self.gone;
        let gone = self.others.iter().filter(|(_, member)| is_gone(member) && !member.leaves);
        let gone: Vec<String> = gone.map(|(name, _)| name.clone()).collect();
        self.others.retain(|_, member| !is_gone(member));
        if !gone.is_empty() {
            self.assign();
        }
        gone
    }

    /// The number of nodes that read, this one included.
    pub(super) fn len(&self) -> usize {
        self.names().count()
    }

    /// Whether this node is to read each partition.
    pub(super) fn wanted(&self) -> &[bool] {
        &self.wanted
    }

    /// The names of the nodes that read.
    fn names(&self) -> impl Iterator<Item = &str> {
        let others = self.others.iter().filter(|(_, member)| !member.leaves);
        others.map(|(name, _)| name.as_str()).chain([self.own.as_str()])
    }

    fn assign(&mut self) {
        let partitions = u16::try_from(self.wanted.len()).unwrap_or(u16::MAX);
        self.wanted =
            assigned(partitions, self.names().collect()).into_iter().map(|name| name == self.own).collect();
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

    /// The heartbeat of a node that reads partition 1, of which everything up to a message is decided.
    fn heartbeat(node: &str, leaves: bool, decided: u64) -> Heartbeat {
        let (reads, decided) = (BTreeSet::from([1]), BTreeMap::from([(1, (decided, 0))]));
        Heartbeat { node: node.into(), process: "1".into(), leaves, stream: "made".into(), reads, decided }
    }

    fn members() -> Members {
        Members::new("a", "made", 4, at(2500))
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_node_without_a_beat_is_gone_and_its_partitions_are_wanted_by_the_others() {
        let mut members = members();
        assert_eq!(members.wanted(), [true; 4]);
        assert_eq!(members.heartbeat(heartbeat("b", false, 5), at(100)), Some(MemberNews::Joined));
        assert_eq!(members.heartbeat(heartbeat("b", false, 5), at(600)), None);
        assert_eq!(members.heartbeat(heartbeat("a", false, 5), at(600)), None, "its own comes back");
        assert_eq!((members.len(), members.wanted().iter().filter(|wanted| **wanted).count()), (2, 2));
        assert_eq!(members.expire(at(3100)), Vec::<String>::new());
        assert_eq!(members.expire(at(3101)), ["b"]);
        assert_eq!(members.wanted(), [true; 4]);
    }

    #[test]
    fn a_node_that_leaves_is_asked_for_nothing_while_it_says_what_it_still_reads() {
        let mut members = members();
        members.heartbeat(heartbeat("b", false, 5), at(0));
        assert_eq!(members.heartbeat(heartbeat("b", true, 8), at(500)), Some(MemberNews::Left));
        assert_eq!((members.len(), members.wanted()), (1, &[true; 4][..]));
        assert_eq!(members.elsewhere(1), Elsewhere { is_read: true, decided: Some(8) });
        assert_eq!(members.elsewhere(2), Elsewhere { is_read: false, decided: None });
        let last = Heartbeat { reads: BTreeSet::new(), ..heartbeat("b", true, 7) };
        assert_eq!(members.heartbeat(last, at(1000)), None);
        assert_eq!(members.elsewhere(1), Elsewhere { is_read: false, decided: Some(8) });
        assert_eq!(members.expire(at(9000)), Vec::<String>::new(), "it has said so before");
        assert_eq!(members.heartbeat(heartbeat("b", true, 8), at(9100)), None, "it is not there");
        assert_eq!(members.heartbeat(heartbeat("b", false, 8), at(9500)), Some(MemberNews::Joined));
    }

    #[test]
    fn how_far_the_partitions_are_decided_is_passed_on_but_not_of_another_stream() {
        let mut members = members();
        members.heartbeat(heartbeat("b", false, 5), at(0));
        members.decided(3, 9, at(2));
        let own = members.own_heartbeat("p", false, &BTreeMap::from([(3, 9)]), at(4));
        let decided = BTreeMap::from([(1, (5, 4)), (3, (9, 0))]);
        assert_eq!((own.reads, own.decided), (BTreeSet::from([3]), decided));
        let other = Heartbeat { stream: "made later".into(), ..heartbeat("c", false, 1 << 40) };
        assert_eq!(members.heartbeat(other, at(10)), Some(MemberNews::Joined));
        let far = Heartbeat { reads: BTreeSet::from([1, 4, 999]), ..heartbeat("d", false, 6) };
        members.heartbeat(Heartbeat { decided: BTreeMap::from([(1, (6, 0)), (999, (1, 0))]), ..far }, at(20));
        assert_eq!(members.elsewhere(1).decided, Some(6));
        assert!(!members.elsewhere(999).is_read);
    }

    #[test]
    fn names_that_never_end_do_not_fill_the_memory() {
        let mut members = members();
        for index in 0..10_000 {
            members.heartbeat(heartbeat(&index.to_string(), false, 1), Duration::ZERO);
        }
        assert_eq!(members.len(), MOST + 1);
    }
}
