//! Performs [`Action`]s.

use menagerie::canonical::Canonical;
use menagerie::check::Observation;
use menagerie::ids::{NodeId, Span};
use menagerie::protocol::Protocol;

use super::streams::End;
use super::{Action, CrashKind, Event, Kind, World};
use crate::chance::dice::Concern;
use crate::trace::{EventKind, Why};
use crate::world::channels::Side;

impl<P: Protocol> World<P> {
    /// Performs an action; says whether it changed anything. (A further cut of a pair that is cut
    /// counts as a change: it has to be mended too.)
    pub fn perform(&mut self, action: Action) -> bool {
        self.now.feed(&mut self.hash);
        self.hash.word(Kind::Action as u64);
        action
            .words()
            .into_iter()
            .for_each(|word| self.hash.word(word));
        let cause = self.cause();
        self.record_action(&action);
        let changed = self.carry_out(action.clone());
        if changed {
            self.witness(&action);
        }
        // What the driver does next does not follow from this.
        self.follow(cause);
        changed
    }

    fn carry_out(&mut self, action: Action) -> bool {
        match action {
            Action::Crash { node, kind } => self.crash(&[node], kind),
            Action::CrashMany { nodes, kind } => self.crash(&nodes, kind),
            Action::Restart(node) => self.restart(node),
            Action::Pause(node) => self.pause(node),
            Action::Resume(node) => self.resume(node),
            Action::Cut { from, to } => self.cut(from, to),
            Action::Mend { from, to } => self.mend(from, to),
            Action::CutClient(node) => self.cut_client(node),
            Action::MendClient(node) => self.mend_client(node),
            Action::Slow { from, to, extra } => {
                let (from, to) = (self.place(from), self.place(to));
                let pair = self.pair(from, to);
                pair.extra = Span(pair.extra.0 + extra.0);
                true
            }
            Action::Unslow { from, to, extra } => {
                let (from, to) = (self.place(from), self.place(to));
                let pair = self.pair(from, to);
                pair.extra = Span(pair.extra.0 - extra.0);
                true
            }
            Action::SlowDisk { node, extra } => {
                let place = usize::from(self.place(node));
                self.nodes[place].disk.slow(extra);
                true
            }
            Action::UnslowDisk { node, extra } => {
                let place = usize::from(self.place(node));
                self.nodes[place].disk.unslow(extra);
                true
            }
            Action::Loss { ppm } => {
                self.extra_loss_ppm += ppm;
                true
            }
            Action::Unloss { ppm } => {
                self.extra_loss_ppm -= ppm;
                true
            }
            Action::Duplicate { ppm } => {
                self.extra_duplicate_ppm += ppm;
                true
            }
            Action::Unduplicate { ppm } => {
                self.extra_duplicate_ppm -= ppm;
                true
            }
            Action::Break { a, b } => self.break_streams(a, b),
            Action::FailSyncs { node, count } => {
                let place = usize::from(self.place(node));
                self.nodes[place].disk.fail_syncs(count);
                true
            }
            Action::MendSyncs(node) => self.mend_syncs(node),
        }
    }

    fn crash(&mut self, nodes: &[NodeId], kind: CrashKind) -> bool {
        let mut crashed = false;
        let cause = self.cause();
        for node in nodes {
            let place = self.place(*node);
            if self.nodes[usize::from(place)].server.is_none() {
                // Down already, or refused to boot.
                continue;
            }
            self.record_crash(*node, kind, cause);
            self.kill(place, kind);
            crashed = true;
        }
        if crashed {
            self.observe_durable();
        }
        crashed
    }

