//! Goes through a run once and takes down the steps that concern what is in dispute.

use std::collections::{BTreeMap, BTreeSet};

use menagerie::check::Subjects;
use menagerie::ids::{NodeId, OpId, Span, VirtualTime, Zxid};
use serde_json::Value;

use super::deed::{Deed, Kind, Rank};
use super::disks::{Disks, Held};
use super::faults;
use super::knowledge::Knowledge;
use super::names::{Names, listed};
use super::phrase::Phrase;
use super::traffic;
use crate::scenario::fault::Fault;
use crate::trace::{Event, RoleName, Trace, What};

/// The most faults that are told one by one whatever they hit.
const FAULTS_MAX: usize = 8;

/// The story under way.
pub(super) struct Teller<'a> {
    pub(super) trace: &'a Trace,
    pub(super) names: &'a Names,
    pub(super) subjects: &'a Subjects,
    /// For each event whether it is in the past of what is in dispute.
    pub(super) past: &'a [bool],
    pub(super) deeds: Vec<Deed>,
    pub(super) disks: Disks,
    pub(super) knowledge: Knowledge,
    /// The event in which each message left.
    pub(super) sends: BTreeMap<u64, u64>,
    /// What has been said in messages already: who, kind, and content.
    pub(super) said: BTreeSet<(NodeId, NodeId, String, Phrase)>,
    /// What facts tell of, so that the messages of the same moment need not.
    pub(super) stated: BTreeSet<(NodeId, VirtualTime, Zxid)>,
    pub(super) usual_delay: Span,
    faults: BTreeMap<usize, &'a Fault>,
    /// The servers whose deaths or boots the last sentence, of a fault, tells.
    pub(super) said_of: BTreeSet<NodeId>,
    pub(super) few_faults: bool,
    pub(super) voters: usize,
    /// The messages that are told together with a promise.
    pub(super) reported: BTreeSet<u64>,
    /// The kinds of messages that are sent all the time.
    pub(super) chatter: BTreeSet<String>,
    /// Operations on paths near those in dispute.
    pub(super) related: BTreeSet<OpId>,
    /// Where each operation was sent to last.
    pub(super) servers: BTreeMap<OpId, NodeId>,
}

