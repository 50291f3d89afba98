//! The bugs of Zab that can be switched on.

use super::Zab;
use crate::mutation::{Affected, Concerns, Entry, Exhibit, Mutation};
use crate::protocol::Protocol;

const NAME: &str = Zab::NAME;

impl Mutation {
    /// See [`Mutation::entry`]: recovered_log_trusted.
    pub const N20: Mutation = Mutation::of("N20");
    /// See [`Mutation::entry`]: own_disk_taken_for_silence.
    pub const N22: Mutation = Mutation::of("N22");
    /// See [`Mutation::entry`]: finalize_wait_not_restarted.
    pub const N23: Mutation = Mutation::of("N23");
    /// See [`Mutation::entry`]: acks_kept_over_resync.
    pub const N24: Mutation = Mutation::of("N24");
    /// See [`Mutation::entry`]: observer_bound_by_its_promise.
    pub const N26: Mutation = Mutation::of("N26");
    /// See [`Mutation::entry`]: unjoined_leader_elected_again.
    pub const N27: Mutation = Mutation::of("N27");
    /// See [`Mutation::entry`]: needed_vote_withheld.
    pub const N28: Mutation = Mutation::of("N28");
    /// See [`Mutation::entry`]: session_revalidated_early.
    pub const N40: Mutation = Mutation::of("N40");
    /// See [`Mutation::entry`]: session_expires_in_office.
    pub const N41: Mutation = Mutation::of("N41");
    /// See [`Mutation::entry`]: welcomed_while_closing.
    pub const N42: Mutation = Mutation::of("N42");
    /// See [`Mutation::entry`]: gone_by_one_leaders_word.
    pub const N45: Mutation = Mutation::of("N45");
    /// See [`Mutation::entry`]: any_word_will_do.
    pub const N46: Mutation = Mutation::of("N46");
    /// See [`Mutation::entry`]: owner_asked_late.
    pub const N47: Mutation = Mutation::of("N47");
    /// See [`Mutation::entry`]: leader_needs_everybody.
    pub const N51: Mutation = Mutation::of("N51");
    /// See [`Mutation::entry`]: zab_elections_ten_times_slower.
    pub const N52: Mutation = Mutation::of("N52");
    /// See [`Mutation::entry`]: acks_counted_by_number.
    pub const N53: Mutation = Mutation::of("N53");
    /// See [`Mutation::entry`]: sync_answered_locally.
    pub const N57: Mutation = Mutation::of("N57");
    /// See [`Mutation::entry`]: window_never_trimmed.
    pub const N58: Mutation = Mutation::of("N58");
    /// See [`Mutation::entry`]: ephemeral_left_on_close.
    pub const T04: Mutation = Mutation::of("T04");
    /// See [`Mutation::entry`]: epoch_before_log.
    pub const Z03: Mutation = Mutation::of("Z03");
    /// See [`Mutation::entry`]: diff_no_snapshot_no_log.
    pub const Z13: Mutation = Mutation::of("Z13");
    /// See [`Mutation::entry`]: no_trunc_inside_window.
    pub const Z20: Mutation = Mutation::of("Z20");
    /// See [`Mutation::entry`]: vote_order_not_total.
    pub const Z23: Mutation = Mutation::of("Z23");
}

