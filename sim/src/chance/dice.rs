//! Randomness by name: a draw is a keyed hash, never the next number of a shared stream.
//!
//! [`Dice::draw`] hashes (seed, concern, entity, ordinal). Whoever draws names what the draw is
//! for, and names are stable: removing one message, or adding a draw elsewhere in the code, leaves
//! every other draw as it was. Plans and workloads, which consume long sequences, take a
//! [`Stream`]: xoshiro256++ seeded by such a hash. Everything is derived from 64-bit words by the
//! few functions below, because the range and shuffle functions of `rand` change their values
//! between versions.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The version of everything that turns a seed into numbers. A change invalidates old seeds.
pub const DICE_VERSION: &str = "keyed-splitmix+xoshiro256pp/2";

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a draw is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u64)]
pub enum Concern {
    /// A message between servers: latency, loss, duplication. Entity: pair and kind of channel.
    Wire = 1,
    /// What a breaking stream loses. Entity: the stream.
    Breaking = 2,
    /// A frame between a client and a server. Entity: the connection and the direction.
    ClientWire = 3,
    /// The time a disk operation takes. Entity: the server.
    Disk = 4,
    /// What a loss of power leaves. Entity: the server and which of its losses.
    PowerLoss = 5,
    /// A server's timer. Entity: the server.
    Timer = 6,
    /// A client's timer. Entity: the client.
    ClientTimer = 7,
    /// A server's clock drift. Entity: the server.
    Drift = 8,
    /// The order in which a client tries servers. Entity: the client.
    ClientOrder = 9,
    /// The fault plan.
    Plan = 10,
    /// The workload. Entity: the client.
    Workload = 11,
    /// Choices of the driver that are neither plan nor workload, such as the core to heal.
    Driver = 12,
}

/// The dice of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dice {
    seed: u64,
}

/// The draws of one (concern, entity): its hash is taken once, each draw then costs one mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deck {
    key: u64,
}

/// One draw: 64 uniform bits, to be used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw(pub u64);

/// A sequence of draws, for plans and workloads.
#[derive(Clone, Debug)]
pub struct Stream {
    generator: Xoshiro256PlusPlus,
}

impl Dice {
    /// The dice of `seed`.
    pub fn new(seed: u64) -> Dice {
        Dice { seed }
    }

    /// The draw of that name.
    pub fn draw(&self, concern: Concern, entity: u64, ordinal: u64) -> Draw {
        self.deck(concern, entity).draw(ordinal)
    }

    /// All draws of one entity.
    pub fn deck(&self, concern: Concern, entity: u64) -> Deck {
        let concern = (concern as u64).wrapping_mul(GOLDEN);
        let key = mix(mix(self.seed ^ 0x6d65_6e61_6765_7269).wrapping_add(concern));
        Deck {
            key: mix(key ^ mix(entity.wrapping_add(GOLDEN))),
        }
    }

    /// A sequence of its own for one entity.
    pub fn stream(&self, concern: Concern, entity: u64) -> Stream {
        let deck = self.deck(concern, entity);
        let mut seed = [0u8; 32];
        for (ordinal, bytes) in (0u64..).zip(seed.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&deck.draw(ordinal).0.to_le_bytes());
        }
        Stream {
            generator: Xoshiro256PlusPlus::from_seed(seed),
        }
    }
}

impl Deck {
    /// The draw of that number.
    #[inline]
    pub fn draw(&self, ordinal: u64) -> Draw {
        Draw(mix(self.key.wrapping_add(ordinal.wrapping_mul(GOLDEN))))
    }
}

impl Draw {
    /// A number below `bound`. One word cannot be drawn again, so this keeps Lemire's bias: below
    /// `bound` / 2^64.
    #[inline]
    pub fn below(self, bound: u64) -> u64 {
        assert!(bound > 0, "nothing is below 0");
        ((u128::from(self.0) * u128::from(bound)) >> 64) as u64
    }

    /// A number of `min..=max`.
    #[inline]
    pub fn range(self, min: u64, max: u64) -> u64 {
        assert!(min <= max, "the range {min}..={max} is empty");
        match (max - min).checked_add(1) {
            Some(width) => min + self.below(width),
            None => self.0,
        }
    }

    /// True in `ppm` of a million cases.
    #[inline]
    pub fn chance_ppm(self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }
}

