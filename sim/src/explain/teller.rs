//! Goes through a run once and takes down the steps that concern what is in dispute.

use std::collections::{BTreeMap, BTreeSet};

use menagerie::ids::{NodeId, OpId, Span, VirtualTime, Zxid};
use menagerie::protocol::Fact;

use super::deed::{Deed, Kind, Rank};
use super::disks::{Disks, Held};
use super::form::Form;
use super::knowledge::Knowledge;
use super::names::{Names, listed};
use super::subjects::Subjects;
use crate::trace::{Death, Event, Phase, RoleName, Trace, Way, What, Why};

/// A message that takes this many times the usual is late.
const LATE: u64 = 4;
/// A kind of message of which more than this many are sent is chatter.
const RARE_MAX: usize = 24;
/// The most faults that are told one by one whatever they hit.
const FAULTS_MAX: usize = 8;

/// The story under way.
pub(super) struct Teller<'a> {
    pub(super) trace: &'a Trace,
    pub(super) names: &'a Names,
    pub(super) subjects: &'a Subjects,
    /// For each event whether it is in the past of what is in dispute.
    past: &'a [bool],
    pub(super) deeds: Vec<Deed>,
    pub(super) disks: Disks,
    pub(super) knowledge: Knowledge,
    /// The event in which each message left.
    sends: BTreeMap<u64, u64>,
    /// What has been said in messages already: who, kind, and content.
    said: BTreeSet<(NodeId, NodeId, String, String)>,
    /// What facts tell of, so that the messages of the same moment need not.
    stated: BTreeSet<(NodeId, VirtualTime, Zxid)>,
    usual_delay: Span,
    faults: BTreeMap<usize, String>,
    few_faults: bool,
    pub(super) voters: usize,
    /// The messages that are told together with a promise.
    pub(super) reported: BTreeSet<u64>,
    /// The kinds of messages that are sent all the time.
    chatter: BTreeSet<String>,
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
            stated: stated(&trace.events),
            usual_delay: usual_delay(&trace.events),
            faults: BTreeMap::new(),
            few_faults: trace.events.iter().filter(faults).count() <= FAULTS_MAX,
            voters: trace
                .header
                .nodes
                .iter()
                .filter(|one| !one.observer)
                .count(),
            reported: BTreeSet::new(),
            chatter: chatter(&trace.events),
            related: related(names, subjects),
            servers: BTreeMap::new(),
        }
    }

    /// Takes an event.
    pub fn follow(&mut self, event: &Event) {
        let inside = self.past[event.seq as usize];
        match &event.what {
            What::Fault { index, text, .. } => {
                self.faults.insert(*index, text.clone());
                self.turn(event, format!("Fault: {text}"));
            }
            What::Undo { index } => {
                let text = self.faults.get(index).cloned().unwrap_or_default();
                self.turn(event, format!("The fault ends: {text}"));
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
            What::Deliver {
                id,
                node,
                from,
                kind,
            } => {
                if inside && node != from {
                    self.deliver(event, *id);
                }
                self.knowledge.hear(*node, *from, kind, event.at);
            }
            What::Standing {
                node, role, epoch, ..
            } => {
                let before = self.knowledge.stand(*node, *role, *epoch);
                if inside && *role == RoleName::Looking && before != RoleName::Looking {
                    let verb = ["has no leader any more", "have no leader any more"];
                    self.elect(event, *node, verb, String::new());
                }
            }
            What::Fact { node, body } => {
                if let Ok(fact) = serde_json::from_value::<Fact>(body.clone()) {
                    self.state(event, *node, fact, inside);
                }
            }
            What::Apply { node, zxid, body } => self.apply(event, *node, *zxid, &Form::of(body)),
            What::Commit { node, zxid } => self.commit(event, *node, *zxid),
            What::Restore { node, zxid } => self.knowledge.restore(*node, *zxid),
            What::Invoke { op, .. } => self.invoke(event, *op),
            What::Sent { op, server, .. } => {
                self.servers.insert(*op, *server);
            }
            What::Complete { .. } => self.complete(event),
            What::WatchEvent {
                client,
                kind,
                path,
                zxid,
                ..
            } => {
                if self.subjects.paths.contains(path) {
                    let text = format!("{client} is told by a watch: {kind} {path} at {zxid}");
                    self.say(event, Rank::Essential, text);
                }
            }
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
        match &self.trace.events[cause as usize].what {
            What::Deliver {
                node, from, kind, ..
            } if node != from => Some((*from, kind.clone())),
            _other => None,
        }
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
            verb: verb.map(str::to_owned),
            what: Vec::new(),
            places: Vec::new(),
            whom: Vec::new(),
            tail: String::new(),
            note: String::new(),
        }
    }

    /// A sentence that stands as it is.
    pub(super) fn say(&mut self, event: &Event, rank: Rank, text: String) {
        let deed = Deed {
            who: Vec::new(),
            verb: [text.clone(), text],
            ..Self::step(event, rank, NodeId(0), ["", ""])
        };
        self.deeds.push(deed);
    }

    fn turn(&mut self, event: &Event, text: String) {
        let rank = if self.few_faults {
            Rank::Essential
        } else {
            Rank::Context
        };
        self.say(event, rank, text);
        let deed = self.deeds.last_mut().expect("it was just said");
        deed.kind = Kind::Turn;
    }

    pub(super) fn elect(&mut self, event: &Event, node: NodeId, verb: [&str; 2], tail: String) {
        let deed = Deed {
            kind: Kind::Election,
            tail,
            ..Self::step(event, Rank::Context, node, verb)
        };
        self.deeds.push(deed);
    }

    /// The disputed positions that a server's disk holds, in words.
    fn on_disk(&self, node: NodeId) -> String {
        let disputed = self.subjects.zxids.iter();
        let held: Vec<Zxid> = disputed
            .filter(|zxid| self.disks.held(node, **zxid) == Held::Durable)
            .copied()
            .collect();
        let missing = self.missing(node);
        let told = |places: &[Zxid], is: &str| match places {
            [] => String::new(),
            [_] => format!("; {} is{is} on its disk", self.names.places(places)),
            _several => format!("; {} are{is} on its disk", self.names.places(places)),
        };
        told(&held, "") + &told(&missing, " not")
    }

    fn die(&mut self, event: &Event, node: NodeId, kind: Death) {
        let how = match kind {
            Death::Process => "'s process dies",
            Death::Power => " loses its power",
        };
        let text = format!("{node}{how}{}", self.on_disk(node));
        self.join_turn(event, text);
    }

    fn boot(&mut self, event: &Event, node: NodeId) {
        self.knowledge.boot(node);
        if event.at == VirtualTime(0) {
            return; // Everybody's first boot.
        }
        let text = format!("{node} boots again{}", self.on_disk(node));
        self.join_turn(event, text);
    }

    /// What a fault does belongs into the fault's sentence.
    fn join_turn(&mut self, event: &Event, text: String) {
        let fault = self.deeds.last_mut();
        let fault = fault.filter(|deed| deed.kind == Kind::Turn && deed.at == event.at);
        match fault {
            Some(deed) => {
                let joined = format!("{}; {text}", deed.verb[0]);
                deed.verb = [joined.clone(), joined];
                deed.events.push(event.seq);
            }
            None => self.turn(event, text),
        }
    }

    /// A disk operation that takes something in dispute away.
    fn write(&mut self, event: &Event, node: NodeId, ticket: u64) {
        let What::Disk { op, phase, .. } = &event.what else {
            return;
        };
        let (gone, verb) = match (phase, op.as_str()) {
            (Phase::Read, _) => {
                let on_disk = self.on_disk(node);
                if !on_disk.is_empty() {
                    let text = format!("{node} starts over from its disk{on_disk}");
                    self.say(event, Rank::Subject, text);
                }
                return;
            }
            (Phase::Written, "cut_after") => (
                self.disks.cut_by(node, ticket),
                ["cuts off its log", "cut off their logs"],
            ),
            (Phase::Lost, "append") => (
                self.disks.zxids_of(node, ticket),
                ["loses from its disk", "lose from their disks"],
            ),
            (Phase::Failed, _) if self.subjects.nodes.contains(&node) => {
                self.say(event, Rank::Leadership, format!("a sync of {node} fails"));
                return;
            }
            (Phase::Queued | Phase::Written | Phase::Durable | Phase::Failed | Phase::Lost, _) => {
                return;
            }
        };
        let places: Vec<Zxid> = gone
            .into_iter()
            .filter(|one| self.is_disputed(*one))
            .collect();
        if !places.is_empty() {
            let deed = Deed {
                places,
                ..Self::step(event, Rank::Subject, node, verb)
            };
            self.deeds.push(deed);
        }
    }

    /// What a message says about what is in dispute; `None` if it says nothing new about it.
    fn message(&mut self, sent: u64) -> Option<(Deed, bool)> {
        let event = &self.trace.events[sent as usize];
        let What::Send {
            from,
            to,
            via,
            kind,
            body,
            ..
        } = &event.what
        else {
            return None;
        };
        // Of the election's channel only the outcome matters, and nobody loses what it tells itself.
        if matches!(via, Way::Latest | Way::Own) {
            return None;
        }
        if self.reported.contains(&sent) {
            return None;
        }
        let form = Form::of(body);
        let mentions = form.mentions();
        let about_position = mentions.zxids.iter().any(|zxid| self.is_disputed(*zxid));
        let mut epochs = mentions.epochs.intersection(&self.subjects.epochs);
        if !about_position && (mentions.zxids.is_empty() || epochs.next().is_none()) {
            return None;
        }
        let gist = self.names.gist(&form);
        if !self.said.insert((*from, *to, kind.clone(), gist.clone())) {
            return None;
        }
        let told = mentions
            .zxids
            .iter()
            .any(|zxid| self.stated.contains(&(*from, event.at, *zxid)));
        let rank = if about_position {
            Rank::Subject
        } else {
            Rank::Context
        };
        let deed = Deed {
            what: vec![format!("{kind} ({gist})")],
            whom: vec![*to],
            ..Self::step(event, rank, *from, ["sends", "send"])
        };
        Some((deed, told))
    }

    /// A rare message of a server that has been told of what is in dispute, and has none of it on
    /// disk: whoever hears it may think otherwise.
    fn acknowledge(&mut self, event: &Event) {
        let What::Send {
            from,
            to,
            via: Way::Stream,
            kind,
            body,
            ..
        } = &event.what
        else {
            return;
        };
        let form = Form::of(body);
        let mentions = form.mentions();
        let is_about_epochs = mentions.zxids.is_empty() && !mentions.epochs.is_empty();
        if !is_about_epochs || self.chatter.contains(kind) {
            return;
        }
        let missing = self.missing(*from);
        if missing.is_empty() {
            return;
        }
        let deed = Deed {
            what: vec![format!("{kind} ({})", self.names.gist(&form))],
            whom: vec![*to],
            note: format!("with nothing of {} on disk", self.names.places(&missing)),
            ..Self::step(event, Rank::Essential, *from, ["sends", "send"])
        };
        self.deeds.push(deed);
    }

    /// The disputed positions that a server has been told of, and has nothing of on disk.
    fn missing(&self, node: NodeId) -> Vec<Zxid> {
        let disputed = self.subjects.zxids.iter().copied();
        disputed
            .filter(|zxid| self.knowledge.has_met(node, *zxid))
            .filter(|zxid| self.disks.held(node, *zxid) == Held::Nothing)
            .collect()
    }

    fn lose(&mut self, event: &Event, id: u64, why: Why) {
        let Some(sent) = self.sends.get(&id).copied() else {
            return;
        };
        if !self.past[sent as usize] || why == Why::Replaced {
            return;
        }
        let Some((deed, _)) = self.message(sent) else {
            return;
        };
        let why = match why {
            Why::Cut => "the network is cut",
            Why::Loss => "the network drops it",
            Why::Down => "its receiver is down",
            Why::Broken | Why::Replaced => "its connection breaks",
            Why::Closed => "its connection is closed",
        };
        let deed = Deed {
            at: event.at,
            until: event.at,
            note: format!("which never arrives: {why}"),
            events: vec![sent, event.seq],
            ..deed
        };
        self.deeds.push(deed);
    }

    fn deliver(&mut self, event: &Event, id: u64) {
        let Some(sent) = self.sends.get(&id).copied() else {
            return;
        };
        let delay = event.at.since(self.trace.events[sent as usize].at);
        if let What::Send { to, body, .. } = &self.trace.events[sent as usize].what {
            for zxid in Form::of(body).mentions().zxids {
                if self.is_disputed(zxid) {
                    self.knowledge.meet(*to, zxid);
                }
            }
        }
        let late = delay > self.usual_delay.times(LATE);
        // A message of the same moment and content as a fact is told as that fact, unless it is
        // late.
        let Some((deed, told)) = self.message(sent) else {
            return;
        };
        if told && !late {
            return;
        }
        let note = if late {
            format!("which arrives only at {}", event.at)
        } else {
            String::new()
        };
        let deed = Deed {
            note,
            events: vec![sent, event.seq],
            ..deed
        };
        self.deeds.push(deed);
    }

    fn apply(&mut self, event: &Event, node: NodeId, zxid: Zxid, content: &Form) {
        if self.is_disputed(zxid) && self.disks.held(node, zxid) == Held::Nothing {
            let deed = Deed {
                what: vec![self.names.content(content)],
                places: vec![zxid],
                note: "with nothing of it on disk".to_owned(),
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
            format!(
                "right after {}, where {nodes} went on with {}",
                fork.before, fork.next
            )
        });
        let deed = Deed {
            places: vec![zxid],
            note: note.unwrap_or_default(),
            ..Self::step(event, rank, node, ["commits", "commit"])
        };
        self.deeds.push(deed);
    }
}

