//! How long what is done by the clock takes, seen from outside.

use crate::ids::{Span, VirtualTime};

const MILLION: u128 = 1_000_000;
/// Clocks are read in whole steps; two readings may be off by this much.
const GRAIN: Span = Span::micros(2);

/// The settings that bound what servers do by their clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A server's clock may be wrong by so many parts in a million.
    pub drift_ppm_max: u32,
    /// How often a leader looks for silent sessions; a server passes on whom it heard of twice as
    /// often.
    pub tick: Span,
    /// How often a leader looks for nodes that have to go.
    pub removal_interval: Span,
}

impl Timing {
    /// The longest that a server takes for what takes `span` by its clock.
    pub fn longest(&self, span: Span) -> Span {
        let slowest = MILLION - u128::from(self.drift_ppm_max.min(999_999));
        let stretched = u128::from(span.0) * MILLION / slowest;
        Span(u64::try_from(stretched).unwrap_or(u64::MAX / 4) + GRAIN.0)
    }

    /// The shortest that a server takes for what takes `span` by its clock.
    pub fn shortest(&self, span: Span) -> Span {
        let fastest = MILLION + u128::from(self.drift_ppm_max);
        let shrunk = u128::from(span.0) * MILLION / fastest;
        Span(
            u64::try_from(shrunk)
                .unwrap_or(u64::MAX)
                .saturating_sub(GRAIN.0),
        )
    }

    /// What a server's clock may show, in whole milliseconds.
    pub fn shown_ms(&self, at: VirtualTime) -> (u64, u64) {
        let slowest = MILLION - u128::from(self.drift_ppm_max.min(999_999));
        let fastest = MILLION + u128::from(self.drift_ppm_max);
        let millis = |rate: u128| {
            let shown = u128::from(at.0) * rate / MILLION / MILLION;
            u64::try_from(shown).unwrap_or(u64::MAX)
        };
        (millis(slowest).saturating_sub(1), millis(fastest) + 1)
    }

    /// When every clock shows more than so many milliseconds.
    pub fn surely_past_ms(&self, ms: u64) -> VirtualTime {
        VirtualTime(self.longest(Span::millis(ms + 2)).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_widens_every_bound() {
        let timing = Timing {
            drift_ppm_max: 20_000,
            tick: Span::millis(50),
            removal_interval: Span::millis(250),
        };
        let second = Span::secs(1);
        assert!(timing.longest(second) > Span::millis(1_020));
        assert!(timing.longest(second) < Span::millis(1_021));
        assert!(timing.shortest(second) < Span::millis(981));
        assert!(timing.shortest(second) > Span::millis(980));
        assert_eq!(timing.shown_ms(VirtualTime(second.0)), (979, 1_021));
        assert!(timing.surely_past_ms(1_000) > VirtualTime(Span::millis(1_020).0));
    }
}
