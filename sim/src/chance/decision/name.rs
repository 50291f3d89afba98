//! The names of decisions, and how they are written.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::world::channels::{Channel, Side};

/// What is decided about a message between servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// 1: it is lost.
    Lost,
    /// 1: it arrives twice.
    Twice,
    /// How long it travels, before what faults add.
    Delay,
    /// How long its twin travels.
    TwinDelay,
}

/// What a disk does in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// It writes.
    Write,
    /// It syncs.
    Sync,
    /// It reads everything back.
    Read,
}

/// The name of one decision of a run. Servers, clients, messages, batches and settings of timers
/// are numbered from 1 in the order in which they come; each series counts for itself, so that what
/// happens elsewhere does not shift it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A message between two servers.
    Message {
        /// How it travels.
        channel: Channel,
        /// The sender.
        from: u8,
        /// The receiver.
        to: u8,
        /// Which on that channel.
        number: u64,
        /// What about it.
        part: Part,
    },
    /// How many of the frames in flight towards a side survive when a stream breaks.
    StreamBreak {
        /// Who dialled.
        dialler: u8,
        /// Which of its dials.
        dial: u32,
        /// Towards which end.
        toward: Side,
    },
    /// How long a frame between a client and a server travels.
    Frame {
        /// The client.
        client: u16,
        /// Which of its connections.
        conn: u32,
        /// Towards which end.
        toward: Side,
        /// Which frame.
        number: u64,
    },
    /// How many of the frames in flight towards a side survive when a connection breaks.
    ConnBreak {
        /// The client.
        client: u16,
        /// Which of its connections.
        conn: u32,
        /// Towards which end.
        toward: Side,
    },
    /// How long a disk takes, before what faults add.
    Disk {
        /// Whose.
        node: u8,
        /// Which batch.
        batch: u64,
        /// For what.
        phase: Phase,
    },
    /// One question of a loss of power: how many writes in the queue's order survive, whether the
    /// last of them is torn, whether one survives whose sync had failed.
    Power {
        /// Whose.
        node: u8,
        /// Which of its losses.
        loss: u64,
        /// Which question.
        question: u64,
    },
    /// After how long a server's timer goes off, on its own clock.
    Timer {
        /// Whose.
        node: u8,
        /// Which timer, in the order in which they were first set.
        timer: u16,
        /// Which setting.
        number: u64,
    },
    /// After how long a client's timer goes off.
    ClientTimer {
        /// Whose.
        client: u16,
        /// Which timer, in the order in which they were first set.
        timer: u16,
        /// Which setting.
        number: u64,
    },
    /// How many microseconds a server's clock shows in a second.
    Drift {
        /// Whose.
        node: u8,
    },
    /// In which order a client tries the servers: four bits each, the first lowest.
    Order {
        /// The client.
        client: u16,
    },
}

impl Name {
    /// Whether its values are spans.
    pub fn is_span(self) -> bool {
        match self {
            Name::Message { part, .. } => match part {
                Part::Delay | Part::TwinDelay => true,
                Part::Lost | Part::Twice => false,
            },
            Name::Frame { .. }
            | Name::Disk { .. }
            | Name::Timer { .. }
            | Name::ClientTimer { .. } => true,
            Name::StreamBreak { .. }
            | Name::ConnBreak { .. }
            | Name::Power { .. }
            | Name::Drift { .. }
            | Name::Order { .. } => false,
        }
    }
}

fn channel_word(channel: Channel) -> &'static str {
    match channel {
        Channel::Datagram => "datagram",
        Channel::LatestWins => "notification",
        Channel::Stream => "stream",
    }
}

fn side_word(side: Side) -> &'static str {
    match side {
        Side::Dialler => "dialler",
        Side::Acceptor => "acceptor",
    }
}

fn way_word(toward: Side) -> &'static str {
    match toward {
        Side::Dialler => "down",
        Side::Acceptor => "up",
    }
}

fn part_word(part: Part) -> &'static str {
    match part {
        Part::Lost => "lost",
        Part::Twice => "twice",
        Part::Delay => "delay",
        Part::TwinDelay => "twin-delay",
    }
}

pub(super) fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Write => "write",
        Phase::Sync => "sync",
        Phase::Read => "read",
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Name::Message {
                channel,
                from,
                to,
                number,
                part,
            } => write!(
                out,
                "{} n{from} n{to} {number} {}",
                channel_word(channel),
                part_word(part)
            ),
            Name::StreamBreak {
                dialler,
                dial,
                toward,
            } => write!(out, "break n{dialler} {dial} {}", side_word(toward)),
            Name::Frame {
                client,
                conn,
                toward,
                number,
            } => write!(out, "frame c{client} {conn} {} {number}", way_word(toward)),
            Name::ConnBreak {
                client,
                conn,
                toward,
            } => write!(out, "hangup c{client} {conn} {}", way_word(toward)),
            Name::Disk { node, batch, phase } => {
                write!(out, "disk n{node} {batch} {}", phase_word(phase))
            }
            Name::Power {
                node,
                loss,
                question,
            } => write!(out, "power n{node} {loss} {question}"),
            Name::Timer {
                node,
                timer,
                number,
            } => write!(out, "timer n{node} {timer} {number}"),
            Name::ClientTimer {
                client,
                timer,
                number,
            } => write!(out, "timer c{client} {timer} {number}"),
            Name::Drift { node } => write!(out, "clock n{node}"),
            Name::Order { client } => write!(out, "order c{client}"),
        }
    }
}

