//! Where two traces part.

use super::{Event, Trace};

/// The first difference of two traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence<'a> {
    /// How many events are the same.
    pub common: usize,
    /// The last of those, at most as many as were asked for.
    pub before: &'a [Event],
    /// What follows in the first trace.
    pub left: &'a [Event],
    /// What follows in the second trace.
    pub right: &'a [Event],
}

/// The first difference of two traces with so many events around it; `None` if there is none. The
/// headers are not compared.
pub fn divergence<'a>(left: &'a Trace, right: &'a Trace, context: usize) -> Option<Divergence<'a>> {
    let (left, right) = (&left.events, &right.events);
    let pairs = left.iter().zip(right);
    let common = pairs
        .take_while(|(left, right)| left.at == right.at && left.what == right.what)
        .count();
    if common == left.len() && common == right.len() {
        return None;
    }
    let from = common.saturating_sub(context);
    let behind = |events: &'a [Event]| {
        let end = events.len().min(common + context.max(1));
        &events[common..end]
    };
    Some(Divergence {
        common,
        before: &left[from..common],
        left: behind(left),
        right: behind(right),
    })
}

impl Event {
    /// The event on one line: its time, its type and its fields.
    pub fn brief(&self) -> String {
        let what = serde_json::to_value(&self.what).expect("events are made of words and numbers");
        let mut line = format!("{:>14}", self.at.to_string());
        let members = what.as_object().into_iter().flatten();
        let kind = what["type"].as_str().unwrap_or_default();
        line.push_str(&format!(" {kind}"));
        for (name, value) in members.filter(|(name, _)| *name != "type") {
            match value.as_str() {
                Some(text) => line.push_str(&format!(" {name}={text}")),
                None => line.push_str(&format!(" {name}={value}")),
            }
        }
        line
    }
}
