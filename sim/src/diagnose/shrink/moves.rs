//! Candidates that are as large as the best run, but simpler.

use menagerie::ids::Span;
use menagerie::protocol::knobs::Unit;
use menagerie::tree::{ANY_VERSION, CreateMode, Data, Part, Read, Request, Write};
use std::sync::Arc;

use crate::chance::decision::{Source, Table};
use crate::chance::dice::{Concern, Dice};
use crate::run::resolve::Resolved;
use crate::scenario::Scenario;
use crate::world::knobs::Key;

use super::rename::{without_client, without_server};

/// A change to a run.
pub(super) type Move = Box<dyn Fn(&mut Resolved)>;

/// Jitter goes up to about this far.
const JITTER_MAX: u64 = 64_000_000;
/// When the first thing may happen, in milliseconds, the earliest first.
const FIRST_MS: [u64; 8] = [50, 100, 200, 300, 400, 500, 700, 1_000];
/// Moments and durations are rounded to these.
const ROUND: [u64; 5] = [100_000_000, 50_000_000, 10_000_000, 5_000_000, 1_000_000];
/// Spans of deliveries are rounded to these.
const ROUND_FINE: [u64; 4] = [10_000_000, 1_000_000, 500_000, 100_000];

/// The run with other moments for its faults and operations; `number` says which.
pub(super) fn jittered(run: &Resolved, number: u64) -> Resolved {
    let mut run = run.clone();
    let mut draws = Dice::new(run.world.seed).stream(Concern::Driver, 0x6a69_7474 ^ number << 32);
    // Now and then everything moves together, which changes nothing but the timers' phase.
    let mut moved = |span: Span| {
        let reach = (1_000 << draws.below(17)).min(JITTER_MAX);
        let by = draws.below(2 * reach + 1);
        Span((span.0 + by).saturating_sub(reach))
    };
    for planned in &mut run.plan.faults {
        planned.at = moved(planned.at);
        planned.hold = planned.hold.map(&mut moved);
    }
    if let Some(script) = &mut run.script {
        for operation in &mut script.operations {
            operation.at = moved(operation.at);
        }
        script.operations.sort_by_key(|operation| operation.at);
    }
    run.duration = Span(run.duration.0 + JITTER_MAX);
    run.plan.faults.sort_by_key(|planned| planned.at);
    run
}

/// The run without several things at once, what is left mostly at other moments; `number` says
/// which.
pub(super) fn larger_step(run: &Resolved, number: u64) -> Resolved {
    let mut draws = Dice::new(run.world.seed).stream(Concern::Driver, 0x7374_6570 ^ number << 32);
    let mut smaller = run.clone();
    if draws.below(3) == 0 && !smaller.plan.faults.is_empty() {
        let place = draws.below(smaller.plan.faults.len() as u64) as usize;
        smaller.plan.faults.remove(place);
    }
    let kept_ppm = [1_000_000, 900_000, 500_000, 250_000, 0][draws.below(5) as usize];
    if let Some(script) = &mut smaller.script {
        script.operations.retain(|_| draws.chance_ppm(kept_ppm));
    }
    if draws.below(3) == 0 {
        // A failure may need an odd setting only together with many operations.
        let resets = towards_defaults(&smaller);
        let place = draws.below(resets.len() as u64) as usize;
        resets[place](&mut smaller);
    }
    if draws.below(3) == 0 {
        // Smaller sizes are reached by fewer operations.
        let halved: Vec<(Key, u32)> = Key::all()
            .into_iter()
            .filter_map(|key| key.about.halved_from.map(|most| (key, most)))
            .collect();
        let (key, most) = halved[draws.below(halved.len() as u64) as usize];
        if let Unit::Count { min, .. } = key.about.unit {
            let knobs = &mut smaller.world.knobs;
            let half = knobs.value(&key).min(most.into()) / 2;
            knobs.set(&key, half.max(min.into()));
        }
    }
    if draws.below(3) == 0 && smaller.world.clients > 1 {
        let client = 1 + draws.below(u64::from(smaller.world.clients)) as u16;
        smaller = without_client(&smaller, client);
    }
    if draws.below(4) == 0 && smaller.world.voters > 1 {
        let servers = smaller.world.voters + smaller.world.observers;
        let server = 1 + draws.below(u64::from(servers)) as u8;
        smaller = without_server(&smaller, server);
    }
    if let Source::Table(table) = &smaller.world.decisions {
        let kept_ppm = [1_000_000, 500_000, 0, 0][draws.below(4) as usize];
        let mut table = Table::clone(table);
        table.0.retain(|_, _| draws.chance_ppm(kept_ppm));
        smaller.world.decisions = Source::Table(Arc::new(table));
    }
    match draws.below(4) {
        0 => smaller,
        _moved => Resolved {
            duration: run.duration,
            ..jittered(&smaller, number)
        },
    }
}

