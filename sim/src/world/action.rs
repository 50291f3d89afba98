//! What can be done to the world: the atoms that faults are made of, and what is true of each.
//!
//! Faults that last come in pairs that undo each other exactly, see [`Action::undo`]. Cuts,
//! slow-downs, losses and duplications add up, so that overlapping faults can be undone in any
//! order; a crash or a pause of a server that is already down or paused changes nothing, which
//! `World::perform` reports, and needs no undoing.

use menagerie::check::Turn;
use menagerie::ids::{NodeId, Span};
use serde::{Deserialize, Serialize};

/// How a server dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrashKind {
    /// The process dies; what was written stays.
    Process,
    /// The machine loses power; what was not synced stays or goes by a draw.
    Power,
}

/// Something the driver does to the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A server dies. No effect on one that is down, so a later power failure of a machine whose
    /// process is dead takes nothing more.
    Crash {
        /// Which.
        node: NodeId,
        /// How.
        kind: CrashKind,
    },
    /// Several servers die at the same instant.
    CrashMany {
        /// Which.
        nodes: Vec<NodeId>,
        /// How.
        kind: CrashKind,
    },
    /// A server that is down boots from what its disk holds.
    Restart(NodeId),
    /// A server's process stands still.
    Pause(NodeId),
    /// It goes on, and takes what came meanwhile, in order.
    Resume(NodeId),
    /// Nothing passes from one server to another. Counted.
    Cut {
        /// The sending end.
        from: NodeId,
        /// The receiving end.
        to: NodeId,
    },
    /// Undoes one cut.
    Mend {
        /// The sending end.
        from: NodeId,
        /// The receiving end.
        to: NodeId,
    },
    /// Nothing passes between a server and its clients. Counted.
    CutClient(NodeId),
    /// Undoes one of those.
    MendClient(NodeId),
    /// Everything from one server to another takes longer. Adds up.
    Slow {
        /// The sending end.
        from: NodeId,
        /// The receiving end.
        to: NodeId,
        /// By how much.
        extra: Span,
    },
    /// Undoes one of those.
    Unslow {
        /// The sending end.
        from: NodeId,
        /// The receiving end.
        to: NodeId,
        /// By how much.
        extra: Span,
    },
    /// A disk takes longer, from the next batch on. Adds up.
    SlowDisk {
        /// Whose.
        node: NodeId,
        /// By how much.
        extra: Span,
    },
    /// Undoes one of those.
    UnslowDisk {
        /// Whose.
        node: NodeId,
        /// By how much.
        extra: Span,
    },
    /// More datagrams are lost everywhere. Adds up.
    Loss {
        /// How many more of a million.
        ppm: u32,
    },
    /// Undoes one of those.
    Unloss {
        /// How many of a million.
        ppm: u32,
    },
    /// More datagrams are duplicated everywhere. Adds up.
    Duplicate {
        /// How many more of a million.
        ppm: u32,
    },
    /// Undoes one of those.
    Unduplicate {
        /// How many of a million.
        ppm: u32,
    },
    /// The streams between two servers break, once.
    Break {
        /// One end.
        a: NodeId,
        /// The other end.
        b: NodeId,
    },
    /// The next fsyncs of a disk fail.
    FailSyncs {
        /// Whose.
        node: NodeId,
        /// How many.
        count: u32,
    },
    /// Undoes that: fsyncs that have not failed yet will not, and a process that has seen one fail
    /// dies and is started again.
    MendSyncs(NodeId),
}

impl Action {
    /// What undoes it, in the order in which it is to be performed; nothing if it does not last.
    pub fn undo(&self) -> Vec<Action> {
        match *self {
            Action::Crash { node, .. } => vec![Action::Restart(node)],
            Action::CrashMany { ref nodes, .. } => {
                nodes.iter().copied().map(Action::Restart).collect()
            }
            Action::Pause(node) => vec![Action::Resume(node)],
            Action::Cut { from, to } => vec![Action::Mend { from, to }],
            Action::CutClient(node) => vec![Action::MendClient(node)],
            Action::Slow { from, to, extra } => vec![Action::Unslow { from, to, extra }],
            Action::SlowDisk { node, extra } => vec![Action::UnslowDisk { node, extra }],
            Action::Loss { ppm } => vec![Action::Unloss { ppm }],
            Action::Duplicate { ppm } => vec![Action::Unduplicate { ppm }],
            Action::FailSyncs { node, .. } => vec![Action::MendSyncs(node)],
            Action::Restart(_)
            | Action::Resume(_)
            | Action::Mend { .. }
            | Action::MendClient(_)
            | Action::Unslow { .. }
            | Action::UnslowDisk { .. }
            | Action::Unloss { .. }
            | Action::Unduplicate { .. }
            | Action::Break { .. }
            | Action::MendSyncs(_) => Vec::new(),
        }
    }