impl<'a> Teller<'a> {
    pub fn new(
        trace: &'a Trace,
        names: &'a Names,
        subjects: &'a Subjects,
        past: &'a [bool],
    ) -> Teller<'a> {
        let faults = |event: &&Event| matches!(event.what, What::Fault { .. });
        Teller {
            trace,
            names,
            subjects,
            past,
            deeds: Vec::new(),
            disks: Disks::default(),
            knowledge: Knowledge::default(),
            sends: BTreeMap::new(),
            said: BTreeSet::new(),
            stated: traffic::stated(&trace.events),
            usual_delay: traffic::usual_delay(&trace.events),
            faults: BTreeMap::new(),
            said_of: BTreeSet::new(),
            few_faults: trace.events.iter().filter(faults).count() <= FAULTS_MAX,
            voters: trace
                .header
                .nodes
                .iter()
                .filter(|one| !one.observer)
                .count(),
            reported: BTreeSet::new(),
            chatter: traffic::chatter(&trace.events),
            related: related(names, subjects),
            servers: BTreeMap::new(),
        }
    }

    /// Takes an event.
    pub fn follow(&mut self, event: &'a Event) {
        let inside = self.past[event.seq as usize];
        match &event.what {
            What::Fault { index, fault, .. } => {
                self.faults.insert(*index, fault);
                self.turn(event, format!("Fault: {}", faults::begins(fault)));
                self.said_of = faults::deaths(fault);
            }
            What::Undo { index } => {
                let fault = self.faults.get(index).copied();
                let ends = fault.map(faults::ends).unwrap_or_default();
                self.turn(event, format!("The fault ends: {ends}"));
                self.said_of = fault.map(faults::deaths).unwrap_or_default();
            }
            What::Heal { core } => {
                self.turn(event, format!("The faults are healed for {}", listed(core)));
            }
            What::Crash { node, kind } => self.die(event, *node, *kind),
            What::Boot { node } => self.boot(event, *node),
            What::Refused { node, why } => {
                self.turn(event, format!("{node} refuses to boot: {why}"));
            }
            What::Disk { node, ticket, .. } => self.write(event, *node, *ticket),
            What::Send { id, .. } => {
                self.sends.insert(*id, event.seq);
                if inside {
                    self.acknowledge(event);
                }
            }
            What::Duplicate { id, of } => {
                if let Some(seq) = self.sends.get(of).copied() {
                    self.sends.insert(*id, seq);
                }
            }
            What::Lose { id, why } => self.lose(event, *id, *why),
            What::Deliver { .. } => self.deliver(event, inside),
            What::Standing { .. } => self.stand(event, inside),
            What::Fact { node, body } => self.state(event, *node, *body, inside),
            What::Apply { node, zxid, body } => self.apply(event, *node, *zxid, body),
            What::Commit { node, zxid } => self.commit(event, *node, *zxid),
            What::Restore { node, zxid } => self.knowledge.restore(*node, *zxid),
            What::Invoke { op, .. } => self.invoke(event, *op),
            What::Sent { op, server, .. } => {
                self.servers.insert(*op, *server);
            }
            What::Complete { .. } => self.complete(event),
            What::WatchEvent { .. } => self.watch(event),
            What::Link { .. }
            | What::Timer { .. }
            | What::Pause { .. }
            | What::Resume { .. }
            | What::ClientLink { .. }
            | What::ClientTimer { .. }
            | What::Session { .. }
            | What::Frame { .. }
            | What::Action { .. }
            | What::Violation { .. } => {}
        }
        self.disks.follow(&event.what);
    }

    /// The cause of the events that follow from this one by several steps: the message, if it was
    /// one.
    pub(super) fn prompted_by(&self, event: &Event) -> Option<(NodeId, String)> {
        let cause = event.cause?;
        let What::Deliver {
            node, from, kind, ..
        } = &self.trace.events[cause as usize].what
        else {
            return None;
        };
        (node != from).then(|| (*from, kind.clone()))
    }

    pub(super) fn is_disputed(&self, zxid: Zxid) -> bool {
        self.subjects.zxids.contains(&zxid)
    }

    /// A step of a server, with everything that a sentence may leave out left out.
    pub(super) fn step(event: &Event, rank: Rank, node: NodeId, verb: [&str; 2]) -> Deed {
        Deed {
            at: event.at,
            until: event.at,
            rank,
            kind: Kind::Plain,
            events: vec![event.seq],
            who: vec![node],
            verb: verb.map(Phrase::from),
            what: Vec::new(),
            places: Vec::new(),
            whom: Vec::new(),
            tail: Phrase::default(),
            note: Phrase::default(),
        }
    }

    /// A sentence that stands as it is.
    pub(super) fn say(&mut self, event: &Event, rank: Rank, text: impl Into<Phrase>) {
        let text = text.into();
        let deed = Deed {
            who: Vec::new(),
            verb: [text.clone(), text],
            ..Self::step(event, rank, NodeId(0), ["", ""])
        };
        self.deeds.push(deed);
    }

    /// A server's role changes: that it lost its leader is told, the rest follows from facts.
    fn stand(&mut self, event: &Event, inside: bool) {
        let What::Standing {
            node, role, epoch, ..
        } = &event.what
        else {
            return;
        };
        let before = self.knowledge.stand(*node, *role, *epoch);
        if inside && *role == RoleName::Looking && before != RoleName::Looking {
            let verb = if before == RoleName::Leading {
                ["gives up leading", "give up leading"]
            } else {
                ["has no leader any more", "have no leader any more"]
            };
            let deed = Deed {
                kind: Kind::Election,
                ..Self::step(event, Rank::Context, *node, verb)
            };
            self.deeds.push(deed);
        }
    }

    fn apply(&mut self, event: &Event, node: NodeId, zxid: Zxid, body: &Value) {
        if self.is_disputed(zxid) && self.disks.held(node, zxid) == Held::Nothing {
            let deed = Deed {
                what: vec![self.names.gist(body)],
                places: vec![zxid],
                note: "with nothing of it on disk".into(),
                ..Self::step(event, Rank::Context, node, ["applies", "apply"])
            };
            self.deeds.push(deed);
        }
    }

    fn commit(&mut self, event: &Event, node: NodeId, zxid: Zxid) {
        let fork = self.knowledge.commit(node, zxid);
        if !self.is_disputed(zxid) && fork.is_none() {
            return;
        }
        if fork.is_none() && self.knowledge.has_chosen(node, zxid) {
            return; // That it was chosen has been told.
        }
        let rank = match fork {
            Some(_) => Rank::Essential,
            None => Rank::Subject,
        };
        let note = fork.map(|fork| {
            let nodes = listed(&fork.nodes);
            let (before, next) = (fork.before, fork.next);
            format!("right after {before}, where {nodes} went on with {next}").into()
        });
        let deed = Deed {
            places: vec![zxid],
            note: note.unwrap_or_default(),
            ..Self::step(event, rank, node, ["commits", "commit"])
        };
        self.deeds.push(deed);
    }
}

/// The operations on the paths of those in dispute, on their parents, children and siblings.
fn related(names: &Names, subjects: &Subjects) -> BTreeSet<OpId> {
    let disputed = subjects.ops.iter().filter_map(|op| names.ops.get(op));
    let paths: BTreeSet<&String> = disputed.flat_map(|op| &op.paths).collect();
    let near = |one: &str, other: &str| {
        one == other
            || parent(one) == Some(other)
            || parent(other) == Some(one)
            || (parent(one).is_some_and(|parent| parent != "/") && parent(one) == parent(other))
    };
    let is_near = |path: &String| paths.iter().any(|other| near(path, other));
    names
        .ops
        .iter()
        .filter(|(id, op)| !subjects.ops.contains(id) && op.paths.iter().any(is_near))
        .map(|(id, _)| *id)
        .collect()
}

fn parent(path: &str) -> Option<&str> {
    let (parent, name) = path.rsplit_once('/')?;
    match (parent, name) {
        (_, "") => None,
        ("", _) => Some("/"),
        (parent, _) => Some(parent),
    }
}
