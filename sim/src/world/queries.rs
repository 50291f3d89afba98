//! What a driver may ask of a world.

use menagerie::check::Excused;
use menagerie::history::History;
use menagerie::ids::{NodeId, Zxid};
use menagerie::protocol::{Protocol, Refusal, Standing};
use menagerie::quorum::PhaseQuorums;
use menagerie::server::Server;

use super::reach::{Noticed, Reached};
use super::{Stats, World};

impl<P: Protocol> World<P> {
    /// Whether a server's process runs (it may be paused).
    pub fn is_up(&self, node: NodeId) -> bool {
        self.node(node).server.is_some()
    }

    /// Whether a server's process is paused.
    pub fn is_paused(&self, node: NodeId) -> bool {
        self.node(node).paused
    }

    /// Whether nothing passes from one server to another.
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        let (from, to) = (usize::from(self.place(from)), usize::from(self.place(to)));
        self.pairs[from * self.nodes.len() + to].is_cut()
    }

    /// Which sets of voters decide.
    pub fn phases(&self) -> PhaseQuorums {
        self.spec.phases::<P>()
    }

    /// Where a server stands; `None` if it is down.
    pub fn standing(&self, node: NodeId) -> Option<Standing> {
        self.server(node).map(Server::standing)
    }

    /// What a server has applied; `None` if it is down.
    pub fn applied(&self, node: NodeId) -> Option<Zxid> {
        self.server(node).map(Server::applied)
    }

    /// The digest of a server's state; `None` if it is down.
    pub fn digest(&self, node: NodeId) -> Option<u64> {
        self.server(node).map(Server::digest)
    }

    /// Why a server refused to boot, if its last boot ended so.
    pub fn refusal(&self, node: NodeId) -> Option<&Refusal> {
        self.node(node).refusal.as_ref()
    }

    /// A server; `None` if it is down.
    pub fn server(&self, node: NodeId) -> Option<&Server<P>> {
        self.node(node).server.as_ref()
    }

    /// What clients saw so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Counts so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The synced reads that nothing could be asked of; known once the run has finished.
    pub fn excused(&self) -> Excused {
        self.excused
    }

    /// What users noticed so far.
    pub fn noticed(&self) -> Noticed {
        self.reach.noticed()
    }

    /// Which paths were taken so far.
    pub fn reached(&self) -> Reached {
        self.reach.finish(&self.stats, &self.history)
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> u64 {
        self.hash.value()
    }
}
