//! What is known about each mutation: data, one entry each.

use super::{Concerns, Entry, Exhibit, Mutation};

/// Every mutation, in the order of its id.
pub const CATALOGUE: &[Entry] = &[
    Entry {
        mutation: Mutation::P02,
        id: "P02",
        name: "accept_not_persisted",
        concerns: Concerns::Protocol("paxos"),
        source: "Paxos Made Simple, section 2.5 (stable storage)",
        story: "An acceptor's Accepted leaves before the vote is on disk, so a loss of power takes \
                back what the proposer counts on.",
        place: "paxos::voter",
        caught_by: &["promises", "durability", "agreement", "leadership"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 10,
        },
    },
    Entry {
        mutation: Mutation::P03,
        id: "P03",
        name: "accept_lower_ballot",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::P04,
        id: "P04",
        name: "own_value_over_highest",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::P09,
        id: "P09",
        name: "stale_leader_read",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::P11,
        id: "P11",
        name: "retry_executed_twice",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::P21,
        id: "P21",
        name: "accept_not_sent_again",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::Z13,
        id: "Z13",
        name: "diff_no_snapshot_no_log",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::Z20,
        id: "Z20",
        name: "no_trunc_inside_window",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::Z34,
        id: "Z34",
        name: "sync_answered_locally",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::Z35,
        id: "Z35",
        name: "window_never_trimmed",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::T03,
        id: "T03",
        name: "sequence_from_children",
        concerns: Concerns::Tree,
        source: "the ZooKeeper programmer's guide, sequence nodes",
        story: "The number of a sequential node is taken from the count of children instead of the \
                count of creates, so a name is used again after a delete.",
        place: "tree::prepare",
        caught_by: &["linearizability", "tree"],
        exhibit: Exhibit {
            scenario: "steady",
            first: 0,
            count: 5,
        },
    },
    Entry {
        mutation: Mutation::T04,
        id: "T04",
        name: "ephemeral_left_on_close",
        concerns: Concerns::Protocol("zab"),
        source: "ZK-1208, ZK-1496",
        story: "A closeSession lists the session's nodes of the applied tree only; a node whose \
                creation was proposed and is not applied yet stays behind for ever.",
        place: "tree::prepare",
        caught_by: &["tree", "linearizability", "session"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 20,
            count: 20,
        },
    },
    Entry {
        mutation: Mutation::T11,
        id: "T11",
        name: "watch_lost_on_reconnect",
        concerns: Concerns::Tree,
        source: "the ZooKeeper programmer's guide, watches; ZK-3145",
        story: "SetWatches compares with what the server has applied instead of with what the \
                client has seen, so changes that the client missed meanwhile are never told.",
        place: "server::queue",
        caught_by: &["watches"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 10,
        },
    },
    Entry {
        mutation: Mutation::T13,
        id: "T13",
        name: "client_goes_back_in_time",
        concerns: Concerns::Tree,
        source: "the ZooKeeper programmer's guide, consistency guarantees",
        story: "A server that is behind what a client has seen accepts its session all the same.",
        place: "server::clients",
        caught_by: &["session", "watches", "linearizability", "sessions"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 20,
            count: 200,
        },
    },
    Entry {
        mutation: Mutation::N10,
        id: "N10",
        name: "session_born_again",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::N11,
        id: "N11",
        name: "session_never_expires",
        concerns: Concerns::Tree,
        source: "the ZooKeeper programmer's guide, sessions",
        story: "The leader never ends a session that has fallen silent, so what a dead client held \
                stays held.",
        place: "server::lead",
        caught_by: &["sessions"],
        exhibit: Exhibit {
            scenario: "silent_clients",
            first: 0,
            count: 5,
        },
    },
    Entry {
        mutation: Mutation::N12,
        id: "N12",
        name: "session_expires_early",
        concerns: Concerns::Tree,
        source: "the ZooKeeper programmer's guide, sessions",
        story: "The leader ends a session after a fifth of its timeout, so a client that pings as \
                often as it has to may lose its session.",
        place: "server::lead",
        caught_by: &["sessions"],
        exhibit: Exhibit {
            scenario: "silent_clients",
            first: 0,
            count: 5,
        },
    },
    Entry {
        mutation: Mutation::N13,
        id: "N13",
        name: "touches_dropped",
        concerns: Concerns::Tree,
        source: "ZooKeeper's LearnerSessionTracker: touches travel with the answers to pings",
        story: "A follower keeps to itself which sessions it heard of, so the leader ends sessions \
                whose clients do nothing but ping.",
        place: "server::queue",
        caught_by: &["sessions"],
        exhibit: Exhibit {
            scenario: "silent_clients",
            first: 0,
            count: 5,
        },
    },
    Entry {
        mutation: Mutation::N14,
        id: "N14",
        name: "removable_never_removed",
        concerns: Concerns::Tree,
        source: "the ZooKeeper programmer's guide, container and TTL nodes",
        story: "The leader never asks for the removal of a container without children or of a node \
                that has outlived its time.",
        place: "tree::state",
        caught_by: &["lifetimes"],
        exhibit: Exhibit {
            scenario: "silent_clients",
            first: 0,
            count: 5,
        },
    },
    Entry {
        mutation: Mutation::N15,
        id: "N15",
        name: "ttl_removed_at_once",
        concerns: Concerns::Tree,
        source: "the ZooKeeper programmer's guide, TTL nodes",
        story: "The leader asks for the removal of a TTL node as soon as it has no children, \
                without regard to its time.",
        place: "tree::state",
        caught_by: &["lifetimes"],
        exhibit: Exhibit {
            scenario: "silent_clients",
            first: 0,
            count: 5,
        },
    },
    Entry {
        mutation: Mutation::N16,
        id: "N16",
        name: "set_data_leaves_mtime",
        concerns: Concerns::Tree,
        source: "the ZooKeeper programmer's guide, the Stat structure",
        story: "A setData leaves the time of the last modification as it was.",
        place: "tree::state",
        caught_by: &["times", "lifetimes"],
        exhibit: Exhibit {
            scenario: "silent_clients",
            first: 0,
            count: 5,
        },
    },
    Entry {
        mutation: Mutation::N17,
        id: "N17",
        name: "password_not_checked",
        concerns: Concerns::Tree,
        source: "the ZooKeeper programmer's guide, sessions",
        story: "A server attaches whoever names the id of a session, whatever the password.",
        place: "server::clients",
        caught_by: &["sessions"],
        exhibit: Exhibit {
            scenario: "silent_clients",
            first: 0,
            count: 5,
        },
    },
    Entry {
        mutation: Mutation::N18,
        id: "N18",
        name: "events_leak_past_acl",
        concerns: Concerns::Tree,
        source: "ZooKeeper's CVE-2024-23944",
        story: "An event is told to whoever watches, also to those whom the ACL of its node does \
                not let read.",
        place: "server::apply",
        caught_by: &["watches"],
        exhibit: Exhibit {
            scenario: "silent_clients",
            first: 0,
            count: 5,
        },
    },
    Entry {
        mutation: Mutation::N19,
        id: "N19",
        name: "resend_without_backoff",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::N40,
        id: "N40",
        name: "session_revalidated_early",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::N41,
        id: "N41",
        name: "session_expires_in_office",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::N42,
        id: "N42",
        name: "welcomed_while_closing",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::N43,
        id: "N43",
        name: "expiry_without_generation",
        concerns: Concerns::Protocol("paxos"),
        source: "our own",
        story: "The expiry that a leader asked for in an earlier generation ends a session whose \
                client came back in between. No verdict can show it while a leader recovers every \
                open slot before it serves: only an attachment that is itself under way for longer \
                than the timeout is overtaken so, and then the session is overdue by every rule. A \
                unit test shows it (tree::tests::commands).",
        place: "tree::apply",
        caught_by: &[],
        exhibit: Exhibit {
            scenario: "session_shorter_than_failover",
            first: 0,
            count: 16,
        },
    },
    Entry {
        mutation: Mutation::N44,
        id: "N44",
        name: "own_clients_counted_late",
        concerns: Concerns::Tree,
        source: "our own",
        story: "A leader counts what its own clients send only at its next half tick. If it \
                stands still in between, it lets sessions expire that it has heard of in time.",
        place: "server::queue",
        caught_by: &["sessions"],
        exhibit: Exhibit {
            scenario: "paused_leader",
            first: 6,
            count: 5,
        },
    },
    Entry {
        mutation: Mutation::N45,
        id: "N45",
        name: "gone_by_one_leaders_word",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::N46,
        id: "N46",
        name: "any_word_will_do",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::N47,
        id: "N47",
        name: "owner_asked_late",
        concerns: Concerns::Protocol("zab"),
        source: "our own; ZooKeeper's PrepRequestProcessor does so",
        story: "A leader asks only when it prepares a write whether its session speaks through the \
                server that it came from. While the write waits in the queue, the session comes \
                back to that server, so a write that is older than others of the session takes \
                effect after them.",
        place: "server::lead",
        caught_by: &["exactly_once"],
        exhibit: Exhibit {
            scenario: "two_questions",
            first: 0,
            count: 4,
        },
    },
    Entry {
        mutation: Mutation::Z03,
        id: "Z03",
        name: "epoch_before_log",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::N20,
        id: "N20",
        name: "recovered_log_trusted",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::N21,
        id: "N21",
        name: "recovered_votes_trusted",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::N22,
        id: "N22",
        name: "own_disk_taken_for_silence",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::N23,
        id: "N23",
        name: "finalize_wait_not_restarted",
        concerns: Concerns::Protocol("zab"),
        source: "our own; FastLeaderElection.lookForLeader waits anew",
        story: "A better vote that a quorum supports at once does not start the last wait of an \
                election again, so a still better one comes too late more often. Whoever is \
                elected too early does not get a quorum and looks again: it costs time, within \
                what any \
                election may take, and never safety. A unit test shows it (zab::tests::election).",
        place: "zab::election",
        caught_by: &[],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 0,
        },
    },
    Entry {
        mutation: Mutation::N24,
        id: "N24",
        name: "acks_kept_over_resync",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::N25,
        id: "N25",
        name: "copies_out_of_reach",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::N26,
        id: "N26",
        name: "observer_bound_by_its_promise",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::N27,
        id: "N27",
        name: "unjoined_leader_elected_again",
        concerns: Concerns::Protocol("zab"),
        source: "our own; ZooKeeper's FastLeaderElection elects it again",
        story: "A voter votes again for the leader that it has just failed to join, because that \
                one still has the longest history. While a server outside of the healed quorum is \
                heard, but no stream to it opens or no quorum hears it, nobody is elected.",
        place: "zab::election",
        caught_by: &["liveness"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 0,
            count: 2000,
        },
    },
    Entry {
        mutation: Mutation::N28,
        id: "N28",
        name: "left_learner_keeps_dialling",
        concerns: Concerns::Protocol("zab"),
        source: "our own: an election that chaos seed 7577 did not end in time",
        story: "A learner that has not joined its leader yet goes on dialling it when that one \
                looks for another leader itself and needs this learner's vote. Voters come one \
                after the other to the same candidate, too late for each other.",
        place: "zab::election",
        caught_by: &["liveness"],
        exhibit: Exhibit {
            scenario: "chaos",
            first: 7577,
            count: 1,
        },
    },
    Entry {
        mutation: Mutation::N01,
        id: "N01",
        name: "commit_of_another_ballot",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::N02,
        id: "N02",
        name: "commit_through_a_snapshot",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::N03,
        id: "N03",
        name: "heartbeat_acknowledged_behind_a_promise",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::N04,
        id: "N04",
        name: "read_joins_a_running_round",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::N50,
        id: "N50",
        name: "elections_ten_times_slower",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::N51,
        id: "N51",
        name: "leader_needs_everybody",
        concerns: Concerns::Protocol("zab"),
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
    },
    Entry {
        mutation: Mutation::N05,
        id: "N05",
        name: "pre_vote_without_stickiness",
        concerns: Concerns::Protocol("paxos"),
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
    },
    Entry {
        mutation: Mutation::N52,
        id: "N52",
        name: "zab_elections_ten_times_slower",
        concerns: Concerns::Protocol("zab"),
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
    },
];