/// What is known of each.
pub(super) const MUTATIONS: &[Entry] = &[
    Entry {
        id: "N20",
        name: "recovered_log_trusted",
        concerns: Concerns::Protocol(NAME),
        source: "our own; fsync failures: Rebello et al., USENIX ATC 2020",
        story: "A Zab server that boots takes what it reads for durable. A record whose sync \
                failed is read from the cache and counts towards quorums, and no later sync writes \
                it.",
        place: "zab::recover",
        caught_by: &["durability", "agreement"],
        exhibit: Exhibit {
            scenario: "failed_sync",
            first: 0,
            count: 20,
        },
        concepts: &["stable storage", "fsync failure", "page cache"],
        releases: None,
    },
    Entry {
        id: "N22",
        name: "own_disk_taken_for_silence",
        concerns: Concerns::Protocol(NAME),
        source: "our own",
        story: "A learner counts the time of its own syncs as its leader's silence, and a leader \
                that of its own as its learners'. With slow disks no leader is ever established.",
        place: "zab::discovery",
        caught_by: &["liveness"],
        exhibit: Exhibit {
            scenario: "slow_syncs",
            first: 0,
            count: 5,
        },
        concepts: &["failure detection", "timeout", "slow disks", "liveness"],
        releases: None,
    },
    Entry {
        id: "N23",
        name: "finalize_wait_not_restarted",
        concerns: Concerns::Protocol(NAME),
        source: "our own; FastLeaderElection.lookForLeader waits anew",
        story: "A better vote that a quorum supports at once does not start the last wait of an \
                election again, so a still better one comes too late more often. Whoever is \
                elected too early does not get a quorum and looks again: it costs time, within \
                what any election may take, and never safety. A unit test shows it \
                (zab::tests::election).",
        place: "zab::election",
        caught_by: &[],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 0,
        },
        concepts: &["election", "timeout", "liveness"],
        releases: None,
    },
    Entry {
        id: "N24",
        name: "acks_kept_over_resync",
        concerns: Concerns::Protocol(NAME),
        source: "ZooKeeper's Leader.removeLearnerHandler, read; not reported there",
        story: "A leader keeps the acks of a follower that it synchronises anew. TRUNC has removed \
                what they stand for, so a commit counts a copy that is gone.",
        place: "zab::synchronization",
        caught_by: &["durability", "agreement"],
        exhibit: Exhibit {
            scenario: "ghost_ack",
            first: 0,
            count: 20,
        },
        concepts: &[
            "synchronization",
            "acknowledgement",
            "log truncation",
            "quorum",
        ],
        releases: None,
    },
    Entry {
        id: "N26",
        name: "observer_bound_by_its_promise",
        concerns: Concerns::Protocol(NAME),
        source: "our own; ZooKeeper's Learner.registerWithLeader does so",
        story: "An observer that promised the epoch of a leader that never was refuses the lower \
                epoch of the one that is, as long as that one leads. No quorum counts its promise, \
                and a leader that hears of it in time proposes a higher epoch; what is left is an \
                observer that is late, of which no verdict can ask more than of one that is down. \
                A unit test shows it (zab::tests::recovery).",
        place: "zab::discovery",
        caught_by: &[],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 0,
        },
        concepts: &["epoch", "observers", "promise", "liveness"],
        releases: None,
    },
    Entry {
        id: "N27",
        name: "unjoined_leader_elected_again",
        concerns: Concerns::Protocol(NAME),
        source: "our own; ZooKeeper's FastLeaderElection elects it again",
        story: "A voter votes again for the leader that it has just failed to join, because that \
                one still has the longest history. While a server outside of the healed quorum is \
                heard, but no stream to it opens or no quorum hears it, nobody is elected.",
        place: "zab::election",
        caught_by: &["liveness"],
        exhibit: Exhibit {
            scenario: "half_heard_candidate",
            first: 0,
            count: 8,
        },
        concepts: &["election", "liveness", "partition"],
        releases: None,
    },
    Entry {
        id: "N28",
        name: "needed_vote_withheld",
        concerns: Concerns::Protocol(NAME),
        source: "our own: an election that chaos seed 7577 did not end in time",
        story: "A voter goes on voting for a candidate that no quorum votes for, though its vote \
                is all that another one lacks. Voters that have passed over a candidate, and \
                voters that still wait for it, never come together.",
        place: "zab::election",
        caught_by: &["liveness"],
        exhibit: Exhibit {
            scenario: "late_follower",
            first: 0,
            count: 8,
        },
        concepts: &["election", "liveness", "partition"],
        releases: None,
    },
    Entry {
        id: "N40",
        name: "session_revalidated_early",
        concerns: Concerns::Protocol(NAME),
        source: "our own",
        story: "A leader that is asked about a session looks at its applied state only, so a \
                session whose opening is committed and not applied there yet is refused, though \
                nobody ended it.",
        place: "server::lead",
        caught_by: &["sessions"],
        exhibit: Exhibit {
            scenario: "session_hops_early",
            first: 0,
            count: 2,
        },
        concepts: &["sessions", "stale reads", "epoch"],
        releases: None,
    },
    Entry {
        id: "N41",
        name: "session_expires_in_office",
        concerns: Concerns::Protocol(NAME),
        source: "our own",
        story: "A new leader counts the silence of sessions from when it took office, so they \
                expire while it is not serving yet.",
        place: "server::lead",
        caught_by: &["sessions"],
        exhibit: Exhibit {
            scenario: "session_outlives_election",
            first: 0,
            count: 2,
        },
        concepts: &["sessions", "expiry", "election"],
        releases: None,
    },
    Entry {
        id: "N42",
        name: "welcomed_while_closing",
        concerns: Concerns::Protocol(NAME),
        source: "our own",
        story: "A session whose end is prepared at the leader and not applied yet is welcomed, and \
                then ends.",
        place: "server::lead",
        caught_by: &["sessions"],
        exhibit: Exhibit {
            scenario: "session_ends_while_asked",
            first: 0,
            count: 2,
        },
        concepts: &["sessions", "stale reads", "epoch"],
        releases: None,
    },
    Entry {
        id: "N45",
        name: "gone_by_one_leaders_word",
        concerns: Concerns::Protocol(NAME),
        source: "our own; ZooKeeper's LeaderZooKeeperServer.revalidateSession does so",
        story: "A leader that does not know a session says that it is gone, although it may have \
                been superseded by the leader that opened it. The client of a session that is a \
                moment old is told that it expired.",
        place: "server::lead",
        caught_by: &["sessions"],
        exhibit: Exhibit {
            scenario: "superseded_leader",
            first: 0,
            count: 4,
        },
        concepts: &["sessions", "stale reads", "epoch"],
        releases: None,
    },
    Entry {
        id: "N46",
        name: "any_word_will_do",
        concerns: Concerns::Protocol(NAME),
        source: "our own; ZooKeeper's Learner.revalidate does so",
        story: "A server that asked the leader twice about one session, for two connections, takes \
                the answer to the first for the second. When the second question arrives, the \
                client is elsewhere; a write of the second connection comes behind it and takes \
                effect after later ones of the same session. Of 20,000 seeds of chaos one showed \
                it.",
        place: "server::clients",
        caught_by: &["exactly_once"],
        exhibit: Exhibit {
            scenario: "earlier_answer",
            first: 0,
            count: 1,
        },
        concepts: &["sessions", "duplicate messages", "fencing"],
        releases: None,
    },
    Entry {
        id: "N47",
        name: "owner_asked_late",
        concerns: Concerns::Protocol(NAME),
        source: "our own; ZooKeeper's PrepRequestProcessor does so",
        story: "A leader asks only when it prepares a write whether its session speaks through the \
                server that it came from. While the write waits in the queue, the session comes \
                back to that server, so a write that is older than others of the session takes \
                effect after them.",
        place: "server::lead",
        caught_by: &["exactly_once"],
        exhibit: Exhibit {
            scenario: "two_questions",
            first: 5,
            count: 4,
        },
        concepts: &["sessions", "fencing", "session moves"],
        releases: None,
    },
    Entry {
        id: "N51",
        name: "leader_needs_everybody",
        concerns: Concerns::Protocol(NAME),
        source: "our own: nobody asked whether a healthy ensemble keeps its leader",
        story: "A leader resigns as soon as one of its followers is silent, though a quorum still \
                follows it.",
        place: "zab::broadcast",
        caught_by: &["churn"],
        exhibit: Exhibit {
            scenario: "follower_returns",
            first: 0,
            count: 5,
        },
        concepts: &["quorum", "availability", "stable leader"],
        releases: None,
    },
    Entry {
        id: "N52",
        name: "zab_elections_ten_times_slower",
        concerns: Concerns::Protocol(NAME),
        source: "our own: recovery that is ten times slower passed a flat bound of 15 s",
        story: "A server waits ten times as long for better votes, for notifications and for a \
                candidate that it cannot join as it is told to.",
        place: "zab::configure",
        caught_by: &["liveness"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 40,
        },
        concepts: &["election", "timeout", "availability"],
        releases: None,
    },
    Entry {
        id: "N53",
        name: "acks_counted_by_number",
        concerns: Concerns::Protocol(NAME),
        source: "our own; hierarchical quorums: the ZooKeeper administrator's guide",
        story: "Leaders are elected by groups and weights, but a proposal is committed once more \
                than half of the voters have it. A quorum of groups may have none of them, and \
                elects a leader without the committed transaction.",
        place: "zab::broadcast",
        caught_by: &[
            "chosen",
            "durability",
            "agreement",
            "leadership",
            "linearizability",
        ],
        exhibit: Exhibit {
            scenario: "weighted_groups",
            first: 0,
            count: 10,
        },
        concepts: &["quorum intersection", "weights", "hierarchical quorums"],
        releases: None,
    },
    Entry {
        id: "N57",
        name: "sync_answered_locally",
        concerns: Concerns::Protocol(NAME),
        source: "the ZooKeeper programmer's guide, sync; ZK-2136",
        story: "A follower answers a sync itself instead of asking the leader, so a read behind it \
                may miss what others were told.",
        place: "zab::broadcast",
        caught_by: &["linearizability"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 40,
        },
        concepts: &["sync", "stale reads", "linearizable reads"],
        releases: None,
    },
    Entry {
        id: "N58",
        name: "window_never_trimmed",
        concerns: Concerns::Protocol(NAME),
        source: "ZooKeeper's commitLogCount",
        story: "The window of committed transactions that are kept for DIFF is never trimmed, so a \
                server's memory grows as long as it runs.",
        place: "zab::checkpoint",
        caught_by: &["bounds"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 5,
        },
        concepts: &["bounded memory", "synchronization"],
        releases: None,
    },
    Entry {
        id: "T04",
        name: "ephemeral_left_on_close",
        concerns: Concerns::Protocol(NAME),
        source: "ZK-1208, ZK-1496",
        story: "A closeSession lists the session's nodes of the applied tree only; a node whose \
                creation was proposed and is not applied yet stays behind for ever.",
        place: "tree::prepare",
        caught_by: &["sessions", "tree", "linearizability", "session"],
        exhibit: Exhibit {
            scenario: "session_churn",
            first: 0,
            count: 5,
        },
        concepts: &["ephemeral nodes", "sessions", "outstanding changes"],
        releases: Some(Affected {
            ranges: &[("3.0.0", "3.4.3")],
            fixed: &["3.4.4", "3.5.0"],
            basis: "ZK-1208 (through 3.3.3) and ZK-1496, in the releases' sources: the same \
                        nodes stay behind in another way, created after the session's end was \
                        proposed",
        }),
    },
    Entry {
        id: "Z03",
        name: "epoch_before_log",
        concerns: Concerns::Protocol(NAME),
        source: "ZK-4643",
        story: "A follower that takes over a history writes currentEpoch before the transactions. \
                If it dies in between it claims an epoch whose history it lacks, wins the next \
                election with that, and truncates what was committed.",
        place: "zab::synchronization",
        caught_by: &["durability", "agreement"],
        exhibit: Exhibit {
            scenario: "epoch_window",
            first: 0,
            count: 20,
        },
        concepts: &[
            "stable storage",
            "epoch",
            "election",
            "order of writes to disk",
        ],
        releases: Some(Affected {
            ranges: &[
                ("3.4.10", "3.4.14"),
                ("3.5.3", "3.5.10"),
                ("3.6.0", "3.6.4"),
                ("3.7.0", "3.7.2"),
                ("3.8.0", "3.8.4"),
                ("3.9.0", "3.9.1"),
            ],
            fixed: &["3.8.5", "3.9.2"],
            basis: "the releases' sources, where Learner.syncWithLeader writes currentEpoch \
                        before the transactions of a DIFF",
        }),
    },
    Entry {
        id: "Z13",
        name: "diff_no_snapshot_no_log",
        concerns: Concerns::Protocol(NAME),
        source: "ZK-2678",
        story: "A follower that is synchronised by DIFF acknowledges NEWLEADER with the history \
                only in memory: neither logged nor in a snapshot.",
        place: "zab::synchronization",
        caught_by: &["durability", "agreement", "logs"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 40,
        },
        concepts: &["synchronization", "stable storage", "acknowledgement"],
        releases: Some(Affected {
            ranges: &[("3.4.10", "3.4.14"), ("3.5.3", "3.5.8"), ("3.6.0", "3.6.2")],
            fixed: &["3.5.9", "3.6.3", "3.7.0"],
            basis: "the releases' sources: from the commit of ZK-2678 to that of ZK-3911",
        }),
    },
    Entry {
        id: "Z20",
        name: "no_trunc_inside_window",
        concerns: Concerns::Protocol(NAME),
        source: "ZK-1154",
        story: "A learner whose last zxid lies inside the leader's window is sent a DIFF although \
                that zxid is not in the leader's history; its divergent tail survives.",
        place: "zab::synchronization",
        caught_by: &["agreement", "digest", "convergence", "logs"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 40,
        },
        concepts: &["synchronization", "log truncation", "divergent logs"],
        releases: Some(Affected {
            ranges: &[("3.0.0", "3.3.3")],
            fixed: &["3.3.4", "3.4.0"],
            basis: "the releases' sources before the commit of ZK-1154",
        }),
    },
    Entry {
        id: "Z23",
        name: "vote_order_not_total",
        concerns: Concerns::Protocol(NAME),
        source: "ZK-1419",
        story: "Between votes with equal zxids the greater server wins, whatever their epochs. Of \
                two votes each is then better than the other, and voters go from one to the other \
                and back.",
        place: "zab::vote",
        caught_by: &["liveness"],
        exhibit: Exhibit {
            scenario: "cycling_votes",
            first: 0,
            count: 1,
        },
        concepts: &["election", "total order", "liveness"],
        releases: None,
    },
];