/// What gives a setting its default.
pub(super) fn towards_defaults(run: &Resolved) -> Vec<Move> {
    let text = "schema = 1\nstory = \"Nothing happens. Nothing is expected.\"\nduration = \"1s\"\n";
    let scenario = Scenario::parse("defaults.toml", text).expect("the smallest scenario is sound");
    let usual = Resolved::of_scenario(&scenario).world;
    let mut moves: Vec<Move> = Vec::new();
    let mut reset = |set: fn(&mut Resolved, &crate::world::WorldSpec)| {
        let usual = usual.clone();
        moves.push(Box::new(move |run: &mut Resolved| set(run, &usual)));
    };
    reset(|run, usual| run.world.knobs = usual.knobs.clone());
    reset(|run, usual| run.world.network = usual.network.clone());
    reset(|run, usual| run.world.disk = usual.disk.clone());
    reset(|run, usual| run.world.settings = usual.settings.clone());
    reset(|run, usual| run.world.session_timeout = usual.session_timeout);
    reset(|run, usual| run.world.clock = usual.clock);
    reset(|run, usual| run.world.network.lan = usual.network.lan);
    reset(|run, usual| run.world.network.client = usual.network.client);
    reset(|run, usual| run.world.network.patience = usual.network.patience);
    reset(|run, _| run.world.network.matrix = None);
    reset(|run, _| {
        run.world.network.loss_ppm = 0;
        run.world.network.duplicate_ppm = 0;
    });
    reset(|run, usual| run.world.disk.sync = usual.disk.sync);
    reset(|run, usual| run.world.disk.write = usual.disk.write);
    for key in Key::all() {
        let value = usual.knobs.value(&key);
        if run.world.knobs.value(&key) != value {
            moves.push(Box::new(move |run: &mut Resolved| {
                run.world.knobs.set(&key, value);
            }));
        }
    }
    if run
        .script
        .as_ref()
        .is_some_and(|script| script.core.is_some())
    {
        // Everybody is healed, whatever the seed: a core that the scenario leaves open is drawn.
        let core = Resolved::of_scenario(&scenario).core;
        moves.push(Box::new(move |run: &mut Resolved| {
            if let Some(script) = &mut run.script {
                script.core = None;
                run.core = core;
            }
        }));
    }
    moves
}

/// The nearest multiples of a unit.
fn rounded(span: Span, unit: u64) -> Span {
    let down = span.0 / unit * unit;
    let near = if span.0 - down > unit / 2 {
        down + unit
    } else {
        down
    };
    Span(near.max(if span.0 > 0 { unit.min(1_000_000) } else { 0 }))
}

/// The moment of a run's first fault or operation.
fn first_moment(run: &Resolved) -> Option<Span> {
    let faults = run.plan.faults.iter().map(|planned| planned.at);
    let script = run.script.iter().flat_map(|script| &script.operations);
    faults.chain(script.map(|operation| operation.at)).min()
}

