//! `menagerie mutations`: the catalogue, and a search in it.

use std::fmt::Write as _;

use menagerie::mutation::{Affected, Concerns, Entry, is_release};
use serde::Serialize;

use super::arguments::MutationsArguments;
use super::list::mutations_of;
use super::output::{columns, print};
use super::{CliError, Exit, document};
use crate::run::program::program;
use crate::run::registry::Registration;

/// Where ZooKeeper's bugs are described.
const TRACKER: &str = "https://issues.apache.org/jira/browse/ZOOKEEPER-";

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    mutations: Vec<EntryLine<'a>>,
}

#[derive(Serialize)]
struct EntryLine<'a> {
    id: &'a str,
    name: &'a str,
    /// The protocol; `null` if it concerns all of them.
    protocol: Option<&'a str>,
    source: &'a str,
    story: &'a str,
    caught_by: &'a [&'a str],
    concepts: &'a [&'a str],
    /// Where it shows soon; `null` if no checker reports it.
    shows_in: Option<ShowsIn<'a>>,
    /// `null` if nobody recorded them.
    releases: Option<ReleasesLine<'a>>,
    /// With `--affects`: whether the release has it; `null` if nobody recorded that.
    #[serde(skip_serializing_if = "Option::is_none")]
    affects: Option<Option<bool>>,
}

#[derive(Serialize)]
struct ShowsIn<'a> {
    scenario: &'a str,
    seeds: String,
}

#[derive(Serialize)]
struct ReleasesLine<'a> {
    /// From the first to the last, both included.
    affected: &'a [(&'a str, &'a str)],
    fixed: &'a [&'a str],
    basis: &'a str,
}

/// Lists the mutations that were asked for.
pub(super) fn mutations(
    arguments: &MutationsArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    let release = arguments.affects.as_deref();
    if let Some(wrong) = release.filter(|release| !is_release(release)) {
        return Err(CliError::Usage(format!(
            "--affects {wrong}: that is no release; expected three numbers, such as 3.8.0"
        )));
    }
    let protocols: Vec<&str> = registered.iter().map(|one| one.name).collect();
    let found = search(&mutations_of(registered), &arguments.words, &protocols);
    if found.is_empty() {
        return Err(nothing_about(&arguments.words.join(" ")));
    }
    if arguments.json {
        let lines = found.iter().map(|entry| entry_line(entry, release));
        let mutations = lines.collect();
        print(&document::text(&Document {
            schema: 1,
            mutations,
        }))?;
        return Ok(Exit::Held);
    }
    print(&match release {
        None => columns(&found.iter().map(|entry| line(entry)).collect::<Vec<_>>()),
        Some(release) if arguments.words.is_empty() => affected_by(&found, release),
        Some(release) => answers(&found, release),
    })?;
    Ok(Exit::Held)
}

fn nothing_about(words: &str) -> CliError {
    let link = tracker_number(words).map_or_else(String::new, |number| {
        format!("; its description: {TRACKER}{number}")
    });
    CliError::Usage(format!(
        "the catalogue has no mutation about \"{words}\"{link}. That says nothing about any \
         release. `{} mutations` lists those that there are",
        program()
    ))
}

fn entry_line<'a>(entry: &'a Entry, release: Option<&str>) -> EntryLine<'a> {
    EntryLine {
        id: entry.id,
        name: entry.name,
        protocol: match entry.concerns {
            Concerns::Protocol(name) => Some(name),
            Concerns::Tree => None,
        },
        source: entry.source,
        story: entry.story,
        caught_by: entry.caught_by,
        concepts: entry.concepts,
        shows_in: (!entry.caught_by.is_empty()).then(|| ShowsIn {
            scenario: entry.exhibit.scenario,
            seeds: seeds_of(entry),
        }),
        releases: entry.releases.as_ref().map(|releases| ReleasesLine {
            affected: releases.ranges,
            fixed: releases.fixed,
            basis: releases.basis,
        }),
        affects: release.map(|release| {
            let releases = entry.releases.as_ref();
            releases.and_then(|releases| releases.includes(release))
        }),
    }
}

