//! The passes, and their order.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use menagerie::ids::Span;

use super::ddmin::ddmin;
use super::{CLOSING_PERCENT, End, Shrinker, Size, moves, record, rename};
use crate::chance::decision::{Name, Source, Table};
use crate::run::resolve::Resolved;
use crate::scenario::script::ScriptedOp;

/// The passes are repeated at most so often; each round but the last takes something away.
const ROUNDS_MAX: usize = 8;
/// So many other moments are tried to make a failure happen among regular deliveries.
const JITTERS: u64 = 600;
/// The same before anything was left out, when a rerun takes long.
const FIRST_JITTERS: u64 = 240;
/// So many larger steps are tried in a row without success before exploring ends.
const EXPLORATIONS: u64 = 960;
/// The same before anything else was left out, when a run still takes long.
const FIRST_EXPLORATIONS: u64 = 480;
/// So many of them are made ready at a time.
const EXPLORED_AT_ONCE: u64 = 24;
/// What looking for other moments may take of the budget before anything was left out, in percent,
/// and what the first larger steps may take.
const FIRST_JITTERS_PERCENT: u64 = 20;
const FIRST_EXPLORATIONS_PERCENT: u64 = 30;
/// More clients than this are a crowd.
const CROWD: u16 = 12;
/// A long run is first rid of parts no smaller than one of so many.
const COARSE_PARTS: usize = 16;
/// What a run needs after the violation to show it.
const TAIL: Span = Span::millis(1);

