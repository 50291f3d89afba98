//! How long nobody is served after the leader's death, in virtual time.
//!
//! Five servers, and at each of them a client that is attached and idle. The leader is lost, and in
//! the same instant each client asks for a write; a write that ends without success is asked for
//! again. The unavailability is the time from the loss to the first success. As no write is under
//! way at the loss, no success can be owed to the lost leader.

use menagerie::history::Outcome;
use menagerie::ids::{ClientId, NodeId, OpId, Span, VirtualTime};
use menagerie::mutation::Mutations;
use menagerie::protocol::Protocol;
use menagerie::protocol::QuorumRule;
use menagerie::server::ServerSettings;
use menagerie::tree::{CreateMode, Request, Write};

use super::{on_fresh_thread, serving_leader, step_until};
use crate::chance::decision::Source;
use crate::chance::dice::{Concern, Dice};
use crate::chance::latency::Latency;
use crate::run::internal::Internal;
use crate::world::channels::NetworkSpec;
use crate::world::clock::ClockSpec;
use crate::world::disk::DiskSpec;
use crate::world::knobs::AllKnobs;
use crate::world::{Action, CrashKind, World, WorldEvent, WorldSpec};

/// Servers, and clients.
const COUNT: u8 = 5;
/// How long a client waits before it asks again.
const ASK_AGAIN: Span = Span::millis(1);
/// The death comes at a drawn moment of this range after the last client is attached, so that it
/// falls at any phase of the heartbeats.
const QUIET_MIN: Span = Span::millis(100);
const QUIET_MAX: Span = Span::millis(300);
/// The stream of that draw.
const MOMENT: u64 = 0x4b49_4c4c;
/// The wake-up that is the death; those of clients are their numbers.
const DEATH: u64 = 0;

/// How the leader is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Its process dies: its streams break, which the others hear.
    Crash,
    /// It is cut off from the other servers: nobody hears anything, and its clients keep it.
    Isolation,
}

impl Loss {
    /// A name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Loss::Crash => "process death",
            Loss::Isolation => "isolation",
        }
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failover {
    /// From the loss to the first success of any client.
    pub first: Span,
    /// From the loss until each client had a success, except the one at the lost leader.
    pub all: Span,
}

/// Loses the leader once.
///
/// # Errors
/// If there is no thread for it, or if a server or client broke an invariant.
pub fn measure<P: Protocol>(loss: Loss, seed: u64) -> Result<Failover, Internal> {
    on_fresh_thread(seed, || lose_leader::<P>(loss, seed))
}

/// The timeouts and latencies of the scenarios' defaults.
fn world_spec(seed: u64) -> WorldSpec {
    let knobs = AllKnobs::default();
    WorldSpec {
        seed,
        voters: COUNT,
        observers: 0,
        quorums: QuorumRule::Majority,
        clients: u16::from(COUNT),
        // Client i lives at server i, so that whoever serves first is seen at once.
        homes: (1..=COUNT).map(NodeId).collect(),
        mutations: Mutations::NONE,
        settings: ServerSettings {
            session_timeout_min: knobs.shared.tick.times(2),
            session_timeout_max: knobs.shared.tick.times(20),
            capture_chunk: 8,
            removal_interval: Span::secs(60),
            superuser: None,
        },
        session_timeout: knobs.shared.tick.times(16),
        knobs,
        network: NetworkSpec::reliable(Latency::Uniform {
            min: Span::micros(200),
            max: Span::millis(1),
        }),
        disk: DiskSpec {
            write: Latency::Constant(Span::micros(20)),
            sync: Latency::Uniform {
                min: Span::micros(200),
                max: Span::millis(2),
            },
            read: Latency::Constant(Span::micros(500)),
        },
        clock: ClockSpec::default(),
        micro_step: Span::micros(5),
        decisions: Source::Dice,
        record: false,
        checks: false,
        trace: false,
    }
}

fn lose_leader<P: Protocol>(loss: Loss, seed: u64) -> Failover {
    let mut world = World::<P>::new(world_spec(seed));
    world.boot_all();
    attach(&mut world);
    let quiet = Dice::new(seed).draw(Concern::Driver, MOMENT, 0);
    let death = world
        .now()
        .after(Span(quiet.range(QUIET_MIN.0, QUIET_MAX.0)));
    world.wake_at(death, DEATH);
    let leader = step_until(&mut world, |world, happening| {
        (happening == WorldEvent::Wakeup(DEATH)).then(|| serving_leader(world, COUNT))
    });
    let leader = leader.expect("nothing disturbs the leader before its loss");
    lose(&mut world, loss, leader);
    await_successes(&mut world, death, leader)
}

