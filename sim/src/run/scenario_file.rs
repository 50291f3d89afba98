//! A run as a scenario file: one that is spelled out, or everything that a seed resolves to.

use core::fmt::Write as _;

use menagerie::ids::{NodeId, Span};
use menagerie::protocol::QuorumRule;
use menagerie::protocol::knobs::Unit;

use crate::chance::decision::Source;
use crate::chance::latency::Latency;
use crate::run::resolve::{Resolved, mutation_ids, removal_interval};
use crate::scenario::Scenario;
use crate::scenario::fault::Planned;
use crate::scenario::quantity::exact_span;
use crate::scenario::schema::Expect;
use crate::scenario::script::quoted_list;
use crate::world::knobs::Key;
use crate::world::recovery;

/// The entries of a section: keys and values as TOML has them.
type Entries = Vec<(String, String)>;

/// The text of a scenario that repeats a run in which nothing is drawn any more. What is as it is
/// anyway is left out.
///
/// # Errors
/// Says what of the run no scenario file can express.
pub fn scenario_text(run: &Resolved, protocol: &str, story: &str) -> Result<String, String> {
    if run.script.is_none() {
        return Err("a run whose operations are drawn cannot be written as a scenario".to_owned());
    }
    let Source::Table(_) = &run.world.decisions else {
        return Err("a run whose deliveries are drawn cannot be written as a scenario".to_owned());
    };
    if !run.world.homes.is_empty() {
        return Err("clients that know only one server cannot be written as a scenario".to_owned());
    }
    let spelled = |planned: &Planned| planned.fault.actions().is_some();
    if !run.plan.faults.iter().all(spelled) {
        return Err("a fault that is not spelled out cannot be written".to_owned());
    }
    let mut plain = defaults();
    // By default that one follows from the tick.
    plain.world.settings.removal_interval = removal_interval(run.world.knobs.shared.tick);
    let mut text = head(run, Some(protocol), story);
    let mut add = |title: &str, own: Entries, usual: &Entries| {
        section(title, &differences(own, usual), &mut text);
    };
    add("ensemble", ensemble(run), &ensemble(&plain));
    for ((title, own), (_, usual)) in knobs(run).into_iter().zip(knobs(&plain)) {
        add(&title, own, &usual);
    }
    add("network", delays(run), &delays(&plain));
    add("disk", disk(run), &disk(&plain));
    add("workload", clients(run), &clients(&plain));
    add("liveness", healing(run), &healing(&plain));
    rest(run, &mut text);
    Ok(text)
}

/// Everything that a seed resolves to, as a scenario that repeats the run under the same seed: its
/// faults are as they were drawn, and nothing is left to a default. What is drawn while it runs,
/// deliveries and operations, is drawn again.
pub fn resolved_text(run: &Resolved, protocol: Option<&str>, story: &str) -> String {
    let mut text = head(run, protocol, story);
    section("ensemble", &ensemble(run), &mut text);
    for (title, entries) in knobs(run) {
        section(&title, &entries, &mut text);
    }
    section("network", &[delays(run), losses(run)].concat(), &mut text);
    section("disk", &disk(run), &mut text);
    let drift = format!("\"{}ppm\"", run.world.clock.drift_ppm_max);
    section("clock", &[("drift".to_owned(), drift)], &mut text);
    section(
        "workload",
        &[clients(run), operations_asked(run)].concat(),
        &mut text,
    );
    if run.script.is_none() {
        section("workload.mix", &mix(run), &mut text);
    }
    let mut liveness = healing(run);
    let is_bounded = |entries: &Entries| entries.iter().any(|(key, _)| key == "bound");
    if !run.skip_liveness && !is_bounded(&liveness) {
        liveness.push(quoted("bound", &exact_span(run.bound)));
    }
    section("liveness", &liveness, &mut text);
    rest(run, &mut text);
    text
}

