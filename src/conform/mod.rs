//! Conformance: transcripts of a real ZooKeeper, replayed against the tree and session layer here.
//!
//! A transcript is a list of [`Value`]s: a header and steps. Each step is sent over the wire
//! encoding to a [`crate::solo::Solo`], and what comes back is put into the transcript's own words
//! and compared with what the real server answered. Where the real server's order is that of a hash
//! set, only the contents are compared (`compare`).
//!
//! Transcripts of an ensemble are left to a caller that can simulate one, see [`is_of_ensemble`]:
//! [`call_of`], [`add_body`] and [`difference`] serve there as well.

mod calls;
mod compare;
pub mod limits;
mod player;
mod results;
mod value;

pub use calls::{call_of, hex};
pub use compare::difference;
pub use player::Step;
pub use results::{Names, add_body};
pub use value::Value;

use crate::solo::Settings;

/// What came of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every step was answered as recorded.
    Passed {
        /// How many steps there were.
        steps: usize,
    },
    /// The first step that was not.
    Failed {
        /// Which.
        step: u64,
        /// What the real server did.
        expected: String,
        /// What was done here.
        got: String,
    },
    /// It is not a transcript.
    Unreadable {
        /// Which of its values, from 0: the header is the first.
        value: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// Whether a transcript was recorded with an ensemble of servers.
pub fn is_of_ensemble(lines: &[Value]) -> bool {
    let header = lines.first();
    header.is_some_and(|header| header.get("zxidBase").is_some())
}

/// Replays a transcript of a single server: the header, then the steps.
pub fn replay(lines: &[Value]) -> Outcome {
    let Some((header, steps)) = lines.split_first() else {
        let why = "it is empty: expected a header, then steps".to_string();
        return Outcome::Unreadable { value: 0, why };
    };
    if header.get("transcript").is_none() {
        let why = "this is no header: `transcript` is missing".to_string();
        return Outcome::Unreadable { value: 0, why };
    }
    let mut player = match settings_of(header) {
        Ok(settings) => player::Player::new(settings),
        Err(why) => return Outcome::Unreadable { value: 0, why },
    };
    for (place, step) in steps.iter().enumerate() {
        let played = Step::parse(step).and_then(|step| player.play(&step));
        let got = match played {
            Ok(got) => got,
            Err(why) => {
                let value = place + 1;
                return Outcome::Unreadable { value, why };
            }
        };
        if let Some((expected, got)) = compare::difference(step, &got) {
            return Outcome::Failed {
                step: step
                    .number("i")
                    .and_then(|i| u64::try_from(i).ok())
                    .unwrap_or(0),
                expected,
                got,
            };
        }
    }
    Outcome::Passed { steps: steps.len() }
}

fn settings_of(header: &Value) -> Result<Settings, String> {
    let defaults = Settings::default();
    let config = header.get("config").cloned().unwrap_or(Value::Null);
    let tick = limits::tick_ms(&config)?;
    Ok(Settings {
        tick_ms: tick.unwrap_or(defaults.tick_ms),
        extended_types: config.flag("extendedTypesEnabled"),
        superuser: config.text("superDigest").map(str::to_string),
        client_address: defaults.client_address,
    })
}
