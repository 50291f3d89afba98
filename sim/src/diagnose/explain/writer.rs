//! Goes through a run once and takes down the steps that concern what is in dispute.

use std::collections::{BTreeMap, BTreeSet};

use menagerie::check::Subjects;
use menagerie::ids::{NodeId, OpId, Span, VirtualTime, Zxid};
use menagerie::quorum::Quorums;
use serde_json::Value;

use super::disks::{Disks, Held};
use super::faults;
use super::knowledge::Knowledge;
use super::names::{Names, listed};
use super::phrase::Phrase;
use super::statement::{Kind, Rank, Statement};
use super::traffic;
use crate::scenario::fault::Fault;
use crate::trace::{Event, EventKind, RoleName, Trace};

/// The most faults that are told one by one whatever they hit.
const FAULTS_MAX: usize = 8;

/// The story under way.
pub(super) struct StoryWriter<'a> {
    pub(super) trace: &'a Trace,
    pub(super) names: &'a Names,
    pub(super) subjects: &'a Subjects,
    /// For each event whether it is in the past of what is in dispute.
    pub(super) past: &'a [bool],
    pub(super) statements: Vec<Statement>,
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
    /// Which voters make a transaction committed.
    pub(super) committing: Quorums,
    /// The messages that are told together with a promise.
    pub(super) reported: BTreeSet<u64>,
    /// The kinds of messages that are sent all the time.
    pub(super) chatter: BTreeSet<String>,
    /// Operations on paths near those in dispute.
    pub(super) related: BTreeSet<OpId>,
    /// Where each operation was sent to last.
    pub(super) servers: BTreeMap<OpId, NodeId>,
}

impl<'a> StoryWriter<'a> {
    pub fn new(
        trace: &'a Trace,
        names: &'a Names,
        subjects: &'a Subjects,
        past: &'a [bool],
    ) -> StoryWriter<'a> {
        let faults = |event: &&Event| matches!(event.what, EventKind::Fault { .. });
        let servers = trace.header.nodes.iter();
        let voters: Vec<NodeId> = servers
            .filter(|one| !one.observer)
            .map(|one| one.id)
            .collect();
        StoryWriter {
            trace,
            names,
            subjects,
            past,
            statements: Vec::new(),
            disks: Disks::new(trace.header.slots),
            knowledge: Knowledge::default(),
            sends: BTreeMap::new(),
            said: BTreeSet::new(),
            stated: traffic::stated(&trace.events),
            usual_delay: traffic::usual_delay(&trace.events),
            faults: BTreeMap::new(),
            said_of: BTreeSet::new(),
            few_faults: trace.events.iter().filter(faults).count() <= FAULTS_MAX,
            committing: Quorums::of(&voters, &trace.header.commit),
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
            EventKind::Fault { index, fault, .. } => {
                self.faults.insert(*index, fault);
                self.turn(event, format!("Fault: {}", faults::begins(fault)));
                self.said_of = faults::deaths(fault);
            }
            EventKind::Undo { index } => {
                let fault = self.faults.get(index).copied();
                let ends = fault.map(faults::ends).unwrap_or_default();
                self.turn(event, format!("The fault ends: {ends}"));
                self.said_of = fault.map(faults::deaths).unwrap_or_default();
            }
            EventKind::Heal { core } => {
                self.turn(event, format!("The faults are healed for {}", listed(core)));
            }
            EventKind::Crash { node, kind } => self.die(event, *node, *kind),
            EventKind::Boot { node } => self.boot(event, *node),
            EventKind::Refused { node, why } => {
                self.turn(event, format!("{node} refuses to boot: {why}"));
            }
            EventKind::Disk { node, ticket, .. } => self.write(event, *node, *ticket),
            EventKind::Send { id, .. } => {
                self.sends.insert(*id, event.seq);
                if inside {
                    self.acknowledge(event);
                }
            }
            EventKind::Duplicate { id, of } => {
                if let Some(seq) = self.sends.get(of).copied() {
                    self.sends.insert(*id, seq);
                }
            }
            EventKind::Lose { id, why } => self.lose(event, *id, *why),
            EventKind::Deliver { .. } => self.deliver(event, inside),
            EventKind::Standing { .. } => self.stand(event, inside),
            EventKind::Fact { node, body } => self.state(event, *node, *body, inside),
            EventKind::Apply { node, zxid, body } => self.apply(event, *node, *zxid, body),
            EventKind::Commit { node, zxid } => self.commit(event, *node, *zxid),
            EventKind::Restore { node, zxid } => self.knowledge.restore(*node, *zxid),
            EventKind::Invoke { op, .. } => self.invoke(event, *op),
            EventKind::Sent { op, server, .. } => {
                self.servers.insert(*op, *server);
            }
            EventKind::Complete { .. } => self.complete(event),
            EventKind::WatchEvent { .. } => self.watch(event),
            EventKind::Link { .. }
            | EventKind::Timer { .. }
            | EventKind::Pause { .. }
            | EventKind::Resume { .. }
            | EventKind::ClientLink { .. }
            | EventKind::ClientTimer { .. }
            | EventKind::Session { .. }
            | EventKind::Frame { .. }
            | EventKind::Action { .. }
            | EventKind::Violation { .. } => {}
        }
        self.disks.follow(&event.what);
    }

    /// The cause of the events that follow from this one by several steps: the message, if it was
    /// one.
    pub(super) fn prompted_by(&self, event: &Event) -> Option<(NodeId, String)> {
        let cause = event.cause?;
        let EventKind::Deliver {
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
    pub(super) fn step(event: &Event, rank: Rank, node: NodeId, verb: [&str; 2]) -> Statement {
        Statement {
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
        let statement = Statement {
            who: Vec::new(),
            verb: [text.clone(), text],
            ..Self::step(event, rank, NodeId(0), ["", ""])
        };
        self.statements.push(statement);
    }

    /// A server's role changes: that it lost its leader is told, the rest follows from facts.
    fn stand(&mut self, event: &Event, inside: bool) {
        let EventKind::Standing {
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
            let statement = Statement {
                kind: Kind::Election,
                ..Self::step(event, Rank::Context, *node, verb)
            };
            self.statements.push(statement);
        }
    }

    fn apply(&mut self, event: &Event, node: NodeId, zxid: Zxid, body: &Value) {
        if self.is_disputed(zxid) && self.disks.held(node, zxid) == Held::Nothing {
            let statement = Statement {
                what: vec![self.names.gist(body)],
                places: vec![zxid],
                note: "with nothing of it on disk".into(),
                ..Self::step(event, Rank::Context, node, ["applies", "apply"])
            };
            self.statements.push(statement);
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
        let statement = Statement {
            places: vec![zxid],
            note: note.unwrap_or_default(),
            ..Self::step(event, rank, node, ["commits", "commit"])
        };
        self.statements.push(statement);
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
