//! The ranges of a transcript's numbers: a file is untrusted.

use super::value::Value;
use core::ops::RangeInclusive;

/// The ticks that a transcript may set, in milliseconds. Timeouts are up to 20 ticks and have to
/// fit the 32 bits of the wire encoding.
const TICK_MS: RangeInclusive<i64> = 10..=1_000_000;
/// The session timeouts that a client can ask for on the wire, in milliseconds.
const TIMEOUT_MS: RangeInclusive<i64> = i32::MIN as i64..=i32::MAX as i64;
/// How long all the sleeps of a transcript may be together, in milliseconds.
pub const SLEEP_MS_MAX: u64 = 3_600_000;
/// The most bytes that `{"rep": TEXT, "n": COUNT}` may stand for: ZooKeeper's packets are smaller.
pub const CONTENT_BYTES_MAX: usize = 16 << 20;
/// A number that zxids can be counted from without overflow.
const ZXID: RangeInclusive<i64> = -1..=i64::MAX >> 1;

/// The tick of a transcript's header, in milliseconds; `None` if the header does not say.
///
/// # Errors
/// If it is no number of the range.
pub fn tick_ms(config: &Value) -> Result<Option<u64>, String> {
    number_in(config, "tickTime", TICK_MS).map(|found| found.map(i64::unsigned_abs))
}

/// The timeout that a step asks for, in milliseconds.
///
/// # Errors
/// If it is missing, or no number of the range.
pub fn timeout_ms(args: &Value) -> Result<i32, String> {
    let asked = number_in(args, "timeout", TIMEOUT_MS)?.ok_or("`timeout` is missing")?;
    i32::try_from(asked).map_err(|why| format!("`timeout`: {why}"))
}

/// How long a step sleeps, in milliseconds.
///
/// # Errors
/// If it is missing, or no number of the range.
pub fn sleep_ms(args: &Value) -> Result<u64, String> {
    let range = 0..=i64::try_from(SLEEP_MS_MAX).map_err(|why| why.to_string())?;
    let asked = number_in(args, "ms", range)?.ok_or("`ms` is missing: how long to sleep")?;
    Ok(asked.unsigned_abs())
}

/// A zxid, counted from the transcript's own base; `None` if the step does not say.
///
/// # Errors
/// If it is a number out of the range.
pub fn zxid(args: &Value, key: &str) -> Result<Option<i64>, String> {
    match args.get(key) {
        Some(Value::Number(_)) => number_in(args, key, ZXID),
        _word_or_none => Ok(None),
    }
}

fn number_in(value: &Value, key: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, String> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) if range.contains(number) => Ok(Some(*number)),
        Some(other) => Err(format!(
            "`{key}` is {other}: expected a number from {} to {}",
            range.start(),
            range.end()
        )),
    }
}

/// The sum of all sleeps so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slept(u64);

impl Slept {
    /// Adds a sleep.
    ///
    /// # Errors
    /// If a transcript sleeps longer than [`SLEEP_MS_MAX`] in all.
    pub fn add(&mut self, ms: u64) -> Result<(), String> {
        self.0 = self.0.saturating_add(ms);
        if self.0 > SLEEP_MS_MAX {
            return Err(format!(
                "the steps so far sleep {} ms in all: expected at most {SLEEP_MS_MAX} ms",
                self.0
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_its_range_is_refused_with_the_range() {
        for wrong in [0, 9, -1, 1_000_001, 9_007_199_254_740_992] {
            let config = Value::map([("tickTime", Value::Number(wrong))]);
            let why = tick_ms(&config).expect_err("it is out of range");
            assert!(
                why.contains(&wrong.to_string()) && why.contains("10 to 1000000"),
                "{why}"
            );
        }
        let text = Value::map([("tickTime", Value::from("soon"))]);
        assert!(tick_ms(&text).is_err());
        assert_eq!(tick_ms(&Value::map([])), Ok(None));
    }

    #[test]
    fn sleeps_are_bounded_one_by_one_and_in_all() {
        assert!(sleep_ms(&Value::map([("ms", Value::Number(3_600_001))])).is_err());
        let mut slept = Slept::default();
        assert_eq!(slept.add(SLEEP_MS_MAX), Ok(()));
        assert!(slept.add(1).is_err());
    }
}
