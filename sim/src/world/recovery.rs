//! How long recovery may take, derived from the timeouts and the latencies of a run.
//!
//! A flat bound hides a slowdown: where recovery takes a third of a second, one of 15 s lets it
//! become forty times slower. So the bound is the sum of what a recovery consists of, each part at
//! its longest: somebody notices, elects, synchronises, the clients find their way back, and what
//! they ask for is worked off. It names no protocol: of two ways to do the same it takes the
//! longer.

use menagerie::ids::Span;

use crate::world::WorldSpec;

/// Of so many messages or disk operations one may take longer than what the bound counts with.
const QUANTILE: u64 = 1_000;
/// Where one of so many messages is late, bad weather unseats a leader now and then.
const RARE: u64 = 1_000_000;
/// An election may have to be held so often: each may find a candidate that cannot be joined, or
/// two that stand in each other's way.
const ELECTIONS: u64 = 3;
/// Messages one way that an election and the synchronisation after it take, one after the other.
const ELECTION_HOPS: u64 = 10;
/// So many of them are as late as one of [`QUANTILE`]; the others as one of ten.
const LATE_HOPS: u64 = 3;
/// Frames one way from a client's dial to the answers to its probe.
const CLIENT_HOPS: u64 = 10;
/// Times that a disk is waited for, one after the other.
const SYNCS: u64 = 8;

/// What a client asks for before it is answered: its session, a write and a sync; and besides what
/// it had under way.
const REQUESTS: u64 = 3;

fn sum(spans: &[Span]) -> Span {
    Span(spans.iter().map(|span| span.0).sum())
}

/// How long a message between two servers takes, but for one of so many.
fn hop(world: &WorldSpec, samples: u64) -> Span {
    let far = world.network.matrix.iter().flatten().flatten().max();
    sum(&[
        world.network.lan.one_in(samples),
        far.copied().unwrap_or_default(),
    ])
}

/// How long the messages of an election take, one after the other.
fn hops(world: &WorldSpec) -> Span {
    sum(&[
        hop(world, QUANTILE).times(LATE_HOPS),
        hop(world, 10).times(ELECTION_HOPS - LATE_HOPS),
    ])
}

/// How long it takes until something is on disk, but for one of so many.
fn disk(world: &WorldSpec, samples: u64) -> Span {
    let (write, sync) = (world.disk.write, world.disk.sync);
    sum(&[write.one_in(samples), sync.one_in(samples)])
}

/// How much longer everything takes because datagrams are lost and asked for again, as a factor.
fn repeats(world: &WorldSpec) -> u64 {
    let links = world.network.link_loss_ppm.iter().flatten().flatten();
    let lost = world.network.loss_ppm + links.max().copied().unwrap_or_default();
    1 + u64::from(lost.div_ceil(100_000))
}

/// How long it takes until a leader that is gone is missed.
fn notices(world: &WorldSpec) -> Span {
    let silence = world.knobs.timing().silence;
    sum(&[silence, world.network.patience, world.network.dial_timeout])
}

/// How long an election and the synchronisation after it take, or an election that is in vain.
fn elects(world: &WorldSpec) -> Span {
    let timing = world.knobs.timing();
    sum(&[
        timing.election,
        timing.decision,
        world.knobs.shared.retransmit.times(repeats(world)),
        hops(world),
        disk(world, QUANTILE).times(SYNCS),
    ])
}

/// How long it takes until every client has a session and its answers.
fn answers(world: &WorldSpec) -> Span {
    let timeout = world.session_timeout.clamp(
        world.settings.session_timeout_min,
        world.settings.session_timeout_max,
    );
    sum(&[
        timeout,
        world.network.dial_timeout,
        world.network.client.one_in(QUANTILE).times(CLIENT_HOPS),
        hops(world),
    ])
}

/// How long it takes to work off what the clients ask for while nobody answers.
fn backlog(world: &WorldSpec, pipeline: u8) -> Span {
    let again = if repeats(world) > 1 {
        world.knobs.shared.retransmit
    } else {
        Span::ZERO
    };
    sum(&[hop(world, 10).times(2), disk(world, 10), again]).times(rounds(world, pipeline))
}

/// How many full windows that is.
fn rounds(world: &WorldSpec, pipeline: u8) -> u64 {
    let asked = u64::from(world.clients) * (REQUESTS + u64::from(pipeline));
    let most = world.knobs.shared.outstanding_max;
    let window = world.knobs.timing().window.min(most);
    asked.div_ceil(u64::from(window).max(1))
}

