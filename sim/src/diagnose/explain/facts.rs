//! Facts, operations and answers as steps of a story, each with what it contradicts.

use menagerie::ids::{NodeId, OpId, Zxid};
use menagerie::protocol::Fact;
use serde_json::Value;

use super::answers;
use super::disks::Held;
use super::knowledge::Vote;
use super::names::listed;
use super::phrase::Phrase;
use super::statement::{Kind, Rank, Statement};
use super::writer::StoryWriter;
use crate::trace::{Ended, Event, EventKind, RoleName};

impl<'a> StoryWriter<'a> {
    /// A server states a fact.
    pub(super) fn state(&mut self, event: &Event, node: NodeId, fact: Fact, inside: bool) {
        match fact {
            Fact::Proposed { epoch, zxid, value } => {
                self.propose(event, node, epoch, (zxid, value));
            }
            Fact::Established { epoch, through } => {
                self.establish(event, node, epoch, through);
            }
            Fact::Promised { epoch } => self.promise(event, node, epoch, inside),
            Fact::Voted { epoch, zxid, value } => {
                self.vote(event, node, epoch, (zxid, value));
            }
            Fact::Chosen { zxid, value } => self.choose(event, node, zxid, value),
            // The message tells of it.
            Fact::Reporting { .. } | Fact::Reported { .. } => {}
        }
    }

    fn propose(&mut self, event: &Event, node: NodeId, epoch: u64, at: (Zxid, u64)) {
        let (zxid, value) = at;
        if !self.is_disputed(zxid) {
            return;
        }
        let note = self
            .against_choices(zxid, value)
            .or_else(|| self.against_votes(zxid, value))
            .map(|(note, other)| {
                if self.knowledge.has_met_value(node, zxid, other) {
                    note.and(format!(", as {node} had been told"))
                } else {
                    note
                }
            })
            .or_else(|| {
                let (later, leader) = self.knowledge.later_leader(epoch)?;
                let later = self.names.epoch(later);
                Some(format!("although {leader} leads {later} by now").into())
            });
        let rank = rank_of(note.as_ref());
        let statement = Statement {
            what: vec![self.names.value(value)],
            places: vec![zxid],
            tail: format!("in {}", self.names.epoch(epoch)).into(),
            note: note.unwrap_or_default(),
            ..Self::step(event, rank, node, ["proposes", "propose"])
        };
        self.statements.push(statement);
    }

    fn vote(&mut self, event: &Event, node: NodeId, epoch: u64, at: (Zxid, u64)) {
        let (zxid, value) = at;
        let floor = self.knowledge.promise(node, epoch, event.at);
        let note = floor.map(|(floor, since)| {
            let floor = self.names.epoch(floor);
            format!("although it had promised {floor} at {since}").into()
        });
        if self.is_disputed(zxid) {
            let statement = Statement {
                what: vec![self.names.value(value)],
                places: vec![zxid],
                tail: format!("in {}, with it on disk", self.names.epoch(epoch)).into(),
                note: note.clone().unwrap_or_default(),
                ..Self::step(
                    event,
                    rank_of(note.as_ref()),
                    node,
                    ["votes for", "vote for"],
                )
            };
            self.statements.push(statement);
        }
        self.knowledge.vote(zxid, Vote { node, epoch, value });
    }

    fn choose(&mut self, event: &Event, node: NodeId, zxid: Zxid, value: u64) {
        if self.is_disputed(zxid) && !self.knowledge.has_chosen_value(node, zxid, value) {
            let holders = self.disks.holders(zxid);
            let note = self
                .against_choices(zxid, value)
                .map(|(note, _)| note)
                .or_else(|| self.too_few(&holders));
            let statement = Statement {
                what: vec![self.names.value(value).and(" to be committed")],
                places: vec![zxid],
                note: note.clone().unwrap_or_default(),
                ..Self::step(event, rank_of(note.as_ref()), node, ["takes", "take"])
            };
            self.statements.push(statement);
        }
        self.knowledge.choose(node, zxid, value);
    }

    /// Says so if fewer than a quorum hold something on disk.
    fn too_few(&self, holders: &[NodeId]) -> Option<Phrase> {
        if self.committing.contain(holders.iter().copied().collect()) {
            return None;
        }
        Some(match holders {
            [] => "although nobody has it on disk".into(),
            [one] => format!("although only {one} has it on disk").into(),
            several => format!("although only {} have it on disk", listed(several)).into(),
        })
    }

