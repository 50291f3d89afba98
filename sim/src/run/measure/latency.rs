//! How long a write takes in the fault-free steady state, in virtual time, beside what it must take
//! at least.
//!
//! One client writes, one write at a time, through the server it lives at. Between an answer and a
//! write it thinks, so that writes do not fall into step with heartbeats. What is not part of
//! the question is switched off: servers compute in no time, clocks do not drift, no snapshot falls
//! due, and timeouts are far above the longest round trip.
//!
//! # The bound
//! With constant delays every write takes at least: the client's way to its server and back, plus
//! [`Delays::commit_at_leader`] or [`Delays::commit_at_follower`], in which an fsync is the write
//! pass of the append and the sync after it, because the disk does one after the other.

use menagerie::history::Outcome;
use menagerie::ids::{ClientId, NodeId, OpId, Span};
use menagerie::mutation::Mutations;
use menagerie::protocol::Protocol;
use menagerie::protocol::QuorumRule;
use menagerie::quorum::Quorums;
use menagerie::server::ServerSettings;
use menagerie::tree::{ANY_VERSION, CreateMode, Request, Write};

use super::{Summary, on_fresh_thread, serving_leader, step_until};
use crate::chance::decision::Source;
use crate::chance::dice::{Concern, Dice};
use crate::chance::latency::Latency;
use crate::run::bound::{Delays, wan};
use crate::run::internal::Internal;
use crate::world::channels::NetworkSpec;
use crate::world::clock::ClockSpec;
use crate::world::disk::DiskSpec;
use crate::world::knobs::AllKnobs;
use crate::world::{World, WorldEvent, WorldSpec};

/// One append into the page cache.
const APPEND: Span = Span::micros(10);
/// One sync.
const SYNC: Span = Span::micros(300);
/// One way on the LAN, of the random ones in the mean or the median.
const LAN: Span = Span::micros(250);
/// The client's thinking, drawn.
const THINK_MIN: Span = Span::millis(1);
const THINK_MAX: Span = Span::millis(20);
/// So many writes are not counted.
const WARM_UP: u64 = 10;
/// The stream of the draws of thinking.
const THINKING: u64 = 0x5448_494e;
const CLIENT: ClientId = ClientId(1);

/// The links between the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// 250 us one way, always.
    Lan,
    /// Five regions, see [`wan`]; constant.
    Wan,
    /// The same, and the votes of the first three servers weigh twice as much as the others'.
    WeightedWan,
    /// 50 to 450 us one way, all as likely.
    Uniform,
    /// Memoryless with a mean of 250 us.
    Exponential,
    /// A median of 250 us, and 1 in 100 above 1 ms.
    LogNormal,
}

/// Servers with numbers up to this have votes of twice the weight where votes have weights.
const NEAR: u8 = 3;

fn nodes(voters: u8) -> Vec<NodeId> {
    (1..=voters).map(NodeId).collect()
}

impl Links {
    /// Those with a bound.
    pub const CONSTANT: [Links; 3] = [Links::Lan, Links::Wan, Links::WeightedWan];
    /// Those without.
    pub const RANDOM: [Links; 3] = [Links::Uniform, Links::Exponential, Links::LogNormal];