/// Everything earlier, as much as the beginning is waited for.
fn earlier() -> impl Iterator<Item = Move> {
    FIRST_MS.into_iter().map(|ms| {
        let shift: Move = Box::new(move |run: &mut Resolved| {
            let Some(first) = first_moment(run) else {
                return;
            };
            let by = first.0.saturating_sub(Span::millis(ms).0);
            for planned in &mut run.plan.faults {
                planned.at = Span(planned.at.0 - by);
            }
            for operation in run
                .script
                .iter_mut()
                .flat_map(|script| &mut script.operations)
            {
                operation.at = Span(operation.at.0 - by);
            }
            run.duration = Span(run.duration.0 - by);
        });
        shift
    })
}

/// What makes moments earlier and rounder and requests simpler; all moments at once first.
pub(super) fn simpler_values(run: &Resolved) -> Vec<Move> {
    let mut moves: Vec<Move> = earlier().collect();
    for unit in ROUND {
        moves.push(Box::new(move |run: &mut Resolved| round_all(run, unit)));
    }
    for place in 0..run.plan.faults.len() {
        moves.push(Box::new(move |run: &mut Resolved| {
            run.plan.faults[place].hold = None;
        }));
        for unit in ROUND {
            moves.push(Box::new(move |run: &mut Resolved| {
                let planned = &mut run.plan.faults[place];
                planned.at = rounder(planned.at, unit);
                sort(run);
            }));
            moves.push(Box::new(move |run: &mut Resolved| {
                let planned = &mut run.plan.faults[place];
                planned.hold = planned.hold.map(|hold| rounder(hold, unit));
            }));
        }
    }
    let operations = run
        .script
        .as_ref()
        .map_or(0, |script| script.operations.len());
    for place in 0..operations {
        for unit in ROUND {
            moves.push(Box::new(move |run: &mut Resolved| {
                if let Some(script) = &mut run.script {
                    let at = &mut script.operations[place].at;
                    *at = rounder(*at, unit);
                }
                sort(run);
            }));
        }
        for simplify in SIMPLIFICATIONS {
            moves.push(Box::new(move |run: &mut Resolved| {
                if let Some(script) = &mut run.script {
                    let request = &mut script.operations[place].request;
                    if let Some(simpler) = request.as_ref().and_then(simplify) {
                        *request = Some(simpler);
                    }
                }
            }));
        }
    }
    moves.extend(rounder_decisions(run));
    for unit in ROUND {
        moves.push(Box::new(move |run: &mut Resolved| {
            let up = run.duration.0.div_ceil(unit) * unit;
            if !run.duration.0.is_multiple_of((unit / 10).max(1)) {
                run.duration = Span(up);
            }
        }));
    }
    moves
}

/// Rounds unless the value is rounder already.
fn rounder(span: Span, unit: u64) -> Span {
    if ROUND
        .iter()
        .any(|round| *round >= unit && span.0.is_multiple_of(*round))
    {
        span
    } else {
        rounded(span, unit)
    }
}

fn sort(run: &mut Resolved) {
    run.plan.faults.sort_by_key(|planned| planned.at);
    if let Some(script) = &mut run.script {
        script.operations.sort_by_key(|operation| operation.at);
    }
}

fn round_all(run: &mut Resolved, unit: u64) {
    for planned in &mut run.plan.faults {
        planned.at = rounder(planned.at, unit);
        planned.hold = planned.hold.map(|hold| rounder(hold, unit));
    }
    for operation in run
        .script
        .iter_mut()
        .flat_map(|script| &mut script.operations)
    {
        operation.at = rounder(operation.at, unit);
    }
    sort(run);
}

