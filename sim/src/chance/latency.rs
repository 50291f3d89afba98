//! How long things take: distributions sampled from one 64-bit draw in integer arithmetic.
//!
//! A sample is a pure function of the draw, through the committed fixed-point tables of logarithms,
//! powers and normal quantiles in `tables`; no floating point is involved, so a seed means the
//! same latencies on every platform.

mod tables;

use menagerie::ids::Span;
use serde::{Deserialize, Serialize};

use crate::chance::dice::Draw;
use tables::{EXP2, LOG2, NORMAL, OCTAVES};

/// One in fixed point.
const ONE: u64 = 1 << 32;
/// ln 2 in fixed point.
const LN_2: u64 = 2_977_044_472;
/// The normal quantile of 0.99 in fixed point.
const NORMAL_P99: u64 = 9_991_588_038;

/// A distribution of latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// Always the same.
    Constant(Span),
    /// Evenly distributed, both ends included.
    Uniform {
        /// The shortest.
        min: Span,
        /// The longest.
        max: Span,
    },
    /// Memoryless. Samples end at 64 ln 2, about 44, times the mean.
    Exponential {
        /// The mean.
        mean: Span,
    },
    /// The usual shape of a network's or a disk's latencies: a hump and a long tail.
    LogNormal {
        /// Half of the samples are below.
        median: Span,
        /// 99 of 100 samples are below. At least the median.
        p99: Span,
    },
}

impl Latency {
    /// The plain case: the median.
    pub fn median(&self) -> Span {
        match *self {
            // The draw in the middle belongs to the far end of its tail: see `log_normal`.
            Latency::LogNormal { median, .. } => median,
            Latency::Constant(_) | Latency::Uniform { .. } | Latency::Exponential { .. } => {
                self.sample(Draw(1 << 63))
            }
        }
    }

    /// The sample that belongs to a draw.
    #[inline]
    pub fn sample(&self, draw: Draw) -> Span {
        match *self {
            Latency::Constant(span) => span,
            Latency::Uniform { min, max } => Span(draw.range(min.0, max.0)),
            Latency::Exponential { mean } => {
                // -ln(u) = (64 - log2(u 2^64)) ln 2; a draw of 0 counts as the smallest u.
                let log = (64 << 32) - log2(draw.0.max(1));
                Span(scale(mean.0, scale(log, LN_2)))
            }
            Latency::LogNormal { median, p99 } => log_normal(median.0, p99.0, draw),
        }
    }
}

impl Latency {
    /// Everything takes so many times as long.
    #[must_use]
    pub fn times(self, factor: u64) -> Latency {
        match self {
            Latency::Constant(span) => Latency::Constant(span.times(factor)),
            Latency::Uniform { min, max } => Latency::Uniform {
                min: min.times(factor),
                max: max.times(factor),
            },
            Latency::Exponential { mean } => Latency::Exponential {
                mean: mean.times(factor),
            },
            Latency::LogNormal { median, p99 } => Latency::LogNormal {
                median: median.times(factor),
                p99: p99.times(factor),
            },
        }
    }

    /// One of so many samples takes this long or longer; `samples` is 4 or more.
    #[must_use]
    pub fn one_in(self, samples: u64) -> Span {
        assert!(samples >= 4, "{samples} samples have no tail");
        let tail = u64::MAX / samples;
        match self {
            Latency::Constant(span) => span,
            Latency::Uniform { max, .. } => max,
            // Its longest samples belong to the smallest draws.
            Latency::Exponential { .. } => self.sample(Draw(tail)),
            // Its longest samples belong to the smallest draws of the upper half.
            Latency::LogNormal { .. } => self.sample(Draw(1 << 63 | tail)),
        }
    }
}

/// `median` times 2 to the power of (spread in octaves) x (normal quantile of the draw).
fn log_normal(median: u64, p99: u64, draw: Draw) -> Span {
    assert!(
        p99 >= median,
        "the 99th percentile {p99} lies below the median {median}"
    );
    if median == 0 {
        return Span::ZERO;
    }
    // The p99 lies NORMAL_P99 spreads above the median.
    let octaves_to_p99 = log2(p99) - log2(median);
    let sigma = ((u128::from(octaves_to_p99) << 32) / u128::from(NORMAL_P99)) as u64;
    let upper = draw.0 >> 63 == 1;
    let exponent = scale(sigma, normal_magnitude(draw.0 << 1));
    let power = exp2(exponent);
    if upper {
        Span(scale(median, power))
    } else {
        Span(((u128::from(median) << 32) / u128::from(power)) as u64)
    }
}

/// The magnitude of the normal quantile whose tail probability is `draw` / 2^65.
fn normal_magnitude(draw: u64) -> u64 {
    let octave = draw.leading_zeros().min(OCTAVES - 1);
    // The bits behind the leading one (or, far out in the tail, whatever is left of them).
    let rest = (draw << octave) << 1;
    let place = (octave * 17) as usize + (rest >> 60) as usize;
    let fraction = (rest << 4) >> 32;
    NORMAL[place] - scale(NORMAL[place] - NORMAL[place + 1], fraction)
}

