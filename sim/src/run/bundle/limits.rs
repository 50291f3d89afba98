//! What a bundle may not say: an edited one is as untrusted as any other file. Each refusal names
//! the place by its JSON path and says what is allowed.

use menagerie::ids::Span;
use menagerie::protocol::knobs::Unit;

use super::Bundle;
use crate::chance::latency::Latency;
use crate::scenario::cost::{Extent, affordable};
use crate::scenario::quantity::SPAN_MAX;
use crate::scenario::validate::{CLIENTS_MAX, SERVERS_MAX, decision};
use crate::world::knobs::{AllKnobs, Key};
use crate::world::{Action, Amount};

const MILLION: u32 = 1_000_000;

/// Checks every number of a bundle.
///
/// # Errors
/// The first that is out of its range.
pub(super) fn check(bundle: &Bundle) -> Result<(), String> {
    ensemble(bundle)?;
    spans(bundle)?;
    costs(bundle)?;
    numbers(bundle)?;
    latencies(bundle)?;
    faults(bundle)?;
    operations(bundle)?;
    decisions(bundle)
}

fn ensemble(bundle: &Bundle) -> Result<(), String> {
    let world = &bundle.world;
    let servers = u16::from(world.voters) + u16::from(world.observers);
    if world.voters == 0 || servers > SERVERS_MAX {
        return Err(format!(
            "world.voters and world.observers are {} and {}: expected 1 voter or more, and at most \
             {SERVERS_MAX} servers together",
            world.voters, world.observers
        ));
    }
    if let Err(why) = world.quorums.fits(world.voters) {
        return Err(format!("world.quorums: {why}"));
    }
    if world.clients > CLIENTS_MAX {
        return Err(format!(
            "world.clients is {}: expected at most {CLIENTS_MAX}",
            world.clients
        ));
    }
    let unknown = world
        .homes
        .iter()
        .find(|home| home.0 == 0 || u16::from(home.0) > servers);
    if let Some(home) = unknown {
        return Err(format!(
            "world.homes names {home}, and there are {servers} servers"
        ));
    }
    let size = usize::from(servers);
    if let Some(rows) = &world.network.matrix
        && (rows.len() != size || rows.iter().any(|row| row.len() != size))
    {
        return Err(format!(
            "world.network.matrix: expected {servers} rows of {servers} delays each"
        ));
    }
    Ok(())
}

/// Spans that are neither zero nor endless.
fn spans(bundle: &Bundle) -> Result<(), String> {
    let world = &bundle.world;
    let spans = [
        (bundle.duration, "duration"),
        (bundle.bound, "bound"),
        (world.network.patience, "world.network.patience"),
        (world.network.dial_timeout, "world.network.dial_timeout"),
        (world.session_timeout, "world.session_timeout"),
        (
            world.settings.session_timeout_min,
            "world.settings.session_timeout_min",
        ),
        (
            world.settings.session_timeout_max,
            "world.settings.session_timeout_max",
        ),
        (world.micro_step, "world.micro_step"),
    ];
    for (value, path) in spans {
        span(value, path)?;
    }
    for delay in world.network.matrix.iter().flatten().flatten() {
        at_most_an_hour(*delay, "world.network.matrix")?;
    }
    if world.settings.session_timeout_min > world.settings.session_timeout_max {
        return Err(
            "world.settings.session_timeout_min is longer than world.settings.session_timeout_max"
                .to_owned(),
        );
    }
    Ok(())
}

fn span(value: Span, path: &str) -> Result<(), String> {
    if value == Span::ZERO {
        return Err(format!(
            "{path} is 0: expected a time longer than nothing, in nanoseconds"
        ));
    }
    at_most_an_hour(value, path)
}

fn at_most_an_hour(value: Span, path: &str) -> Result<(), String> {
    if value > SPAN_MAX {
        return Err(format!(
            "{path} is {} ns: expected at most {} ns",
            value.0, SPAN_MAX.0
        ));
    }
    Ok(())
}

/// Timers that come so often that the run would not end in reasonable time.
fn costs(bundle: &Bundle) -> Result<(), String> {
    let world = &bundle.world;
    let extent = Extent {
        length: Span(bundle.duration.0 + bundle.bound.0),
        servers: u64::from(world.voters) + u64::from(world.observers),
    };
    let removal = (world.settings.removal_interval, "removal_interval");
    for key in Key::all() {
        let Unit::Interval { .. } = key.about.unit else {
            continue;
        };
        let interval = Span(world.knobs.value(&key));
        let path = format!("world.knobs.{}", key.path());
        at_most_an_hour(interval, &path)?;
        affordable(interval, extent)
            .map_err(|why| format!("{path} is {} ns: {why}", interval.0))?;
    }
    affordable(removal.0, extent)
        .map_err(|why| format!("world.settings.{} is {} ns: {why}", removal.1, removal.0.0))
}

