//! Stub of the world: answers every operation after a fixed time. Replaced when merging.
#![allow(missing_docs, clippy::all, dead_code)]

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::marker::PhantomData;

use menagerie::canonical::RunHash;
use menagerie::check::Verdict;
use menagerie::history::{History, Operation, Outcome};
use menagerie::ids::*;
use menagerie::mutation::Mutations;
use menagerie::protocol::{Knobs, Protocol, Role, Standing};
use menagerie::server::ServerSettings;
use menagerie::tree::{Request, Response, Stat};

pub use crate::clock::ClockSpec;
use crate::latency::Latency;

#[derive(Clone, Debug)]
pub struct WorldSpec {
    pub seed: u64,
    pub voters: u8,
    pub observers: u8,
    pub clients: u16,
    pub knobs: Knobs,
    pub mutations: Mutations,
    pub settings: ServerSettings,
    pub session_timeout: Span,
    pub network: NetworkSpec,
    pub disk: DiskSpec,
    pub clock: ClockSpec,
    pub micro_step: Span,
    pub checks: bool,
    pub trace: bool,
}
#[derive(Clone, Debug)]
pub struct NetworkSpec {
    pub lan: Latency,
    pub matrix: Option<Vec<Vec<Span>>>,
    pub client: Latency,
    pub loss_ppm: u32,
    pub duplicate_ppm: u32,
    pub patience: Span,
    pub dial_timeout: Span,
}
#[derive(Clone, Debug)]
pub struct DiskSpec {
    pub write: Latency,
    pub sync: Latency,
    pub read: Latency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashKind {
    Process,
    Power,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Crash {
        node: NodeId,
        kind: CrashKind,
    },
    CrashMany {
        nodes: Vec<NodeId>,
        kind: CrashKind,
    },
    Restart(NodeId),
    CutClient(NodeId),
    MendClient(NodeId),
    Pause(NodeId),
    Resume(NodeId),
    Cut {
        from: NodeId,
        to: NodeId,
    },
    Mend {
        from: NodeId,
        to: NodeId,
    },
    Slow {
        from: NodeId,
        to: NodeId,
        extra: Span,
    },
    Unslow {
        from: NodeId,
        to: NodeId,
        extra: Span,
    },
    SlowDisk {
        node: NodeId,
        factor: u32,
    },
    UnslowDisk {
        node: NodeId,
        factor: u32,
    },
    Loss {
        ppm: u32,
    },
    Unloss {
        ppm: u32,
    },
    Duplicate {
        ppm: u32,
    },
    Unduplicate {
        ppm: u32,
    },
    Break {
        a: NodeId,
        b: NodeId,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Event,
    Wakeup(u64),
    Completed { client: ClientId, op: OpId },
}

#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub events: u64,
    pub messages_delivered: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Close {
    pub core: Vec<NodeId>,
    pub healed: Option<VirtualTime>,
    pub converged: Option<VirtualTime>,
    pub obstacle: Option<String>,
}

#[derive(Debug)]
pub struct World<P: Protocol> {
    spec: WorldSpec,
    now: u64,
    seq: u64,
    queue: BinaryHeap<Reverse<(u64, u64, Kind)>>,
    history: History,
    down: BTreeSet<NodeId>,
    hash: RunHash,
    stats: Stats,
    _p: PhantomData<P>,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Wake(u64),
    Done(u16, u32),
}

impl<P: Protocol> World<P> {
    pub fn new(spec: WorldSpec) -> Self {
        let mut hash = RunHash::new();
        hash.word(spec.seed);
        World {
            spec,
            now: 0,
            seq: 0,
            queue: BinaryHeap::new(),
            history: History::default(),
            down: BTreeSet::new(),
            hash,
            stats: Stats::default(),
            _p: PhantomData,
        }
    }
    pub fn boot_all(&mut self) {}
    pub fn now(&self) -> VirtualTime {
        VirtualTime(self.now)
    }
    pub fn step(&mut self) -> Option<Happening> {
        let Reverse((at, _, kind)) = self.queue.pop()?;
        self.now = at;
        self.hash.word(at);
        self.stats.events += 1;
        Some(match kind {
            Kind::Wake(t) => Happening::Wakeup(t),
            Kind::Done(c, op) => {
                let operation = &mut self.history.operations[op as usize];
                operation.completed = Some(VirtualTime(at));
                let response = match &operation.request {
                    Request::Write(_) => Response::Set(Stat::default()),
                    Request::Read(_) => Response::Exists(Stat::default()),
                    Request::Sync => Response::Synced,
                };
                operation.outcome = Some(Outcome::Answered {
                    zxid: Zxid(1),
                    answer: Ok(response),
                });
                self.stats.messages_delivered += 2;
                Happening::Completed {
                    client: ClientId(c),
                    op: OpId(op),
                }
            }
        })
    }
    fn push(&mut self, at: u64, kind: Kind) {
        self.seq += 1;
        self.queue.push(Reverse((at, self.seq, kind)));
    }
    pub fn wake_at(&mut self, at: VirtualTime, token: u64) {
        self.push(at.0.max(self.now), Kind::Wake(token));
    }
    pub fn perform(&mut self, action: Action) -> bool {
        match action {
            Action::Crash { node, .. } => self.down.insert(node),
            Action::Restart(node) => self.down.remove(&node),
            _ => true,
        }
    }
    pub fn invoke(&mut self, client: ClientId, request: Request, synced: bool) -> OpId {
        let id = OpId(self.history.operations.len() as u32);
        self.history.operations.push(Operation {
            id,
            client,
            session: SessionId(1),
            xid: id.0,
            conn: None,
            server: None,
            attempts: 1,
            request,
            synced,
            invoked: VirtualTime(self.now),
            completed: None,
            outcome: None,
        });
        self.push(self.now + 3_000_000, Kind::Done(client.0, id.0));
        id
    }
    pub fn is_up(&self, node: NodeId) -> bool {
        !self.down.contains(&node)
    }
    pub fn standing(&self, node: NodeId) -> Option<Standing> {
        self.is_up(node).then_some(Standing {
            role: if node.0 == 1 {
                Role::Leading
            } else {
                Role::Following
            },
            epoch: 1,
            leader: Some(NodeId(1)),
            uplink: None,
            can_propose: true,
            serve_from: Some(Zxid::ZERO),
        })
    }
    pub fn applied(&self, node: NodeId) -> Option<Zxid> {
        self.is_up(node).then_some(Zxid(1))
    }
    pub fn digest(&self, node: NodeId) -> Option<u64> {
        self.is_up(node).then_some(1)
    }
    pub fn history(&self) -> &History {
        &self.history
    }
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
    pub fn hash(&self) -> u64 {
        self.hash.value()
    }
    pub fn is_paused(&self, _node: NodeId) -> bool {
        false
    }
    pub fn refusal(&self, _node: NodeId) -> Option<&menagerie::protocol::Refusal> {
        None
    }
    pub fn remark(&mut self, _text: impl FnOnce() -> String) {}
    pub fn finish(self, close: Close) -> Finished {
        let verdict = if close.converged.is_some() {
            Verdict::Pass { checked: 1 }
        } else {
            Verdict::Fail(menagerie::check::Counterexample {
                at: self.now(),
                reason: close.obstacle.clone().unwrap_or_default(),
            })
        };
        Finished {
            verdicts: vec![("liveness", verdict)],
            trace: vec!["a line".to_owned()],
            hash: self.hash(),
            at: self.now(),
            history: self.history,
            stats: self.stats,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Finished {
    pub verdicts: Vec<(&'static str, Verdict)>,
    pub trace: Vec<String>,
    pub history: History,
    pub stats: Stats,
    pub hash: u64,
    pub at: VirtualTime,
}

impl Action {
    pub fn inverse(&self) -> Option<Action> {
        match *self {
            Action::Crash { node, .. } => Some(Action::Restart(node)),
            Action::Pause(node) => Some(Action::Resume(node)),
            Action::Cut { from, to } => Some(Action::Mend { from, to }),
            Action::CutClient(node) => Some(Action::MendClient(node)),
            Action::Slow { from, to, extra } => Some(Action::Unslow { from, to, extra }),
            Action::SlowDisk { node, factor } => Some(Action::UnslowDisk { node, factor }),
            Action::Loss { ppm } => Some(Action::Unloss { ppm }),
            Action::Duplicate { ppm } => Some(Action::Unduplicate { ppm }),
            _ => None,
        }
    }
}

/// Runs `body` inside a madsim runtime.
pub fn in_runtime<T>(_seed: u64, body: impl FnOnce() -> T) -> T {
    body()
}