    /// A name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Links::Lan => "LAN",
            Links::Wan => "WAN",
            Links::WeightedWan => "WAN-weighted",
            Links::Uniform => "uniform",
            Links::Exponential => "exponential",
            Links::LogNormal => "log-normal",
        }
    }

    /// Which voters decide.
    fn quorums(self, voters: u8) -> QuorumRule {
        match self {
            Links::Lan | Links::Wan | Links::Uniform | Links::Exponential | Links::LogNormal => {
                QuorumRule::Majority
            }
            Links::WeightedWan => {
                let weight = |node: NodeId| (node, if node.0 <= NEAR { 2 } else { 1 });
                QuorumRule::Groups(vec![nodes(voters).into_iter().map(weight).collect()])
            }
        }
    }

    /// The delays, if they are constant.
    fn delays(self, voters: u8) -> Option<Delays> {
        let servers = usize::from(voters);
        let fsync = Span(APPEND.0 + SYNC.0);
        match self {
            Links::Lan => Some(Delays::uniform(servers, LAN, fsync)),
            Links::Wan => Some(wan(servers, fsync)),
            Links::WeightedWan => Some(Delays {
                quorums: Quorums::of(&nodes(voters), &self.quorums(voters)),
                ..wan(servers, fsync)
            }),
            Links::Uniform | Links::Exponential | Links::LogNormal => None,
        }
    }

    fn lan(self) -> Latency {
        match self {
            Links::Lan => Latency::Constant(LAN),
            // The matrix says everything.
            Links::Wan | Links::WeightedWan => Latency::Constant(Span::ZERO),
            Links::Uniform => Latency::Uniform {
                min: Span::micros(50),
                max: Span::micros(450),
            },
            Links::Exponential => Latency::Exponential { mean: LAN },
            Links::LogNormal => Latency::LogNormal {
                median: LAN,
                p99: Span::millis(1),
            },
        }
    }

    fn network(self, voters: u8) -> NetworkSpec {
        let matrix = match self {
            Links::Wan | Links::WeightedWan => self.delays(voters).map(|delays| delays.one_way),
            Links::Lan | Links::Uniform | Links::Exponential | Links::LogNormal => None,
        };
        NetworkSpec {
            twin: None,
            link_loss_ppm: None,
            matrix,
            // A client sits beside its server.
            client: Latency::Constant(LAN),
            patience: Span::secs(10),
            dial_timeout: Span::secs(5),
            ..NetworkSpec::reliable(self.lan())
        }
    }

    /// Timeouts far above the longest round trip, so that nothing is sent twice and nobody
    /// suspects the leader.
    fn knobs(self) -> AllKnobs {
        let unit = match self {
            Links::Wan | Links::WeightedWan => Span::millis(1_000),
            Links::Lan | Links::Uniform | Links::Exponential | Links::LogNormal => Span::millis(50),
        };
        let mut knobs = AllKnobs::unhurried(unit);
        knobs.shared.snapshot_every = 1_000_000;
        knobs
    }
}

/// Where the client lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// At the leader.
    Leader,
    /// At the follower with the lowest number.
    Follower,
}

impl Home {
    /// A name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Home::Leader => "leader",
            Home::Follower => "follower",
        }
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// How many servers vote.
    pub voters: u8,
    /// The links between them.
    pub links: Links,
    /// Where the client lives.
    pub home: Home,
    /// How many writes are measured.
    pub writes: u64,
    /// The seed.
    pub seed: u64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What was measured.
    pub setting: Setting,
    /// Who led.
    pub leader: NodeId,
    /// The server that the client lived at.
    pub home: NodeId,
    /// From the invocation of a write to its answer.
    pub latency: Summary,
    /// The same of each write.
    pub spans: Vec<Span>,
    /// No write can take less; only for constant links.
    pub bound: Option<Span>,
}

/// Measures.
///
/// # Errors
/// If there is no thread for it, or if a server or client broke an invariant.
pub fn measure<P: Protocol>(setting: &Setting) -> Result<Measured, Internal> {
    let leader = on_fresh_thread(setting.seed, || elect::<P>(setting))?;
    let home = match setting.home {
        Home::Leader => leader,
        Home::Follower if leader == NodeId(1) => NodeId(2),
        Home::Follower => NodeId(1),
    };
    let spans = on_fresh_thread(setting.seed, || write::<P>(setting, leader, home))?;
    Ok(Measured {
        setting: *setting,
        leader,
        home,
        latency: Summary::of(&spans),
        spans,
        bound: bound(setting, leader, home),
    })
}

fn bound(setting: &Setting, leader: NodeId, home: NodeId) -> Option<Span> {
    let delays = setting.links.delays(setting.voters)?;
    let place = |node: NodeId| usize::from(node.0) - 1;
    let commit = if leader == home {
        delays.commit_at_leader(place(leader))
    } else {
        delays.commit_at_follower(place(leader), place(home))
    };
    Some(Span(LAN.times(2).0 + commit.0))
}

fn world_spec(setting: &Setting, homes: Vec<NodeId>) -> WorldSpec {
    let knobs = setting.links.knobs();
    WorldSpec {
        seed: setting.seed,
        voters: setting.voters,
        observers: 0,
        quorums: setting.links.quorums(setting.voters),
        clients: 1,
        homes,
        mutations: Mutations::NONE,
        settings: ServerSettings {
            session_timeout_min: knobs.shared.tick.times(2),
            session_timeout_max: knobs.shared.tick.times(20),
            capture_chunk: 8,
            removal_interval: Span::secs(60),
            superuser: None,
        },
        session_timeout: knobs.shared.tick.times(20),
        knobs,
        network: setting.links.network(setting.voters),
        disk: DiskSpec {
            write: Latency::Constant(APPEND),
            sync: Latency::Constant(SYNC),
            read: Latency::Constant(Span::micros(100)),
        },
        clock: ClockSpec::default(),
        micro_step: Span::ZERO,
        decisions: Source::Dice,
        record: false,
        checks: false,
        trace: false,
    }
}