/// The keys that have one value each in every scenario, with their sections, as `--set` names them.
pub fn known_keys() -> Vec<String> {
    let text = resolved_text(&defaults(), None, "Nothing happens. Nothing is expected.");
    let table: toml::Table = text.parse().expect("what is written can be read");
    let mut keys = Vec::new();
    let mut todo = vec![(String::new(), table)];
    while let Some((section, table)) = todo.pop() {
        for (name, value) in table {
            let key = format!("{section}{name}");
            match value {
                toml::Value::Table(inner) if is_section(&key) => {
                    todo.push((format!("{key}."), inner));
                }
                _value => keys.push(key),
            }
        }
    }
    keys.sort();
    keys
}

/// A distribution of delays is a table too, and one value.
fn is_section(key: &str) -> bool {
    let sections = [
        "ensemble", "network", "disk", "clock", "workload", "liveness",
    ];
    sections.contains(&key) || key == "workload.mix" || key.starts_with("knobs")
}

/// The run of a scenario that says nothing but what it must.
fn defaults() -> Resolved {
    let text = "schema = 1\nstory = \"Nothing happens. Nothing is expected.\"\nduration = \"1s\"\n";
    let scenario = Scenario::parse("defaults.toml", text).expect("the smallest scenario is sound");
    Resolved::of_scenario(&scenario)
}

/// The keys before the first section.
fn head(run: &Resolved, protocol: Option<&str>, story: &str) -> String {
    let mut text = String::from("schema = 1\n");
    // Writing into a string cannot fail.
    let _ = writeln!(text, "story = {}", serde_json::Value::from(story));
    let _ = writeln!(text, "duration = \"{}\"", exact_span(run.duration));
    if let Some(protocol) = protocol {
        let _ = writeln!(text, "protocol = \"{protocol}\"");
    }
    let expected = match &run.expect {
        Expect::Pass => None,
        Expect::Fail(checker) => Some(("fail", checker)),
        Expect::Hold(checker) => Some(("hold", checker)),
    };
    if let Some((what, checker)) = expected {
        let _ = writeln!(text, "expect = {{ {what} = \"{checker}\" }}");
    }
    let mutations: Vec<String> = mutation_ids(run.world.mutations)
        .into_iter()
        .map(str::to_owned)
        .collect();
    if !mutations.is_empty() {
        let _ = writeln!(text, "mutations = [{}]", quoted_list(&mutations));
    }
    if run
        .script
        .as_ref()
        .is_some_and(|script| script.operations.is_empty())
    {
        text.push_str("operation = []\n");
    }
    text
}

/// What comes after the sections: faults, operations and decisions.
fn rest(run: &Resolved, text: &mut String) {
    for planned in &run.plan.faults {
        let _ = write!(text, "\n[[fault]]\n{}\n", planned.entry());
    }
    operations(run, text);
    irregular(run, text);
}

/// A section, written only if it says something.
fn section(title: &str, entries: &[(String, String)], text: &mut String) {
    if entries.is_empty() {
        return;
    }
    let _ = write!(text, "\n[{title}]\n");
    for (key, value) in entries {
        let _ = writeln!(text, "{key} = {value}");
    }
}

/// The entries that are not as usual.
fn differences(own: Entries, usual: &Entries) -> Entries {
    let is_usual = |entry: &(String, String)| usual.contains(entry);
    own.into_iter().filter(|entry| !is_usual(entry)).collect()
}

fn plain(key: &str, value: impl ToString) -> (String, String) {
    (key.to_owned(), value.to_string())
}

fn quoted(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), format!("\"{value}\""))
}

fn ensemble(run: &Resolved) -> Entries {
    let settings = &run.world.settings;
    let mut entries = vec![
        plain("voters", run.world.voters),
        plain("observers", run.world.observers),
        plain("capture_chunk", settings.capture_chunk),
        quoted("removal_interval", &exact_span(settings.removal_interval)),
    ];
    match &run.world.quorums {
        QuorumRule::Majority => {}
        QuorumRule::AtLeast(size) => unreachable!("no scenario asks for {size} voters"),
        QuorumRule::Groups(groups) => entries.extend(weights(groups)),
    }
    entries
}