/// Whether each of the mutations that were asked for is a bug of a release: a line for each.
fn answers(found: &[&Entry], release: &str) -> String {
    let answer = |entry: &&Entry| {
        let name = format!("{} {}", entry.id, entry.name);
        let includes = entry.releases.and_then(|one| one.includes(release));
        let told = match (includes, &entry.releases) {
            (Some(true), Some(one)) => format!("affects {release}; {}", recorded(one)),
            (Some(false), Some(one)) => format!(
                "does not affect {release} as far as is recorded; {}",
                recorded(one)
            ),
            (_, _) => format!("releases: not recorded{}", links(entry)),
        };
        format!("{name}: {told}\n")
    };
    found.iter().map(answer).collect()
}

/// The addresses of the issues that a mutation comes from, which name their releases.
fn links(entry: &Entry) -> String {
    let links: Vec<String> = tracker_numbers(entry.source)
        .map(|number| format!("{TRACKER}{number}"))
        .collect();
    if links.is_empty() {
        String::new()
    } else {
        format!("; the tracker may name them: {}", links.join(" "))
    }
}

/// Lists those that a release is recorded to have, and says of which nothing is recorded.
fn affected_by(found: &[&Entry], release: &str) -> String {
    let includes = |entry: &Entry| entry.releases.and_then(|one| one.includes(release));
    let affected = found.iter().filter(|entry| includes(entry) == Some(true));
    let lines: Vec<(String, String)> = affected.map(|entry| line(entry)).collect();
    let mut text = columns(&lines);
    if lines.is_empty() {
        text = format!("no mutation is recorded as a bug of {release}\n");
    }
    let unaffected = found.iter().filter(|entry| includes(entry) == Some(false));
    let unaffected: Vec<&str> = unaffected.map(|entry| entry.id).collect();
    // Writing into a string cannot fail.
    if !unaffected.is_empty() {
        let ids = unaffected.join(", ");
        let _ = writeln!(text, "not bugs of {release} as far as is recorded: {ids}");
    }
    let silent = found.iter().filter(|entry| entry.releases.is_none());
    let silent: Vec<_> = silent
        .flat_map(|entry| tracker_numbers(entry.source).map(|number| (entry.id, number)))
        .collect();
    if !silent.is_empty() {
        text.push_str("of these the releases are not recorded; the tracker names them:\n");
        for (id, number) in silent {
            let _ = writeln!(text, "  {id:<5}{TRACKER}{number}");
        }
    }
    text
}

/// The releases that had a bug, in words.
fn recorded(releases: &Affected) -> String {
    let range = |(first, last): &(&str, &str)| match first == last {
        true => (*first).to_owned(),
        false => format!("{first} to {last}"),
    };
    let ranges: Vec<String> = releases.ranges.iter().map(range).collect();
    format!(
        "releases: {} (fixed in {}; source: {})",
        ranges.join(", "),
        releases.fixed.join(", "),
        releases.basis
    )
}

fn seeds_of(entry: &Entry) -> String {
    let seeds = entry.exhibit.seeds();
    format!("{}..{}", seeds.start, seeds.end)
}

/// Where a mutation shows soon; `None` if no checker reports it.
fn shows_in(entry: &Entry) -> Option<String> {
    let (scenario, seeds) = (entry.exhibit.scenario, seeds_of(entry));
    (!entry.caught_by.is_empty()).then(|| format!("{scenario}, seeds {seeds}"))
}

/// What helps if a mutation was on and nothing failed.
pub(super) fn did_not_show(entry: &Entry) -> String {
    let (id, program) = (entry.id, program());
    if entry.caught_by.is_empty() {
        return format!("{id} did not show; no checker reports it (`{program} mutations {id}`)");
    }
    let (scenario, seeds) = (entry.exhibit.scenario, seeds_of(entry));
    format!(
        "{id} did not show; it shows in {scenario} (`{program} campaign {scenario} --seeds {seeds} \
         --mutate {id}`)"
    )
}

