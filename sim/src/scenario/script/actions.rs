//! The actions of a fault as text: `cut n1 | n2 n3`, `kill n2`, `slow n1 > n3 30ms`.

use core::fmt::Write as _;

use menagerie::ids::{NodeId, Span};

use crate::scenario::quantity::{Duration, exact_span};
use crate::world::{Action, CrashKind};

const FORMS: &str = "kill n1 n2, power-off n1, pause n1, cut n1 | n2 n3 (both ways), cut n1 > n2, \
                     client-cut n1, slow n1 > n2 10ms, slow-disk n1 10ms, loss 5000ppm, \
                     duplicate 5000ppm, break n1 n2, fail-syncs n1 2";

/// Actions in words; cuts between the same servers are told together.
pub fn words(actions: &[Action]) -> String {
    lines(actions).join(", ")
}

/// Actions as they are shown: cuts between the same servers together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grouped<'a> {
    /// Nothing passes between these and those.
    Apart(Vec<NodeId>, Vec<NodeId>),
    /// Nothing passes from these to those.
    OneWay(Vec<NodeId>, Vec<NodeId>),
    /// An action that is no cut.
    Single(&'a Action),
}

/// Groups actions, in their order.
pub fn grouped(actions: &[Action]) -> Vec<Grouped<'_>> {
    let mut groups = Vec::new();
    let mut cuts: Vec<(NodeId, NodeId)> = Vec::new();
    for action in actions {
        if let Action::Cut { from, to } = action {
            cuts.push((*from, *to));
        } else {
            groups.extend(grouped_cuts(&cuts));
            cuts.clear();
            groups.push(Grouped::Single(action));
        }
    }
    groups.extend(grouped_cuts(&cuts));
    groups
}

/// The texts that [`parse_action`] reads back, in order.
pub fn lines(actions: &[Action]) -> Vec<String> {
    let line = |group: Grouped<'_>| match group {
        Grouped::Apart(one, other) => format!("cut {} | {}", names(&one), names(&other)),
        Grouped::OneWay(from, to) => format!("cut {} > {}", names(&from), names(&to)),
        Grouped::Single(action) => line(action),
    };
    grouped(actions).into_iter().map(line).collect()
}

/// Cuts, in as few groups as possible.
fn grouped_cuts<'a>(pairs: &[(NodeId, NodeId)]) -> Vec<Grouped<'a>> {
    let (there, back) = pairs.split_at(pairs.len() / 2);
    if pairs.len().is_multiple_of(2)
        && let (Some(go), Some(come)) = (block(there), block(back))
        && go.0 == come.1
        && go.1 == come.0
    {
        return vec![Grouped::Apart(go.0, go.1)];
    }
    if let Some((from, to)) = block(pairs) {
        return vec![Grouped::OneWay(from, to)];
    }
    let one = |(from, to): &(NodeId, NodeId)| Grouped::OneWay(vec![*from], vec![*to]);
    pairs.iter().map(one).collect()
}

/// The two sides of a list of pairs that joins each of one with each of the other, in that order.
fn block(pairs: &[(NodeId, NodeId)]) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
    let mut from: Vec<NodeId> = pairs.iter().map(|pair| pair.0).collect();
    from.dedup();
    if from.is_empty() || !pairs.len().is_multiple_of(from.len()) {
        return None;
    }
    let width = pairs.len() / from.len();
    let to: Vec<NodeId> = pairs[..width].iter().map(|pair| pair.1).collect();
    let joined = from
        .iter()
        .flat_map(|from| to.iter().map(|to| (*from, *to)));
    joined.eq(pairs.iter().copied()).then_some((from, to))
}

fn names(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
    names.join(" ")
}

fn line(action: &Action) -> String {
    let death = |kind: CrashKind| match kind {
        CrashKind::Process => "kill",
        CrashKind::Power => "power-off",
    };
    match action {
        Action::Crash { node, kind } => format!("{} {node}", death(*kind)),
        Action::CrashMany { nodes, kind } => format!("{} {}", death(*kind), names(nodes)),
        Action::Restart(node) => format!("restart {node}"),
        Action::Pause(node) => format!("pause {node}"),
        Action::Resume(node) => format!("resume {node}"),
        Action::Cut { from, to } => format!("cut {from} > {to}"),
        Action::Mend { from, to } => format!("mend {from} > {to}"),
        Action::CutClient(node) => format!("client-cut {node}"),
        Action::MendClient(node) => format!("client-mend {node}"),
        Action::Slow { from, to, extra } => format!("slow {from} > {to} {}", exact_span(*extra)),
        Action::Unslow { from, to, extra } => {
            format!("unslow {from} > {to} {}", exact_span(*extra))
        }
        Action::SlowDisk { node, extra } => format!("slow-disk {node} {}", exact_span(*extra)),
        Action::UnslowDisk { node, extra } => format!("unslow-disk {node} {}", exact_span(*extra)),
        Action::Loss { ppm } => format!("loss {ppm}ppm"),
        Action::Unloss { ppm } => format!("unloss {ppm}ppm"),
        Action::Duplicate { ppm } => format!("duplicate {ppm}ppm"),
        Action::Unduplicate { ppm } => format!("unduplicate {ppm}ppm"),
        Action::Break { a, b } => format!("break {a} {b}"),
        Action::FailSyncs { node, count } => format!("fail-syncs {node} {count}"),
        Action::MendSyncs(node) => format!("mend-syncs {node}"),
    }
}