fn rounder_decisions(run: &Resolved) -> Vec<Move> {
    let Source::Table(table) = &run.world.decisions else {
        return Vec::new();
    };
    let mut moves: Vec<Move> = Vec::new();
    for name in table.0.keys().copied().filter(|name| name.is_span()) {
        for unit in ROUND_FINE {
            moves.push(Box::new(move |run: &mut Resolved| {
                let Source::Table(table) = &run.world.decisions else {
                    return;
                };
                let mut table = Table::clone(table);
                if let Some(value) = table.0.get_mut(&name) {
                    let rounder_already = ROUND_FINE
                        .iter()
                        .any(|round| *round >= unit && value.is_multiple_of(*round));
                    if !rounder_already {
                        *value = rounded(Span(*value), unit).0;
                    }
                }
                run.world.decisions = Source::Table(Arc::new(table));
            }));
        }
    }
    moves
}

/// Ways to make a request simpler; `None` where one does not apply.
const SIMPLIFICATIONS: [fn(&Request) -> Option<Request>; 6] = [
    sync_alone,
    one_part,
    plain_create,
    any_version,
    short_data,
    without_watch,
];

/// A plain read of the node in place of one of its children or existence.
fn sync_alone(request: &Request) -> Option<Request> {
    match request {
        Request::Read(Read::GetChildren { path, .. } | Read::Exists { path, .. }) => {
            let (path, watch) = (path.clone(), false);
            Some(Request::Read(Read::GetData { path, watch }))
        }
        Request::Read(_)
        | Request::Write(_)
        | Request::Watch(_)
        | Request::Sync
        | Request::Auth { .. } => None,
    }
}

fn one_part(request: &Request) -> Option<Request> {
    let Request::Write(Write::Multi(parts)) = request else {
        return None;
    };
    let last = parts.iter().rev().find_map(|part| match part {
        Part::Create { path, data, mode } => Some(Write::Create {
            path: path.clone(),
            data: data.clone(),
            mode: *mode,
        }),
        Part::SetData {
            path,
            data,
            version,
        } => Some(Write::SetData {
            path: path.clone(),
            data: data.clone(),
            version: *version,
        }),
        Part::Delete { .. } | Part::Check { .. } | Part::CreateWith { .. } | Part::Refused(_) => {
            None
        }
    });
    last.map(Request::Write)
}

fn plain_create(request: &Request) -> Option<Request> {
    match request {
        Request::Write(
            Write::Create { path, data, mode }
            | Write::CreateWith {
                path, data, mode, ..
            },
        ) if *mode != CreateMode::Persistent
            || matches!(request, Request::Write(Write::CreateWith { .. })) =>
        {
            Some(Request::Write(Write::Create {
                path: path.clone(),
                data: data.clone(),
                mode: CreateMode::Persistent,
            }))
        }
        Request::Write(_)
        | Request::Read(_)
        | Request::Watch(_)
        | Request::Sync
        | Request::Auth { .. } => None,
    }
}

fn any_version(request: &Request) -> Option<Request> {
    match request {
        Request::Write(Write::SetData { path, data, .. }) => Some(Request::Write(Write::SetData {
            path: path.clone(),
            data: data.clone(),
            version: ANY_VERSION,
        })),
        Request::Write(Write::Delete { path, .. }) => Some(Request::Write(Write::Delete {
            path: path.clone(),
            version: ANY_VERSION,
        })),
        Request::Write(_)
        | Request::Read(_)
        | Request::Watch(_)
        | Request::Sync
        | Request::Auth { .. } => None,
    }
}

fn short_data(request: &Request) -> Option<Request> {
    match request {
        Request::Write(Write::Create { path, mode, .. }) => Some(Request::Write(Write::Create {
            path: path.clone(),
            data: Data::default(),
            mode: *mode,
        })),
        Request::Write(_)
        | Request::Read(_)
        | Request::Watch(_)
        | Request::Sync
        | Request::Auth { .. } => None,
    }
}

fn without_watch(request: &Request) -> Option<Request> {
    match request {
        Request::Read(Read::GetData { path, watch: true }) => {
            let (path, watch) = (path.clone(), false);
            Some(Request::Read(Read::GetData { path, watch }))
        }
        Request::Read(_)
        | Request::Write(_)
        | Request::Watch(_)
        | Request::Sync
        | Request::Auth { .. } => None,
    }
}