impl Stream {
    /// The next word.
    pub fn word(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A number below `bound`, without bias (Lemire's method).
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "nothing is below 0");
        // The smallest low half that keeps every result equally likely: 2^64 mod bound.
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.word()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number of `min..=max`.
    pub fn range(&mut self, min: u64, max: u64) -> u64 {
        assert!(min <= max, "the range {min}..={max} is empty");
        match (max - min).checked_add(1) {
            Some(width) => min + self.below(width),
            None => self.word(),
        }
    }

    /// True in `ppm` of a million cases.
    pub fn chance_ppm(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }

    /// Shuffles in place (Fisher and Yates, from the end).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = self.below(last as u64 + 1) as usize;
            items.swap(last, chosen);
        }
    }

    /// One of the items; `None` if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() {
            return None;
        }
        items.get(self.below(items.len() as u64) as usize)
    }

    /// The place of one of the weights, each as likely as it is heavy; `None` if all are 0.
    pub fn weighted(&mut self, weights: &[u64]) -> Option<usize> {
        let total: u64 = weights.iter().sum();
        if total == 0 {
            return None;
        }
        let mut rest = self.below(total);
        for (place, weight) in weights.iter().enumerate() {
            if rest < *weight {
                return Some(place);
            }
            rest -= weight;
        }
        None
    }
}

/// The finalizer of SplitMix64: a bijection whose output bits each depend on every input bit.
#[inline]
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_of_known_names_are_pinned() {
        let dice = Dice::new(7);
        let drawn: Vec<u64> = (0..3)
            .map(|ordinal| dice.draw(Concern::Wire, 258, ordinal).0)
            .collect();
        assert_eq!(drawn, GOLDEN_DRAWS);
        assert_eq!(dice.draw(Concern::Timer, 1, 0).below(1_000), GOLDEN_BELOW);
    }

    #[test]
    fn a_stream_of_a_known_name_is_pinned() {
        let mut stream = Dice::new(7).stream(Concern::Plan, 0);
        let drawn: Vec<u64> = (0..5).map(|_| stream.below(100)).collect();
        assert_eq!(drawn, GOLDEN_STREAM);
        let mut items: Vec<u8> = (0..8).collect();
        stream.shuffle(&mut items);
        assert_eq!(items, GOLDEN_SHUFFLE);
    }

    #[test]
    fn every_part_of_a_name_matters() {
        let base = Dice::new(1).draw(Concern::Wire, 2, 3);
        assert_ne!(base, Dice::new(2).draw(Concern::Wire, 2, 3));
        assert_ne!(base, Dice::new(1).draw(Concern::Disk, 2, 3));
        assert_ne!(base, Dice::new(1).draw(Concern::Wire, 3, 3));
        assert_ne!(base, Dice::new(1).draw(Concern::Wire, 2, 4));
        assert_ne!(base, Dice::new(1).draw(Concern::Wire, 3, 2));
    }

    #[test]
    fn bounded_draws_stay_inside_and_reach_both_ends() {
        let deck = Dice::new(3).deck(Concern::Timer, 1);
        let drawn: Vec<u64> = (0..1_000).map(|n| deck.draw(n).range(5, 9)).collect();
        assert_eq!(drawn.iter().min(), Some(&5));
        assert_eq!(drawn.iter().max(), Some(&9));
        assert_eq!(Draw(u64::MAX).range(0, u64::MAX), u64::MAX);
        assert_eq!(Draw(u64::MAX).below(1), 0);
    }

    #[test]
    fn a_chance_in_a_million_has_that_rate() {
        let deck = Dice::new(4).deck(Concern::Wire, 1);
        let hits = (0..100_000)
            .filter(|n| deck.draw(*n).chance_ppm(250_000))
            .count();
        assert!((24_500..25_500).contains(&hits), "{hits} of 100000");
        assert!(!deck.draw(0).chance_ppm(0));
        assert!(deck.draw(0).chance_ppm(1_000_000));
    }

    #[test]
    fn a_weighted_pick_never_takes_a_weight_of_nothing() {
        let mut stream = Dice::new(5).stream(Concern::Workload, 1);
        let mut counts = [0u32; 3];
        for _ in 0..4_000 {
            counts[stream.weighted(&[1, 0, 3]).expect("some weigh something")] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((2_850..3_150).contains(&counts[2]), "{counts:?}");
        assert_eq!(stream.weighted(&[0, 0]), None);
        assert_eq!(stream.pick::<u8>(&[]), None);
    }

    const GOLDEN_DRAWS: [u64; 3] = [
        12_086_444_674_475_029_064,
        10_080_745_129_320_203_657,
        13_502_973_291_900_175_236,
    ];
    const GOLDEN_BELOW: u64 = 340;
    const GOLDEN_STREAM: [u64; 5] = [46, 16, 17, 17, 57];
    const GOLDEN_SHUFFLE: [u8; 8] = [3, 5, 0, 7, 6, 2, 4, 1];
}