/// The words of a name, taken one by one.
struct Words<'a> {
    whole: &'a str,
    rest: std::str::SplitWhitespace<'a>,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a str, String> {
        let whole = self.whole;
        self.rest
            .next()
            .ok_or_else(|| format!("\"{whole}\" names no decision: it ends too early"))
    }

    fn number<T: FromStr>(&mut self) -> Result<T, String> {
        let word = self.next()?;
        word.parse().map_err(|_| self.refuse(word))
    }

    /// A number behind a letter.
    fn named<T: FromStr>(&mut self, letter: char) -> Result<T, String> {
        let word = self.next()?;
        let number = word.strip_prefix(letter).ok_or_else(|| self.refuse(word))?;
        number.parse().map_err(|_| self.refuse(word))
    }

    fn one_of<T: Copy>(&mut self, choices: &[(&str, T)]) -> Result<T, String> {
        let word = self.next()?;
        choices
            .iter()
            .find_map(|(known, value)| (*known == word).then_some(*value))
            .ok_or_else(|| self.refuse(word))
    }

    fn refuse(&self, word: &str) -> String {
        format!("\"{}\" names no decision: what is {word:?}?", self.whole)
    }
}

const WAYS: [(&str, Side); 2] = [("down", Side::Dialler), ("up", Side::Acceptor)];
const SIDES: [(&str, Side); 2] = [("dialler", Side::Dialler), ("acceptor", Side::Acceptor)];
const PARTS: [(&str, Part); 4] = [
    ("lost", Part::Lost),
    ("twice", Part::Twice),
    ("delay", Part::Delay),
    ("twin-delay", Part::TwinDelay),
];
const PHASES: [(&str, Phase); 3] = [
    ("write", Phase::Write),
    ("sync", Phase::Sync),
    ("read", Phase::Read),
];

fn message(words: &mut Words<'_>, channel: Channel) -> Result<Name, String> {
    Ok(Name::Message {
        channel,
        from: words.named('n')?,
        to: words.named('n')?,
        number: words.number()?,
        part: words.one_of(&PARTS)?,
    })
}

fn timer(words: &mut Words<'_>) -> Result<Name, String> {
    let whose = words.next()?;
    let refuse = || format!("\"{}\" names no decision: what is {whose:?}?", words.whole);
    let (letter, number) = whose.split_at_checked(1).ok_or_else(refuse)?;
    match letter {
        "n" => Ok(Name::Timer {
            node: number.parse().map_err(|_| refuse())?,
            timer: words.number()?,
            number: words.number()?,
        }),
        "c" => Ok(Name::ClientTimer {
            client: number.parse().map_err(|_| refuse())?,
            timer: words.number()?,
            number: words.number()?,
        }),
        _ => Err(refuse()),
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Name, String> {
        let mut words = Words {
            whole: text,
            rest: text.split_whitespace(),
        };
        let name = match words.next()? {
            "datagram" => message(&mut words, Channel::Datagram)?,
            "notification" => message(&mut words, Channel::LatestWins)?,
            "stream" => message(&mut words, Channel::Stream)?,
            "break" => Name::StreamBreak {
                dialler: words.named('n')?,
                dial: words.number()?,
                toward: words.one_of(&SIDES)?,
            },
            "frame" => Name::Frame {
                client: words.named('c')?,
                conn: words.number()?,
                toward: words.one_of(&WAYS)?,
                number: words.number()?,
            },
            "hangup" => Name::ConnBreak {
                client: words.named('c')?,
                conn: words.number()?,
                toward: words.one_of(&WAYS)?,
            },
            "disk" => Name::Disk {
                node: words.named('n')?,
                batch: words.number()?,
                phase: words.one_of(&PHASES)?,
            },
            "power" => Name::Power {
                node: words.named('n')?,
                loss: words.number()?,
                question: words.number()?,
            },
            "timer" => timer(&mut words)?,
            "clock" => Name::Drift {
                node: words.named('n')?,
            },
            "order" => Name::Order {
                client: words.named('c')?,
            },
            unknown => return Err(words.refuse(unknown)),
        };
        match words.rest.next() {
            None => Ok(name),
            Some(more) => Err(words.refuse(more)),
        }
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_as_it_was_written() {
        for text in [
            "datagram n1 n2 17 lost",
            "datagram n1 n2 17 twin-delay",
            "notification n3 n1 2 delay",
            "stream n1 n5 400 delay",
            "break n2 3 acceptor",
            "frame c4 2 up 9",
            "hangup c4 2 down",
            "disk n1 77 sync",
            "power n2 1 4",
            "timer n2 5 12",
            "timer c2 0 3",
            "clock n4",
            "order c1",
        ] {
            let name: Name = text.parse().expect("it is a name");
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_word_that_is_wrong() {
        for (text, word) in [
            ("", "too early"),
            ("pigeon n1", "pigeon"),
            ("stream n1 2 3 delay", "\"2\""),
            ("stream n1 n2 3 delay more", "more"),
            ("timer é 1 2", "é"),
            ("timer x1 1 2", "x1"),
            ("disk n1 1", "too early"),
        ] {
            let why = text.parse::<Name>().expect_err("it is no name");
            assert!(why.contains(word), "{text}: {why}");
        }
    }
}
