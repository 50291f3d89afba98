//! Which protocols and mutations a command is about.

use menagerie::check::CHECKERS;
use menagerie::mutation::{CATALOGUE, Concerns, Mutation, Mutations};

use super::CliError;
use super::arguments::What;
use crate::run::registry::Registration;
use crate::scenario::RUNNER_CHECKERS;
use crate::scenario::Scenario;

/// The mutations that were named: on the command line, where `none` switches all off, or else in
/// the scenario.
pub(super) fn mutations(what: &What, scenario: &Scenario) -> Result<Mutations, CliError> {
    match what.mutate.as_slice() {
        [] => return Ok(scenario.mutations()),
        [none] if none == "none" => return Ok(Mutations::NONE),
        _named => {}
    }
    let mut on = Mutations::NONE;
    for text in &what.mutate {
        let mutation = Mutation::find(text).ok_or_else(|| {
            let known = CATALOGUE.iter().flat_map(|entry| [entry.id, entry.name]);
            CliError::Usage(format!(
                "there is no mutation \"{text}\"{}; `menagerie mutations` lists them",
                suggestion(text, known)
            ))
        })?;
        on = on.with(mutation);
    }
    Ok(on)
}

/// A checker that was named must be one.
pub(super) fn checker(name: Option<&str>) -> Result<(), CliError> {
    let known = || {
        let names = CHECKERS.iter().map(|entry| entry.name);
        names
            .chain(RUNNER_CHECKERS)
            .filter(|name| *name != "expectation")
    };
    let Some(name) = name.filter(|name| !known().any(|one| one == *name)) else {
        return Ok(());
    };
    let names: Vec<&str> = known().collect();
    Err(CliError::Usage(format!(
        "there is no checker \"{name}\"{}; there are: {}",
        suggestion(name, known()),
        names.join(", ")
    )))
}

/// The protocols that were named, or that the mutations concern.
pub(super) fn protocols(
    what: &What,
    scenario: &Scenario,
    mutations: Mutations,
    registered: &[Registration],
) -> Result<Vec<Registration>, CliError> {
    let concerned = |registration: &Registration, mutation: Mutation| {
        mutation.entry().concerns.includes(registration.name)
    };
    let about = scenario.document.protocol.as_deref();
    let chosen: Vec<Registration> = match what.protocol.as_deref().or(about) {
        Some("all") => registered.to_vec(),
        Some(name) => vec![named(name, registered)?],
        // Without a choice, the mutations choose.
        None => registered
            .iter()
            .copied()
            .filter(|one| mutations.iter().all(|mutation| concerned(one, mutation)))
            .collect(),
    };
    for mutation in mutations.iter() {
        let unconcerned: Vec<&str> = chosen
            .iter()
            .filter(|one| !concerned(one, mutation))
            .map(|one| one.name)
            .collect();
        if !unconcerned.is_empty() {
            return Err(CliError::Usage(unconcerned_text(mutation, &unconcerned)));
        }
    }
    if chosen.is_empty() {
        let ids: Vec<&str> = mutations.iter().map(|on| on.entry().id).collect();
        return Err(CliError::Usage(format!(
            "no protocol is concerned by all of these mutations: {}; switch on one at a time",
            ids.join(", ")
        )));
    }
    Ok(chosen)
}

fn unconcerned_text(mutation: Mutation, unconcerned: &[&str]) -> String {
    let entry = mutation.entry();
    let advice = match entry.concerns {
        Concerns::Protocol(name) => format!("choose --protocol {name}"),
        Concerns::Tree => "choose another protocol".to_owned(),
    };
    format!(
        "mutation {} ({}) does not concern {}; {advice}",
        entry.id,
        entry.name,
        unconcerned.join(", ")
    )
}

fn named(name: &str, registered: &[Registration]) -> Result<Registration, CliError> {
    registered
        .iter()
        .copied()
        .find(|one| one.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = registered.iter().map(|one| one.name).collect();
            CliError::Usage(format!(
                "there is no protocol \"{name}\"{}; there are: {}, and `all`",
                suggestion(name, names.iter().copied()),
                names.join(", ")
            ))
        })
}

/// The known word that is nearest, if one is near.
fn suggestion<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> String {
    let wanted = text.to_ascii_lowercase();
    known
        .map(|word| (distance(&wanted, &word.to_ascii_lowercase()), word))
        .min()
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(2))
        .map_or_else(String::new, |(_, word)| format!(": did you mean {word}?"))
}

/// How many letters have to be changed, added or dropped.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in right.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_changed_added_and_dropped_letters() {
        assert_eq!(distance("z13", "z13"), 0);
        assert_eq!(distance("z31", "z13"), 2);
        assert_eq!(distance("pax", "paxos"), 2);
        assert_eq!(distance("", "zab"), 3);
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let known = ["zab", "paxos"];
        assert_eq!(
            suggestion("paxo", known.into_iter()),
            ": did you mean paxos?"
        );
        assert_eq!(suggestion("raft", known.into_iter()), "");
    }
}
