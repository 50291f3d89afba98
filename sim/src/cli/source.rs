//! Where a run comes from: a scenario and a seed (or both as `SCENARIO@SEED+ID`), or a bundle.

use std::fs;
use std::path::Path;

use menagerie::check::Verdict;

use super::arguments::{Choice, OneScenario};
use super::{CliError, select, values};
use crate::files::is_lines;
use crate::run::bundle::Bundle;
use crate::run::registry::Registration;
use crate::run::{Job, Reproduce, RunReport, RunSpec};

/// A run that is ready to be performed.
pub(super) struct Loaded {
    /// What performs it.
    pub(super) protocol: Registration,
    /// The run.
    pub(super) job: Job,
    /// The bundle it came from, if it did.
    pub(super) bundle: Option<Bundle>,
}

/// The name of a bundle in the folder of a run.
pub(super) const BUNDLE: &str = "bundle.json";

/// A run of which only the scenario, protocol and mutations are named.
pub(super) fn what(scenario: String, protocol: Option<String>, mutate: Vec<String>) -> OneScenario {
    OneScenario {
        scenario,
        choice: Choice {
            protocol,
            mutate,
            set: Vec::new(),
            json: false,
        },
    }
}

/// The seed of a run if none is named.
const USUAL_SEED: u64 = 1;

/// A run that was named `SCENARIO@SEED+ID+ID`, if the text is such a name and no path.
fn seeded(what: &OneScenario) -> Result<Option<(OneScenario, u64)>, CliError> {
    if Path::new(&what.scenario).exists() {
        return Ok(None);
    }
    let Some((scenario, rest)) = what.scenario.rsplit_once('@') else {
        return Ok(None);
    };
    let mut words = rest.split('+');
    let number = words.next().unwrap_or_default();
    let seed = values::seed(number)
        .map_err(|why| CliError::Usage(format!("the seed of {scenario}@{rest}: {why}")))?;
    let mut named = OneScenario {
        scenario: scenario.to_owned(),
        ..what.clone()
    };
    named.choice.mutate.extend(words.map(str::to_owned));
    Ok(Some((named, seed)))
}

/// Reads a scenario (by its name, its file, or as `SCENARIO@SEED+ID`), a bundle (by the end of its
/// name), or the bundle in the folder of a run.
pub(super) fn load(
    what: &OneScenario,
    seed: Option<u64>,
    registered: &[Registration],
) -> Result<Loaded, CliError> {
    if let Some((named, own)) = seeded(what)? {
        if let Some(other) = seed.filter(|seed| *seed != own) {
            return Err(CliError::Usage(format!(
                "{} names the seed {own}, and --seed {other} another one: leave one of them out",
                what.scenario
            )));
        }
        return of_scenario(&named, own, registered);
    }
    let path = Path::new(&what.scenario);
    missing(path)?;
    if path.is_dir() {
        let bundle = path.join(BUNDLE);
        if !bundle.is_file() {
            return Err(CliError::Usage(format!(
                "{} is a folder without a {BUNDLE}; name a scenario file, a bundle, or the folder \
                 that a failing run left",
                what.scenario
            )));
        }
        let what = OneScenario {
            scenario: bundle.display().to_string(),
            ..what.clone()
        };
        return of_bundle(&what, registered);
    }
    if path.extension().is_some_and(|end| end == "json") {
        return of_bundle(what, registered);
    }
    if is_lines(path) {
        return Err(CliError::Usage(format!(
            "{} is a recording, and this command repeats the run: name its scenario, or the \
             {BUNDLE} beside it",
            what.scenario
        )));
    }
    of_scenario(what, seed.unwrap_or(USUAL_SEED), registered)
}

/// Refuses a folder that there is not; of a file that there is not, others say what is beside it.
fn missing(path: &Path) -> Result<(), CliError> {
    let names_a_folder = path.components().count() > 1 && path.extension().is_none();
    if names_a_folder && !path.exists() {
        let path = path.display();
        return Err(CliError::Usage(format!("{path}: no such file or folder")));
    }
    Ok(())
}

fn of_scenario(
    what: &OneScenario,
    seed: u64,
    registered: &[Registration],
) -> Result<Loaded, CliError> {
    let scenario = select::scenario(&what.scenario, &what.choice)?;
    let mutations = select::mutations(&what.choice, &scenario)?;
    let protocols = select::protocols(&what.choice, &scenario, mutations, registered)?;
    let [protocol] = protocols.as_slice() else {
        let names: Vec<&str> = protocols.iter().map(|one| one.name).collect();
        return Err(CliError::Usage(format!(
            "this command is about one run; choose one with --protocol: {}",
            names.join(", ")
        )));
    };
    let spec = RunSpec {
        scenario,
        seed,
        mutations,
        checks: true,
        trace: false,
    };
    Ok(Loaded {
        protocol: *protocol,
        job: Job::of(protocol.name, &spec),
        bundle: None,
    })
}

/// The checker that a run's violation is asked of if none is named: the one that the scenario
/// expects, if the run has such a violation.
pub(super) fn expected(loaded: &Loaded) -> Option<String> {
    loaded.job.resolved.expect.failing().map(str::to_owned)
}

/// A run that was asked for its trace and broke down before there was one.
pub(super) fn untraced(report: &RunReport) -> CliError {
    let why = report
        .verdicts
        .iter()
        .find_map(|judged| match &judged.verdict {
            Verdict::Fail(counterexample) => Some(counterexample.reason.as_str()),
            Verdict::Unknown(why) => Some(why.as_str()),
            Verdict::Pass { .. } | Verdict::Vacuous(_) | Verdict::NotApplicable(_) => None,
        });
    CliError::Usage(format!(
        "the run broke down before it had a trace: {}; to see it: {}",
        why.unwrap_or("it does not say why"),
        report.reproduce
    ))
}

fn of_bundle(what: &OneScenario, registered: &[Registration]) -> Result<Loaded, CliError> {
    let path = &what.scenario;
    let choice = &what.choice;
    if !choice.mutate.is_empty() || choice.protocol.is_some() || !choice.set.is_empty() {
        return Err(CliError::Usage(
            "a bundle has its protocol, mutations and values in it: leave --protocol, --mutate \
             and --set out"
                .to_owned(),
        ));
    }
    let text = fs::read_to_string(path)
        .map_err(|error| CliError::Usage(format!("{path} cannot be read: {error}")))?;
    let bundle = Bundle::parse(&text)
        .map_err(|why| CliError::Usage(format!("{path} is no replay bundle: {why}")))?;
    let named = registered.iter().find(|one| one.name == bundle.protocol);
    let protocol = *named.ok_or_else(|| {
        CliError::Usage(format!(
            "{path} is about the protocol \"{}\", which is not known here; \
             `menagerie protocols` lists those that are",
            bundle.protocol
        ))
    })?;
    Ok(Loaded {
        protocol,
        job: bundle.job(Reproduce::bundle(path)),
        bundle: Some(bundle),
    })
}
