//! The bugs of the tree and of the server around every protocol that can be switched on.

use super::{Affected, Concerns, Entry, Exhibit, Mutation};

impl Mutation {
    /// See [`Mutation::entry`]: session_never_expires.
    pub const N11: Mutation = Mutation::of("N11");
    /// See [`Mutation::entry`]: session_expires_early.
    pub const N12: Mutation = Mutation::of("N12");
    /// See [`Mutation::entry`]: touches_dropped.
    pub const N13: Mutation = Mutation::of("N13");
    /// See [`Mutation::entry`]: removable_never_removed.
    pub const N14: Mutation = Mutation::of("N14");
    /// See [`Mutation::entry`]: ttl_removed_at_once.
    pub const N15: Mutation = Mutation::of("N15");
    /// See [`Mutation::entry`]: set_data_leaves_mtime.
    pub const N16: Mutation = Mutation::of("N16");
    /// See [`Mutation::entry`]: password_not_checked.
    pub const N17: Mutation = Mutation::of("N17");
    /// See [`Mutation::entry`]: events_leak_past_acl.
    pub const N18: Mutation = Mutation::of("N18");
    /// See [`Mutation::entry`]: own_clients_counted_late.
    pub const N44: Mutation = Mutation::of("N44");
    /// See [`Mutation::entry`]: sequence_from_children.
    pub const T03: Mutation = Mutation::of("T03");
    /// See [`Mutation::entry`]: watch_lost_on_reconnect.
    pub const T11: Mutation = Mutation::of("T11");
    /// See [`Mutation::entry`]: client_goes_back_in_time.
    pub const T13: Mutation = Mutation::of("T13");
}

/// What is known of each.
pub(super) const MUTATIONS: &[Entry] = &[
    Entry {
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
        concepts: &["sessions", "expiry", "failure detection"],
        releases: None,
    },
    Entry {
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
        concepts: &["sessions", "expiry", "timeout", "failure detection"],
        releases: None,
    },
    Entry {
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
        concepts: &["sessions", "heartbeat", "expiry"],
        releases: None,
    },
    Entry {
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
        concepts: &["container nodes", "TTL nodes", "removal"],
        releases: None,
    },
    Entry {
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
        concepts: &["container nodes", "TTL nodes", "removal"],
        releases: None,
    },
    Entry {
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
        concepts: &["Stat", "metadata"],
        releases: None,
    },
    Entry {
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
        concepts: &["sessions", "authentication", "security"],
        releases: None,
    },
    Entry {
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
        concepts: &["ACL", "watches", "security"],
        releases: Some(Affected {
            ranges: &[("3.6.0", "3.7.2"), ("3.8.0", "3.8.3"), ("3.9.0", "3.9.1")],
            fixed: &["3.8.4", "3.9.2"],
            basis: "the advisory of CVE-2024-23944",
        }),
    },
    Entry {
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
            first: 20,
            count: 10,
        },
        concepts: &["sessions", "expiry", "pause"],
        releases: None,
    },
    Entry {
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
        concepts: &["sequential nodes", "uniqueness", "recipes"],
        releases: None,
    },
    Entry {
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
        concepts: &["watches", "reconnect", "one-shot notification"],
        releases: None,
    },
    Entry {
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
        concepts: &["session guarantees", "monotonic reads", "reconnect"],
        releases: None,
    },
];