fn weights(groups: &[Vec<(NodeId, u32)>]) -> Entries {
    let mut weights: Vec<(NodeId, u32)> = groups.iter().flatten().copied().collect();
    weights.sort_unstable();
    let weights: Vec<u32> = weights.iter().map(|(_, weight)| *weight).collect();
    let members = |group: &Vec<(NodeId, u32)>| group.iter().map(|(node, _)| node.0).collect();
    let groups: Vec<Vec<u8>> = groups.iter().map(members).collect();
    let mut entries = vec![plain("weights", format!("{weights:?}"))];
    if groups.len() > 1 {
        entries.push(plain("groups", format!("{groups:?}")));
    }
    entries
}

/// The knobs, section by section.
fn knobs(run: &Resolved) -> Vec<(String, Entries)> {
    let mut sections: Vec<(String, Entries)> = Vec::new();
    for key in Key::all() {
        let protocol = key.protocol.map(|name| format!(".{name}"));
        let title = format!("knobs{}", protocol.unwrap_or_default());
        let value = run.world.knobs.value(&key);
        let entry = match key.about.unit {
            Unit::Interval { .. } => quoted(key.about.name, &exact_span(Span(value))),
            Unit::Count { .. } => plain(key.about.name, value),
        };
        match sections.last_mut() {
            Some((last, entries)) if *last == title => entries.push(entry),
            Some(_) | None => sections.push((title, vec![entry])),
        }
    }
    sections
}

fn latency(key: &str, latency: &Latency) -> (String, String) {
    let text = match latency {
        Latency::Constant(span) => format!("{{ constant = \"{}\" }}", exact_span(*span)),
        Latency::Uniform { min, max } => format!(
            "{{ uniform = {{ min = \"{}\", max = \"{}\" }} }}",
            exact_span(*min),
            exact_span(*max)
        ),
        Latency::Exponential { mean } => {
            format!("{{ exponential = {{ mean = \"{}\" }} }}", exact_span(*mean))
        }
        Latency::LogNormal { median, p99 } => format!(
            "{{ log_normal = {{ median = \"{}\", p99 = \"{}\" }} }}",
            exact_span(*median),
            exact_span(*p99)
        ),
    };
    (key.to_owned(), text)
}

/// A list of lists, each value in its words.
fn matrix<T>(key: &str, rows: &[Vec<T>], word: impl Fn(&T) -> String) -> (String, String) {
    let rows: Vec<String> = rows
        .iter()
        .map(|row| {
            let words: Vec<String> = row.iter().map(&word).collect();
            format!("[{}]", quoted_list(&words))
        })
        .collect();
    (key.to_owned(), format!("[{}]", rows.join(", ")))
}

/// How long messages take.
fn delays(run: &Resolved) -> Entries {
    let network = &run.world.network;
    let mut entries = vec![
        latency("lan", &network.lan),
        latency("client", &network.client),
    ];
    entries.extend(network.twin.as_ref().map(|twin| latency("twin", twin)));
    let distances = network.matrix.as_ref();
    entries.extend(distances.map(|rows| matrix("matrix", rows, |span| exact_span(*span))));
    entries.push(quoted("patience", &exact_span(network.patience)));
    entries.push(quoted("dial_timeout", &exact_span(network.dial_timeout)));
    entries
}

/// How many messages are lost or doubled. Of a run that is spelled out, those are decisions.
fn losses(run: &Resolved) -> Entries {
    let network = &run.world.network;
    let mut entries = vec![
        quoted("loss", &format!("{}ppm", network.loss_ppm)),
        quoted("duplicate", &format!("{}ppm", network.duplicate_ppm)),
    ];
    let links = network.link_loss_ppm.as_ref();
    entries.extend(links.map(|rows| matrix("link_loss", rows, |ppm| format!("{ppm}ppm"))));
    entries
}

fn disk(run: &Resolved) -> Entries {
    let disk = &run.world.disk;
    vec![
        latency("write", &disk.write),
        latency("sync", &disk.sync),
        latency("read", &disk.read),
    ]
}

fn clients(run: &Resolved) -> Entries {
    vec![
        plain("clients", run.world.clients),
        quoted("session_timeout", &exact_span(run.world.session_timeout)),
    ]
}

