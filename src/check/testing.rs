//! Small stories for the checkers' own tests.

use super::{
    Checker, CheckerEntry, Ending, Final, Observation, Panel, SessionNews, Setup, Timing, Verdict,
};
use crate::history::{History, Operation, Outcome};
use crate::ids::{ClientId, NodeId, OpId, SessionId, Span, VirtualTime, Zxid};
use crate::protocol::{
    Epochs, Fact, Holding, Persisted, Pledged, Promises, QuorumRule, Role, Slots, Votes,
};
use crate::tree::{ANY_VERSION, Answer, Command, Path, Payload, Request, Write};
use crate::wire::PeerMsg;

enum Told {
    Booted(NodeId),
    Restored(NodeId, Zxid),
    Applied {
        node: NodeId,
        zxid: Zxid,
        payload: Payload,
        digest: Option<u64>,
        executed: Option<(SessionId, u32)>,
    },
    Delivered(NodeId, Zxid, u64),
    Fact(NodeId, Fact),
    Held(NodeId, Holding),
    Durable(Vec<(NodeId, Persisted)>),
    Pledged(Vec<(NodeId, Pledged)>),
    Standing(NodeId, Role, u64),
    Session(NodeId, SessionNews<'static>),
    Received(NodeId, NodeId, PeerMsg),
    Sent(NodeId, PeerMsg),
    /// Nothing happens for so many nanoseconds.
    Pause(u64),
}

/// A sequence of observations, one a nanosecond.
#[derive(Default)]
pub(super) struct Story(Vec<Told>);

impl Story {
    pub fn boot(&mut self, node: u8) -> &mut Story {
        self.push(Told::Booted(NodeId(node)))
    }

    pub fn restore(&mut self, node: u8, zxid: u64) -> &mut Story {
        self.push(Told::Restored(NodeId(node), Zxid(zxid)))
    }

    pub fn deliver(&mut self, node: u8, zxid: u64, value: u64) -> &mut Story {
        self.push(Told::Delivered(NodeId(node), Zxid(zxid), value))
    }

    pub fn fact(&mut self, node: u8, fact: Fact) -> &mut Story {
        self.push(Told::Fact(NodeId(node), fact))
    }

    pub fn propose(&mut self, node: u8, epoch: u64, zxid: u64, value: u64) -> &mut Story {
        let zxid = Zxid(zxid);
        self.fact(node, Fact::Proposed { epoch, zxid, value })
    }

    /// Proposed in epoch 1 and delivered by the same server.
    pub fn commit(&mut self, node: u8, zxid: u64, value: u64) -> &mut Story {
        self.propose(node, 1, zxid, value)
            .deliver(node, zxid, value)
    }

    pub fn apply(
        &mut self,
        node: u8,
        zxid: u64,
        payload: &Payload,
        digest: Option<u64>,
        executed: Option<(u64, u32)>,
    ) -> &mut Story {
        self.push(Told::Applied {
            node: NodeId(node),
            zxid: Zxid(zxid),
            payload: payload.clone(),
            digest,
            executed: executed.map(|(session, seq)| (SessionId(session), seq)),
        })
    }

    /// A server holds so many requests, of which there may be `limit`.
    pub fn hold(&mut self, node: u8, count: usize, limit: usize) -> &mut Story {
        let what = "requests";
        self.push(Told::Held(NodeId(node), Holding { what, count, limit }))
    }

    /// Each server's snapshot zxid and log.
    pub fn durable(&mut self, disks: &[(u64, &[(u64, u64)])]) -> &mut Story {
        let nodes = disks
            .iter()
            .zip(1..)
            .map(|((through, entries), node)| {
                let persisted = Persisted {
                    through: Zxid(*through),
                    entries: entries.iter().map(|(z, v)| (Zxid(*z), *v)).collect(),
                };
                (NodeId(node), persisted)
            })
            .collect();
        self.push(Told::Durable(nodes))
    }

    /// What one server's disk proves to be promised: a promise, and votes above a snapshot.
    pub fn pledged(
        &mut self,
        node: u8,
        promised: u64,
        through: u64,
        votes: &[(u64, u64)],
    ) -> &mut Story {
        let votes = votes.iter().map(|(zxid, epoch)| (Zxid(*zxid), *epoch));
        let votes = Votes {
            through: Zxid(through),
            epochs: votes.collect(),
        };
        let pledged = Pledged {
            promised,
            votes: Some(votes),
        };
        self.push(Told::Pledged(vec![(NodeId(node), pledged)]))
    }

    pub fn vote(&mut self, node: u8, epoch: u64, zxid: u64, value: u64) -> &mut Story {
        let zxid = Zxid(zxid);
        self.fact(node, Fact::Voted { epoch, zxid, value })
    }

