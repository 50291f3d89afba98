//! Each server's own clock: virtual time scaled by a constant drift, in integer arithmetic.

use menagerie::ids::{LocalTime, Span, VirtualTime};
use serde::{Deserialize, Serialize};

use crate::chance::decision::{Decider, Name};
use crate::chance::dice::{Concern, Dice};

const MILLION: u64 = 1_000_000;

/// How wrong the servers' clocks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClockSpec {
    /// Each clock's drift is drawn once a run from `-drift_ppm_max..=drift_ppm_max`; below a
    /// million.
    pub drift_ppm_max: u32,
}

/// One server's clock. It is strictly increasing as long as it is read at different microseconds,
/// and never goes back; a restart does not reset it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Local microseconds in a million virtual ones. Invariant: positive.
    rate: u64,
}

impl Clock {
    /// The clock of one server.
    pub fn drawn(spec: ClockSpec, dice: &Dice, node: u8, decider: &mut Decider) -> Clock {
        assert!(
            spec.drift_ppm_max < 1_000_000,
            "a clock that drifts by {} ppm would stand still",
            spec.drift_ppm_max
        );
        let max = u64::from(spec.drift_ppm_max);
        let draw = || dice.draw(Concern::Drift, u64::from(node), 0);
        let rate = decider.settle(
            || Name::Drift { node },
            || MILLION - max + draw().range(0, 2 * max),
            || MILLION,
        );
        Clock { rate: rate.max(1) }
    }

    /// What the clock shows.
    #[inline]
    pub fn read(&self, at: VirtualTime) -> LocalTime {
        if self.rate == MILLION {
            return LocalTime(at.0);
        }
        // Split so that no product overflows: whole millions are scaled exactly.
        LocalTime(at.0 / MILLION * self.rate + at.0 % MILLION * self.rate / MILLION)
    }

    /// When a delay that begins `now` is over on this clock: the first moment at which the clock
    /// shows at least that much more.
    #[inline]
    pub fn after(&self, now: VirtualTime, delay: Span) -> VirtualTime {
        if self.rate == MILLION {
            return now.after(delay);
        }
        let due = self.read(now).after(delay).0;
        // The inverse of `read`, rounded up.
        let whole = due / self.rate * MILLION;
        VirtualTime(whole + (due % self.rate * MILLION).div_ceil(self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::decision::Source;

    fn drawn(spec: ClockSpec, seed: u64, node: u8) -> Clock {
        let mut decider = Decider::new(&Source::Dice, false);
        Clock::drawn(spec, &Dice::new(seed), node, &mut decider)
    }

    #[test]
    fn a_timer_goes_off_when_the_local_clock_has_advanced_by_its_delay_and_not_before() {
        for seed in 0..50 {
            let spec = ClockSpec {
                drift_ppm_max: 100_000,
            };
            let clock = drawn(spec, seed, 1);
            for now in [0, 1, 999_999, 1_000_000, 123_456_789_012] {
                let now = VirtualTime(now);
                let delay = Span(7_654_321);
                let at = clock.after(now, delay);
                assert!(clock.read(at).since(clock.read(now)) >= delay);
                let before = VirtualTime(at.0 - 1);
                assert!(clock.read(before).since(clock.read(now)) < delay);
            }
        }
    }

    #[test]
    fn a_local_clock_never_goes_back() {
        let spec = ClockSpec {
            drift_ppm_max: 500_000,
        };
        let clock = drawn(spec, 1, 2);
        let mut last = LocalTime(0);
        for at in (0..5_000_000).step_by(333) {
            let reading = clock.read(VirtualTime(at));
            assert!(reading >= last, "{reading:?} after {last:?}");
            last = reading;
        }
    }

    #[test]
    fn drifts_stay_within_the_bound_and_differ_between_servers() {
        let spec = ClockSpec { drift_ppm_max: 200 };
        let rates: Vec<u64> = (1..6).map(|node| drawn(spec, 9, node).rate).collect();
        assert!(rates.iter().all(|rate| rate.abs_diff(MILLION) <= 200));
        assert!(rates.iter().any(|rate| *rate != rates[0]), "{rates:?}");
        let exact = drawn(ClockSpec::default(), 9, 1);
        assert_eq!(exact.read(VirtualTime(12_345)), LocalTime(12_345));
    }
}
