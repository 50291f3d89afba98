//! Which protocols and mutations a command is about.

use menagerie::check::CHECKERS;
use menagerie::mutation::{Concerns, Mutation, Mutations, known};

use std::path::Path;
use std::sync::Arc;

use super::CliError;
use super::arguments::{Choice, SeveralScenarios};
use super::mutations::of_tracker;
use super::output::complain;
use super::source::BUNDLE;
use crate::files::is_lines;
use crate::run::program::program;
use crate::run::quoted;
use crate::run::registry::Registration;
use crate::run::scenario_file::known_keys;
use crate::scenario::{RUNNER_CHECKERS, Scenario, ScenarioError};
use crate::words::suggestion;

/// A scenario that was named, and what is to be run of it.
pub(super) struct Selected {
    pub(super) scenario: Arc<Scenario>,
    pub(super) mutations: Mutations,
    pub(super) protocols: Vec<Registration>,
}

/// Every scenario that was named, read before the first one is run.
pub(super) fn all(
    what: &SeveralScenarios,
    registered: &[Registration],
) -> Result<Vec<Selected>, CliError> {
    let one = |name: &String| {
        refuse_runs(name)?;
        let scenario = scenario(name, &what.choice)?;
        let mutations = mutations(&what.choice, &scenario)?;
        let protocols = protocols(&what.choice, &scenario, mutations, registered)?;
        Ok(Selected {
            scenario,
            mutations,
            protocols,
        })
    };
    what.scenarios.iter().map(one).collect()
}

/// Refuses what names a run that was performed, where a scenario is expected.
fn refuse_runs(name: &str) -> Result<(), CliError> {
    let (path, program, shown) = (Path::new(name), program(), quoted(name));
    let why = if path.is_dir() && path.join(BUNDLE).is_file() {
        format!(
            "{name} is the folder of a run, not a scenario: `{program} explain {shown}` tells its \
             story, `{program} replay {shown}` repeats it"
        )
    } else if path.is_dir() {
        format!(
            "{name} is a folder, not a scenario; name a scenario (`{program} scenarios` lists \
             them) or a file. `{program} explain` and `{program} replay` take the folder that a \
             failing run left"
        )
    } else if path.extension().is_some_and(|end| end == "json") {
        format!(
            "{name} is no scenario file (*.toml); if it is a replay bundle, `{program} replay \
             {shown}` repeats its run"
        )
    } else if is_lines(path) {
        format!(
            "{name} is a recording, not a scenario; the {BUNDLE} beside it repeats the run: \
             `{program} replay`"
        )
    } else if let (false, Some((scenario, seed))) = (path.exists(), name.rsplit_once('@')) {
        let words: Vec<&str> = seed.split('+').collect();
        format!(
            "{name}: name the scenario and its seed apart here: {} --seed {}",
            quoted(scenario),
            words.join(" --mutate ")
        )
    } else {
        return Ok(());
    };
    Err(CliError::Usage(why))
}

/// Reads a scenario with the values that were set.
pub(super) fn scenario(name: &str, choice: &Choice) -> Result<Arc<Scenario>, CliError> {
    let scenario = Scenario::read_with(name, &choice.set)
        .map_err(|error| with_keys_meant(error, &choice.set))?;
    if let Some(advice) = scenario.advice() {
        complain(&format!("warning: {advice}"));
    }
    Ok(Arc::new(scenario))
}

/// The error, with what a key that is set and that there is not may have meant.
fn with_keys_meant(mut error: ScenarioError, settings: &[String]) -> ScenarioError {
    let known = known_keys();
    let keys = settings
        .iter()
        .filter_map(|setting| setting.split_once('='));
    let mut keys = keys.map(|(key, _)| key.trim());
    let unknown = keys.find(|key| known.iter().all(|known| known != key));
    if let (Some(unknown), Some(problem)) = (unknown, error.problems.first_mut()) {
        let name = |key: &str| key.rsplit('.').next().map(str::to_owned);
        let same: Vec<&str> = known
            .iter()
            .filter(|key| name(key) == name(unknown))
            .map(String::as_str)
            .collect();
        let meant = match same.as_slice() {
            [] => suggestion(unknown, known.iter().map(String::as_str)),
            _same => format!(": did you mean {}?", same.join(" or ")),
        };
        if !meant.is_empty() {
            problem.help = Some(format!("--set {unknown}{meant}"));
        }
    }
    error
}

/// The mutations that were named: on the command line, where `none` switches all off, or else in
/// the scenario.
pub(super) fn mutations(choice: &Choice, scenario: &Scenario) -> Result<Mutations, CliError> {
    match choice.mutate.as_slice() {
        [] => return Ok(scenario.mutations()),
        [none] if none == "none" => return Ok(Mutations::NONE),
        _named => {}
    }
    let mut on = Mutations::NONE;
    for text in &choice.mutate {
        let mutation = Mutation::find(text).ok_or_else(|| unknown_mutation(text))?;
        on = on.with(mutation);
    }
    Ok(on)
}

fn unknown_mutation(text: &str) -> CliError {
    let known = known();
    let of_issue = of_tracker(text, &known);
    let meant = match of_issue.as_deref() {
        Some([]) => "; no mutation comes from that issue".to_owned(),
        Some(ids) => format!("; the mutations of that issue: {}", ids.join(", ")),
        None => suggestion(text, known.iter().flat_map(|entry| [entry.id, entry.name])),
    };
    CliError::Usage(format!(
        "there is no mutation \"{text}\"{meant}; `{} mutations` lists them",
        program()
    ))
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
    choice: &Choice,
    scenario: &Scenario,
    mutations: Mutations,
    registered: &[Registration],
) -> Result<Vec<Registration>, CliError> {
    if registered.is_empty() {
        return Err(CliError::Usage(
            "this program knows no protocol: give its `main` one, as in \
             menagerie_sim::main(&[Registration::of::<MyProtocol>(\"mine\")])"
                .to_owned(),
        ));
    }
    let concerned = |registration: &Registration, mutation: Mutation| {
        mutation.entry().concerns.includes(registration.name)
    };
    let about = scenario.document.protocol.as_deref();
    let chosen: Vec<Registration> = match choice.protocol.as_deref().or(about) {
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
