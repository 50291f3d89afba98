//! The bugs of Multi-Paxos that can be switched on.

use super::Paxos;
use crate::mutation::{Concerns, Entry, Exhibit, Mutation};
use crate::protocol::Protocol;

const NAME: &str = Paxos::NAME;

impl Mutation {
    /// See [`Mutation::entry`]: commit_of_another_ballot.
    pub const N01: Mutation = Mutation::of("N01");
    /// See [`Mutation::entry`]: commit_through_a_snapshot.
    pub const N02: Mutation = Mutation::of("N02");
    /// See [`Mutation::entry`]: heartbeat_acknowledged_behind_a_promise.
    pub const N03: Mutation = Mutation::of("N03");
    /// See [`Mutation::entry`]: read_joins_a_running_round.
    pub const N04: Mutation = Mutation::of("N04");
    /// See [`Mutation::entry`]: pre_vote_without_stickiness.
    pub const N05: Mutation = Mutation::of("N05");
    /// See [`Mutation::entry`]: session_born_again.
    pub const N10: Mutation = Mutation::of("N10");
    /// See [`Mutation::entry`]: resend_without_backoff.
    pub const N19: Mutation = Mutation::of("N19");
    /// See [`Mutation::entry`]: recovered_votes_trusted.
    pub const N21: Mutation = Mutation::of("N21");
    /// See [`Mutation::entry`]: copies_out_of_reach.
    pub const N25: Mutation = Mutation::of("N25");
    /// See [`Mutation::entry`]: expiry_without_generation.
    pub const N43: Mutation = Mutation::of("N43");
    /// See [`Mutation::entry`]: elections_ten_times_slower.
    pub const N50: Mutation = Mutation::of("N50");
    /// See [`Mutation::entry`]: small_phase_1_quorum.
    pub const N54: Mutation = Mutation::of("N54");
    /// See [`Mutation::entry`]: one_command_a_slot.
    pub const N55: Mutation = Mutation::of("N55");
    /// See [`Mutation::entry`]: batch_captured_in_part.
    pub const N56: Mutation = Mutation::of("N56");
    /// See [`Mutation::entry`]: accept_not_persisted.
    pub const P02: Mutation = Mutation::of("P02");
    /// See [`Mutation::entry`]: accept_lower_ballot.
    pub const P03: Mutation = Mutation::of("P03");
    /// See [`Mutation::entry`]: own_value_over_highest.
    pub const P04: Mutation = Mutation::of("P04");
    /// See [`Mutation::entry`]: stale_leader_read.
    pub const P09: Mutation = Mutation::of("P09");
    /// See [`Mutation::entry`]: retry_executed_twice.
    pub const P11: Mutation = Mutation::of("P11");
    /// See [`Mutation::entry`]: accept_not_sent_again.
    pub const P21: Mutation = Mutation::of("P21");
}

