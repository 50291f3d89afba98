//! Why a key has no order: the sentence, the longest legal prefix and a minimal sub-history.

use super::append::{Pieces, Strings, Taken};
use super::event::Event;
use super::frontier::{Found, Stuck, search_recording};
use super::judgement::{Budget, Explanation};
use super::keyed::{Action, Family, KeyedHistory, NEVER, Operation};
use super::lanes::{Bench, LaneFound};
use super::register::Register;
use super::split::Lane;
use super::sweep::{Swept, sweep};
use super::tell::LaneText;
use super::witness::order;
use super::zones::Zones;

/// Longer histories are not shrunk: it would take too long.
const OPERATIONS_MAX: usize = 200_000;
/// Times that a part is judged while it is shrunk.
const TRIALS_MAX: usize = 600;
/// Operations that are judged in all these parts together.
const WORK_MAX: usize = 3_000_000;

/// The finding about a lane as a sentence, without a sub-history.
pub(super) fn sentence(
    family: Family,
    history: &KeyedHistory,
    lane: &Lane,
    found: &LaneFound,
) -> Explanation {
    let teller = LaneText::new(family, history, lane);
    Explanation {
        reason: teller.tell(found),
        stuck: lane.members[teller.culprit(found)] as usize,
        legal_prefix: Vec::new(),
        minimal: Vec::new(),
    }
}

/// Explains what was found of a lane. `lane` is as it was read.
pub(super) fn explain(
    family: Family,
    history: &KeyedHistory,
    lane: &Lane,
    found: &LaneFound,
    budget: &mut dyn Budget,
) -> Explanation {
    let mut judge = Judge {
        family,
        history,
        bench: Bench::default(),
        budget,
    };
    let global = |index: usize| lane.members[index] as usize;
    let mut explanation = sentence(family, history, lane, found);
    if lane.operations.len() > OPERATIONS_MAX {
        return explanation;
    }
    // The shortest prefix without an order ends with the return of what got stuck.
    let (mut legal, mut broken) = (0, lane.events.len());
    while legal + 1 < broken {
        let middle = legal.midpoint(broken);
        if judge.is_broken(&prefix(lane, middle)) {
            broken = middle;
        } else {
            legal = middle;
        }
    }
    explanation.stuck = global(lane.events[legal].operation());
    let cut = prefix(lane, legal);
    let globals = |lane: &Lane, order: Vec<usize>| {
        let global = |index: usize| lane.members[index] as usize;
        order.into_iter().map(global).collect::<Vec<usize>>()
    };
    explanation.legal_prefix = globals(&cut, judge.order(&cut));
    let minimal = judge.shrink(prefix(lane, broken));
    let all = (0..minimal.operations.len()).collect();
    explanation.minimal = globals(&minimal, all);
    explanation
}

/// The part of a lane that consists of these operations; `returned` says up to where returns count.
fn part(lane: &Lane, keep: impl Fn(usize) -> bool, events: usize) -> Lane {
    let mut numbers = vec![NEVER; lane.operations.len()];
    let mut new = Lane {
        key: lane.key,
        values: lane.values.clone(),
        ..Lane::default()
    };
    let mut returns = vec![false; lane.operations.len()];
    for event in lane.events[..events]
        .iter()
        .filter(|event| event.is_return())
    {
        returns[event.operation()] = true;
    }
    for event in &lane.events[..events] {
        let index = event.operation();
        if event.is_return() {
            if numbers[index] != NEVER {
                new.events.push(Event::return_of(numbers[index]));
            }
            continue;
        }
        let mut operation = lane.operations[index];
        let observes = matches!(operation.action, Action::Read(_) | Action::Mismatch(_));
        if !keep(index) || (observes && !returns[index]) {
            continue;
        }
        if !returns[index] {
            operation.returned = NEVER;
        }
        numbers[index] = u32::try_from(new.operations.len()).expect("a part of 32 bits");
        new.events.push(Event::invocation(numbers[index]));
        new.members.push(lane.members[index]);
        new.operations.push(operation);
    }
    new
}

/// What had happened before an event.
fn prefix(lane: &Lane, events: usize) -> Lane {
    part(lane, |_| true, events)
}

struct Judge<'a> {
    family: Family,
    history: &'a KeyedHistory,
    bench: Bench,
    budget: &'a mut dyn Budget,
}

