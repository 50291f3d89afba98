//! A run that is spelled out, as a scenario file.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use menagerie::ids::Span;
use menagerie::protocol::knobs::Unit;

use crate::chance::decision::Source;
use crate::chance::latency::Latency;
use crate::run::resolve::{Resolved, mutation_ids};
use crate::scenario::Scenario;
use crate::scenario::fault::Fault;
use crate::scenario::quantity::exact_span;
use crate::scenario::schema::Expect;
use crate::scenario::script::{lines, quoted_list};
use crate::world::knobs::{AllKnobs, Key};
use crate::world::recovery;

/// The text of a scenario that repeats a run in which nothing is drawn any more.
///
/// # Errors
/// Says what of the run no scenario file can express.
pub fn scenario_text(run: &Resolved, protocol: &str, story: &str) -> Result<String, String> {
    let plain = defaults();
    let mut text = String::from("schema = 1\n");
    // Writing into a string cannot fail.
    let _ = writeln!(text, "story = {}", serde_json::Value::from(story));
    let _ = writeln!(text, "duration = \"{}\"", exact_span(run.duration));
    let _ = writeln!(text, "protocol = \"{protocol}\"");
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
    let script = run
        .script
        .as_ref()
        .ok_or("a run whose operations are drawn cannot be written as a scenario")?;
    if script.operations.is_empty() {
        text.push_str("operation = []\n");
    }
    ensemble(run, &plain, &mut text);
    knobs(&run.world.knobs, &plain.world.knobs, &mut text);
    network(run, &plain, &mut text)?;
    disk(run, &plain, &mut text);
    clients(run, &plain, &mut text);
    liveness(run, &plain, &mut text);
    faults(run, &mut text)?;
    operations(run, &mut text);
    irregular(run, &mut text)?;
    Ok(text)
}

/// The run of a scenario that says nothing but what it must.
fn defaults() -> Resolved {
    let text = "schema = 1\nstory = \"Nothing happens. Nothing is expected.\"\nduration = \"1s\"\n";
    let scenario = Scenario::parse("defaults.toml", text).expect("the smallest scenario is sound");
    Resolved::of_scenario(&scenario)
}

/// A section, written only if it says something.
fn section(title: &str, body: &str, text: &mut String) {
    if !body.is_empty() {
        let _ = write!(text, "\n[{title}]\n{body}");
    }
}

fn ensemble(run: &Resolved, plain: &Resolved, text: &mut String) {
    let mut body = String::new();
    let mut line = |name: &str, value: u64, default: u64| {
        if value != default {
            let _ = writeln!(body, "{name} = {value}");
        }
    };
    let (world, usual) = (&run.world, &plain.world);
    line("voters", world.voters.into(), usual.voters.into());
    line("observers", world.observers.into(), usual.observers.into());
    let chunk = |resolved: &Resolved| resolved.world.settings.capture_chunk as u64;
    line("capture_chunk", chunk(run), chunk(plain));
    let interval = run.world.settings.removal_interval;
    if interval != plain.world.settings.removal_interval {
        // Writing into a string cannot fail.
        let _ = writeln!(body, "removal_interval = \"{}\"", exact_span(interval));
    }
    section("ensemble", &body, text);
}

fn knobs(knobs: &AllKnobs, usual: &AllKnobs, text: &mut String) {
    let mut bodies: BTreeMap<String, String> = BTreeMap::new();
    for key in Key::all() {
        let value = knobs.value(&key);
        if value == usual.value(&key) {
            continue;
        }
        let protocol = key.protocol.map(|name| format!(".{name}"));
        let title = format!("knobs{}", protocol.unwrap_or_default());
        let body = bodies.entry(title).or_default();
        let name = key.about.name;
        let _ = match key.about.unit {
            Unit::Interval { .. } => writeln!(body, "{name} = \"{}\"", exact_span(Span(value))),
            Unit::Count { .. } => writeln!(body, "{name} = {value}"),
        };
    }
    for (title, body) in bodies {
        section(&title, &body, text);
    }
}

fn latency_text(latency: &Latency) -> String {
    match latency {
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
    }
}

fn latency_line(name: &str, latency: &Latency, usual: &Latency, body: &mut String) {
    if latency != usual {
        let _ = writeln!(body, "{name} = {}", latency_text(latency));
    }
}

