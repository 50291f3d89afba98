//! What a run would cost, before it starts: a file may not ask for more events than a machine can
//! work off in a few minutes.

use menagerie::ids::Span;

/// The shortest interval of a timer that comes again and again.
pub const INTERVAL_MIN: Span = Span::micros(100);
/// The most events that one kind of timer may cause in a run.
const TIMER_EVENTS_MAX: u64 = 20_000_000;

/// How long a run lasts at most, and how many servers it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Both phases together.
    pub length: Span,
    /// Voters and observers.
    pub servers: u64,
}

/// Whether a timer of this interval keeps a run within bounds; says what is wrong and what is
/// allowed if it does not.
///
/// # Errors
/// If the interval is too short, by itself or for the length of the run.
pub fn affordable(interval: Span, extent: Extent) -> Result<(), String> {
    if interval < INTERVAL_MIN {
        return Err(format!("expected {INTERVAL_MIN} or more"));
    }
    let events = (extent.length.0 / interval.0).saturating_mul(extent.servers);
    if events > TIMER_EVENTS_MAX {
        return Err(format!(
            "a run of {} with {} servers would have {events} such events: expected at most \
             {TIMER_EVENTS_MAX}, so a longer interval or a shorter run",
            extent.length, extent.servers
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_comes_too_often_is_refused_before_the_run() {
        let hour = Extent {
            length: Span::secs(3_600),
            servers: 63,
        };
        let second = Extent {
            length: Span::secs(1),
            servers: 3,
        };
        assert!(affordable(Span(1), second).is_err());
        assert!(affordable(Span(128), second).is_err());
        assert_eq!(affordable(INTERVAL_MIN, second), Ok(()));
        assert!(affordable(Span::millis(1), hour).is_err());
        assert_eq!(affordable(Span::millis(20), hour), Ok(()));
    }
}