/// The kinds of messages that are sent all the time: heartbeats and the like.
fn chatter(events: &[Event]) -> BTreeSet<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        if let What::Send { kind, .. } = &event.what {
            *counts.entry(kind).or_default() += 1;
        }
    }
    let often = counts.into_iter().filter(|(_, count)| *count > RARE_MAX);
    often.map(|(kind, _)| kind.to_owned()).collect()
}

/// The positions that facts tell of, with their moments.
fn stated(events: &[Event]) -> BTreeSet<(NodeId, VirtualTime, Zxid)> {
    let of = |event: &Event| {
        let What::Fact { node, body } = &event.what else {
            return None;
        };
        match serde_json::from_value::<Fact>(body.clone()).ok()? {
            Fact::Proposed { zxid, .. } | Fact::Voted { zxid, .. } | Fact::Chosen { zxid, .. } => {
                Some((*node, event.at, zxid))
            }
            Fact::Established { .. } | Fact::Promised { .. } => None,
        }
    };
    events.iter().filter_map(of).collect()
}

/// How long half of the messages take at most.
fn usual_delay(events: &[Event]) -> Span {
    let delay = |event: &Event| match &event.what {
        What::Deliver { node, from, .. } if node != from => {
            let sent = &events[event.cause? as usize];
            Some(event.at.since(sent.at))
        }
        _other => None,
    };
    let mut delays: Vec<Span> = events.iter().filter_map(delay).collect();
    delays.sort();
    delays.get(delays.len() / 2).copied().unwrap_or(Span::ZERO)
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