/// What the clients draw. Of a run that is spelled out, those are operations.
fn operations_asked(run: &Resolved) -> Entries {
    if run.script.is_some() {
        return Vec::new();
    }
    let workload = &run.workload;
    vec![
        plain("pipeline", workload.pipeline),
        latency("think", &workload.think),
        plain("keys", workload.keys),
        plain("parents", workload.parents),
        plain("depth", workload.depth),
        plain("data_max", workload.data_max),
        quoted("reads", workload.reads.text()),
        quoted("watches", &format!("{}ppm", workload.watches_ppm)),
    ]
}

fn mix(run: &Resolved) -> Entries {
    let weights = serde_json::to_value(&run.workload.mix).expect("weights are numbers");
    let weights = weights.as_object().into_iter().flatten();
    weights.map(|(name, weight)| plain(name, weight)).collect()
}

fn healing(run: &Resolved) -> Entries {
    if run.skip_liveness {
        return vec![plain("skip", true)];
    }
    let mut entries = Vec::new();
    if run.bound != recovery::bound(&run.world, run.workload.pipeline) {
        entries.push(quoted("bound", &exact_span(run.bound)));
    }
    let script = run.script.as_ref();
    entries.push(match script.and_then(|script| script.core.as_ref()) {
        Some(core) => {
            let numbers: Vec<String> = core.iter().map(|node| node.0.to_string()).collect();
            plain("servers", format!("[{}]", numbers.join(", ")))
        }
        None => quoted("core", run.core.text()),
    });
    entries
}

fn operations(run: &Resolved, text: &mut String) {
    for operation in run.script.iter().flat_map(|script| &script.operations) {
        let told = serde_json::Value::from(operation.text());
        let synced = if operation.synced {
            "synced = true\n"
        } else {
            ""
        };
        let _ = write!(
            text,
            "\n[[operation]]\nat = \"{}\"\nclient = {}\ndo = {told}\n{synced}",
            exact_span(operation.at),
            operation.client.0,
        );
    }
}

fn irregular(run: &Resolved, text: &mut String) {
    let Source::Table(table) = &run.world.decisions else {
        return;
    };
    text.push_str("\n[irregular]\n");
    for (name, value) in &table.0 {
        if name.is_span() {
            let _ = writeln!(text, "\"{name}\" = \"{}\"", exact_span(Span(*value)));
        } else {
            let _ = writeln!(text, "\"{name}\" = {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use menagerie::mutation::{Mutation, Mutations};

    use crate::run::RunSpec;
    use crate::scenario::embedded::EMBEDDED;

    fn resolved(scenario: Scenario, seed: u64, mutations: Mutations) -> Resolved {
        let mut resolved = Resolved::new(&RunSpec {
            scenario: Arc::new(scenario),
            seed,
            mutations,
            checks: true,
            trace: false,
        });
        for planned in &mut resolved.plan.faults {
            // Several entries that stand for a pattern are counted by what each of them is.
            planned.family = planned.fault.family();
            if let crate::scenario::fault::Fault::Reset { .. } = planned.fault {
                planned.hold = Some(Span::ZERO);
            }
        }
        resolved
    }

    #[test]
    fn what_a_seed_resolves_to_is_a_scenario_that_resolves_to_the_same() {
        for (name, text) in EMBEDDED {
            for seed in 0..20 {
                let read = || Scenario::parse(name, text).expect("it is sound");
                let bug = Mutations::NONE.with(Mutation::Z13);
                let mutations = if seed % 2 == 0 {
                    bug
                } else {
                    read().mutations()
                };
                let first = resolved(read(), seed, mutations);
                let text = resolved_text(&first, None, "It is written out. It stays the same.");
                let again = Scenario::parse(name, &text).unwrap_or_else(|error| {
                    panic!("{name}, seed {seed}: {}\n{text}", error.picture())
                });
                let own = again.mutations();
                assert_eq!(
                    resolved(again, seed, own),
                    first,
                    "{name}, seed {seed}:\n{text}"
                );
            }
        }
    }
}
