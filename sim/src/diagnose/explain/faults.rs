//! Faults that are spelled out, in plain words: what `cut n1 | n2 n3` means for a reader of the
//! story. What is not known here is told as it is written.

use super::names::listed;

/// What begins with a fault.
pub(super) fn begins(text: &str) -> String {
    told(text, |action| match *action {
        Action::Kill(node) => format!("{node}'s process dies"),
        Action::PowerOff(node) => format!("{node} loses its power"),
        Action::Pause(node) => format!("{node} stands still"),
        Action::Apart(ref one, ref other) => {
            let is = if one.len() == 1 { "is" } else { "are" };
            format!("{} {is} cut off from {}", listed(one), listed(other))
        }
        Action::OneWay(ref from, ref to) => {
            format!("nothing gets from {} to {}", listed(from), listed(to))
        }
        Action::ClientCut(node) => format!("clients cannot reach {node}"),
        Action::Slow(ref from, ref to, by) => format!(
            "messages from {} to {} take {by} longer",
            listed(from),
            listed(to)
        ),
        Action::SlowDisk(node, by) => format!("the disk of {node} takes {by} longer"),
        Action::Break(one, other) => format!("the stream between {one} and {other} breaks"),
        Action::FailSyncs(node, "1") => format!("the next sync of {node} fails"),
        Action::FailSyncs(node, count) => format!("the next {count} syncs of {node} fail"),
    })
}

/// What its end undoes.
pub(super) fn ends(text: &str) -> String {
    told(text, |action| match *action {
        Action::Kill(node) | Action::PowerOff(node) => format!("{node} boots again"),
        Action::Pause(node) => format!("{node} goes on"),
        Action::Apart(ref one, ref other) => {
            let reach = if one.len() == 1 { "reaches" } else { "reach" };
            format!("{} {reach} {} again", listed(one), listed(other))
        }
        Action::OneWay(ref from, ref to) => {
            format!("{} can be reached from {} again", listed(to), listed(from))
        }
        Action::ClientCut(node) => format!("clients reach {node} again"),
        Action::Slow(ref from, ref to, _) => format!(
            "messages from {} to {} are as fast as before",
            listed(from),
            listed(to)
        ),
        Action::SlowDisk(node, _) => format!("the disk of {node} is as fast as before"),
        Action::Break(one, other) => format!("streams between {one} and {other} can be made"),
        Action::FailSyncs(node, _) => {
            format!("syncs of {node} no longer fail, and if one did, {node} is started again")
        }
    })
}

/// One action, as [`crate::scenario::script::parse_action`] reads it.
enum Action<'a> {
    Kill(&'a str),
    PowerOff(&'a str),
    Pause(&'a str),
    Apart(Vec<&'a str>, Vec<&'a str>),
    OneWay(Vec<&'a str>, Vec<&'a str>),
    ClientCut(&'a str),
    Slow(Vec<&'a str>, Vec<&'a str>, &'a str),
    SlowDisk(&'a str, &'a str),
    Break(&'a str, &'a str),
    FailSyncs(&'a str, &'a str),
}

fn told(text: &str, tell: impl Fn(&Action) -> String) -> String {
    let actions: Option<Vec<Action>> = text.split(", ").map(action).collect();
    match actions {
        Some(actions) => {
            let told: Vec<String> = actions.iter().map(tell).collect();
            listed(&told)
        }
        None => text.to_owned(),
    }
}

fn action(text: &str) -> Option<Action<'_>> {
    let words: Vec<&str> = text.split(' ').collect();
    let (verb, rest) = words.split_first()?;
    match (*verb, rest) {
        ("kill", [node]) => Some(Action::Kill(node)),
        ("power-off", [node]) => Some(Action::PowerOff(node)),
        ("pause", [node]) => Some(Action::Pause(node)),
        ("client-cut", [node]) => Some(Action::ClientCut(node)),
        ("slow-disk", [node, by]) => Some(Action::SlowDisk(node, by)),
        ("break", [one, other]) => Some(Action::Break(one, other)),
        ("fail-syncs", [node, count]) => Some(Action::FailSyncs(node, count)),
        ("cut", sides) => {
            let (left, sign, right) = split(sides)?;
            Some(match sign {
                "|" => Action::Apart(left, right),
                _one_way => Action::OneWay(left, right),
            })
        }
        ("slow", [sides @ .., by]) => {
            let (left, sign, right) = split(sides)?;
            (sign == ">").then_some(Action::Slow(left, right, by))
        }
        _other => None,
    }
}

fn split<'a>(words: &[&'a str]) -> Option<(Vec<&'a str>, &'a str, Vec<&'a str>)> {
    let place = words.iter().position(|word| matches!(*word, "|" | ">"))?;
    let (left, right) = (&words[..place], &words[place + 1..]);
    let sound = !left.is_empty() && !right.is_empty();
    sound.then(|| (left.to_vec(), words[place], right.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spelled_out_is_told_in_words() {
        for (text, begin, end) in [
            (
                "cut n2 | n1 n3",
                "n2 is cut off from n1 and n3",
                "n2 reaches n1 and n3 again",
            ),
            (
                "cut n1 n2 > n3",
                "nothing gets from n1 and n2 to n3",
                "n3 can be reached from n1 and n2 again",
            ),
            ("kill n1", "n1's process dies", "n1 boots again"),
            ("pause n2", "n2 stands still", "n2 goes on"),
            (
                "slow n1 > n3 30ms, fail-syncs n2 2",
                "messages from n1 to n3 take 30ms longer and the next 2 syncs of n2 fail",
                "messages from n1 to n3 are as fast as before and syncs of n2 no longer fail, \
                 and if one did, n2 is started again",
            ),
        ] {
            assert_eq!(begins(text), begin);
            assert_eq!(ends(text), end);
        }
    }

    #[test]
    fn what_is_drawn_or_unknown_stays_as_it_is() {
        for text in ["partition Split (leader)", "cut n1", "kill n1 n2", ""] {
            assert_eq!(begins(text), text);
            assert_eq!(ends(text), text);
        }
    }
}
