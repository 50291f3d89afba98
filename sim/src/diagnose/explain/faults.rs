//! Faults in plain words: what a fault and its end mean for a reader of the story.

use std::collections::BTreeSet;

use menagerie::ids::NodeId;

use crate::scenario::fault::Fault;
use crate::scenario::script::{Grouped, grouped, in_words, listed};
use crate::world::Action;

/// What begins with a fault. Of one that was drawn, its actions follow as events of their own.
pub(super) fn begins(fault: &Fault) -> String {
    match fault.actions() {
        Some(actions) => each(actions, |group| match group {
            Grouped::Apart(one, other) => {
                let is = if one.len() == 1 { "is" } else { "are" };
                format!("{} {is} cut off from {}", listed(&one), listed(&other))
            }
            Grouped::OneWay(from, to) => {
                format!("nothing gets from {} to {}", listed(&from), listed(&to))
            }
            Grouped::Single(action) => in_words(action),
        }),
        None => fault.text(),
    }
}

/// What its end undoes.
pub(super) fn ends(fault: &Fault) -> String {
    match fault.actions() {
        Some(actions) => each(actions, |group| match group {
            Grouped::Apart(one, other) => {
                let reach = if one.len() == 1 { "reaches" } else { "reach" };
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

/// The servers whose deaths [`begins`] tells, and whose boots [`ends`] tells.
pub(super) fn deaths(fault: &Fault) -> BTreeSet<NodeId> {
    let actions = fault.actions().unwrap_or_default().iter();
    let dying = actions.flat_map(|action| {
        if let Action::Crash { node, .. } = action {
            core::slice::from_ref(node)
        } else if let Action::CrashMany { nodes, .. } = action {
            nodes.as_slice()
        } else {
            &[]
        }
    });
    dying.copied().collect()
}

fn each(actions: &[Action], tell: impl Fn(Grouped<'_>) -> String) -> String {
    let told: Vec<String> = grouped(actions).into_iter().map(tell).collect();
    listed(&told)
}

/// What its end does.
fn end(action: &Action) -> String {
    if let Action::CrashMany { nodes, .. } = action {
        return format!("{} boot again", listed(nodes));
    }
    if let Action::Break { a, b } = action {
        return format!("streams between {a} and {b} can be made");
    }
    let undone: Vec<String> = action.undo().iter().map(in_words).collect();
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
    fn a_fault_tells_the_deaths_of_all_that_it_kills() {
        let three = [1, 2, 3].map(NodeId).into();
        assert_eq!(deaths(&actions(&["kill n1 n2 n3"])), three);
        let last = [NodeId(4)].into();
        assert_eq!(deaths(&actions(&["pause n2", "power-off n4"])), last);
    }

    #[test]
    fn what_is_drawn_is_told_by_whom_it_is_about() {
        let fault = Fault::Pause {
            node: Target::Leader,
        };
        assert_eq!(begins(&fault), "pause of leader");
    }
}