    /// Who took another value to be committed, in words, and that value.
    fn against_choices(&self, zxid: Zxid, value: u64) -> Option<(Phrase, u64)> {
        let (mut nodes, other) = self.knowledge.other_choice(zxid, value)?;
        nodes.sort();
        let took = listed(&nodes);
        let name = self.names.value(other);
        let note = Phrase::from(format!("although {took} had taken "));
        let note = note.and(name).and(" to be committed there");
        Some((note, other))
    }

    /// Who voted for another value, in words, and that value.
    fn against_votes(&self, zxid: Zxid, value: u64) -> Option<(Phrase, u64)> {
        let votes = self.knowledge.other_votes(zxid, value);
        let last = votes.iter().max_by_key(|vote| vote.epoch)?;
        let alike = votes
            .iter()
            .filter(|vote| (vote.epoch, vote.value) == (last.epoch, last.value));
        let nodes: Vec<NodeId> = alike.map(|vote| vote.node).collect();
        let other = self.names.value(last.value);
        let epoch = self.names.epoch(last.epoch);
        let who = listed(&nodes);
        let note = Phrase::from(format!("although {who} voted for "));
        let note = note.and(other).and(format!(" there in {epoch}"));
        Some((note, last.value))
    }

    fn establish(&mut self, event: &Event, node: NodeId, epoch: u64, through: Zxid) {
        self.knowledge.lead(node, epoch);
        let on = self.prompted_by(event);
        let on = on.map_or_else(String::new, |(from, kind)| format!(" (on {from}'s {kind})"));
        let missing: Vec<Phrase> = self
            .subjects
            .zxids
            .iter()
            .filter(|zxid| **zxid <= through)
            .filter_map(|zxid| {
                let note = self.too_few(&self.disks.holders(*zxid))?;
                Some(note.and(format!(" ({})", self.names.places(&[*zxid]))))
            })
            .collect();
        let disputed = self.subjects.epochs.contains(&epoch) || !missing.is_empty();
        let rank = if disputed {
            Rank::Essential
        } else {
            Rank::Leadership
        };
        let statement = Statement {
            kind: Kind::Leads,
            tail: format!(
                "{} with {}{on}",
                self.names.epoch(epoch),
                if through == Zxid::ZERO {
                    "an empty history".to_owned()
                } else {
                    format!("a history through {through}")
                }
            )
            .into(),
            note: Phrase::joined(&missing, ", "),
            ..Self::step(event, rank, node, ["leads", "lead"])
        };
        self.statements.push(statement);
    }

    fn promise(&mut self, event: &Event, node: NodeId, epoch: u64, inside: bool) {
        let floor = self.knowledge.promise(node, epoch, event.at);
        if !inside && floor.is_none() {
            return;
        }
        let report = self.report(event, node).map(|(sent, told)| {
            self.reported.insert(sent);
            told
        });
        let against = floor.map(|(floor, since)| {
            let floor = self.names.epoch(floor);
            format!("although it had promised {floor} at {since}").into()
        });
        let rank = match (&against, &report) {
            (Some(_), _) => Rank::Essential,
            (None, Some((_, _, true))) => Rank::Subject,
            (None, _) if self.subjects.epochs.contains(&epoch) => Rank::Leadership,
            (None, _) => Rank::Context,
        };
        let (whom, said) =
            report.map_or((Vec::new(), None), |(to, gist, _)| (vec![to], Some(gist)));
        let notes: Vec<Phrase> = against.into_iter().chain(said).collect();
        let statement = Statement {
            kind: Kind::Election,
            whom,
            what: vec![self.names.epoch(epoch).into()],
            note: Phrase::joined(&notes, ", "),
            ..Self::step(event, rank, node, ["promises", "promise"])
        };
        self.statements.push(statement);
    }