fn network(run: &Resolved, plain: &Resolved, text: &mut String) -> Result<(), String> {
    let (network, usual) = (&run.world.network, &plain.world.network);
    let mut body = String::new();
    latency_line("lan", &network.lan, &usual.lan, &mut body);
    latency_line("client", &network.client, &usual.client, &mut body);
    if let Some(twin) = &network.twin {
        let _ = writeln!(body, "twin = {}", latency_text(twin));
    }
    // What is lost are decisions, which are written down one by one.
    if let Some(matrix) = &network.matrix {
        let rows: Vec<String> = matrix
            .iter()
            .map(|row| {
                let delays: Vec<String> = row.iter().map(|span| exact_span(*span)).collect();
                format!("[{}]", quoted_list(&delays))
            })
            .collect();
        let _ = writeln!(body, "matrix = [{}]", rows.join(", "));
    }
    if network.patience != usual.patience {
        let _ = writeln!(body, "patience = \"{}\"", exact_span(network.patience));
    }
    if network.dial_timeout != usual.dial_timeout {
        let _ = writeln!(
            body,
            "dial_timeout = \"{}\"",
            exact_span(network.dial_timeout)
        );
    }
    section("network", &body, text);
    if run.world.homes.is_empty() {
        Ok(())
    } else {
        Err("clients that know only one server cannot be written as a scenario".to_owned())
    }
}

fn disk(run: &Resolved, plain: &Resolved, text: &mut String) {
    let (disk, usual) = (&run.world.disk, &plain.world.disk);
    let mut body = String::new();
    latency_line("write", &disk.write, &usual.write, &mut body);
    latency_line("sync", &disk.sync, &usual.sync, &mut body);
    latency_line("read", &disk.read, &usual.read, &mut body);
    section("disk", &body, text);
}

fn clients(run: &Resolved, plain: &Resolved, text: &mut String) {
    let mut body = String::new();
    if run.world.clients != plain.world.clients {
        let _ = writeln!(body, "clients = {}", run.world.clients);
    }
    if run.world.session_timeout != plain.world.session_timeout {
        let timeout = exact_span(run.world.session_timeout);
        let _ = writeln!(body, "session_timeout = \"{timeout}\"");
    }
    section("workload", &body, text);
}

fn liveness(run: &Resolved, plain: &Resolved, text: &mut String) {
    let mut body = String::new();
    if run.skip_liveness {
        body.push_str("skip = true\n");
    } else {
        if run.bound != recovery::bound(&run.world) {
            let _ = writeln!(body, "bound = \"{}\"", exact_span(run.bound));
        }
        if let Some(core) = run.script.as_ref().and_then(|script| script.core.as_ref()) {
            let numbers: Vec<String> = core.iter().map(|node| node.0.to_string()).collect();
            let _ = writeln!(body, "servers = [{}]", numbers.join(", "));
        } else if run.core != plain.core {
            let _ = writeln!(body, "core = \"{}\"", run.core.text());
        }
    }
    section("liveness", &body, text);
}

fn faults(run: &Resolved, text: &mut String) -> Result<(), String> {
    for planned in &run.plan.faults {
        let Fault::Actions(actions) = &planned.fault else {
            return Err("a fault that is not spelled out cannot be written".to_owned());
        };
        let hold = match planned.hold {
            Some(hold) if hold > Span::ZERO => format!(", for = \"{}\"", exact_span(hold)),
            Some(_) | None => String::new(),
        };
        let _ = write!(
            text,
            "\n[[fault]]\nactions = {{ at = \"{}\"{hold}, do = [{}] }}\n",
            exact_span(planned.at),
            quoted_list(&lines(actions))
        );
    }
    Ok(())
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

fn irregular(run: &Resolved, text: &mut String) -> Result<(), String> {
    let Source::Table(table) = &run.world.decisions else {
        return Err("a run whose deliveries are drawn cannot be written as a scenario".to_owned());
    };
    text.push_str("\n[irregular]\n");
    for (name, value) in &table.0 {
        if name.is_span() {
            let _ = writeln!(text, "\"{name}\" = \"{}\"", exact_span(Span(*value)));
        } else {
            let _ = writeln!(text, "\"{name}\" = {value}");
        }
    }
    Ok(())
}