/// What is known of each.
pub(super) const MUTATIONS: &[Entry] = &[
    Entry {
        id: "N01",
        name: "commit_of_another_ballot",
        concerns: Concerns::Protocol(NAME),
        source: "our own: a Learn at a deposed leader",
        story: "A deposed leader learns what a higher ballot chose in a slot where its own \
                proposal is open, and announces the slot as a commit of its own ballot; an \
                acceptor that voted for that proposal applies it.",
        place: "paxos::learner",
        caught_by: &["agreement", "chosen"],
        exhibit: Exhibit {
            scenario: "stale_leader_commit",
            first: 0,
            count: 2,
        },
        concepts: &[
            "ballot",
            "commit",
            "chosen value",
            "deposed leader",
            "fencing",
        ],
        releases: None,
    },
    Entry {
        id: "N02",
        name: "commit_through_a_snapshot",
        concerns: Concerns::Protocol(NAME),
        source: "our own: a snapshot at a deposed leader",
        story: "A deposed leader takes over a snapshot that covers a slot where its own proposal \
                is open, and announces the slot as a commit of its own ballot.",
        place: "paxos::checkpoint",
        caught_by: &["agreement", "chosen"],
        exhibit: Exhibit {
            scenario: "stale_leader_snapshot",
            first: 0,
            count: 2,
        },
        concepts: &["ballot", "commit", "snapshot", "deposed leader", "fencing"],
        releases: None,
    },
    Entry {
        id: "N03",
        name: "heartbeat_acknowledged_behind_a_promise",
        concerns: Concerns::Protocol(NAME),
        source: "Paxos Made Live, section 5.2: what a master must know before it reads",
        story: "A voter acknowledges a heartbeat of a ballot below its promise, so a deposed \
                leader that does not hear its successor goes on to answer synced reads.",
        place: "paxos::voter",
        caught_by: &["linearizability"],
        exhibit: Exhibit {
            scenario: "half_deposed_leader",
            first: 0,
            count: 10,
        },
        concepts: &[
            "linearizable reads",
            "read index",
            "lease",
            "fencing",
            "quorum intersection",
        ],
        releases: None,
    },
    Entry {
        id: "N04",
        name: "read_joins_a_running_round",
        concerns: Concerns::Protocol(NAME),
        source: "Raft (Ongaro's dissertation), section 6.4, step 3",
        story: "A read index is answered by a round of heartbeats that began before the \
                question came, so acknowledgements older than a successor's election vouch for \
                it.",
        place: "paxos::read_index",
        caught_by: &["linearizability"],
        exhibit: Exhibit {
            scenario: "old_acknowledgements",
            first: 20,
            count: 10,
        },
        concepts: &[
            "linearizable reads",
            "read index",
            "lease",
            "fencing",
            "quorum intersection",
        ],
        releases: None,
    },
    Entry {
        id: "N05",
        name: "pre_vote_without_stickiness",
        concerns: Concerns::Protocol(NAME),
        source: "Raft (Ongaro's dissertation), section 9.6",
        story: "A server that hears its leader grants a pre-vote all the same, so whoever comes \
                back from behind a partition deposes a leader that a quorum hears.",
        place: "paxos::election",
        caught_by: &["churn"],
        exhibit: Exhibit {
            scenario: "follower_returns",
            first: 10,
            count: 10,
        },
        concepts: &["pre-vote", "stable leader", "availability", "partition"],
        releases: None,
    },
    Entry {
        id: "N10",
        name: "session_born_again",
        concerns: Concerns::Protocol(NAME),
        source: "our own",
        story: "The contacted server picks the id of a session, so a late duplicate of its request \
                opens a session again that was closed, with an empty at-most-once table, and a \
                late duplicate of a write is executed a second time.",
        place: "tree::apply",
        caught_by: &["exactly_once", "linearizability"],
        exhibit: Exhibit {
            scenario: "session_born_again",
            first: 0,
            count: 1,
        },
        concepts: &["sessions", "exactly once", "duplicate messages"],
        releases: None,
    },
    Entry {
        id: "N19",
        name: "resend_without_backoff",
        concerns: Concerns::Protocol(NAME),
        source: "our own",
        story: "Requests without an answer are sent again at a fixed interval, and only those that \
                still wait at the leader are recognised, so under slow links most of what is \
                ordered is repeats and the queues grow.",
        place: "server::queue, server::lead",
        caught_by: &["liveness"],
        exhibit: Exhibit {
            scenario: "retry_storm",
            first: 0,
            count: 3,
        },
        concepts: &["retries", "backoff", "overload", "metastable failure"],
        releases: None,
    },
    Entry {
        id: "N21",
        name: "recovered_votes_trusted",
        concerns: Concerns::Protocol(NAME),
        source: "our own; fsync failures: Rebello et al., USENIX ATC 2020",
        story: "A Paxos server that boots takes what it reads for durable: votes and promises \
                whose sync failed count, though power may still take them.",
        place: "paxos::recover",
        caught_by: &["durability", "promises", "agreement"],
        exhibit: Exhibit {
            scenario: "failed_sync",
            first: 0,
            count: 20,
        },
        concepts: &["stable storage", "fsync failure", "page cache"],
        releases: None,
    },
    Entry {
        id: "N25",
        name: "copies_out_of_reach",
        concerns: Concerns::Protocol(NAME),
        source: "our own; fsync failures: Rebello et al., USENIX ATC 2020",
        story: "A Paxos server that boots copies what it read, and answers before the originals \
                are gone for good. Power takes a doubtful original, and recovery cannot read \
                across the hole to the copies.",
        place: "paxos::checkpoint",
        caught_by: &["promises"],
        exhibit: Exhibit {
            scenario: "doubtful_copies",
            first: 0,
            count: 4,
        },
        concepts: &["stable storage", "fsync failure", "page cache"],
        releases: None,
    },
    Entry {
        id: "N43",
        name: "expiry_without_generation",
        concerns: Concerns::Protocol(NAME),
        source: "our own",
        story: "The expiry that a leader asked for in an earlier generation ends a session whose \
                client came back in between. It is rare: while a leader recovers every open slot \
                before it serves, only an attachment that is itself under way for about as long as \
                the timeout is overtaken so. A unit test shows it too (tree::tests::commands).",
        place: "tree::apply",
        caught_by: &["sessions"],
        exhibit: Exhibit {
            scenario: "session_shorter_than_failover",
            first: 998,
            count: 1,
        },
        concepts: &["sessions", "expiry", "fencing", "generation"],
        releases: None,
    },
    Entry {
        id: "N50",
        name: "elections_ten_times_slower",
        concerns: Concerns::Protocol(NAME),
        source: "our own: recovery that is ten times slower passed a flat bound of 15 s",
        story: "A server waits ten times as long for its leader, and for each candidacy, as it is \
                told to.",
        place: "paxos::configure",
        caught_by: &["liveness"],
        exhibit: Exhibit {
            scenario: "quick_recovery",
            first: 0,
            count: 10,
        },
        concepts: &["election", "timeout", "availability"],
        releases: None,
    },
    Entry {
        id: "N54",
        name: "small_phase_1_quorum",
        concerns: Concerns::Protocol(NAME),
        source: "our own; flexible quorums: Howard, Malkhi and Spiegelman, OPODIS 2016",
        story: "Phase 1 is content with as few promises as phase 2 with votes. Where phase 2 needs \
                less than a majority, the two need not share a voter, and a new leader misses what \
                was chosen.",
        place: "paxos::config",
        caught_by: &[
            "agreement",
            "recovery",
            "leadership",
            "chosen",
            "linearizability",
        ],
        exhibit: Exhibit {
            scenario: "flexible_quorums",
            first: 0,
            count: 10,
        },
        concepts: &["quorum intersection", "phase 1", "flexible quorums"],
        releases: None,
    },
    Entry {
        id: "N55",
        name: "one_command_a_slot",
        concerns: Concerns::Protocol(NAME),
        source: "our own: chaos seeds 3690 and 4113",
        story: "Every command takes a slot of its own. Where the window is narrow and the network \
                slow, clients give up their connections before their sessions are opened, and \
                what they asked for is executed all the same: the ensemble is busy with sessions \
                that nobody wants, and serves nobody.",
        place: "paxos::leader",
        caught_by: &["liveness"],
        exhibit: Exhibit {
            scenario: "narrow_window",
            first: 0,
            count: 10,
        },
        concepts: &["batching", "pipelining", "overload", "retry storm"],
        releases: None,
    },
    Entry {
        id: "N56",
        name: "batch_captured_in_part",
        concerns: Concerns::Protocol(NAME),
        source: "our own; snapshots: Paxos Made Live, section 5.5",
        story: "A snapshot is captured between two commands of one slot and stands for the whole \
                slot, so a server that starts from it never executes the rest.",
        place: "server::apply",
        caught_by: &["agreement", "digest", "durability", "linearizability"],
        exhibit: Exhibit {
            scenario: "narrow_window",
            first: 0,
            count: 10,
        },
        concepts: &["batching", "snapshot", "atomicity"],
        releases: None,
    },
    Entry {
        id: "P02",
        name: "accept_not_persisted",
        concerns: Concerns::Protocol(NAME),
        source: "Paxos Made Simple, section 2.5 (stable storage)",
        story: "An acceptor's Accepted leaves before the vote is on disk, so a loss of power takes \
                back what the proposer counts on.",
        place: "paxos::voter",
        caught_by: &[
            "promises",
            "recovery",
            "durability",
            "agreement",
            "leadership",
        ],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 10,
        },
        concepts: &[
            "phase 2",
            "acceptor",
            "stable storage",
            "quorum intersection",
        ],
        releases: None,
    },
    Entry {
        id: "P03",
        name: "accept_lower_ballot",
        concerns: Concerns::Protocol(NAME),
        source: "Paxos Made Simple, phase 2b",
        story: "An acceptor accepts a ballot below the one it promised, so a deposed leader's \
                delayed Accept undoes what its successor was told.",
        place: "paxos::acceptor",
        caught_by: &["promises", "leadership", "agreement", "linearizability"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 60,
        },
        concepts: &["phase 1", "phase 2", "acceptor", "promise", "fencing"],
        releases: None,
    },
    Entry {
        id: "P04",
        name: "own_value_over_highest",
        concerns: Concerns::Protocol(NAME),
        source: "Paxos Made Simple, phase 2a",
        story: "A new leader proposes a value of its own in place of the highest-ballot value that \
                its promise quorum reported, and so overwrites what was chosen.",
        place: "paxos::leader",
        caught_by: &["recovery", "agreement", "linearizability"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 10,
        },
        concepts: &["phase 1", "quorum intersection", "chosen value", "recovery"],
        releases: None,
    },
    Entry {
        id: "P09",
        name: "stale_leader_read",
        concerns: Concerns::Protocol(NAME),
        source: "Paxos Made Live, section 5.2 (reads without a lease or a quorum round)",
        story: "A leader answers a linearizable read from its own state without a quorum round, so \
                a deposed leader that has not noticed returns old data.",
        place: "paxos::leader",
        caught_by: &["linearizability"],
        // Only a leader that is cut off with clients that ask it for synced reads shows it.
        exhibit: Exhibit {
            scenario: "leader_isolated",
            first: 30,
            count: 20,
        },
        concepts: &[
            "linearizable reads",
            "read index",
            "lease",
            "fencing",
            "quorum intersection",
        ],
        releases: None,
    },
    Entry {
        id: "P11",
        name: "retry_executed_twice",
        concerns: Concerns::Protocol(NAME),
        source: "Viewstamped Replication Revisited, section 4.1 (the client table)",
        story: "A command that was executed is executed again when its retry is chosen in another \
                slot, because nobody looks its number up.",
        place: "tree::apply",
        caught_by: &["exactly_once", "agreement", "digest", "linearizability"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 5,
        },
        concepts: &["exactly once", "retries", "client table"],
        releases: None,
    },
    Entry {
        id: "P21",
        name: "accept_not_sent_again",
        concerns: Concerns::Protocol(NAME),
        source: "classic: a datagram may be lost",
        story: "A leader sends each Accept once. One that is lost leaves a hole that nothing fills \
                while it leads, and the window closes behind it.",
        place: "paxos::leader",
        caught_by: &["liveness", "convergence"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 10,
        },
        concepts: &["liveness", "retransmission", "message loss"],
        releases: None,
    },
];
