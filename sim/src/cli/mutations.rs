//! `menagerie mutations`: the catalogue, and a search in it.

use menagerie::mutation::{Concerns, Entry};

use super::arguments::MutationsArguments;
use super::list::mutations_of;
use super::output::{columns, print};
use super::{CliError, Exit};
use crate::run::registry::Registration;

/// Where ZooKeeper's bugs are described.
const TRACKER: &str = "https://issues.apache.org/jira/browse/ZOOKEEPER-";

/// Lists the mutations that were asked for.
pub(super) fn mutations(
    arguments: &MutationsArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    let found: Vec<&Entry> = mutations_of(registered)
        .into_iter()
        .filter(|entry| matches(entry, &arguments.words))
        .collect();
    if found.is_empty() {
        let words = arguments.words.join(" ");
        let link = tracker_number(&words).map_or_else(String::new, |number| {
            format!("; its description: {TRACKER}{number}")
        });
        return Err(CliError::Usage(format!(
            "the catalogue has no mutation about \"{words}\"{link}. That says nothing about any \
             release. `menagerie mutations` lists those that there are"
        )));
    }
    let Some(release) = &arguments.affects else {
        print(&columns(
            &found.iter().map(|entry| line(entry)).collect::<Vec<_>>(),
        ))?;
        return Ok(Exit::Held);
    };
    affecting(&found, release)
}

/// Lists those that a release is recorded to have, and says of which nothing is recorded.
fn affecting(found: &[&Entry], release: &str) -> Result<Exit, CliError> {
    let mut lines = Vec::new();
    let mut silent = Vec::new();
    for entry in found {
        let Some(affected) = entry.releases else {
            silent.extend(tracker_numbers(entry.source).map(|number| (entry.id, number)));
            continue;
        };
        let is_affected = affected.includes(release).ok_or_else(|| {
            CliError::Usage(format!(
                "{release} is no release; expected one such as 3.8.0"
            ))
        })?;
        if is_affected {
            let (name, text) = line(entry);
            let (fixed, basis) = (affected.fixed.join(", "), affected.basis);
            lines.push((name, format!("{text} Fixed in {fixed}. Source: {basis}.")));
        }
    }
    let mut text = columns(&lines);
    if lines.is_empty() {
        text = format!("no mutation is recorded as a bug of {release}\n");
    }
    if !silent.is_empty() {
        text.push_str("of these the releases are not recorded; the tracker names them:\n");
        for (id, number) in silent {
            text.push_str(&format!("  {id:<5}{TRACKER}{number}\n"));
        }
    }
    print(&text)?;
    Ok(Exit::Held)
}

/// A mutation, and what there is to say of it.
fn line(entry: &Entry) -> (String, String) {
    let concerns = match entry.concerns {
        Concerns::Protocol(name) => name,
        Concerns::Tree => "all",
    };
    let name = format!("{:<4} {}", entry.id, entry.name);
    let concepts = match entry.concepts {
        [] => String::new(),
        concepts => format!(" {{{}}}", concepts.join(", ")),
    };
    (
        name,
        format!("({concerns}) {} [{}]{concepts}", entry.story, entry.source),
    )
}

/// Whether everything that is looked for is said of a mutation.
fn matches(entry: &Entry, words: &[String]) -> bool {
    let (_, text) = line(entry);
    let checkers = entry.caught_by.join(" ");
    let text = format!("{} {} {text} {checkers}", entry.id, entry.name).to_lowercase();
    words.iter().all(|word| match tracker_number(word) {
        Some(number) => tracker_numbers(entry.source).any(|other| other == number),
        None => text.contains(&word.to_lowercase()),
    })
}

/// The number of an issue of ZooKeeper's tracker: `ZOOKEEPER-2678`, `ZK-2678`.
fn tracker_number(word: &str) -> Option<u32> {
    let word = word.to_ascii_uppercase();
    let number = word
        .strip_prefix("ZOOKEEPER-")
        .or(word.strip_prefix("ZK-"))?;
    number.parse().ok()
}

fn tracker_numbers(source: &str) -> impl Iterator<Item = u32> {
    let words = source.split([' ', ',', ';']);
    words.filter_map(tracker_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use menagerie::mutation::known;

    fn ids(words: &[&str]) -> Vec<&'static str> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let found = known().into_iter().filter(|entry| matches(entry, &words));
        found.map(|entry| entry.id).collect()
    }

    #[test]
    fn a_mutation_is_found_by_the_tracker_a_concept_and_a_checker() {
        assert_eq!(ids(&["ZOOKEEPER-2678"]), ["Z13"]);
        assert_eq!(ids(&["zk-1496"]), ["T04"]);
        assert!(
            ids(&["ZK-26"]).is_empty(),
            "a number is no beginning of one"
        );
        assert_eq!(ids(&["phase 1", "acceptor"]), ["P03"]);
        assert!(ids(&["durability", "zab"]).contains(&"Z13"));
        assert_eq!(ids(&[]).len(), known().len());
    }
}