/// By clocks that run slow.
fn drifted(world: &WorldSpec, span: Span) -> Span {
    Span(span.0 + span.0 / 1_000_000 * u64::from(world.clock.drift_ppm_max))
}

/// How long the healed servers may take until they are in one state and have answered everybody, if
/// each client keeps so many requests under way.
pub fn bound(world: &WorldSpec, pipeline: u8) -> Span {
    let elections = elects(world).times(ELECTIONS);
    let backlog = backlog(world, pipeline);
    let parts = [notices(world), elections, backlog, answers(world)];
    drifted(world, sum(&parts))
}

/// How much longer it may take where a link or a disk stays slower by this much: whoever it belongs
/// to may lead, though it is not healed, and every window that it works off takes the way there and
/// back.
pub fn slowed(world: &WorldSpec, pipeline: u8, extra: Span) -> Span {
    extra.times(ELECTIONS * ELECTION_HOPS + CLIENT_HOPS + 2 * rounds(world, pipeline))
}

/// How long a run needs after a fault until everything is in order again, if nothing but faults can
/// unseat a leader; `None` where the weather alone can.
pub fn settles_in(world: &WorldSpec) -> Option<Span> {
    let timing = world.knobs.timing();
    let network = &world.network;
    if network.loss_ppm > 0 || network.link_loss_ppm.is_some() || timing.epoch_length < u32::MAX {
        return None;
    }
    // A word from the leader, its way to the disk and the answer, with a heartbeat left out.
    let silence = sum(&[
        hop(world, RARE).times(2),
        disk(world, RARE).times(2),
        timing.heartbeat.times(2),
    ]);
    let settled = sum(&[notices(world), elects(world).times(2)]);
    (silence < timing.patience).then(|| drifted(world, settled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::latency::Latency;
    use crate::run::resolve::Resolved;
    use crate::scenario::Scenario;
    use crate::world::knobs::Key;

    fn world() -> WorldSpec {
        let text = "schema = 1\nstory = \"Nothing happens. All is well.\"\nduration = \"1s\"\n";
        let scenario = Scenario::parse("x.toml", text).expect("the smallest scenario is sound");
        Resolved::of_scenario(&scenario).world
    }

    fn set(world: &mut WorldSpec, path: &str, value: u64) {
        let mut keys = Key::all().into_iter();
        let key = keys
            .find(|key| key.path() == path)
            .expect("there is such a knob");
        world.knobs.set(&key, value);
    }

    #[test]
    fn the_bound_grows_with_every_timeout_and_latency() {
        let usual = bound(&world(), 1);
        let slower: [fn(&mut WorldSpec); 6] = [
            |world| set(world, "zab.sync_limit", 40),
            |world| set(world, "paxos.election_timeout", Span::secs(2).0),
            |world| set(world, "zab.notification_max", Span::secs(2).0),
            |world| world.session_timeout = Span::secs(1),
            |world| world.network.lan = Latency::Constant(Span::millis(90)),
            |world| world.network.loss_ppm = 300_000,
        ];
        for change in slower {
            let mut world = world();
            change(&mut world);
            assert!(bound(&world, 1) > usual, "{world:?}");
        }
    }

    #[test]
    fn the_bound_grows_with_what_the_clients_keep_under_way() {
        let mut world = world();
        world.clients = 16;
        set(&mut world, "paxos.window", 3);
        set(&mut world, "paxos.batch_max", 1);
        assert!(bound(&world, 8) > bound(&world, 1));
    }

    #[test]
    fn what_stays_slow_costs_every_window_its_way_there_and_back() {
        let extra = Span::millis(40);
        let mut world = world();
        world.clients = 16;
        set(&mut world, "paxos.window", 3);
        set(&mut world, "paxos.batch_max", 1);
        let narrow = slowed(&world, 1, extra);
        // 16 clients ask for four things each: 22 windows of three, or one of all.
        set(&mut world, "paxos.window", 64);
        let wide = slowed(&world, 1, extra);
        assert_eq!(narrow.0 - wide.0, extra.times(2 * (22 - 1)).0);
    }

    #[test]
    fn only_fair_weather_settles() {
        let settled = settles_in(&world()).expect("the defaults are fair");
        assert!(settled < bound(&world(), 1));
        let foul: [fn(&mut WorldSpec); 3] = [
            |world| world.network.loss_ppm = 1,
            |world| set(world, "zab.zxid_counter_bits", 8),
            |world| {
                world.network.lan = Latency::LogNormal {
                    median: Span::millis(1),
                    p99: Span::millis(100),
                }
            },
        ];
        for change in foul {
            let mut world = world();
            change(&mut world);
            assert_eq!(settles_in(&world), None);
        }
    }
}