/// A mutation, and what there is to say of it.
fn line(entry: &Entry) -> (String, String) {
    let name = format!("{:<4} {}", entry.id, entry.name);
    let shows = shows_in(entry).map_or_else(
        || "no checker reports it".to_owned(),
        |place| format!("shows in: {place}"),
    );
    let releases = entry.releases.as_ref();
    let releases = releases.map_or_else(|| "releases: not recorded".to_owned(), recorded);
    (name, format!("{}; {shows}; {releases}", description(entry)))
}

/// What goes wrong, for whom, where it comes from and what it breaks.
fn description(entry: &Entry) -> String {
    let concerns = match entry.concerns {
        Concerns::Protocol(name) => name,
        Concerns::Tree => "all",
    };
    let concepts = match entry.concepts {
        [] => String::new(),
        concepts => format!(" {{{}}}", concepts.join(", ")),
    };
    format!("({concerns}) {} [{}]{concepts}", entry.story, entry.source)
}

/// The entries of which everything is said that is looked for. Words that are given as one argument
/// are looked for as they stand; if nobody says that, each of them for itself.
fn search<'a>(entries: &[&'a Entry], words: &[String], protocols: &[&str]) -> Vec<&'a Entry> {
    let among = |words: &[String]| -> Vec<&'a Entry> {
        let found = entries.iter().copied();
        found
            .filter(|entry| matches(entry, words, protocols))
            .collect()
    };
    let found = among(words);
    if !found.is_empty() {
        return found;
    }
    let single = words.iter().flat_map(|words| words.split_whitespace());
    among(&single.map(str::to_owned).collect::<Vec<_>>())
}

/// Whether everything that is looked for is said of a mutation. The name of a protocol asks for
/// those that concern it.
fn matches(entry: &Entry, words: &[String], protocols: &[&str]) -> bool {
    let (text, checkers) = (description(entry), entry.caught_by.join(" "));
    let text = format!("{} {} {text} {checkers}", entry.id, entry.name).to_lowercase();
    words.iter().all(|word| {
        let word = word.to_lowercase();
        if let Some(number) = tracker_number(&word) {
            return tracker_numbers(entry.source).any(|other| other == number);
        }
        match protocols.iter().find(|name| **name == word) {
            Some(protocol) => entry.concerns.includes(protocol),
            None => text.contains(&word),
        }
    })
}

/// The ids of the mutations that come from an issue of ZooKeeper's tracker, if a text names one.
pub(super) fn of_tracker(text: &str, entries: &[&Entry]) -> Option<Vec<&'static str>> {
    let number = tracker_number(text)?;
    let of_issue = entries
        .iter()
        .filter(|entry| tracker_numbers(entry.source).any(|other| other == number));
    Some(of_issue.map(|entry| entry.id).collect())
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

    fn found(words: &[&str]) -> Vec<&'static Entry> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        search(&known(), &words, &["zab", "paxos"])
    }

    fn ids(words: &[&str]) -> Vec<&'static str> {
        found(words).iter().map(|entry| entry.id).collect()
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

    #[test]
    fn quoted_words_are_found_like_single_ones_and_a_protocol_filters() {
        assert_eq!(ids(&["fencing zab"]), ids(&["fencing", "zab"]));
        assert!(!ids(&["fencing zab"]).is_empty());
        let of_zab = found(&["linearizability", "zab"]);
        assert!(!of_zab.is_empty());
        assert!(of_zab.iter().all(|entry| entry.concerns.includes("zab")));
    }

    #[test]
    fn whether_a_release_has_a_bug_is_answered_for_those_that_were_asked_for() {
        let z13 = found(&["Z13"]);
        let told = answers(&z13, "3.8.0");
        let expected = "Z13 diff_no_snapshot_no_log: does not affect 3.8.0 as far as is recorded";
        assert!(told.starts_with(expected), "{told}");
        assert!(answers(&z13, "3.4.12").contains(": affects 3.4.12; releases: 3.4.10 to 3.4.14"));
        let unknown = answers(&found(&["T03"]), "3.8.0");
        assert_eq!(
            unknown,
            "T03 sequence_from_children: releases: not recorded\n"
        );
    }
}