    /// The words that stand for it in the run's hash: a number of its own and its arguments.
    pub(super) fn words(&self) -> [u64; 3] {
        let two = |a: NodeId, b: NodeId| u64::from(a.0) << 8 | u64::from(b.0);
        match self {
            Action::Crash { node, kind } => [1, u64::from(node.0), *kind as u64],
            Action::CrashMany { nodes, kind } => {
                let set: menagerie::quorum::NodeSet = nodes.iter().copied().collect();
                [2, set.bits(), *kind as u64]
            }
            Action::Restart(node) => [3, u64::from(node.0), 0],
            Action::Pause(node) => [4, u64::from(node.0), 0],
            Action::Resume(node) => [5, u64::from(node.0), 0],
            Action::Cut { from, to } => [6, two(*from, *to), 0],
            Action::Mend { from, to } => [7, two(*from, *to), 0],
            Action::CutClient(node) => [8, u64::from(node.0), 0],
            Action::MendClient(node) => [9, u64::from(node.0), 0],
            Action::Slow { from, to, extra } => [10, two(*from, *to), extra.0],
            Action::Unslow { from, to, extra } => [11, two(*from, *to), extra.0],
            Action::SlowDisk { node, extra } => [12, u64::from(node.0), extra.0],
            Action::UnslowDisk { node, extra } => [13, u64::from(node.0), extra.0],
            Action::Loss { ppm } => [14, u64::from(*ppm), 0],
            Action::Unloss { ppm } => [15, u64::from(*ppm), 0],
            Action::Duplicate { ppm } => [16, u64::from(*ppm), 0],
            Action::Unduplicate { ppm } => [17, u64::from(*ppm), 0],
            Action::Break { a, b } => [18, two(*a, *b), 0],
            Action::FailSyncs { node, count } => [19, u64::from(node.0), u64::from(*count)],
            Action::MendSyncs(node) => [20, u64::from(node.0), 0],
        }
    }

    /// What kind of action it is: one line each.
    fn nature(&self) -> Nature {
        use Concerns::{Clients, Link, Network, Process, Server};
        use Turn::{Begins, Ends, Once};
        let (name, concerns, turn) = match self {
            Action::Crash { .. } => ("crash", Process, Begins),
            Action::CrashMany { .. } => ("crash_many", Process, Begins),
            Action::Restart(_) => ("restart", Process, Ends),
            Action::Pause(_) => ("pause", Process, Begins),
            Action::Resume(_) => ("resume", Process, Ends),
            Action::Cut { .. } => ("cut", Link, Begins),
            Action::Mend { .. } => ("mend", Link, Ends),
            Action::CutClient(_) => ("cut_client", Clients, Begins),
            Action::MendClient(_) => ("mend_client", Clients, Ends),
            Action::Slow { .. } => ("slow", Link, Begins),
            Action::Unslow { .. } => ("unslow", Link, Ends),
            Action::SlowDisk { .. } => ("slow_disk", Server, Begins),
            Action::UnslowDisk { .. } => ("unslow_disk", Server, Ends),
            Action::Loss { .. } => ("loss", Network, Begins),
            Action::Unloss { .. } => ("unloss", Network, Ends),
            Action::Duplicate { .. } => ("duplicate", Network, Begins),
            Action::Unduplicate { .. } => ("unduplicate", Network, Ends),
            Action::Break { .. } => ("break", Link, Once),
            // Until it is mended, which starts a process again that saw one fail.
            Action::FailSyncs { .. } => ("fail_syncs", Server, Begins),
            Action::MendSyncs(_) => ("mend_syncs", Server, Ends),
        };
        Nature {
            name,
            concerns,
            turn,
        }
    }