    /// What a server reports with a promise, to whom, and whether it is about what is in dispute:
    /// the message that leaves at the same moment.
    fn report(&self, event: &Event, node: NodeId) -> Option<(u64, (NodeId, Phrase, bool))> {
        let near = self.trace.events[event.seq as usize..].iter().take(8);
        let mut near = near.take_while(|other| other.at == event.at);
        let before = self.trace.events[..event.seq as usize].iter().rev().take(8);
        let mut before = before.take_while(|other| other.at == event.at);
        let leaves = |other: &'a Event| -> Option<(u64, NodeId, &'a Value)> {
            let EventKind::Send { from, to, body, .. } = &other.what else {
                return None;
            };
            let is_report = *from == node && *to != node;
            is_report.then_some((other.seq, *to, body))
        };
        let (sent, to, body) = near.find_map(leaves).or_else(|| before.find_map(leaves))?;
        let mentions = self.names.mentions(body);
        let disputed = mentions.zxids.iter().any(|zxid| self.is_disputed(*zxid));
        if mentions.zxids.is_empty() && body.get("votes").is_none() {
            return None;
        }
        let gist = self.names.gist(body);
        let strange: Vec<Zxid> = mentions
            .zxids
            .into_iter()
            .filter(|zxid| self.is_disputed(*zxid))
            .filter(|zxid| self.disks.held(to, *zxid) == Held::Nothing)
            .collect();
        let strange = if strange.is_empty() {
            String::new()
        } else {
            format!(" ({to} has nothing of {})", self.names.places(&strange))
        };
        let report = Phrase::from("reporting ").and(gist).and(strange);
        Some((sent, (to, report, disputed)))
    }

    /// A client asks.
    pub(super) fn invoke(&mut self, event: &Event, op: OpId) {
        if self.subjects.ops.contains(&op)
            && let Some(known) = self.names.ops.get(&op)
        {
            let synced = if known.synced {
                ", right behind a sync"
            } else {
                ""
            };
            let asks = Phrase::from(format!("{} asks for ", known.client));
            self.say(event, Rank::Essential, asks.and(Phrase::op(op)).and(synced));
        }
    }

    /// A client is answered.
    pub(super) fn complete(&mut self, event: &Event) {
        let EventKind::Complete {
            client,
            op,
            outcome,
            zxid,
            answer,
            ..
        } = &event.what
        else {
            return;
        };
        let place = zxid.filter(|_| matches!(outcome, Ended::Ok | Ended::Error));
        let disputed = self.subjects.ops.contains(op);
        let writes_there = place.is_some_and(|zxid| self.is_disputed(zxid))
            && self.names.ops.get(op).is_some_and(|op| op.writes);
        let rank = match (disputed || writes_there, self.related.contains(op)) {
            (true, _) => Rank::Essential,
            (false, true) => Rank::Context,
            (false, false) => return,
        };
        let server = self.servers.get(op).copied();
        let by = server.map_or_else(String::new, |node| self.answerer(node));
        let at = place.map_or_else(String::new, |zxid| {
            format!(" (at {})", self.names.places(&[zxid]))
        });
        let (before, after) = match outcome {
            Ended::Ok | Ended::Error => {
                let answer = answers::told(*outcome, answer);
                (format!("is answered{by}: "), format!(": {answer}{at}"))
            }
            Ended::Refused => ("learns that ".to_owned(), " was not executed".to_owned()),
            Ended::Unknown => ("does not learn what became of ".to_owned(), String::new()),
        };
        let text = Phrase::from(format!("{client} {before}"));
        let mut text = text.and(Phrase::op(*op)).and(after);
        if disputed && let (Some(zxid), Some(node)) = (place, server) {
            text = text.and(self.staleness(event, *op, zxid, node));
        }
        self.say(event, rank, text);
    }

    /// A client's watch fires.
    pub(super) fn watch(&mut self, event: &Event) {
        if let EventKind::WatchEvent {
            client,
            kind,
            path,
            zxid,
            ..
        } = &event.what
            && self.subjects.paths.contains(path)
        {
            let text = format!("{client} is told by a watch: {kind:?} {path} at {zxid}");
            // Where operations are in dispute, their paths are only the surroundings.
            let rank = if self.subjects.ops.is_empty() {
                Rank::Essential
            } else {
                Rank::Context
            };
            self.say(event, rank, text);
        }
    }

    fn answerer(&self, node: NodeId) -> String {
        match self.knowledge.standing(node) {
            Some((RoleName::Leading, epoch)) => {
                format!(" by {node}, which leads {}", self.names.epoch(epoch))
            }
            Some((RoleName::Following | RoleName::Observing | RoleName::Looking, _)) | None => {
                format!(" by {node}")
            }
        }
    }

    /// Of a read that must not be stale: what had been committed elsewhere, and since when its
    /// server had not heard from anybody.
    fn staleness(&self, event: &Event, op: OpId, zxid: Zxid, node: NodeId) -> String {
        let EventKind::Complete { invoked, .. } = &event.what else {
            return String::new();
        };
        let is_synced = self.names.ops.get(&op).is_some_and(|op| op.synced);
        let committed = self.knowledge.committed();
        let Some((last, nodes)) = committed.filter(|(last, _)| is_synced && *last > zxid) else {
            return String::new();
        };
        let stood = format!(", although {} stood at {last} by then", listed(&nodes));
        match self.knowledge.heard(node) {
            Some((at, from, kind)) if at < invoked => {
                format!("{stood}; {node} had heard nothing since {from}'s {kind} at {at}")
            }
            Some(_) | None => stood,
        }
    }
}

fn rank_of(note: Option<&Phrase>) -> Rank {
    match note {
        Some(_) => Rank::Essential,
        None => Rank::Subject,
    }
}
