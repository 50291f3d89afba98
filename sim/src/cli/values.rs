//! The values of arguments, as they are read from the command line.

use std::ops::Range;
use std::time::Duration;

use crate::histories::FailedSwap;
use crate::histories::judge::{Mode, ModelName};
use crate::run::program::program;
use crate::trace::export::Format;

/// The model of a history.
pub(super) fn model(text: &str) -> Result<ModelName, String> {
    match text {
        "register" => Ok(ModelName::Register),
        "kv" => Ok(ModelName::Kv),
        "kv-append" => Ok(ModelName::KvAppend),
        "znode" => Ok(ModelName::Znode),
        _ => Err("expected register, kv, kv-append or znode".to_owned()),
    }
}

/// The promise of a history.
pub(super) fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "linearizable" => Ok(Mode::Linearizable),
        "zookeeper" => Ok(Mode::Zookeeper),
        _ => Err("expected linearizable or zookeeper".to_owned()),
    }
}

/// The meaning of a failed compare-and-set.
pub(super) fn failed_swap(text: &str) -> Result<FailedSwap, String> {
    match text {
        "observed-mismatch" => Ok(FailedSwap::ObservedMismatch),
        "dropped" => Ok(FailedSwap::Dropped),
        _ => Err("expected observed-mismatch or dropped".to_owned()),
    }
}

/// A duration that may be nothing.
pub(super) fn perhaps_none(text: &str) -> Result<Duration, String> {
    if text.trim() == "0s" {
        return Ok(Duration::ZERO);
    }
    duration(text)
}

/// A span of time, with its unit: a bare number might count anything.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let number = text.trim();
    let is_bare = number.chars().all(|one| one.is_ascii_digit() || one == '.');
    if is_bare && !number.is_empty() {
        return Err(format!(
            "a time needs a unit, such as {number}s or {number}m"
        ));
    }
    let parsed = humantime::parse_duration(text).map_err(|why| why.to_string());
    let year = Duration::from_secs(366 * 24 * 3600);
    parsed.and_then(|parsed| {
        let fits = !parsed.is_zero() && parsed <= year;
        fits.then_some(parsed)
            .ok_or_else(|| "expected more than nothing and at most a year".to_owned())
    })
}

/// A number of simulated events, with a unit of 1,000, its square or its cube if it has one.
pub(super) fn events(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().next_back() {
        Some((place, 'k' | 'K')) => (&text[..place], 1_000),
        Some((place, 'M')) => (&text[..place], 1_000_000),
        Some((place, 'G')) => (&text[..place], 1_000_000_000),
        Some(_) | None => (text, 1),
    };
    let number: Option<u64> = digits.replace('_', "").parse().ok();
    number
        .filter(|number| *number > 0)
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| {
            "expected a number of events such as 50M; --timeout limits the time".to_owned()
        })
}

/// A number of bytes, with a unit of 1024, its square or its cube if it has one.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    let text = text.trim_end_matches("iB").trim_end_matches('B');
    let (digits, unit) = match text.char_indices().next_back() {
        Some((place, 'k' | 'K')) => (&text[..place], 1 << 10),
        Some((place, 'M')) => (&text[..place], 1 << 20),
        Some((place, 'G')) => (&text[..place], 1 << 30),
        Some(_) | None => (text, 1),
    };
    let number: Option<usize> = digits.parse().ok();
    number
        .filter(|number| *number > 0)
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "expected a number of bytes such as 512M or 2G".to_owned())
}

/// A format by its name.
pub(super) fn format(text: &str) -> Result<Format, String> {
    let named = Format::ALL.iter().find(|(name, _)| *name == text);
    named.map(|(_, format)| *format).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// A seed, decimal or hexadecimal.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let parsed = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16),
        None => digits.parse(),
    };
    let signed = digits.contains(['+', '-']);
    parsed
        .ok()
        .filter(|_| !signed)
        .ok_or_else(|| "expected a number such as 17 or 0x1f3c, at most 64 bits".to_owned())
}

/// The seed of one run.
pub(super) fn one_seed(text: &str) -> Result<u64, String> {
    seed(text).map_err(|why| match text.contains("..") {
        true => format!("{why}; `{} campaign` runs a range of seeds", program()),
        false => why,
    })
}

/// A range of seeds.
pub(super) fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text
        .split_once("..")
        .ok_or("expected A..B, such as 0..2000: the seeds from A up to, not including, B")?;
    let range = seed(from)?..seed(to)?;
    if range.is_empty() {
        return Err(format!(
            "no seed is in this range: B must be greater than A, as in {}..{}",
            range.start,
            range.start.saturating_add(100)
        ));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_decimal_or_hexadecimal() {
        assert_eq!(seed("17"), Ok(17));
        assert_eq!(seed("0x1f3C"), Ok(0x1f3c));
        assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
        for wrong in [
            "",
            "x",
            "-1",
            "+1",
            "1.5",
            "0x",
            "0x+1",
            "18446744073709551616",
        ] {
            assert!(seed(wrong).is_err(), "{wrong} was accepted");
        }
    }

    #[test]
    fn a_range_of_seeds_is_not_empty() {
        assert_eq!(seeds("3..7"), Ok(3..7));
        assert_eq!(seeds("0x10..0x20"), Ok(16..32));
        assert!(
            seeds("7..7")
                .expect_err("an empty range")
                .contains("no seed")
        );
        assert!(seeds("8..7").is_err());
        assert!(seeds("8").expect_err("no range").contains("A..B"));
        assert!(seeds("..7").is_err());
    }

    #[test]
    fn a_time_has_a_unit_and_a_run_has_one_seed() {
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(perhaps_none("0s"), Ok(Duration::ZERO));
        for bare in ["1", "0", "1.5"] {
            assert!(
                duration(bare)
                    .expect_err("no unit")
                    .contains("needs a unit")
            );
        }
        assert_eq!(one_seed("3"), Ok(3));
        assert!(one_seed("0..3").expect_err("a range").contains("campaign"));
        assert!(!one_seed("x").expect_err("no seed").contains("campaign"));
    }

    #[test]
    fn events_have_decimal_units_and_times_are_none() {
        assert_eq!(events("1_500"), Ok(1_500));
        assert_eq!(events("20M"), Ok(20_000_000));
        assert_eq!(events("2G"), Ok(2_000_000_000));
        for wrong in ["", "0", "30s", "M", "-1", "99999999999G"] {
            assert!(events(wrong).is_err(), "{wrong} was accepted");
        }
    }
}