    fn kill(&mut self, place: u8, kind: CrashKind) {
        let id = self.nodes[usize::from(place)].id;
        self.forget_process(usize::from(place));
        if kind == CrashKind::Power {
            let node = &mut self.nodes[usize::from(place)];
            node.power_losses += 1;
            let loss = node.power_losses;
            let deck = self
                .dice
                .deck(Concern::PowerLoss, (loss << 8) | u64::from(id.0));
            node.disk.power_loss(loss, deck, &mut self.decider);
            self.record_power_loss(usize::from(place));
        }
        for peer in 0..self.nodes.len() as u8 {
            if peer == place {
                continue;
            }
            for slot in self.links_between(place, peer) {
                let side = self.side_of(slot, place);
                self.end_link(slot, End::Died(side));
            }
            if let Some(waiting) = self.pair(place, peer).latest.waiting.take() {
                self.record_loss(waiting.id, Why::Down);
            }
            self.lose_latest(peer, place, Why::Down);
            self.depart_latest(peer, place);
        }
        for conn in self.nodes[usize::from(place)].conns.clone() {
            self.end_conn(conn, End::Died(Side::Acceptor));
        }
        self.observe(&Observation::Crashed { node: id });
    }

    fn restart(&mut self, node: NodeId) -> bool {
        let place = usize::from(self.place(node));
        if self.nodes[place].server.is_some() {
            return false;
        }
        self.boot(place);
        true
    }

    fn mend_syncs(&mut self, node: NodeId) -> bool {
        let place = usize::from(self.place(node));
        self.nodes[place].disk.mend_syncs();
        if self.nodes[place].disk.is_broken() {
            self.crash(&[node], CrashKind::Process);
            self.restart(node);
        }
        true
    }

    fn pause(&mut self, node: NodeId) -> bool {
        let place = usize::from(self.place(node));
        let seat = &mut self.nodes[place];
        if seat.server.is_none() || seat.paused {
            return false;
        }
        seat.paused = true;
        self.record(|| EventKind::Pause { node });
        true
    }

    fn resume(&mut self, node: NodeId) -> bool {
        let place = usize::from(self.place(node));
        let seat = &mut self.nodes[place];
        if !core::mem::replace(&mut seat.paused, false) {
            return false;
        }
        // They keep their place in the order, and so come before whatever is due now.
        let parked = core::mem::take(&mut seat.parked);
        self.record(|| EventKind::Resume { node });
        self.observe_resumption(place);
        for key in parked {
            self.queue.put_back(key);
        }
        true
    }

    fn cut(&mut self, from: NodeId, to: NodeId) -> bool {
        let (from, to) = (self.place(from), self.place(to));
        assert!(from != to, "a server cannot be cut from itself");
        let at = self.now.after(self.spec.network.patience);
        let pair = self.pair(from, to);
        pair.cuts += 1;
        if pair.cuts == 1 {
            pair.cut_generation += 1;
            let generation = pair.cut_generation;
            let event = Event::Patience {
                from,
                to,
                generation,
            };
            self.queue.push(at, event);
            self.lose_latest(from, to, Why::Cut);
        }
        true
    }

    fn mend(&mut self, from: NodeId, to: NodeId) -> bool {
        let (from, to) = (self.place(from), self.place(to));
        let pair = self.pair(from, to);
        if pair.cuts == 0 {
            return false;
        }
        pair.cuts -= 1;
        if pair.cuts == 0 {
            pair.cut_generation += 1;
            self.depart_latest(from, to);
            self.resume_streams(from, to);
        }
        true
    }

    fn cut_client(&mut self, node: NodeId) -> bool {
        let place = self.place(node);
        let at = self.now.after(self.spec.network.patience);
        let node = &mut self.nodes[usize::from(place)];
        node.client_cuts += 1;
        if node.client_cuts == 1 {
            node.client_cut_generation += 1;
            let event = Event::ClientPatience {
                node: place,
                generation: node.client_cut_generation,
            };
            self.queue.push(at, event);
        }
        true
    }

    fn mend_client(&mut self, node: NodeId) -> bool {
        let place = self.place(node);
        let node = &mut self.nodes[usize::from(place)];
        if node.client_cuts == 0 {
            return false;
        }
        node.client_cuts -= 1;
        if node.client_cuts == 0 {
            node.client_cut_generation += 1;
            self.resume_conns(place);
        }
        true
    }

    fn break_streams(&mut self, a: NodeId, b: NodeId) -> bool {
        let (a, b) = (self.place(a), self.place(b));
        let mut broke = false;
        for slot in self.links_between(a, b) {
            if self.is_whole(slot) {
                self.end_link(slot, End::Broken);
                broke = true;
            }
        }
        broke
    }
}
