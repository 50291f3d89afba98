//! The analytic lower bound of commit latency, for constant delays.
//!
//! A write is committed when a quorum has it on disk, the leader's own fsync running in parallel
//! with the round trips to the others: `L` is the moment at which those whose fsync (the leader) or
//! round trip (out, fsync, back: everybody else) is over are a quorum; with majorities, the q-th
//! smallest of them. It is the same for Zab and for Multi-Paxos whose
//! leader learns, because the leader's acknowledgement is one more acknowledgement in both.

use menagerie::ids::{NodeId, Span};
use menagerie::quorum::{NodeSet, Quorums};

fn node(place: usize) -> NodeId {
    NodeId(place as u8 + 1)
}

fn majorities(servers: usize) -> Quorums {
    Quorums::majorities(&(0..servers).map(node).collect::<Vec<_>>())
}

/// Constant delays between servers, and one constant fsync.
#[derive(Clone, Debug)]
pub struct Delays {
    /// One-way delay from server `i` to server `j` at `[i][j]`; voters only.
    pub one_way: Vec<Vec<Span>>,
    /// How long a write to the log takes to be durable.
    pub fsync: Span,
    /// Which servers commit, by their numbers from 1.
    pub quorums: Quorums,
}

impl Delays {
    /// The same delay between any two of `servers`.
    pub fn uniform(servers: usize, one_way: Span, fsync: Span) -> Delays {
        Delays {
            one_way: vec![vec![one_way; servers]; servers],
            fsync,
            quorums: majorities(servers),
        }
    }

    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.one_way.len()
    }

    /// From the moment the leader proposes to the moment it knows of the commit.
    ///
    /// # Panics
    /// If there is no server `leader`.
    pub fn commit_at_leader(&self, leader: usize) -> Span {
        assert!(
            leader < self.servers(),
            "server index {leader} of {}",
            self.servers()
        );
        let mut acks: Vec<(u64, NodeId)> = (0..self.servers())
            .map(|other| {
                let round_trip = if other == leader {
                    0
                } else {
                    self.one_way[leader][other].0 + self.one_way[other][leader].0
                };
                (round_trip + self.fsync.0, node(other))
            })
            .collect();
        acks.sort_unstable();
        let mut have = NodeSet::EMPTY;
        let completing = acks.iter().find(|(_, node)| {
            have.insert(*node);
            self.quorums.contain(have)
        });
        let (at, _) = completing.expect("all servers are a quorum");
        Span(*at)
    }

    /// From the moment a follower forwards a request to the moment it knows of the commit: there,
    /// the commit, and back.
    pub fn commit_at_follower(&self, leader: usize, follower: usize) -> Span {
        let there = self.one_way[follower][leader].0;
        let back = self.one_way[leader][follower].0;
        Span(there + self.commit_at_leader(leader).0 + back)
    }
}

/// Five regions: Virginia, Oregon, Ireland, Tokyo, São Paulo. Round trips in milliseconds.
pub const WAN_ROUND_TRIPS_MS: [[u64; 5]; 5] = [
    [0, 70, 75, 160, 200],
    [70, 0, 130, 100, 140],
    [75, 130, 0, 220, 260],
    [160, 100, 220, 0, 105],
    [200, 140, 260, 105, 0],
];

/// The first `servers` placed round robin over the five regions; half a millisecond one way between
/// servers of one region.
pub fn wan(servers: usize, fsync: Span) -> Delays {
    let one_way = (0..servers)
        .map(|from| {
            (0..servers)
                .map(|to| {
                    let round_trip = WAN_ROUND_TRIPS_MS[from % 5][to % 5];
                    Span::micros(if round_trip == 0 {
                        500
                    } else {
                        round_trip * 500
                    })
                })
                .collect()
        })
        .collect();
    Delays {
        one_way,
        fsync,
        quorums: majorities(servers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_regions_commit_at_the_third_nearest() {
        let delays = wan(5, Span::ZERO);
        let at: Vec<u64> = (0..5)
            .map(|leader| delays.commit_at_leader(leader).0 / 1_000_000)
            .collect();
        assert_eq!(at, [75, 100, 130, 105, 140]);
    }

    #[test]
    fn a_client_at_a_follower_pays_the_way_there_and_back() {
        let delays = wan(5, Span::ZERO);
        let ms = |follower| delays.commit_at_follower(0, follower).0 / 1_000_000;
        assert_eq!([ms(1), ms(2), ms(3), ms(4)], [145, 150, 235, 275]);
    }

    #[test]
    fn three_regions_commit_at_the_nearest_other() {
        let delays = wan(3, Span::ZERO);
        let at: Vec<u64> = (0..3)
            .map(|leader| delays.commit_at_leader(leader).0 / 1_000_000)
            .collect();
        assert_eq!(at, [70, 70, 75]);
    }

    #[test]
    fn a_constant_fsync_adds_itself() {
        let delays = Delays::uniform(3, Span::millis(1), Span::micros(300));
        assert_eq!(delays.commit_at_leader(0), Span::micros(2_300));
        let alone = Delays::uniform(1, Span::millis(1), Span::micros(300));
        assert_eq!(alone.commit_at_leader(0), Span::micros(300));
    }
}
