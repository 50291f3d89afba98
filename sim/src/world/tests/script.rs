//! A protocol that does at given times what a script says, and otherwise keeps still. What it is
//! told shows in the world's trace.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use std::collections::BTreeMap;

use menagerie::canonical::{Canonical, RunHash};
use menagerie::ids::{LinkId, LocalTime, NodeId, Span, Zxid};
use menagerie::protocol::{
    DiskOp, Ensemble, Fact, Image, Input, LinkEvent, Outbox, Persisted, Promises, Protocol,
    Refusal, Replicates, Role, Standing, TimerRange, Via,
};

/// What a server does.
#[derive(Clone, Debug)]
pub(super) enum Do {
    Datagrams(NodeId, Vec<u64>),
    Latest(NodeId, u64),
    /// A datagram behind a sync of everything.
    Promise(NodeId, u64),
    /// A datagram behind the disk queue.
    AfterDisk(NodeId, u64),
    Append(u64),
    CutAfter(u64),
    SyncAll,
    Reload,
    Dial(NodeId),
    /// On the newest stream with that server that is up.
    Stream(NodeId, Vec<u64>),
    HangUp(NodeId),
    /// A fact behind the disk queue.
    FactAfterDisk(u64),
    /// The timer that does nothing, so many milliseconds from now.
    Bell(u64),
    Unbell,
}

/// What every server does and when: (server, millisecond after the first boot, acts).
pub(super) trait Script: 'static {
    fn scenes() -> Vec<(NodeId, u64, Vec<Do>)>;
}

/// The timer that does nothing.
const BELL: Cue = Cue(u64::MAX);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Cue(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub(super) struct Say(u64);

pub(super) struct Puppet<S> {
    me: NodeId,
    links: BTreeMap<NodeId, LinkId>,
    script: PhantomData<S>,
}

impl Canonical for Cue {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(self.0);
    }
}

impl Canonical for Say {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(self.0);
    }
}

impl<S: Script> Puppet<S> {
    fn act(&mut self, act: Do, out: &mut Outbox<Self>) {
        match act {
            Do::Datagrams(to, numbers) => {
                for number in numbers {
                    out.send(to, Via::Datagram, Say(number));
                }
            }
            Do::Latest(to, number) => out.send(to, Via::LatestWins, Say(number)),
            Do::Promise(to, number) => {
                out.promise(to, Via::Datagram, Say(number));
            }
            Do::AfterDisk(to, number) => out.send_after_disk(to, Via::Datagram, Say(number)),
            Do::Append(number) => {
                out.append(Say(number));
            }
            Do::CutAfter(index) => {
                out.disk(DiskOp::CutAfter(index));
            }
            Do::SyncAll => {
                out.disk(DiskOp::SyncAll);
            }
            Do::Reload => out.reload(),
            Do::Dial(peer) => {
                out.dial(peer);
            }
            Do::Stream(peer, numbers) => {
                // Without a stream there is nothing to send on.
                for number in numbers {
                    if let Some(link) = self.links.get(&peer) {
                        out.send(peer, Via::Stream(*link), Say(number));
                    }
                }
            }
            Do::HangUp(peer) => {
                if let Some(link) = self.links.remove(&peer) {
                    out.hang_up(peer, link);
                }
            }
            Do::FactAfterDisk(epoch) => out.fact_after_disk(Fact::Promised { epoch }),
            Do::Bell(millis) => {
                out.set_timer(BELL, TimerRange::exactly(Span::millis(millis)));
            }
            Do::Unbell => out.cancel_timer(BELL),
        }
    }
}

impl<S: Script> Protocol for Puppet<S> {
    const NAME: &'static str = "puppet";
    const REPLICATES: Replicates = Replicates::Deltas;
    const PROMISES: Promises = Promises {
        linearizable_barrier: false,
        at_most_once: false,
    };
    type Knobs = ();
    type Config = NodeId;
    type Msg = Say;
    type Record = Say;
    type Timer = Cue;

    fn configure(ensemble: &Ensemble<()>) -> NodeId {
        ensemble.me
    }

    fn recover(
        me: &NodeId,
        now: LocalTime,
        _disk: &Image<Say>,
        out: &mut Outbox<Self>,
    ) -> Result<Self, Refusal> {
        if now == LocalTime(0) {
            for (scene, (node, at, _)) in (0u64..).zip(S::scenes()) {
                if node == *me {
                    out.set_timer(Cue(scene), TimerRange::exactly(Span::millis(at)));
                }
            }
        }
        Ok(Puppet {
            me: *me,
            links: BTreeMap::new(),
            script: PhantomData,
        })
    }

    fn step(&mut self, _now: LocalTime, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Timer(BELL) => {}
            Input::Timer(Cue(scene)) => {
                let (_, _, acts) = S::scenes().swap_remove(scene as usize);
                for act in acts {
                    self.act(act, out);
                }
            }
            Input::Link { peer, link, event } => match event {
                LinkEvent::Up => {
                    self.links.insert(peer, link);
                }
                LinkEvent::Refused | LinkEvent::Down => {
                    if self.links.get(&peer) == Some(&link) {
                        self.links.remove(&peer);
                    }
                }
            },
            Input::Message { .. }
            | Input::Propose(_)
            | Input::Barrier(_)
            | Input::Disk { .. }
            | Input::Reloaded(_)
            | Input::Applied(_)
            | Input::Captured { .. } => {}
        }
    }

    fn standing(&self) -> Standing {
        Standing {
            role: Role::Looking,
            epoch: 0,
            leader: None,
            uplink: None,
            can_propose: false,
            serve_from: Some(Zxid::ZERO),
        }
    }

    fn persisted(_image: &Image<Say>) -> Persisted {
        Persisted::default()
    }

    fn kind(_msg: &Say) -> &'static str {
        "SAY"
    }
}

impl<S> Clone for Puppet<S> {
    fn clone(&self) -> Self {
        Puppet {
            me: self.me,
            links: self.links.clone(),
            script: PhantomData,
        }
    }
}

impl<S> fmt::Debug for Puppet<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Puppet({})", self.me)
    }
}

impl<S> PartialEq for Puppet<S> {
    fn eq(&self, other: &Self) -> bool {
        self.me == other.me && self.links == other.links
    }
}

impl<S> Eq for Puppet<S> {}

impl<S> Hash for Puppet<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.me.hash(state);
        self.links.hash(state);
    }
}
