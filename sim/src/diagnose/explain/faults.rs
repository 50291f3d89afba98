//! Faults in plain words: what a fault and its end mean for a reader of the story.

use menagerie::ids::NodeId;

use super::names::listed;
use crate::scenario::fault::Fault;
use crate::scenario::quantity::exact_span;
use crate::scenario::script::{Grouped, grouped};
use crate::world::{Action, CrashKind};

/// What begins with a fault. Of one that was drawn, its actions follow as events of their own.
pub(super) fn begins(fault: &Fault) -> String {
    match spelled_out(fault) {
        Some(actions) => each(actions, |group| match group {
            Grouped::Apart(one, other) => {
                let is = verb(&one, "is", "are");
                format!("{} {is} cut off from {}", listed(&one), listed(&other))
            }
            Grouped::OneWay(from, to) => {
                format!("nothing gets from {} to {}", listed(&from), listed(&to))
            }
            Grouped::Single(action) => begin(action),
        }),
        None => fault.text(),
    }
}

/// What its end undoes.
pub(super) fn ends(fault: &Fault) -> String {
    match spelled_out(fault) {
        Some(actions) => each(actions, |group| match group {
            Grouped::Apart(one, other) => {
                let reach = verb(&one, "reaches", "reach");
                format!("{} {reach} {} again", listed(&one), listed(&other))
            }
            Grouped::OneWay(from, to) => {
                format!(
                    "{} can be reached from {} again",
                    listed(&to),
                    listed(&from)
                )
            }
            Grouped::Single(action) => end(action),
        }),
        None => fault.text(),
    }
}

fn spelled_out(fault: &Fault) -> Option<&[Action]> {
    match fault {
        Fault::Actions(actions) => Some(actions),
        Fault::Crash { .. }
        | Fault::Partition { .. }
        | Fault::Pause { .. }
        | Fault::SlowLink { .. }
        | Fault::SlowDisk { .. }
        | Fault::FailSync { .. }
        | Fault::ClientCut { .. }
        | Fault::Loss { .. }
        | Fault::Duplicate { .. }
        | Fault::Reset { .. } => None,
    }
}

/// The server that dies last in what [`begins`] says, and boots last in what [`ends`] says.
pub(super) fn last_death(fault: &Fault) -> Option<NodeId> {
    let last = spelled_out(fault)?.last()?;
    if let Action::Crash { node, .. } = last {
        Some(*node)
    } else {
        None
    }
}

fn each(actions: &[Action], tell: impl Fn(Grouped<'_>) -> String) -> String {
    let told: Vec<String> = grouped(actions).into_iter().map(tell).collect();
    listed(&told)
}

fn verb(nodes: &[NodeId], one: &'static str, several: &'static str) -> &'static str {
    if nodes.len() == 1 { one } else { several }
}

fn death(nodes: &[NodeId], kind: CrashKind) -> String {
    match (nodes, kind) {
        ([node], CrashKind::Process) => format!("{node}'s process dies"),
        (nodes, CrashKind::Process) => format!("the processes of {} die", listed(nodes)),
        (nodes, CrashKind::Power) => {
            let lose = verb(nodes, "loses its", "lose their");
            format!("{} {lose} power", listed(nodes))
        }
    }
}

/// What an action does.
fn begin(action: &Action) -> String {
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

/// What its end does.
fn end(action: &Action) -> String {
    if let Action::CrashMany { nodes, .. } = action {
        return format!("{} boot again", listed(nodes));
    }
    if let Action::Break { a, b } = action {
        return format!("streams between {a} and {b} can be made");
    }
    let undone: Vec<String> = action.undo().iter().map(begin).collect();
    listed(&undone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::quantity::Target;
    use crate::scenario::script::parse_action;

    fn actions(texts: &[&str]) -> Fault {
        let parsed = texts.iter().map(|text| parse_action(text));
        let parsed = parsed.flat_map(|actions| actions.expect("it is an action"));
        Fault::Actions(parsed.collect())
    }

    #[test]
    fn what_is_spelled_out_is_told_in_words() {
        for (texts, begin, end) in [
            (
                &["cut n2 | n1 n3"][..],
                "n2 is cut off from n1 and n3",
                "n2 reaches n1 and n3 again",
            ),
            (
                &["cut n1 n2 > n3"],
                "nothing gets from n1 and n2 to n3",
                "n3 can be reached from n1 and n2 again",
            ),
            (&["kill n1"], "n1's process dies", "n1 boots again"),
            (
                &["power-off n1 n2"],
                "n1 and n2 lose their power",
                "n1 and n2 boot again",
            ),
            (&["pause n2"], "n2 stands still", "n2 goes on"),
            (
                &["slow n1 > n3 30ms", "fail-syncs n2 2"],
                "messages from n1 to n3 take 30ms longer and the next 2 syncs of n2 fail",
                "messages from n1 to n3 are as fast as before and syncs of n2 no longer fail, \
                 and if one did, n2 is started again",
            ),
        ] {
            let fault = actions(texts);
            assert_eq!(begins(&fault), begin);
            assert_eq!(ends(&fault), end);
        }
    }

    #[test]
    fn what_is_drawn_is_told_by_whom_it_is_about() {
        let fault = Fault::Pause {
            node: Target::Leader,
        };
        assert_eq!(begins(&fault), "pause of leader");
    }
}
