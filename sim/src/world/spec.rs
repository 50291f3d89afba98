//! What is fixed before a run, and what it tells the driver.

use menagerie::ids::{ClientId, NodeId, OpId, Span, VirtualTime};
use menagerie::mutation::Mutations;
use menagerie::protocol::{Ensemble, KnobSet, Protocol, QuorumRule};
use menagerie::quorum::{PhaseQuorums, Quorums};
use menagerie::server::ServerSettings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::chance::decision::Source;
use crate::world::channels::NetworkSpec;
use crate::world::clock::ClockSpec;
use crate::world::disk::DiskSpec;
use crate::world::knobs::AllKnobs;

/// Everything that is fixed before a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorldSpec {
    /// The seed of every draw.
    pub seed: u64,
    /// How many servers vote: numbers 1 to this.
    pub voters: u8,
    /// How many servers follow without a vote: the numbers behind the voters'.
    pub observers: u8,
    /// Which sets of voters decide.
    #[serde(default)]
    pub quorums: QuorumRule,
    /// How many clients there are: numbers 1 to this.
    pub clients: u16,
    /// The only server that a client knows, by the clients' order. Clients behind the end of the
    /// list know every server and try them in a drawn order.
    pub homes: Vec<NodeId>,
    /// Timeouts and sizes of the protocols.
    pub knobs: AllKnobs,
    /// The bugs switched on.
    #[serde(skip)]
    pub mutations: Mutations,
    /// Settings of the servers.
    pub settings: ServerSettings,
    /// The session timeout the clients ask for.
    pub session_timeout: Span,
    /// The network.
    pub network: NetworkSpec,
    /// The disks.
    pub disk: DiskSpec,
    /// The clocks.
    pub clock: ClockSpec,
    /// How long a server takes for one micro-step.
    pub micro_step: Span,
    /// What settles what chance would.
    #[serde(skip)]
    pub decisions: Source,
    /// Whether irregular decisions are written down.
    #[serde(skip)]
    pub record: bool,
    /// Whether the checkers watch.
    #[serde(skip)]
    pub checks: bool,
    /// Whether a trace is recorded.
    #[serde(skip)]
    pub trace: bool,
}

impl WorldSpec {
    /// The ensemble as one of its servers sees it, if it runs a protocol of that name.
    pub fn ensemble<K: KnobSet>(&self, me: NodeId, protocol: &str) -> Ensemble<K> {
        let voters: Vec<NodeId> = (1..=self.voters).map(NodeId).collect();
        Ensemble {
            me,
            quorums: Quorums::of(&voters, &self.quorums),
            voters,
            observers: (self.voters + 1..=self.voters + self.observers)
                .map(NodeId)
                .collect(),
            knobs: self.knobs.shared.clone(),
            own: self.knobs.own(protocol),
            mutations: self.mutations,
        }
    }

    /// Which voters elect and which commit, if the ensemble runs this protocol.
    pub fn phases<P: Protocol>(&self) -> PhaseQuorums {
        P::phases(&self.ensemble(NodeId(1), P::NAME))
    }
}

/// What [`super::World::step`] has to tell the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorldEvent {
    /// Nothing that concerns it.
    Event,
    /// A moment it asked for with [`super::World::wake_at`], by its token.
    Wakeup(u64),
    /// An operation ended; how stands in the history.
    Completed {
        /// The client.
        client: ClientId,
        /// The operation.
        op: OpId,
    },
}

/// Counts of what happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events performed; events that came to nothing (a cancelled timer) do not count.
    pub events: u64,
    /// Messages that reached a server from another one or from itself.
    pub messages_delivered: u64,
    /// Messages between servers that were lost on the way.
    pub messages_lost: u64,
    /// Frames that reached a client or, from a client, a server.
    pub frames_delivered: u64,
    /// Ends of disk batches.
    pub disk_batches: u64,
    /// Observations that the checkers were told; none without checks.
    pub observations: u64,
    kinds: Vec<(&'static str, u64)>,
}

impl Stats {
    /// How many protocol messages of each kind were delivered.
    pub fn by_kind(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for (kind, count) in &self.kinds {
            *counts.entry(*kind).or_insert(0) += count;
        }
        counts
    }

    pub(super) fn count_kind(&mut self, kind: &'static str) {
        // Names are constants: comparing addresses is enough here, and `by_kind` joins the rest.
        let known = self
            .kinds
            .iter_mut()
            .find(|(name, _)| core::ptr::eq(*name, kind));
        match known {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((kind, 1)),
        }
    }
}

/// How the driver ended the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    /// The servers that had to converge.
    pub core: Vec<NodeId>,
    /// See [`menagerie::check::Ending::healed`].
    pub healed: Option<VirtualTime>,
    /// See [`menagerie::check::Ending::converged`].
    pub converged: Option<VirtualTime>,
    /// See [`menagerie::check::Ending::obstacle`].
    pub obstacle: Option<String>,
}