/// Has every client write once, so that it is attached and its session is open.
fn attach<P: Protocol>(world: &mut World<P>) {
    let mut open: Vec<OpId> = clients().map(|client| ask(world, client)).collect();
    step_until(world, |_, happening| {
        if let WorldEvent::Completed { op, .. } = happening {
            open.retain(|other| *other != op);
        }
        open.is_empty().then_some(())
    });
}

fn lose<P: Protocol>(world: &mut World<P>, loss: Loss, leader: NodeId) {
    match loss {
        Loss::Crash => {
            world.perform(Action::Crash {
                node: leader,
                kind: CrashKind::Process,
            });
        }
        Loss::Isolation => {
            let others: Vec<NodeId> = (1..=COUNT)
                .map(NodeId)
                .filter(|node| *node != leader)
                .collect();
            for other in others {
                for (from, to) in [(leader, other), (other, leader)] {
                    world.perform(Action::Cut { from, to });
                }
            }
        }
    }
}

/// Waits until every client but the lost leader's had a success.
fn await_successes<P: Protocol>(
    world: &mut World<P>,
    death: VirtualTime,
    leader: NodeId,
) -> Failover {
    let lost = ClientId(u16::from(leader.0));
    let mut waiting: Vec<ClientId> = clients().filter(|client| *client != lost).collect();
    for client in clients() {
        ask(world, client);
    }
    let mut first = None;
    step_until(world, |world, happening| {
        match happening {
            WorldEvent::Event => {}
            WorldEvent::Wakeup(number) => {
                let client = clients().find(|client| u64::from(client.0) == number);
                ask(
                    world,
                    client.expect("only clients are waited for after the loss"),
                );
            }
            WorldEvent::Completed { client, op } if succeeded(world, op) => {
                first = first.or(Some(world.now().since(death)));
                waiting.retain(|other| *other != client);
            }
            WorldEvent::Completed { client, .. } => {
                let later = world.now().after(ASK_AGAIN);
                world.wake_at(later, u64::from(client.0));
            }
        }
        let all = world.now().since(death);
        waiting.is_empty().then_some(Failover {
            first: first.unwrap_or(all),
            all,
        })
    })
}

fn clients() -> impl Iterator<Item = ClientId> {
    (1..=u16::from(COUNT)).map(ClientId)
}

fn ask<P: Protocol>(world: &mut World<P>, client: ClientId) -> OpId {
    let write = Write::Create {
        path: "/asked-".into(),
        data: b"failover".as_slice().into(),
        mode: CreateMode::PersistentSequential,
    };
    world.invoke(client, Request::Write(write), false)
}

fn succeeded<P: Protocol>(world: &World<P>, op: OpId) -> bool {
    let outcome = &world.history().operations[op.0 as usize].outcome;
    matches!(outcome, Some(Outcome::Answered { answer: Ok(_), .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use menagerie::paxos::Paxos;
    use menagerie::zab::Zab;

    /// A follower hears of the death one way later at the earliest, and a write then needs at least
    /// a client's round trip and a round trip between two servers.
    const LEAST: Span = Span::micros(5 * 200);
    /// Several rounds of election; the default timeouts are below 200 ms.
    const MOST: Span = Span::secs(10);

    fn assert_served_again<P: Protocol>(loss: Loss) {
        for seed in 0..5 {
            let failover = measure::<P>(loss, seed).expect("the measurement runs");
            assert!(failover.first >= LEAST, "seed {seed}: {failover:?}");
            assert!(failover.all >= failover.first, "seed {seed}: {failover:?}");
            assert!(failover.all <= MOST, "seed {seed}: {failover:?}");
        }
    }

    #[test]
    fn zab_serves_again_after_its_leader_is_lost() {
        assert_served_again::<Zab>(Loss::Crash);
        assert_served_again::<Zab>(Loss::Isolation);
    }

    #[test]
    fn paxos_serves_again_after_its_leader_is_lost() {
        assert_served_again::<Paxos>(Loss::Crash);
        assert_served_again::<Paxos>(Loss::Isolation);
    }
}