    /// Its name in a trace.
    pub fn name(&self) -> &'static str {
        self.nature().name
    }

    /// Whether it undoes another one.
    pub fn is_undo(&self) -> bool {
        self.nature().turn == Turn::Ends
    }

    /// Whether it starts or stops processes: each of those is an event of a trace by itself.
    pub(super) fn is_about_processes(&self) -> bool {
        self.nature().concerns == Concerns::Process
    }

    /// Whether it is about the way between the two servers that it names.
    pub(super) fn is_between_two(&self) -> bool {
        self.nature().concerns == Concerns::Link
    }

    /// Whether it begins or ends a disturbance of servers and the links between them; `None` if it
    /// only concerns clients, which elect nobody.
    pub(super) fn turn(&self) -> Option<Turn> {
        let Nature { concerns, turn, .. } = self.nature();
        (concerns != Concerns::Clients).then_some(turn)
    }

    /// How much it does.
    pub fn amount(&self) -> Option<Amount> {
        match self {
            Action::Slow { extra, .. }
            | Action::Unslow { extra, .. }
            | Action::SlowDisk { extra, .. }
            | Action::UnslowDisk { extra, .. } => Some(Amount::Time(*extra)),
            Action::Loss { ppm }
            | Action::Unloss { ppm }
            | Action::Duplicate { ppm }
            | Action::Unduplicate { ppm } => Some(Amount::Ppm(*ppm)),
            Action::FailSyncs { count, .. } => Some(Amount::Times(*count)),
            Action::Crash { .. }
            | Action::CrashMany { .. }
            | Action::Restart(_)
            | Action::Pause(_)
            | Action::Resume(_)
            | Action::Cut { .. }
            | Action::Mend { .. }
            | Action::CutClient(_)
            | Action::MendClient(_)
            | Action::MendSyncs(_)
            | Action::Break { .. } => None,
        }
    }

    /// The servers that it names; none if it concerns all of them.
    pub fn nodes(&self) -> Vec<NodeId> {
        let mut nodes = Vec::new();
        self.moved(|node| {
            nodes.push(node);
            Some(node)
        });
        nodes
    }

    /// The same action on other servers. `None` if a server that it needs has become none; a crash
    /// of several goes on with those that are left.
    pub fn moved(&self, mut id: impl FnMut(NodeId) -> Option<NodeId>) -> Option<Action> {
        Some(match *self {
            Action::Crash { node, kind } => Action::Crash {
                node: id(node)?,
                kind,
            },
            Action::CrashMany { ref nodes, kind } => {
                let nodes: Vec<NodeId> = nodes.iter().filter_map(|node| id(*node)).collect();
                if nodes.is_empty() {
                    return None;
                }
                Action::CrashMany { nodes, kind }
            }
            Action::Restart(node) => Action::Restart(id(node)?),
            Action::Pause(node) => Action::Pause(id(node)?),
            Action::Resume(node) => Action::Resume(id(node)?),
            Action::Cut { from, to } => {
                let (from, to) = (id(from)?, id(to)?);
                Action::Cut { from, to }
            }
            Action::Mend { from, to } => {
                let (from, to) = (id(from)?, id(to)?);
                Action::Mend { from, to }
            }
            Action::CutClient(node) => Action::CutClient(id(node)?),
            Action::MendClient(node) => Action::MendClient(id(node)?),
            Action::Slow { from, to, extra } => {
                let (from, to) = (id(from)?, id(to)?);
                Action::Slow { from, to, extra }
            }
            Action::Unslow { from, to, extra } => {
                let (from, to) = (id(from)?, id(to)?);
                Action::Unslow { from, to, extra }
            }
            Action::SlowDisk { node, extra } => Action::SlowDisk {
                node: id(node)?,
                extra,
            },
            Action::UnslowDisk { node, extra } => Action::UnslowDisk {
                node: id(node)?,
                extra,
            },
            Action::Break { a, b } => {
                let (a, b) = (id(a)?, id(b)?);
                Action::Break { a, b }
            }
            Action::FailSyncs { node, count } => Action::FailSyncs {
                node: id(node)?,
                count,
            },
            Action::MendSyncs(node) => Action::MendSyncs(id(node)?),
            Action::Loss { .. }
            | Action::Unloss { .. }
            | Action::Duplicate { .. }
            | Action::Unduplicate { .. } => self.clone(),
        })
    }
}

/// What is true of every action of a kind.
struct Nature {
    name: &'static str,
    concerns: Concerns,
    turn: Turn,
}

/// What an action is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Concerns {
    /// Whether processes run.
    Process,
    /// The way between two servers.
    Link,
    /// Another part of a server.
    Server,
    /// The way between a server and its clients.
    Clients,
    /// Every datagram.
    Network,
}

/// How much an action does, where it has a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Longer by this.
    Time(Span),
    /// Of a million.
    Ppm(u32),
    /// So many times.
    Times(u32),
}

impl Amount {
    /// As a bare number: nanoseconds, of a million, or times.
    pub fn number(self) -> u64 {
        match self {
            Amount::Time(span) => span.0,
            Amount::Ppm(number) | Amount::Times(number) => u64::from(number),
        }
    }
}