impl Shrinker<'_> {
    pub(super) fn all_passes(&mut self) {
        self.allowed = self.budget.events / 100 * (100 - CLOSING_PERCENT);
        self.search();
        if self.ended == Some(End::Budget) {
            self.allowed = self.budget.events;
            self.close();
        }
    }

    fn search(&mut self) {
        self.pass = "spell out";
        let mut drawing = unplaced(&self.best);
        drawing.world.decisions = Source::Dice;
        self.take(drawing);
        self.time();
        self.large_steps();
        self.explore(self.affordable(FIRST_EXPLORATIONS, FIRST_EXPLORATIONS_PERCENT));
        self.lists();
        self.explore(EXPLORATIONS);
        self.regularise();
        for _ in 0..ROUNDS_MAX {
            let before = self.best.clone();
            self.time();
            self.lists();
            self.servers();
            self.irregular();
            self.explore(EXPLORATIONS);
            self.values();
            if self.is_over() || before == self.best {
                return;
            }
        }
    }

    /// Of whatever the search left when its part of the budget was spent, no irregular delivery
    /// stays that the failure does not need.
    fn close(&mut self) {
        if let Source::Dice = self.best.world.decisions {
            self.regularise();
        } else {
            self.irregular();
        }
    }

    /// What takes much away at once, tried before anything is taken away piece by piece. A run that
    /// needs irregular deliveries keeps its faults and clients for now: with fewer of them it is
    /// seldom rid of its irregular deliveries again.
    fn large_steps(&mut self) {
        self.pass = "large steps";
        if !self.take(regular(&self.best)) {
            let tries = self.affordable(FIRST_JITTERS, FIRST_JITTERS_PERCENT);
            if tries < FIRST_JITTERS {
                self.coarse_steps();
            }
            let plain = regular(&self.best);
            let tries = self.affordable(FIRST_JITTERS, FIRST_JITTERS_PERCENT);
            if !self.take(plain.clone()) && !self.take_jittered(&plain, tries) {
                return;
            }
        }
        self.families();
        self.clients();
    }

    /// So many tries of what the best run takes are a share of the budget, but no more than wanted.
    fn affordable(&self, wanted: u64, percent: u64) -> u64 {
        wanted.min(self.budget.events / 100 * percent / self.cost)
    }

    /// Of a run that is long for the budget, large parts go before anything else is tried: a small
    /// file with irregular deliveries says more than a long one.
    fn coarse_steps(&mut self) {
        self.families();
        self.clients();
        self.operations(COARSE_PARTS);
    }

    /// Tries to leave out all faults of each family.
    fn families(&mut self) {
        let mut families = Vec::new();
        for planned in &self.best.plan.faults {
            if !families.contains(&planned.family) {
                families.push(planned.family);
            }
        }
        for family in families {
            let mut without = self.best.clone();
            let faults = &mut without.plan.faults;
            faults.retain(|planned| planned.family != family);
            self.take(without);
        }
    }

    /// Takes the first run with other moments that shows the failure.
    fn take_jittered(&mut self, run: &Resolved, tries: u64) -> bool {
        (0..tries).step_by(EXPLORED_AT_ONCE as usize).any(|first| {
            let numbers = first..(first + EXPLORED_AT_ONCE).min(tries);
            self.take_first(numbers.map(|number| moves::jittered(run, number)).collect())
        })
    }

    /// Everything after the violation goes, and so does the liveness phase.
    fn time(&mut self) {
        self.pass = "time";
        if !self.best.skip_liveness {
            let mut candidate = self.best.clone();
            candidate.skip_liveness = true;
            self.take(candidate);
        }
        if !self.best.skip_liveness {
            // The failure needs the liveness phase, and that begins when the safety phase ends.
            return;
        }
        let end = Span(self.shown.at.0 + TAIL.0);
        let full = self.best.duration;
        let candidates = [end, Span(end.0.midpoint(full.0))]
            .into_iter()
            .filter(|shorter| *shorter < full)
            .map(|shorter| ended_at(&self.best, shorter))
            .collect();
        self.take_first(candidates);
    }

    fn lists(&mut self) {
        self.pass = "faults";
        self.ddmin_of(
            usize::MAX,
            |run| run.plan.faults.len(),
            |run, part| {
                run.plan.faults.drain(part);
            },
        );
        self.pass = "clients";
        self.clients();
        self.pass = "operations";
        self.operations(usize::MAX);
        self.pass = "clients";
        // What was left out has made clients idle.
        self.clients();
        if self.best.world.clients > CROWD {
            self.each_client();
        }
    }

    /// Leaves out operations, in at most `finest` parts at a time.
    fn operations(&mut self, finest: usize) {
        self.ddmin_of(
            finest,
            |run| operations(run).len(),
            |run, part| {
                if let Some(script) = &mut run.script {
                    script.operations.drain(part);
                }
            },
        );
    }

    /// Tries to leave out clients: of a crowd large parts, else one by one.
    fn clients(&mut self) {
        self.idle_clients();
        if self.best.world.clients > CROWD {
            self.parts_of_a_crowd();
        } else {
            self.each_client();
        }
    }

    /// Tries to leave out all clients that ask for nothing.
    fn idle_clients(&mut self) {
        let asking: BTreeSet<u16> = operations(&self.best)
            .iter()
            .map(|operation| operation.client.0)
            .collect();
        // From the last to the first: those before keep their numbers. One client has to stay.
        let idle = (2..=self.best.world.clients).rev();
        let without = idle
            .filter(|client| !asking.contains(client))
            .fold(self.best.clone(), |run, client| {
                rename::without_client(&run, client)
            });
        if without.world.clients < self.best.world.clients {
            self.take(without);
        }
    }

    /// Tries to leave out large parts of the clients, the last first.
    fn parts_of_a_crowd(&mut self) {
        let least = (self.best.world.clients / CROWD).max(1);
        let mut width = self.best.world.clients / 2;
        while width > least {
            let mut end = self.best.world.clients;
            while end > width {
                let part = end - width + 1..=end;
                end -= width;
                let without = part.rev().fold(self.best.clone(), |run, client| {
                    rename::without_client(&run, client)
                });
                self.take(without);
            }
            width = width.min(self.best.world.clients) / 2;
        }
    }

    /// Tries to leave out each client, the last first.
    fn each_client(&mut self) {
        for client in (1..=self.best.world.clients).rev() {
            if self.best.world.clients > 1 {
                self.take(rename::without_client(&self.best, client));
            }
        }
    }

    /// Tries to leave out each server, the last first.
    fn servers(&mut self) {
        self.pass = "servers";
        let everybody = |run: &Resolved| run.world.voters + run.world.observers;
        let mut server = everybody(&self.best);
        while server > 0 {
            let last_voter = self.best.world.voters == 1 && server == 1;
            if !last_voter {
                self.take(rename::without_server(&self.best, server));
            }
            server -= 1;
        }
        // An even number of voters tolerates no more than the odd one below it: try without two.
        for first in (1..=self.best.world.voters).rev() {
            for second in (1..first).rev() {
                if self.best.world.voters >= 4 && first <= self.best.world.voters {
                    let one = rename::without_server(&self.best, first);
                    self.take(rename::without_server(&one, second));
                }
            }
        }
    }

    /// Drawn larger steps that leave out several things at once and move what is left: they get
    /// past minima where each single thing matters only because of its moment.
    fn explore(&mut self, patience: u64) {
        self.pass = "larger steps";
        let mut number = 0;
        let mut last_success = 0;
        while number < last_success + patience && !self.is_over() {
            let size = Size::of(&self.best);
            let candidates: Vec<Resolved> = (number..number + EXPLORED_AT_ONCE)
                .map(|one| moves::larger_step(&self.best, one))
                .filter(|candidate| Size::of(candidate) < size)
                .filter(|candidate| self.keeps(candidate))
                .collect();
            number += EXPLORED_AT_ONCE;
            if self.take_first(candidates) {
                last_success = number;
            }
        }
    }

    /// Replaces the dice by a table, as short as possible.
    fn regularise(&mut self) {
        self.pass = "deliveries";
        let plain = regular(&self.best);
        if self.take(plain.clone()) {
            return;
        }
        self.pass = "other moments";
        // Half of what is left is for the deliveries one by one.
        let left = self.allowed.saturating_sub(self.spent);
        if self.take_jittered(&plain, JITTERS.min(left / 2 / self.cost)) {
            return;
        }
        // It needs irregular deliveries. What of the dice's was irregular is written down.
        self.pass = "deliveries";
        if let Ok((_, spelled)) = record(self.protocol, &self.best) {
            let mut candidate = unplaced(&spelled);
            candidate.script = self.best.script.clone();
            candidate.plan = self.best.plan.clone();
            if !self.take(candidate) {
                self.take(spelled);
            }
        }
        self.irregular();
    }

    /// Makes deliveries regular: a kind at a time, then part by part.
    fn irregular(&mut self) {
        self.pass = "deliveries";
        let Source::Table(table) = &self.best.world.decisions else {
            return;
        };
        if table.0.is_empty() {
            return;
        }
        let mut kinds: BTreeMap<u8, usize> = BTreeMap::new();
        for name in table.0.keys() {
            *kinds.entry(kind(name)).or_default() += 1;
        }
        let mut kinds: Vec<(usize, u8)> = kinds.into_iter().map(|(k, count)| (count, k)).collect();
        kinds.sort_unstable_by(|a, b| b.cmp(a));
        for (_, of_kind) in kinds {
            let candidate = with_table(&self.best, |name| kind(name) != of_kind);
            self.take(candidate);
        }
        self.ddmin_of(
            usize::MAX,
            |run| table_of(run).0.len(),
            |run, part| {
                let mut table = Table::clone(&table_of(run));
                let names: Vec<Name> = table.0.keys().copied().collect();
                for name in &names[part] {
                    table.0.remove(name);
                }
                run.world.decisions = Source::Table(Arc::new(table));
            },
        );
    }

    /// Settings towards defaults, moments towards round ones, requests towards simple ones.
    fn values(&mut self) {
        self.pass = "values";
        for candidate in moves::towards_defaults(&self.best) {
            let mut merged = self.best.clone();
            candidate(&mut merged);
            if merged != self.best {
                self.take(merged);
            }
        }
        for simpler in moves::simpler_values(&self.best) {
            let mut candidate = self.best.clone();
            simpler(&mut candidate);
            if candidate != self.best {
                self.take(candidate);
            }
        }
    }

    fn ddmin_of(
        &mut self,
        finest: usize,
        len: impl Fn(&Resolved) -> usize,
        drop: impl Fn(&mut Resolved, Range<usize>),
    ) {
        ddmin(len(&self.best), finest, |parts| {
            let candidates: Vec<Resolved> = parts
                .iter()
                .map(|part| {
                    let mut candidate = self.best.clone();
                    drop(&mut candidate, part.clone());
                    candidate
                })
                .collect();
            self.take_first(candidates);
            self.taken.take()
        });
    }
}

