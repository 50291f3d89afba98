//! Messages as steps of a story: those that are lost, late, or say something about what is in
//! dispute that no fact of the same moment tells already.

use menagerie::ids::{NodeId, Span, Zxid};
use serde_json::Value;

use super::disks::Held;
use super::phrase::Phrase;
use super::statement::{Rank, Statement};
use super::writer::StoryWriter;
use crate::trace::body::digests;
use crate::trace::{Event, EventKind, Way, Why};

/// A message that takes this many times the usual is late.
const LATE: u64 = 4;

impl StoryWriter<'_> {
    /// What a message says about what is in dispute; `None` if it says nothing new about it.
    fn message(&mut self, sent: u64) -> Option<(Statement, bool)> {
        let event = &self.trace.events[sent as usize];
        let EventKind::Send {
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
        // Of the election's channel only the outcome matters, and nobody loses what it tells
        // itself.
        if matches!(via, Way::Latest | Way::Own) {
            return None;
        }
        if self.reported.contains(&sent) {
            return None;
        }
        let mentions = self.names.mentions(body);
        let about_position = mentions.zxids.iter().any(|zxid| self.is_disputed(*zxid));
        let mut epochs = mentions.epochs.intersection(&self.subjects.epochs);
        if !about_position && (mentions.zxids.is_empty() || epochs.next().is_none()) {
            return None;
        }
        let gist = self.names.gist(body);
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
        let statement = Statement {
            what: vec![Phrase::from(format!("{kind} (")).and(gist).and(")")],
            whom: vec![*to],
            ..Self::step(event, rank, *from, ["sends", "send"])
        };
        Some((statement, told))
    }

    /// A rare message of a server that has been told of what is in dispute, and has none of it on
    /// disk: whoever hears it may think otherwise.
    pub(super) fn acknowledge(&mut self, event: &Event) {
        let EventKind::Send {
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
        let mentions = self.names.mentions(body);
        let is_about_epochs = mentions.zxids.is_empty() && !mentions.epochs.is_empty();
        if !is_about_epochs || self.chatter.contains(kind) {
            return;
        }
        let missing = self.missing(*from);
        if missing.is_empty() {
            return;
        }
        let gist = self.names.gist(body);
        let message = Phrase::from(format!("{kind} (")).and(gist).and(")");
        let statement = Statement {
            what: vec![message],
            whom: vec![*to],
            note: format!("with nothing of {} on disk", self.names.places(&missing)).into(),
            ..Self::step(event, Rank::Essential, *from, ["sends", "send"])
        };
        self.statements.push(statement);
    }

    /// The disputed positions that a server has been told of, and has nothing of on disk.
    pub(super) fn missing(&self, node: NodeId) -> Vec<Zxid> {
        let disputed = self.subjects.zxids.iter().copied();
        disputed
            .filter(|zxid| self.knowledge.has_met(node, *zxid))
            .filter(|zxid| self.disks.held(node, *zxid) == Held::Nothing)
            .collect()
    }

    /// A message is lost.
    pub(super) fn lose(&mut self, event: &Event, id: u64, why: Why) {
        let Some(sent) = self.sends.get(&id).copied() else {
            return;
        };
        if !self.past[sent as usize] || why == Why::Replaced {
            return;
        }
        let Some((statement, _)) = self.message(sent) else {
            return;
        };
        let why = match why {
            Why::Cut => "the network is cut",
            Why::Loss => "the network drops it",
            Why::Down => "its receiver is down",
            Why::Broken | Why::Replaced => "its connection breaks",
            Why::Closed => "its connection is closed",
        };
        // It is told where it leaves: that is what its sender did.
        let late = event.at.since(statement.at) > self.usual_delay.times(LATE);
        let when = if late && self.usual_delay > Span::ZERO {
            format!(" at {}", event.at)
        } else {
            String::new()
        };
        let statement = Statement {
            note: format!("which never arrives: {why}{when}").into(),
            events: vec![sent, event.seq],
            ..statement
        };
        self.statements.push(statement);
    }

    /// A message arrives. It is told unless a fact of the moment in which it left tells as much; if
    /// it is late, it is told in any case.
    pub(super) fn deliver(&mut self, event: &Event, inside: bool) {
        let EventKind::Deliver {
            id,
            node,
            from,
            kind,
        } = &event.what
        else {
            return;
        };
        self.knowledge.hear(*node, *from, kind, event.at);
        let Some(sent) = self.sends.get(id).copied() else {
            return;
        };
        if !inside || node == from {
            return;
        }
        let delay = event.at.since(self.trace.events[sent as usize].at);
        if let EventKind::Send { to, body, .. } = &self.trace.events[sent as usize].what {
            self.meet(*to, body);
        }
        let late = delay > self.usual_delay.times(LATE);
        let Some((statement, told)) = self.message(sent) else {
            return;
        };
        if told && !late {
            return;
        }
        let note = if late {
            format!("which arrives only at {}", event.at).into()
        } else {
            Phrase::default()
        };
        let statement = Statement {
            note,
            events: vec![sent, event.seq],
            ..statement
        };
        self.statements.push(statement);
    }

    /// A server is told of values; one that is only named by its position is not known by that.
    fn meet(&mut self, node: NodeId, body: &Value) {
        let values = digests(body);
        for zxid in self.names.mentions(body).zxids {
            if !self.is_disputed(zxid) {
                continue;
            }
            for value in &values {
                self.knowledge.meet(node, zxid, *value);
            }
        }
    }
}