/// log2 of a positive number, with 32 fractional bits.
fn log2(value: u64) -> u64 {
    let whole = 63 - value.leading_zeros();
    let rest = (value << (63 - whole)) << 1;
    let place = (rest >> 56) as usize;
    let fraction = (rest << 8) >> 32;
    (u64::from(whole) << 32) + LOG2[place] + scale(LOG2[place + 1] - LOG2[place], fraction)
}

/// 2 to a power with 32 fractional bits; powers of 31 and more count as 31.
fn exp2(power: u64) -> u64 {
    let power = power.min(31 << 32);
    let whole = power >> 32;
    let rest = power & (ONE - 1);
    let place = (rest >> 24) as usize;
    let fraction = (rest & 0xff_ffff) << 8;
    (ONE + EXP2[place] + scale(EXP2[place + 1] - EXP2[place], fraction)) << whole
}

/// The product of a number and one with 32 fractional bits.
fn scale(value: u64, factor: u64) -> u64 {
    ((u128::from(value) * u128::from(factor)) >> 32) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::dice::{Concern, Dice};

    fn mean_of(latency: Latency, count: u64) -> u64 {
        let deck = Dice::new(11).deck(Concern::Wire, 1);
        let total: u64 = (0..count).map(|n| latency.sample(deck.draw(n)).0).sum();
        total / count
    }

    #[test]
    fn one_in_a_hundred_is_the_p99() {
        let spans = [
            Latency::LogNormal {
                median: Span::millis(1),
                p99: Span::millis(100),
            },
            Latency::Exponential {
                mean: Span::millis(10),
            },
        ];
        for latency in spans {
            let p99 = latency.one_in(100);
            let deck = Dice::new(5).deck(Concern::Wire, 1);
            let above = (0..20_000).filter(|n| latency.sample(deck.draw(*n)) >= p99);
            let above = above.count();
            assert!(
                (150..=250).contains(&above),
                "{latency:?}: {above} of 20000"
            );
        }
        let twice = Latency::Constant(Span::millis(3)).times(2);
        assert_eq!(twice.one_in(4), Span::millis(6));
    }

    fn assert_within_one_percent(mean: u64, nominal: u64) {
        assert!(
            mean.abs_diff(nominal) * 100 <= nominal,
            "mean {mean}, nominal {nominal}"
        );
    }

    #[test]
    fn the_mean_of_uniform_samples_is_the_middle() {
        let latency = Latency::Uniform {
            min: Span::micros(100),
            max: Span::micros(300),
        };
        assert_within_one_percent(mean_of(latency, 200_000), 200_000);
    }

    #[test]
    fn the_mean_of_exponential_samples_is_the_nominal_one() {
        let latency = Latency::Exponential {
            mean: Span::millis(1),
        };
        assert_within_one_percent(mean_of(latency, 400_000), 1_000_000);
    }

    #[test]
    fn the_mean_of_log_normal_samples_is_the_nominal_one() {
        // sigma = ln 4 / 2.326348 = 0.595912; mean = median x exp(sigma^2 / 2) = 1.194293.
        let latency = Latency::LogNormal {
            median: Span::millis(1),
            p99: Span::millis(4),
        };
        assert_within_one_percent(mean_of(latency, 400_000), 1_194_293);
    }

    #[test]
    fn the_percentiles_of_log_normal_samples_are_the_nominal_ones() {
        let latency = Latency::LogNormal {
            median: Span::millis(1),
            p99: Span::millis(4),
        };
        let deck = Dice::new(12).deck(Concern::Wire, 1);
        let mut samples: Vec<u64> = (0..400_000)
            .map(|n| latency.sample(deck.draw(n)).0)
            .collect();
        samples.sort_unstable();
        assert_within_one_percent(samples[200_000], 1_000_000);
        assert!(samples[396_000].abs_diff(4_000_000) < 80_000);
        // The first percentile mirrors the last one.
        assert!(samples[4_000].abs_diff(250_000) < 5_000);
    }

    #[test]
    fn half_of_the_samples_are_below_the_median() {
        let latencies = [
            Latency::Uniform {
                min: Span::millis(1),
                max: Span::millis(9),
            },
            Latency::Exponential {
                mean: Span::millis(3),
            },
            Latency::LogNormal {
                median: Span::millis(2),
                p99: Span::millis(90),
            },
        ];
        for latency in latencies {
            let deck = Dice::new(3).deck(Concern::Wire, 1);
            let median = latency.median();
            let below = (0..20_000).filter(|n| latency.sample(deck.draw(*n)) < median);
            let below = below.count();
            assert!(
                (9_700..=10_300).contains(&below),
                "{latency:?}: {below} of 20000 below {median}"
            );
        }
    }

    #[test]
    fn the_extreme_draws_give_finite_latencies() {
        for draw in [0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
            let log_normal = Latency::LogNormal {
                median: Span::millis(1),
                p99: Span::millis(4),
            };
            assert!(log_normal.sample(Draw(draw)) < Span::millis(200));
            let exponential = Latency::Exponential {
                mean: Span::millis(1),
            };
            assert!(exponential.sample(Draw(draw)) <= Span::millis(45));
        }
    }

    #[test]
    fn powers_and_logarithms_undo_each_other() {
        for value in [1u64, 2, 3, 1_000, 123_456_789, 1 << 30] {
            let back = exp2(log2(value)) >> 32;
            assert!(
                back.abs_diff(value) <= 1 + value / 10_000,
                "{value}: {back}"
            );
        }
    }
}
