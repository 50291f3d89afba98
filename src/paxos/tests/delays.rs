//! Random schedules in which questions for chosen values and their answers are under way for longer
//! than it takes to elect another leader, among five voters that fall into two parts again and
//! again.

use super::*;
use crate::mutation::Mutation;

/// The servers, and what is late.
struct Delayed {
    world: World,
    late: Vec<Packet>,
    /// The smaller part, while there are two.
    apart: [NodeId; 2],
    split: bool,
}

impl Delayed {
    fn crosses(&self, packet: &Packet) -> bool {
        let apart = |node| self.apart.contains(&node);
        self.split && apart(packet.from) != apart(packet.to)
    }

    /// One random packet: delivered, lost, repeated or kept for later.
    fn deliver(&mut self) {
        let count = self.world.wire.len() as u64;
        if count == 0 {
            return;
        }
        let index = self.world.draw(count) as usize;
        let packet = self.world.wire.swap_remove_back(index);
        let packet = packet.expect("the index was drawn below the length");
        let slow = matches!(
            packet.msg,
            Msg::LearnReq { .. } | Msg::Learn { .. } | Msg::Snap { .. }
        );
        if slow && (self.crosses(&packet) || self.world.draw(3) == 0) {
            self.late.push(packet);
        } else if !self.crosses(&packet) {
            match self.world.draw(20) {
                0 => {}
                1 => {
                    let again = packet.msg.clone();
                    self.world.inject(packet.from, packet.to, again);
                    self.world.wire.push_back(packet);
                }
                _ => self.world.inject(packet.from, packet.to, packet.msg),
            }
        }
    }

    /// Something late arrives, whoever hears whom by now. The answer is late too, or comes at once.
    fn arrive(&mut self) {
        let count = self.late.len() as u64;
        if count == 0 {
            return;
        }
        let index = self.world.draw(count) as usize;
        let Packet { from, to, msg } = self.late.swap_remove(index);
        let asks = matches!(msg, Msg::LearnReq { .. });
        self.world.inject(from, to, msg);
        if asks && self.world.draw(2) == 0 {
            self.world.deliver(|packet| {
                let answers = matches!(packet.msg, Msg::Learn { .. } | Msg::Snap { .. });
                answers && packet.from == to && packet.to == from
            });
        }
    }

    fn any(&mut self) -> NodeId {
        NodeId(1 + self.world.draw(5) as u8)
    }

    /// The servers fall into two parts, mostly with a leader in the smaller one, or are whole
    /// again.
    fn split(&mut self) {
        self.split = !self.split || self.world.draw(3) == 0;
        let leader = (1..=5).map(NodeId).find(|node| self.world.leads(*node));
        let first = match leader {
            Some(leader) if self.world.draw(4) > 0 => leader,
            Some(_) | None => self.any(),
        };
        self.apart = [first, self.any()];
        let mut wire = core::mem::take(&mut self.world.wire);
        wire.retain(|packet| !self.crosses(packet));
        self.world.wire = wire;
    }

    fn fire(&mut self) {
        let node = self.any();
        let timers: Vec<Timer> = self.world.machine(node).timers.keys().copied().collect();
        let timer = timers[self.world.draw(timers.len() as u64) as usize];
        self.world.now = self.world.now.after(Span::millis(25));
        self.world.fire(node, timer);
    }

    fn propose(&mut self, number: u64) {
        let node = self.any();
        if self.world.leads(node) {
            self.world.propose(node, number);
        }
    }
}

/// Runs a schedule to its first violation, or to its end.
fn run(schedule: u64, snapshot_every: u32, mutations: Mutations) -> World {
    let knobs = (
        Knobs {
            snapshot_every,
            ..Knobs::default()
        },
        PaxosKnobs {
            window: 4,
            log_tail: 0,
            ..PaxosKnobs::default()
        },
    );
    let mut world = World::with(5, 0, knobs, mutations);
    world.dice = schedule.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
    for _ in 0..10 {
        world.draw(2);
    }
    let mut delayed = Delayed {
        world,
        late: Vec::new(),
        apart: [N1, N2],
        split: false,
    };
    for step in 0..STEPS {
        match delayed.world.draw(32) {
            0 if step % 4 == 0 => delayed.split(),
            0..=1 => delayed.fire(),
            2 => delayed.arrive(),
            3 => delayed.propose(step),
            _ => delayed.deliver(),
        }
        if delayed.world.violation.is_some() {
            break;
        }
        delayed.world.wire.truncate(200);
    }
    delayed.world
}

/// Events in a schedule.
const STEPS: u64 = 1_500;

/// The first schedule of a range that goes wrong.
fn first_wrong(
    mut schedules: core::ops::Range<u64>,
    snapshot_every: u32,
    mutations: Mutations,
) -> Option<u64> {
    schedules.find(|schedule| {
        run(*schedule, snapshot_every, mutations)
            .violation
            .is_some()
    })
}

/// What is planted, the interval of snapshots, and the first schedule that goes wrong. With rare
/// snapshots chosen values are sent, with frequent ones snapshots.
const PLANTED: [(Mutation, u32, u64); 2] = [(Mutation::N01, 1_000, 3_390), (Mutation::N02, 2, 795)];

#[test]
fn late_questions_find_what_is_planted_and_nothing_else() {
    for (mutation, snapshot_every, schedule) in PLANTED {
        let planted = Mutations::NONE.with(mutation);
        let near = schedule - 20..schedule + 20;
        let found = first_wrong(near.clone(), snapshot_every, planted);
        assert_eq!(found, Some(schedule), "{mutation:?}");
        let wrong = first_wrong(near, snapshot_every, Mutations::NONE);
        assert_eq!(wrong, None, "without {mutation:?}");
    }
}

#[test]
#[ignore = "20,000 schedules of each kind, with and without what is planted, take a minute"]
fn twenty_thousand_schedules_find_what_is_planted_and_nothing_else() {
    for (mutation, snapshot_every, schedule) in PLANTED {
        let planted = Mutations::NONE.with(mutation);
        let found = first_wrong(1..20_001, snapshot_every, planted);
        assert_eq!(found, Some(schedule), "{mutation:?}");
        let wrong = first_wrong(1..20_001, snapshot_every, Mutations::NONE);
        assert_eq!(wrong, None, "without {mutation:?}");
    }
}