fn death(nodes: &[NodeId], kind: CrashKind) -> String {
    match (nodes, kind) {
        ([node], CrashKind::Process) => format!("{node}'s process dies"),
        (nodes, CrashKind::Process) => format!("the processes of {} die", listed(nodes)),
        ([node], CrashKind::Power) => format!("{node} loses its power"),
        (nodes, CrashKind::Power) => format!("{} lose their power", listed(nodes)),
    }
}

/// What an action does, for a sentence.
pub fn in_words(action: &Action) -> String {
    match action {
        Action::Crash { node, kind } => death(&[*node], *kind),
        Action::CrashMany { nodes, kind } => death(nodes, *kind),
        Action::Restart(node) => format!("{node} boots again"),
        Action::Pause(node) => format!("{node} stands still"),
        Action::Resume(node) => format!("{node} goes on"),
        Action::Cut { from, to } => format!("nothing gets from {from} to {to}"),
        Action::Mend { from, to } => format!("{to} can be reached from {from} again"),
        Action::CutClient(node) => format!("clients cannot reach {node}"),
        Action::MendClient(node) => format!("clients reach {node} again"),
        Action::Slow { from, to, extra } => {
            let extra = exact_span(*extra);
            format!("messages from {from} to {to} take {extra} longer")
        }
        Action::Unslow { from, to, .. } => {
            format!("messages from {from} to {to} are as fast as before")
        }
        Action::SlowDisk { node, extra } => {
            format!("the disk of {node} takes {} longer", exact_span(*extra))
        }
        Action::UnslowDisk { node, .. } => format!("the disk of {node} is as fast as before"),
        Action::Loss { ppm } => format!("{ppm} more of a million datagrams are lost"),
        Action::Unloss { .. } => "datagrams are lost as seldom as before".to_owned(),
        Action::Duplicate { ppm } => format!("{ppm} more of a million datagrams arrive twice"),
        Action::Unduplicate { .. } => "datagrams arrive twice as seldom as before".to_owned(),
        Action::Break { a, b } => format!("the stream between {a} and {b} breaks"),
        Action::FailSyncs { node, count: 1 } => format!("the next sync of {node} fails"),
        Action::FailSyncs { node, count } => format!("the next {count} syncs of {node} fail"),
        Action::MendSyncs(node) => {
            format!("syncs of {node} no longer fail, and if one did, {node} is started again")
        }
    }
}

/// Several things in a sentence.
pub fn listed<T: ToString>(items: &[T]) -> String {
    let words: Vec<String> = items.iter().map(ToString::to_string).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// Reads an action, or several that one text stands for.
///
/// # Errors
/// Says what is wrong and which forms there are.
pub fn parse_action(text: &str) -> Result<Vec<Action>, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let actions = words
        .split_first()
        .and_then(|(verb, rest)| actions_of(verb, rest));
    actions.ok_or_else(|| format!("\"{text}\" is no action: expected one of {FORMS}"))
}

fn actions_of(verb: &str, rest: &[&str]) -> Option<Vec<Action>> {
    match verb {
        "kill" => deaths(rest, CrashKind::Process),
        "power-off" => deaths(rest, CrashKind::Power),
        "pause" => Some(vec![Action::Pause(node(rest)?)]),
        "client-cut" => Some(vec![Action::CutClient(node(rest)?)]),
        "cut" => all_cuts(rest),
        "slow" => {
            let (extra, before) = last_span(rest)?;
            let cuts = all_cuts(before)?.into_iter();
            Some(cuts.map(|cut| slowed(&cut, extra)).collect())
        }
        "slow-disk" => {
            let (extra, before) = last_span(rest)?;
            let node = node(before)?;
            Some(vec![Action::SlowDisk { node, extra }])
        }
        "loss" => Some(vec![Action::Loss { ppm: ppm(rest)? }]),
        "duplicate" => Some(vec![Action::Duplicate { ppm: ppm(rest)? }]),
        "break" => match nodes(rest)?.as_slice() {
            [a, b] if a != b => Some(vec![Action::Break { a: *a, b: *b }]),
            _other => None,
        },
        "fail-syncs" => {
            let (count, before) = rest.split_last()?;
            let (node, count) = (node(before)?, count.parse().ok()?);
            Some(vec![Action::FailSyncs { node, count }])
        }
        _unknown => None,
    }
}