    pub fn promise(&mut self, node: u8, epoch: u64) -> &mut Story {
        self.fact(node, Fact::Promised { epoch })
    }

    /// Promises an epoch and is established as its leader, with whatever history.
    pub fn lead(&mut self, node: u8, epoch: u64) -> &mut Story {
        let through = Zxid(u64::from(u32::MAX));
        self.promise(node, epoch)
            .fact(node, Fact::Established { epoch, through })
    }

    pub fn stand(&mut self, node: u8, role: Role, epoch: u64) -> &mut Story {
        self.push(Told::Standing(NodeId(node), role, epoch))
    }

    pub fn news(&mut self, node: u8, news: SessionNews<'static>) -> &mut Story {
        self.push(Told::Session(NodeId(node), news))
    }

    /// A message of server `from` reaches server `node`.
    pub fn receive(&mut self, node: u8, from: u8, msg: PeerMsg) -> &mut Story {
        self.push(Told::Received(NodeId(node), NodeId(from), msg))
    }

    pub fn send(&mut self, node: u8, msg: PeerMsg) -> &mut Story {
        self.push(Told::Sent(NodeId(node), msg))
    }

    /// Nothing happens for so long.
    pub fn pass(&mut self, span: Span) -> &mut Story {
        self.push(Told::Pause(span.0))
    }

    fn push(&mut self, told: Told) -> &mut Story {
        self.0.push(told);
        self
    }