impl Judge<'_> {
    /// Whether a part surely has no order.
    fn is_broken(&mut self, lane: &Lane) -> bool {
        if self.budget.exceeded(lane.size()).is_some() {
            return false; // No time for explanations.
        }
        let mut lane = lane.clone();
        let values = &self.history.values;
        match self
            .bench
            .judge(self.family, &mut lane, values, self.budget)
        {
            LaneFound::Broken(_) | LaneFound::Stuck(_) => true,
            LaneFound::Order | LaneFound::Undecided(_) => false,
        }
    }

    /// An order of a part that has one; nothing if there was no time to find it.
    fn order(&mut self, lane: &Lane) -> Vec<usize> {
        let mut lane = lane.clone();
        let texts = &self.history.values;
        if self.family == Family::Append {
            match Pieces::default().take_apart(&mut lane, texts) {
                Taken::Apart => {}
                Taken::Ambiguous => {
                    let mut strings = Strings::new(&lane, texts);
                    return found_order(&mut strings, &lane, self.budget);
                }
                Taken::Broken(_) => return Vec::new(),
            }
        }
        let mut zones = Zones::default();
        if zones.sort(&lane.operations, lane.values.len())
            && zones.contradiction(&lane.operations).is_none()
        {
            let mut order = Vec::new();
            let swept = sweep(&lane.operations, &lane.events, &zones, Some(&mut order));
            if swept == Swept::Order {
                return order.into_iter().map(|index| index as usize).collect();
            }
        }
        found_order(&mut Register, &lane, self.budget)
    }

    /// Removes operations as long as the rest has no order, whatever the removed ones did.
    fn shrink(&mut self, mut lane: Lane) -> Lane {
        let mut trials = TRIALS_MAX.min(WORK_MAX / lane.operations.len().max(1));
        loop {
            let before = lane.operations.len();
            let observers = |lane: &Lane, index: usize| {
                matches!(
                    lane.operations[index].action,
                    Action::Read(_) | Action::Mismatch(_)
                )
            };
            lane = self.drop_some(lane, &mut trials, &observers);
            let texts = &self.history.values;
            let family = self.family;
            let unseen = move |lane: &Lane, index: usize| is_unseen(family, texts, lane, index);
            lane = self.drop_some(lane, &mut trials, &unseen);
            if lane.operations.len() == before || trials == 0 {
                return lane;
            }
        }
    }

    /// Drops as many of those that may be dropped as it can, in ever smaller pieces.
    fn drop_some(
        &mut self,
        mut lane: Lane,
        trials: &mut usize,
        may_drop: &dyn Fn(&Lane, usize) -> bool,
    ) -> Lane {
        let mut size = lane.operations.len();
        while size > 0 {
            let mut start = 0;
            loop {
                let all = 0..lane.operations.len();
                let droppable: Vec<usize> = all.filter(|index| may_drop(&lane, *index)).collect();
                if start >= droppable.len() || *trials == 0 {
                    break;
                }
                let end = (start + size).min(droppable.len());
                let piece = &droppable[start..end];
                let keep = |index: usize| piece.binary_search(&index).is_err();
                let smaller = part(&lane, keep, lane.events.len());
                *trials -= 1;
                if self.is_broken(&smaller) {
                    lane = smaller;
                } else {
                    start = end;
                }
            }
            size /= 2;
        }
        lane
    }
}

fn found_order<M: super::Model<Action = Action>>(
    model: &mut M,
    lane: &Lane,
    budget: &mut dyn Budget,
) -> Vec<usize> {
    let (operations, events): (&[Operation<Action>], &[Event]) = (&lane.operations, &lane.events);
    match search_recording(model, operations, events, budget) {
        (Found::Order, effects) => order(model, operations, events, &effects),
        (Found::Stuck(Stuck { .. }) | Found::Undecided(_), _) => Vec::new(),
    }
}

/// Whether a write can be taken out of every order: nobody left saw its value, nor a lack of it.
fn is_unseen(family: Family, texts: &super::Texts, lane: &Lane, index: usize) -> bool {
    let bytes = |value: u32| texts.bytes(lane.values[value as usize]);
    let written = match lane.operations[index].action {
        Action::Write(value) | Action::Append(value) | Action::Swap { to: value, .. } => value,
        Action::Read(_) | Action::Mismatch(_) => return false,
    };
    let text = bytes(written);
    lane.operations
        .iter()
        .all(|operation| match (family, operation.action) {
            (Family::Register, Action::Read(value)) => value != written,
            (Family::Register, Action::Swap { from, .. }) => from != written,
            (Family::Append, Action::Read(value)) => {
                let seen = bytes(value);
                text.len() > seen.len() || !seen.windows(text.len().max(1)).any(|part| part == text)
            }
            (_, Action::Mismatch(_)) => false,
            (_, Action::Write(_) | Action::Append(_)) | (Family::Append, Action::Swap { .. }) => {
                true
            }
        })
}
