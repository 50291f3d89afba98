//! What happened in an ensemble in the words of a transcript: events, and zxids counted from the
//! last one before it.

use menagerie::client::ClientInput;
use menagerie::conform::{Value, limits};
use menagerie::ids::{ConnId, Zxid};
use menagerie::wire::ServerFrame;

use super::ensemble::{Heard, Player};

impl Player {
    /// The events everywhere, in the transcript's words.
    pub(super) fn events(&self, asking: Option<ConnId>, heard: &Heard) -> Vec<Value> {
        let mut events = Vec::new();
        let mut is_answered = false;
        let asker = asking.and_then(|asking| self.owners.get(&asking));
        for (conn, what) in heard {
            let owner = self.owners.get(conn);
            let is_own = asking == Some(*conn);
            let is_before = asking.is_some() && owner == asker && !is_answered;
            let place = if is_before { "before" } else { "after" };
            let name = owner.map_or("unknown", String::as_str);
            let mut event = Value::map([("s", Value::from(name)), ("pos", Value::from(place))]);
            match what {
                ClientInput::Frame {
                    frame: ServerFrame::Event(fired),
                    ..
                } => {
                    let fired = menagerie::jute::Event::of(fired.kind, fired.path.clone());
                    event.insert("type", Value::from(fired.kind));
                    event.insert("state", Value::from(fired.state));
                    event.insert("path", Value::from(&*fired.path));
                    events.push(event);
                }
                ClientInput::Down(_) if !is_own => {
                    event.insert("closed", Value::Bool(true));
                    if owner == asker {
                        event.insert("conn", Value::from("old"));
                    }
                    events.push(event);
                }
                ClientInput::Frame { .. } => is_answered |= is_own,
                _news_of_the_connection => {}
            }
        }
        events
    }

    /// A zxid of an argument: a number counts from the last one before the transcript.
    pub(super) fn absolute(&self, args: &Value, key: &str) -> Result<Option<Zxid>, String> {
        if args.text(key) == Some("old") {
            return Ok(Some(self.base));
        }
        let number = limits::zxid(args, key)?;
        let above = |number| u64::try_from(number).ok().filter(|above| *above > 0);
        let absolute = |number| above(number).map_or(Zxid::ZERO, |above| Zxid(self.base.0 + above));
        Ok(number.map(absolute))
    }

    pub(super) fn relative(&self, zxid: Zxid) -> i64 {
        zxid.0 as i64 - self.base.0 as i64
    }

    /// Counts the zxids of every Stat in a result from the last one before the transcript.
    pub(super) fn make_relative(&self, value: &mut Value) {
        match value {
            Value::Map(entries) => {
                for (key, value) in entries {
                    match (key.as_str(), &mut *value) {
                        ("czxid" | "mzxid" | "pzxid", Value::Number(number)) => {
                            *number -= self.base.0 as i64;
                            if *number <= 0 {
                                *value = Value::from("old");
                            }
                        }
                        (_, value) => self.make_relative(value),
                    }
                }
            }
            Value::List(elements) => elements.iter_mut().for_each(|e| self.make_relative(e)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
        }
    }
}
