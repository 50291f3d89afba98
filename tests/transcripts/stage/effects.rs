//! What a step of a server asks for, carried out.

use menagerie::ids::{LinkId, NodeId, Zxid};
use menagerie::protocol::{
    BarrierOutcome, DiskResult, Effect, Fact, Gate, Input, LinkEvent, Standing, Via,
};

use super::texts::{operation, own, standing};
use super::{Packet, Shown, Stage, is_latest_wins, letter, snapshot};

impl<P: Shown> Stage<P> {
    pub(super) fn step(&mut self, node: NodeId, input: Input<P>) {
        let now = self.now;
        let machine = self.machine(node);
        if let Some(server) = &mut machine.server {
            server.step(now, input, &mut machine.out);
            self.perform(node);
            self.work_off(node);
        }
    }

    pub(super) fn work_off(&mut self, node: NodeId) {
        let now = self.now;
        while let Some(input) = self.machine(node).inbox.pop_front() {
            if let Some(line) = own::<P>(node, &input) {
                self.say(&line);
            }
            let machine = self.machine(node);
            let Some(server) = &mut machine.server else {
                return;
            };
            server.step(now, input, &mut machine.out);
            self.perform(node);
        }
    }

    pub(super) fn perform(&mut self, node: NodeId) {
        let mut effects = Vec::new();
        self.machine(node).out.drain_into(&mut effects);
        for effect in effects {
            let waits = match &effect {
                Effect::Send { gate, .. } | Effect::Fact { gate, .. } => *gate == Gate::AfterDisk,
                Effect::Disk { .. } | Effect::Reload => true,
                Effect::Dial { .. }
                | Effect::HangUp { .. }
                | Effect::Capture { .. }
                | Effect::Restore(_)
                | Effect::Apply { .. }
                | Effect::Committed(_)
                | Effect::BarrierDone { .. }
                | Effect::SetTimer { .. }
                | Effect::CancelTimer(_) => false,
            };
            if waits && self.machine(node).is_held {
                if let Effect::Send { to, msg, .. } = &effect {
                    let line = format!("  after the disk: -> {to} {}", P::message(msg));
                    self.say(&line);
                }
                self.machine(node).held.push_back(effect);
            } else {
                self.perform_one(node, effect);
            }
        }
        self.compare_standing(node);
    }

    /// Role changes are derived from the standing before and after.
    pub(super) fn compare_standing(&mut self, node: NodeId) {
        let machine = self.machine(node);
        let Some(server) = &machine.server else {
            return;
        };
        let new = server.standing();
        let shown = |of: &Standing| standing::<P>(of);
        if machine.standing.as_ref().map(shown) != Some(shown(&new)) {
            let line = format!("  = {}", shown(&new));
            machine.standing = Some(new);
            self.say(&line);
        }
    }

    pub(super) fn perform_one(&mut self, node: NodeId, effect: Effect<P>) {
        match effect {
            Effect::Send { to, via, msg, .. } => self.send(node, to, via, msg),
            Effect::Dial { peer, link } => self.dial(node, peer, link),
            Effect::HangUp { peer, link } => {
                if self.links.contains_key(&link) {
                    self.say(&format!("  hangs up on {peer}"));
                    self.close(link, node, peer);
                }
            }
            Effect::Disk { ticket, op } => {
                if let Some(line) = operation::<P>(&op) {
                    self.say(&format!("  disk: {line}"));
                }
                let machine = self.machine(node);
                if machine.write(op) {
                    let result = DiskResult::Done;
                    machine.inbox.push_back(Input::Disk { ticket, result });
                }
            }
            Effect::Reload => {
                let machine = self.machine(node);
                let image = Box::new(machine.written.clone());
                machine.inbox.push_back(Input::Reloaded(image));
                self.say("  reads its disk back");
            }
            Effect::Capture { ticket, .. } => {
                let machine = self.machine(node);
                let snapshot = snapshot(machine.applied);
                let input = Input::Captured { ticket, snapshot };
                machine.inbox.push_back(input);
            }
            Effect::Restore(snapshot) => {
                let zxid = snapshot.map_or(Zxid::ZERO, |snapshot| snapshot.zxid);
                let machine = self.machine(node);
                machine.applied = zxid;
                let is_news = |input: &Input<P>| matches!(input, Input::Applied(_));
                machine.inbox.retain(|input| !is_news(input));
                self.say(&format!("  restores the state at {zxid}"));
            }
            Effect::Apply { zxid, payload } => {
                let machine = self.machine(node);
                machine.applied = zxid;
                machine.inbox.push_back(Input::Applied(zxid));
                self.say(&format!("  applies {zxid} {}", letter(&payload)));
            }
            Effect::Committed(zxid) => self.say(&format!("  knows {zxid} to be committed")),
            Effect::BarrierDone { token, outcome } => {
                let how = match outcome {
                    BarrierOutcome::Reached => "is reached",
                    BarrierOutcome::Failed => "has failed",
                };
                self.say(&format!("  barrier {} {how}", token.0));
            }
            Effect::SetTimer { timer, range } => {
                let at = self.now.after(range.min);
                self.machine(node).timers.insert(timer, at);
            }
            Effect::CancelTimer(timer) => {
                self.machine(node).timers.remove(&timer);
            }
            Effect::Fact { fact, .. } => self.note(&fact),
        }
    }

    /// Of the facts, those that no message and no other effect shows.
    pub(super) fn note(&mut self, fact: &Fact) {
        match fact {
            Fact::Established { epoch, through } => {
                let epoch = P::epoch(*epoch);
                self.say(&format!("  is established in {epoch}, after {through}"));
            }
            Fact::Chosen { zxid, value: 0 } => {
                self.say(&format!("  takes the no-op in {zxid} for chosen"));
            }
            Fact::Proposed { .. }
            | Fact::Promised { .. }
            | Fact::Reporting { .. }
            | Fact::Reported { .. }
            | Fact::Voted { .. }
            | Fact::Chosen { .. } => {}
        }
    }

    pub(super) fn dial(&mut self, node: NodeId, peer: NodeId, link: LinkId) {
        self.say(&format!("  dials {peer}"));
        if self.machine(peer).server.is_some() && !self.cut.contains(&(node, peer)) {
            self.links.insert(link, (node, peer));
            self.tell_end(node, peer, link, LinkEvent::Up);
            self.tell_end(peer, node, link, LinkEvent::Up);
        } else {
            self.tell_end(node, peer, link, LinkEvent::Refused);
        }
    }

    pub(super) fn send(&mut self, from: NodeId, to: NodeId, via: Via, msg: P::Msg) {
        if from == to {
            let input = Input::Message { from, via, msg };
            self.machine(from).inbox.push_back(input);
            return;
        }
        self.say(&format!("  -> {to} {}", P::message(&msg)));
        let is_lost = match via {
            Via::Datagram => self.cut.contains(&(from, to)),
            Via::LatestWins => {
                self.wire.retain(|packet| {
                    (packet.from, packet.to) != (from, to) || !is_latest_wins(&packet.input)
                });
                self.cut.contains(&(from, to)) || self.machine(to).server.is_none()
            }
            Via::Stream(link) => !self.links.contains_key(&link),
        };
        if !is_lost {
            let input = Input::Message { from, via, msg };
            self.wire.push_back(Packet { from, to, input });
        }
    }
}