/// A number for each kind of decision.
fn kind(name: &Name) -> u8 {
    match name {
        Name::Message { channel, .. } => *channel as u8,
        Name::StreamBreak { .. } => 3,
        Name::Frame { .. } => 4,
        Name::ConnBreak { .. } => 5,
        Name::Disk { .. } => 6,
        Name::Power { .. } => 7,
        Name::Timer { .. } => 8,
        Name::ClientTimer { .. } => 9,
        Name::Drift { .. } => 10,
        Name::Order { .. } => 11,
    }
}

fn operations(run: &Resolved) -> &[ScriptedOp] {
    run.script
        .as_ref()
        .map_or(&[], |script| script.operations.as_slice())
}

/// The run with all deliveries regular.
fn regular(run: &Resolved) -> Resolved {
    let mut run = run.clone();
    run.world.decisions = Source::Table(Arc::default());
    run
}

fn table_of(run: &Resolved) -> Arc<Table> {
    match &run.world.decisions {
        Source::Dice | Source::Until { .. } => Arc::default(),
        Source::Table(table) => Arc::clone(table),
    }
}

fn with_table(run: &Resolved, keep: impl Fn(&Name) -> bool) -> Resolved {
    let mut run = run.clone();
    let mut table = Table::clone(&table_of(&run));
    table.0.retain(|name, _| keep(name));
    run.world.decisions = Source::Table(Arc::new(table));
    run
}

/// The run without the exact places of its operations among the events of their moments: a
/// scenario file does not have them.
fn unplaced(run: &Resolved) -> Resolved {
    let mut run = run.clone();
    for operation in run
        .script
        .iter_mut()
        .flat_map(|script| &mut script.operations)
    {
        operation.after = 0;
    }
    run
}

/// The run with a shorter safety phase; what would come after its end goes.
fn ended_at(run: &Resolved, end: Span) -> Resolved {
    let mut run = run.clone();
    run.duration = end;
    run.plan.faults.retain(|planned| planned.at < end);
    if let Some(script) = &mut run.script {
        script.operations.retain(|operation| operation.at < end);
    }
    run
}
