//! Faults, deaths, boots, and what disks keep and lose, as steps of a story.

use menagerie::ids::{NodeId, VirtualTime, Zxid};

use super::disks::Held;
use super::statement::{Kind, Rank, Statement};
use super::writer::StoryWriter;
use crate::trace::{Event, EventKind, Op, Phase};
use crate::world::CrashKind;

impl StoryWriter<'_> {
    pub(super) fn turn(&mut self, event: &Event, text: String) {
        let rank = if self.few_faults {
            Rank::Essential
        } else {
            Rank::Context
        };
        self.say(event, rank, text);
        let statement = self.statements.last_mut().expect("it was just said");
        statement.kind = Kind::Turn;
        self.said_of.clear();
    }

    /// The disputed positions that a server's disk holds, in words. `its`: whose disk it is, in
    /// words.
    fn on_disk(&self, node: NodeId, its: &str) -> String {
        let disputed = self.subjects.zxids.iter();
        let held: Vec<Zxid> = disputed
            .filter(|zxid| self.disks.held(node, **zxid) == Held::Durable)
            .copied()
            .collect();
        let missing = self.missing(node);
        let told = |places: &[Zxid], is: &str| match places {
            [] => String::new(),
            [_] => format!("; {} is{is} on {its} disk", self.names.places(places)),
            _several => format!("; {} are{is} on {its} disk", self.names.places(places)),
        };
        told(&held, "") + &told(&missing, " not")
    }

    pub(super) fn die(&mut self, event: &Event, node: NodeId, kind: CrashKind) {
        let how = match kind {
            CrashKind::Process => "'s process dies",
            CrashKind::Power => " loses its power",
        };
        self.join_turn(event, node, &format!("{node}{how}"));
    }

    pub(super) fn boot(&mut self, event: &Event, node: NodeId) {
        self.knowledge.boot(node);
        if event.at == VirtualTime(0) {
            return; // Everybody's first boot.
        }
        self.join_turn(event, node, &format!("{node} boots again"));
    }

    /// What a fault does belongs into the fault's sentence, which may say it already.
    fn join_turn(&mut self, event: &Event, node: NodeId, text: &str) {
        let is_said = self.said_of.contains(&node);
        let on_disk = if is_said && self.said_of.len() > 1 {
            self.on_disk(node, &format!("{node}'s"))
        } else {
            self.on_disk(node, "its")
        };
        let fault = self.statements.last_mut();
        let fault =
            fault.filter(|statement| statement.kind == Kind::Turn && statement.at == event.at);
        match fault {
            Some(statement) => {
                let said = statement.verb[0].clone();
                let joined = match is_said {
                    true => said.and(on_disk),
                    false => said.and(format!("; {text}{on_disk}")),
                };
                statement.verb = [joined.clone(), joined];
                statement.events.push(event.seq);
            }
            None => self.turn(event, format!("{text}{on_disk}")),
        }
    }

    /// A disk operation that takes something in dispute away.
    pub(super) fn write(&mut self, event: &Event, node: NodeId, ticket: u64) {
        let EventKind::Disk { op, phase, .. } = &event.what else {
            return;
        };
        let (gone, verb) = match (phase, op) {
            (Phase::Read, _) => {
                let on_disk = self.on_disk(node, "its");
                if !on_disk.is_empty() {
                    let text = format!("{node} starts over from its disk{on_disk}");
                    self.say(event, Rank::Subject, text);
                }
                return;
            }
            (Phase::Written, Op::CutAfter) => (
                self.disks.cut_by(node, ticket),
                ["cuts off its log", "cut off their logs"],
            ),
            (Phase::Lost, Op::Append) => (
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
            let statement = Statement {
                places,
                ..Self::step(event, Rank::Subject, node, verb)
            };
            self.statements.push(statement);
        }
    }
}