fn knobs(knobs: &AllKnobs) -> Result<(), String> {
    for key in Key::all() {
        let value = knobs.value(&key);
        if let Unit::Count { min, max } = key.about.unit
            && !(u64::from(min)..=u64::from(max)).contains(&value)
        {
            return Err(format!(
                "world.knobs.{} is {value}: expected a number from {min} to {max}",
                key.path()
            ));
        }
    }
    Ok(())
}

fn numbers(bundle: &Bundle) -> Result<(), String> {
    let world = &bundle.world;
    knobs(&world.knobs)?;
    let most = u64::from(MILLION);
    let chunk = world.settings.capture_chunk as u64;
    let numbers = [
        (chunk, 1, most, "world.settings.capture_chunk"),
        (
            u64::from(world.network.loss_ppm),
            0,
            most,
            "world.network.loss_ppm",
        ),
        (
            u64::from(world.network.duplicate_ppm),
            0,
            most,
            "world.network.duplicate_ppm",
        ),
        (
            u64::from(world.clock.drift_ppm_max),
            0,
            500_000,
            "world.clock.drift_ppm_max",
        ),
    ];
    for (number, min, max, path) in numbers {
        if number < min || number > max {
            return Err(format!(
                "{path} is {number}: expected a number from {min} to {max}"
            ));
        }
    }
    Ok(())
}

fn latencies(bundle: &Bundle) -> Result<(), String> {
    let world = &bundle.world;
    let latencies = [
        (world.network.lan, "world.network.lan"),
        (world.network.client, "world.network.client"),
        (world.disk.write, "world.disk.write"),
        (world.disk.sync, "world.disk.sync"),
        (world.disk.read, "world.disk.read"),
    ];
    for (latency, path) in latencies {
        let (low, high) = match latency {
            Latency::Constant(span) => (span, span),
            Latency::Exponential { mean } => (mean, mean),
            Latency::Uniform { min, max } => (min, max),
            Latency::LogNormal { median, p99 } => (median, p99),
        };
        at_most_an_hour(high, path)?;
        if low > high {
            return Err(format!(
                "{path}: {} ns is more than {} ns: expected min <= max, or median <= p99",
                low.0, high.0
            ));
        }
    }
    Ok(())
}

fn faults(bundle: &Bundle) -> Result<(), String> {
    let servers = bundle.world.voters + bundle.world.observers;
    for (place, fault) in bundle.faults.iter().enumerate() {
        at_most_an_hour(fault.at, &format!("faults[{place}].at"))?;
        if let Some(hold) = fault.hold {
            at_most_an_hour(hold, &format!("faults[{place}].hold"))?;
        }
        for action in &fault.actions {
            let path = format!("faults[{place}].actions");
            for node in action.nodes() {
                if node.0 == 0 || node.0 > servers {
                    return Err(format!(
                        "{path} names {node}, and there are {servers} servers"
                    ));
                }
            }
            amount(action, &path)?;
        }
    }
    Ok(())
}

/// How much an action does.
fn amount(action: &Action, path: &str) -> Result<(), String> {
    match action.amount() {
        Some(Amount::Time(extra)) => at_most_an_hour(extra, path),
        Some(Amount::Ppm(ppm)) if ppm > MILLION => Err(format!(
            "{path}: {ppm} of a million: expected at most {MILLION}"
        )),
        Some(Amount::Ppm(_) | Amount::Times(_)) | None => Ok(()),
    }
}

fn operations(bundle: &Bundle) -> Result<(), String> {
    let clients = bundle.world.clients;
    for (place, op) in bundle.script.operations.iter().enumerate() {
        at_most_an_hour(op.at, &format!("script.operations[{place}].at"))?;
        if op.client.0 == 0 || op.client.0 > clients {
            return Err(format!(
                "script.operations[{place}].client is {}: clients are numbered from 1 to {clients}",
                op.client.0
            ));
        }
    }
    let servers = bundle.world.voters + bundle.world.observers;
    let healed = bundle.script.core.iter().flatten();
    let unknown = healed
        .into_iter()
        .find(|node| node.0 == 0 || node.0 > servers);
    unknown.map_or(Ok(()), |node| {
        Err(format!(
            "script.core names {node}, and there are {servers} servers"
        ))
    })
}

fn decisions(bundle: &Bundle) -> Result<(), String> {
    for (name, value) in &bundle.decisions.0 {
        decision(*name, *value)
            .map_err(|why| format!("decisions[\"{name}\"] is {value}: {why}"))?;
    }
    Ok(())
}