    pub fn tell(&self, mut hear: impl FnMut(VirtualTime, &Observation<'_>)) {
        let mut at = 0;
        for told in &self.0 {
            at += 1;
            let observation = match told {
                Told::Booted(node) => Observation::Booted { node: *node },
                Told::Restored(node, zxid) => Observation::Restored {
                    node: *node,
                    zxid: *zxid,
                },
                Told::Applied {
                    node,
                    zxid,
                    payload,
                    digest,
                    executed,
                } => Observation::Applied {
                    node: *node,
                    zxid: *zxid,
                    payload,
                    digest: *digest,
                    executed: *executed,
                },
                Told::Delivered(node, zxid, value) => Observation::Delivered {
                    node: *node,
                    zxid: *zxid,
                    value: *value,
                },
                Told::Fact(node, fact) => Observation::Fact { node: *node, fact },
                Told::Held(node, holding) => Observation::Held {
                    node: *node,
                    holding: *holding,
                },
                Told::Durable(nodes) => Observation::Durable {
                    nodes,
                    pledged: &[],
                },
                Told::Pledged(pledged) => Observation::Durable {
                    nodes: &[],
                    pledged,
                },
                Told::Standing(node, role, epoch) => Observation::Standing {
                    node: *node,
                    role: *role,
                    epoch: *epoch,
                },
                Told::Session(node, news) => Observation::Session {
                    node: *node,
                    news: *news,
                },
                Told::Received(node, from, msg) => Observation::Session {
                    node: *node,
                    news: SessionNews::Received { from: *from, msg },
                },
                Told::Sent(node, msg) => Observation::Session {
                    node: *node,
                    news: SessionNews::Sent { msg },
                },
                Told::Pause(span) => {
                    at += span;
                    continue;
                }
            };
            hear(VirtualTime(at), &observation);
        }
    }
}

/// The write that tests use when it does not matter which.
fn some_write() -> Write {
    Write::Delete {
        path: Path::from("/x"),
        version: ANY_VERSION,
    }
}

/// A session's write number `seq`.
pub(super) fn command(session: u64, seq: u32) -> Payload {
    command_of(session, seq, some_write())
}

/// A session's write number `seq`.
pub(super) fn command_of(session: u64, seq: u32, write: Write) -> Payload {
    Payload::command(Command {
        session: SessionId(session),
        seq,
        acked: 0,
        time_ms: 0,
        write,
    })
}

/// An operation of client 1 that took from `10 * id` to `10 * id + 5`.
pub(super) fn answer(
    id: u32,
    session: u64,
    request: Request,
    zxid: u64,
    answer: Answer,
) -> Operation {
    Operation {
        id: OpId(id),
        client: ClientId(1),
        session: SessionId(session),
        xid: id,
        seq: 0,
        conn: None,
        server: None,
        attempts: 1,
        request,
        ids: std::sync::Arc::default(),
        synced: false,
        invoked: VirtualTime(u64::from(id) * 10),
        completed: Some(VirtualTime(u64::from(id) * 10 + 5)),
        outcome: Some(Outcome::Answered {
            zxid: Zxid(zxid),
            answer,
        }),
    }
}

/// The operation of [`command`] whose xid is `xid`.
pub(super) fn answer_write(
    id: u32,
    session: u64,
    xid: u32,
    zxid: u64,
    answered: Answer,
) -> Operation {
    let mut operation = answer(id, session, Request::Write(some_write()), zxid, answered);
    operation.xid = xid;
    operation
}

/// Three voters, one observer.
pub(super) fn setup(protocol: &str) -> Setup {
    Setup {
        protocol: protocol.to_string(),
        voters: vec![NodeId(1), NodeId(2), NodeId(3)],
        elect: QuorumRule::Majority,
        commit: QuorumRule::Majority,
        observers: vec![NodeId(4)],
        promises: Promises {
            linearizable_barrier: protocol == "paxos",
            at_most_once: protocol == "paxos",
        },
        epochs: match protocol {
            "zab" => Epochs::InZxids,
            _ => Epochs::InVotes,
        },
        slots: Slots::SINGLE,
        timing: Timing {
            drift_ppm_max: 0,
            tick: Span::millis(50),
            removal_interval: Span::millis(250),
        },
    }
}

/// A core server that is up at the end.
pub(super) fn standing_at(node: u8, zxid: u64, digest: u64) -> Final {
    Final {
        node: NodeId(node),
        core: true,
        applied: Some(Zxid(zxid)),
        digest: Some(digest),
        role: Role::Following,
    }
}

/// Ends a run that had no liveness phase and no clients.
pub(super) fn ending_of<T>(nodes: &[Final], hear: impl FnOnce(&Ending<'_>) -> T) -> T {
    ended(nodes, &History::default(), hear)
}

/// Ends a run that had no liveness phase.
pub(super) fn ended<T>(
    nodes: &[Final],
    history: &History,
    hear: impl FnOnce(&Ending<'_>) -> T,
) -> T {
    let history = &numbered(history);
    hear(&Ending {
        at: VirtualTime(1_000_000),
        nodes,
        history,
        healed: None,
        converged: None,
        obstacle: None,
        circumstances: &crate::check::Circumstances::default(),
    })
}

/// Numbers each session's writes in the order of their xids, as a client does.
fn numbered(history: &History) -> History {
    let mut history = history.clone();
    let mut writes: Vec<&mut Operation> = history
        .operations
        .iter_mut()
        .filter(|operation| matches!(operation.request, Request::Write(_)))
        .collect();
    writes.sort_by_key(|operation| (operation.session, operation.xid));
    let mut last = (SessionId::NONE, 0);
    for operation in writes {
        let number = if last.0 == operation.session {
            last.1 + 1
        } else {
            1
        };
        operation.seq = number;
        last = (operation.session, number);
    }
    history
}

/// What a checker says about a story.
pub(super) fn verdict(entry: CheckerEntry, protocol: &str, story: &Story) -> Verdict {
    verdict_with(entry, protocol, story, &History::default())
}

/// Which of all the checkers report a violation in a story without clients.
pub(super) fn failing(protocol: &str, story: &Story) -> Vec<&'static str> {
    let mut panel = Panel::new(&setup(protocol));
    story.tell(|at, observation| panel.observe(at, observation));
    let verdicts = ending_of(&[], |ending| panel.finish(ending));
    let failing = verdicts
        .into_iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Fail(_)));
    failing.map(|(name, _)| name).collect()
}

/// What a checker says about a story and a history.
pub(super) fn verdict_with(
    entry: CheckerEntry,
    protocol: &str,
    story: &Story,
    history: &History,
) -> Verdict {
    verdict_under(entry, &setup(protocol), story, history)
}

/// What a checker says about a story and a history under another setup than the usual one.
pub(super) fn verdict_under(
    entry: CheckerEntry,
    setup: &Setup,
    story: &Story,
    history: &History,
) -> Verdict {
    let mut checker: Box<dyn Checker> = (entry.make)(setup);
    story.tell(|at, observation| {
        if entry.interests.includes(observation) {
            checker.observe(at, observation);
        }
    });
    ended(&[], history, |ending| checker.finish(ending))
}

#[track_caller]
pub(super) fn assert_passes(verdict: &Verdict, obligations: u64) {
    assert_eq!(
        *verdict,
        Verdict::Pass {
            checked: obligations
        }
    );
}

#[track_caller]
pub(super) fn assert_fails(verdict: &Verdict, words: &str) {
    match verdict {
        Verdict::Fail(counterexample) => assert!(
            counterexample.reason.contains(words),
            "{:?} does not say {words:?}",
            counterexample.reason
        ),
        Verdict::Pass { .. }
        | Verdict::Vacuous(_)
        | Verdict::NotApplicable(_)
        | Verdict::Unknown(_) => {
            panic!("{verdict:?} instead of a failure that says {words:?}")
        }
    }
}