/// Finds out who leads under this seed. Who it is does not depend on where the client lives: no
/// server serves a client before there is a leader.
fn elect<P: Protocol>(setting: &Setting) -> NodeId {
    let mut world = World::<P>::new(world_spec(setting, Vec::new()));
    world.boot_all();
    step_until(&mut world, |world, _| serving_leader(world, setting.voters))
}

/// The latency of every measured write, in order.
fn write<P: Protocol>(setting: &Setting, leader: NodeId, home: NodeId) -> Vec<Span> {
    let mut world = World::<P>::new(world_spec(setting, vec![home]));
    world.boot_all();
    let thinking = Dice::new(setting.seed).deck(Concern::Driver, THINKING);
    let path = "/measured";
    complete(&mut world, create(path));
    let mut latencies = Vec::new();
    for ordinal in 0..WARM_UP + setting.writes {
        let think = Span(thinking.draw(ordinal).range(THINK_MIN.0, THINK_MAX.0));
        let next = world.now().after(think);
        world.wake_at(next, ordinal);
        step_until(&mut world, |_, happening| {
            (happening == WorldEvent::Wakeup(ordinal)).then_some(())
        });
        let op = complete(&mut world, set(path));
        let operation = &world.history().operations[op.0 as usize];
        assert_eq!(operation.server, Some(home), "the client left its home");
        assert_eq!(operation.attempts, 1, "a write was sent again");
        if ordinal >= WARM_UP {
            latencies.push(world.now().since(operation.invoked));
        }
    }
    assert_eq!(
        serving_leader(&world, setting.voters),
        Some(leader),
        "the leader changed in the steady state"
    );
    latencies
}

/// Invokes a write and waits for its answer, which must be a success.
fn complete<P: Protocol>(world: &mut World<P>, write: Write) -> OpId {
    let op = world.invoke(CLIENT, Request::Write(write), false);
    step_until(world, |_, happening| {
        let done = WorldEvent::Completed { client: CLIENT, op };
        (happening == done).then_some(())
    });
    let outcome = &world.history().operations[op.0 as usize].outcome;
    assert!(
        matches!(outcome, Some(Outcome::Answered { answer: Ok(_), .. })),
        "a write of the steady state ended with {outcome:?}"
    );
    op
}

fn create(path: &str) -> Write {
    Write::Create {
        path: path.into(),
        data: b"measured".as_slice().into(),
        mode: CreateMode::Persistent,
    }
}

fn set(path: &str) -> Write {
    Write::SetData {
        path: path.into(),
        data: b"measured".as_slice().into(),
        version: ANY_VERSION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use menagerie::paxos::Paxos;
    use menagerie::zab::Zab;

    /// Never below the bound, and the mean within 1 % of it.
    fn assert_at_the_bound<P: Protocol>(links: Links) {
        for voters in [3, 5, 7] {
            for home in [Home::Leader, Home::Follower] {
                let setting = Setting {
                    voters,
                    links,
                    home,
                    writes: 100,
                    seed: 1,
                };
                let measured = measure::<P>(&setting).expect("the measurement runs");
                let bound = measured.bound.expect("constant links have a bound");
                let Summary { least, mean, .. } = measured.latency;
                assert!(least >= bound, "{measured:?}");
                assert!(mean.0 * 100 <= bound.0 * 101, "{measured:?}");
            }
        }
    }

    #[test]
    fn zab_commits_at_the_bound_on_a_lan() {
        assert_at_the_bound::<Zab>(Links::Lan);
    }

    #[test]
    fn zab_commits_at_the_bound_on_a_wan() {
        assert_at_the_bound::<Zab>(Links::Wan);
    }

    #[test]
    fn both_commit_at_the_bound_where_votes_have_weights() {
        assert_at_the_bound::<Zab>(Links::WeightedWan);
        assert_at_the_bound::<Paxos>(Links::WeightedWan);
    }

    #[test]
    fn paxos_commits_at_the_bound_on_a_lan() {
        assert_at_the_bound::<Paxos>(Links::Lan);
    }

    #[test]
    fn paxos_commits_at_the_bound_on_a_wan() {
        assert_at_the_bound::<Paxos>(Links::Wan);
    }

    #[test]
    fn a_measurement_is_a_function_of_its_setting() {
        let setting = Setting {
            voters: 5,
            links: Links::LogNormal,
            home: Home::Follower,
            writes: 50,
            seed: 7,
        };
        let first = measure::<Zab>(&setting).expect("the measurement runs");
        let again = measure::<Zab>(&setting).expect("the measurement runs");
        assert_eq!(first, again);
        let other = Setting { seed: 8, ..setting };
        let other = measure::<Zab>(&other).expect("the measurement runs");
        assert_ne!(first.latency, other.latency);
    }
}