/// At least one server.
fn nodes(words: &[&str]) -> Option<Vec<NodeId>> {
    let node = |word: &&str| {
        let number = word.strip_prefix('n')?.parse().ok()?;
        (number > 0).then_some(NodeId(number))
    };
    let nodes: Vec<NodeId> = words.iter().map(node).collect::<Option<_>>()?;
    (!nodes.is_empty()).then_some(nodes)
}

/// One server.
fn node(words: &[&str]) -> Option<NodeId> {
    match nodes(words)?.as_slice() {
        [node] => Some(*node),
        _several => None,
    }
}

fn deaths(words: &[&str], kind: CrashKind) -> Option<Vec<Action>> {
    let nodes = nodes(words)?;
    Some(vec![match nodes.as_slice() {
        [node] => Action::Crash { node: *node, kind },
        _several => Action::CrashMany { nodes, kind },
    }])
}

/// A span as the last word, and what stands before it.
fn last_span<'a, 'b>(words: &'a [&'b str]) -> Option<(Span, &'a [&'b str])> {
    let (last, before) = words.split_last()?;
    let span = last.parse::<Duration>().ok()?;
    Some((span.0, before))
}

fn ppm(words: &[&str]) -> Option<u32> {
    let [word] = words else {
        return None;
    };
    let number = word.strip_suffix("ppm")?.parse().ok()?;
    (number <= 1_000_000).then_some(number)
}

fn all_cuts(words: &[&str]) -> Option<Vec<Action>> {
    let (left, right, both) = sides(words)?;
    Some(cuts(&nodes(left)?, &nodes(right)?, both))
}

/// What stands on both sides of `|` or `>`, and whether it is `|`.
fn sides<'a, 'b>(words: &'a [&'b str]) -> Option<(&'a [&'b str], &'a [&'b str], bool)> {
    let place = words.iter().position(|word| *word == "|" || *word == ">")?;
    Some((&words[..place], &words[place + 1..], words[place] == "|"))
}

fn cuts(left: &[NodeId], right: &[NodeId], both: bool) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut one_way = |from: &[NodeId], to: &[NodeId]| {
        for from in from {
            for to in to.iter().filter(|to| *to != from) {
                let (from, to) = (*from, *to);
                actions.push(Action::Cut { from, to });
            }
        }
    };
    one_way(left, right);
    if both {
        one_way(right, left);
    }
    actions
}

fn slowed(cut: &Action, extra: Span) -> Action {
    let Action::Cut { from, to } = *cut else {
        panic!("{cut:?} is no cut");
    };
    Action::Slow { from, to, extra }
}

/// Joins texts for a list in TOML.
pub(crate) fn quoted_list(lines: &[String]) -> String {
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate() {
        let comma = if place > 0 { ", " } else { "" };
        // Writing into a string cannot fail; the texts hold no quotes.
        let _ = write!(text, "{comma}\"{line}\"");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(text: &str) -> Vec<String> {
        lines(&parse_action(text).expect("it is an action"))
    }

    #[test]
    fn an_action_is_read_back_as_it_was_written() {
        for text in [
            "kill n1",
            "power-off n1 n3",
            "pause n2",
            "cut n1 | n2 n3",
            "cut n1 n2 > n3",
            "client-cut n5",
            "slow n1 > n2 30ms",
            "slow-disk n2 1500us",
            "loss 5000ppm",
            "duplicate 1ppm",
            "break n1 n2",
            "fail-syncs n1 2",
        ] {
            assert_eq!(read_back(text), [text]);
        }
    }

    #[test]
    fn cuts_that_form_no_block_are_told_one_by_one() {
        let cut = |from, to| Action::Cut {
            from: NodeId(from),
            to: NodeId(to),
        };
        let told = lines(&[cut(1, 2), cut(2, 3), cut(3, 1)]);
        assert_eq!(told, ["cut n1 > n2", "cut n2 > n3", "cut n3 > n1"]);
    }

    #[test]
    fn what_is_no_action_is_refused_with_the_forms_that_are_known() {
        for text in [
            "",
            "kill",
            "kill 1",
            "cut n1 n2",
            "explode n1",
            "slow n1 > n2 10",
            "kill n0",
        ] {
            let why = parse_action(text).expect_err("it is no action");
            assert!(why.contains("expected one of"), "{text}: {why}");
        }
    }
}
