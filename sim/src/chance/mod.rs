//! All randomness, by name: the dice, the distributions that are drawn from, and decisions that can
//! be written down and made again.

pub mod decision;
pub mod dice;
pub mod latency;
