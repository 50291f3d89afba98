//! Quantities as people write them: spans with a unit, ratios in percent or ppm, servers by number
//! or by role. A bare number is refused with the units that are allowed.

use core::fmt;
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use menagerie::ids::Span;

/// The longest span a scenario may name: one hour of virtual time.
pub const SPAN_MAX: Span = Span::secs(3_600);

const SPAN_UNITS: &str =
    "a string with a unit such as \"150ms\" (units: ns, us, ms, s, m; at most 1h)";
const RATIO_UNITS: &str = "a string such as \"2%\", \"0.5%\" or \"150ppm\" (at most 100%)";
const TARGETS: &str = "a server's number such as 2, or one of \"leader\", \"follower\", \
                       \"random\", \"all\", \"majority\", \"minority\"";

/// A length of virtual time, written with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub Span);

/// A share, kept in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ratio {
    /// Parts per million.
    pub ppm: u32,
}

/// Which servers a fault hits. Roles are resolved when the fault fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This one.
    Node(u8),
    /// Whoever leads at that moment.
    Leader,
    /// A voter that does not lead, drawn.
    Follower,
    /// Any server, drawn.
    Random,
    /// Every server.
    All,
    /// A majority of the voters, drawn.
    Majority,
    /// The largest set of voters that is no majority, drawn.
    Minority,
}

impl Target {
    /// How it is written.
    pub fn text(self) -> String {
        match self {
            Target::Node(number) => format!("n{number}"),
            Target::Leader => "leader".to_owned(),
            Target::Follower => "follower".to_owned(),
            Target::Random => "random".to_owned(),
            Target::All => "all".to_owned(),
            Target::Majority => "majority".to_owned(),
            Target::Minority => "minority".to_owned(),
        }
    }
}

impl core::str::FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Duration, String> {
        parse_span(text).map(Duration)
    }
}

/// A span as text that is read back exactly: in the largest unit that divides it.
pub fn exact_span(span: Span) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let fits = |(length, _): &&(u64, &str)| span.0 > 0 && span.0.is_multiple_of(*length);
    match units.iter().find(fits) {
        Some((length, unit)) => format!("{}{unit}", span.0 / length),
        None => format!("{}ns", span.0),
    }
}

fn parse_span(text: &str) -> Result<Span, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|error| format!("\"{text}\" is no duration ({error}): expected {SPAN_UNITS}"))?;
    u64::try_from(parsed.as_nanos())
        .ok()
        .map(Span)
        .filter(|span| *span <= SPAN_MAX)
        .ok_or_else(|| format!("\"{text}\" is too long: expected {SPAN_UNITS}"))
}

fn parse_ratio(text: &str) -> Result<u32, String> {
    let refuse = || format!("\"{text}\" is no ratio: expected {RATIO_UNITS}");
    let (number, unit_ppm) = match (text.strip_suffix('%'), text.strip_suffix("ppm")) {
        (Some(number), _) => (number.trim(), 10_000),
        (None, Some(number)) => (number.trim(), 1),
        (None, None) => return Err(refuse()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 4 {
        return Err(refuse());
    }
    let mut ppm = whole.parse::<u64>().map_err(|_| refuse())?;
    ppm = ppm.checked_mul(unit_ppm).ok_or_else(refuse)?;
    let mut place = unit_ppm;
    for digit in fraction.bytes() {
        if place < 10 {
            return Err(refuse());
        }
        place /= 10;
        ppm += u64::from(digit - b'0') * place;
    }
    u32::try_from(ppm)
        .ok()
        .filter(|ppm| *ppm <= 1_000_000)
        .ok_or_else(refuse)
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Duration;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(SPAN_UNITS)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse_span(text).map(Duration).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Duration, E> {
        Err(E::custom(format!(
            "the bare number {number} has no unit: expected {SPAN_UNITS}"
        )))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Duration, E> {
        Err(E::custom(format!(
            "the bare number {number} has no unit: expected {SPAN_UNITS}"
        )))
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct RatioVisitor;

impl Visitor<'_> for RatioVisitor {
    type Value = Ratio;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(RATIO_UNITS)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Ratio, E> {
        parse_ratio(text)
            .map(|ppm| Ratio { ppm })
            .map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Ratio, E> {
        Err(E::custom(format!(
            "the bare number {number} has no unit: expected {RATIO_UNITS}"
        )))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Ratio, E> {
        Err(E::custom(format!(
            "the bare number {number} has no unit: expected {RATIO_UNITS}"
        )))
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ratio, D::Error> {
        deserializer.deserialize_any(RatioVisitor)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Target::Node(number) => serializer.serialize_u8(*number),
            Target::Leader
            | Target::Follower
            | Target::Random
            | Target::All
            | Target::Majority
            | Target::Minority => serializer.serialize_str(&self.text()),
        }
    }
}

struct TargetVisitor;

impl Visitor<'_> for TargetVisitor {
    type Value = Target;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(TARGETS)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Target, E> {
        match text {
            "leader" => Ok(Target::Leader),
            "follower" => Ok(Target::Follower),
            "random" => Ok(Target::Random),
            "all" => Ok(Target::All),
            "majority" => Ok(Target::Majority),
            "minority" => Ok(Target::Minority),
            unknown => Err(E::custom(format!(
                "\"{unknown}\" names no server: expected {TARGETS}"
            ))),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Target, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Target, E> {
        u8::try_from(number).map(Target::Node).map_err(|_| {
            E::custom(format!(
                "{number} is no server's number: expected {TARGETS}"
            ))
        })
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Target, D::Error> {
        deserializer.deserialize_any(TargetVisitor)
    }
}

/// A distribution of delays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LatencySection {
    /// Always the same.
    Constant(Duration),
    /// Any delay between the two is as likely.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Memoryless.
    Exponential {
        /// The mean.
        mean: Duration,
    },
    /// A long tail, as real networks have.
    LogNormal {
        /// Half of the delays are shorter.
        median: Duration,
        /// 99 of 100 delays are shorter.
        p99: Duration,
    },
}

/// A default value has no place in the text.
pub(super) fn unplaced<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

pub(super) const fn micros(count: u64) -> Duration {
    Duration(Span::micros(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_need_a_unit_and_end_at_an_hour() {
        assert_eq!(parse_span("150ms"), Ok(Span::millis(150)));
        assert_eq!(parse_span("1s 500ms"), Ok(Span::millis(1_500)));
        assert!(
            parse_span("150")
                .expect_err("no unit")
                .contains("units: ns, us, ms, s, m")
        );
        assert!(parse_span("-1s").is_err());
        assert!(
            parse_span("2h")
                .expect_err("beyond an hour")
                .contains("too long")
        );
        assert!(parse_span("9000000years").is_err());
    }

    #[test]
    fn ratios_are_exact_in_parts_per_million() {
        assert_eq!(parse_ratio("2%"), Ok(20_000));
        assert_eq!(parse_ratio("0.5%"), Ok(5_000));
        assert_eq!(parse_ratio("0.0001%"), Ok(1));
        assert_eq!(parse_ratio("150ppm"), Ok(150));
        assert_eq!(parse_ratio("100%"), Ok(1_000_000));
        for wrong in [
            "101%",
            "2",
            "%",
            "-1%",
            "1e3%",
            "0.00001%",
            "0.5ppm",
            "99999999999999999999%",
        ] {
            assert!(parse_ratio(wrong).is_err(), "{wrong} was accepted");
        }
    }
}
