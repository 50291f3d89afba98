//! What decisions mean, in words: for readers who meet `order c1 = 513` in a scenario.

use menagerie::ids::VirtualTime;

use super::name::{Name, Part, phase_word};
use crate::world::channels::{Channel, Side};

impl Name {
    /// What it means that this is so, in words.
    pub fn meaning(self, value: u64) -> String {
        let span = VirtualTime(value);
        match self {
            Name::Message {
                channel,
                from,
                to,
                number,
                part,
            } => {
                let (way, fate) = (way(channel), fate(part, value));
                format!("{way} no. {number} from n{from} to n{to} {fate}")
            }
            Name::StreamBreak {
                dialler,
                dial,
                toward,
            } => {
                let end = stream_end(dialler, toward);
                format!(
                    "when the stream of n{dialler}'s dial no. {dial} breaks, {value} of the \
                     messages under way {end} still arrive"
                )
            }
            Name::Frame {
                client,
                conn,
                toward,
                number,
            } => {
                let end = client_end(client, toward);
                format!("frame no. {number} {end} on its connection no. {conn} travels {span}")
            }
            Name::ConnBreak {
                client,
                conn,
                toward,
            } => {
                let end = client_end(client, toward);
                format!(
                    "when c{client}'s connection no. {conn} breaks, {value} of the frames {end} \
                     still arrive"
                )
            }
            Name::Disk { node, batch, phase } => {
                let does = phase_word(phase);
                format!("the {does} of batch no. {batch} of n{node}'s disk takes {span}")
            }
            Name::Power {
                node,
                loss,
                question,
            } => format!(
                "n{node}'s loss of power no. {loss}: the answer to question no. {question} about \
                 what survives is {value}"
            ),
            Name::Timer {
                node,
                timer,
                number,
            } => goes_off(&format!("n{node}"), timer.into(), span, number),
            Name::ClientTimer {
                client,
                timer,
                number,
            } => goes_off(&format!("c{client}"), timer.into(), span, number),
            Name::Drift { node } => format!("n{node}'s clock shows {value} us in a second"),
            Name::Order { client } => format!("c{client} tries {}", servers(value)),
        }
    }
}

fn goes_off(whose: &str, timer: u64, span: VirtualTime, number: u64) -> String {
    format!(
        "{whose}'s timer no. {timer} goes off after {span} when it is set for the time no. {number}"
    )
}

fn way(channel: Channel) -> &'static str {
    match channel {
        Channel::Datagram => "datagram",
        Channel::LatestWins => "message of the election's channel",
        Channel::Stream => "message on streams",
    }
}

/// What becomes of a message.
fn fate(part: Part, value: u64) -> String {
    let span = VirtualTime(value);
    match (part, value) {
        (Part::Lost, 0) => "is not lost".to_owned(),
        (Part::Lost, _) => "is lost".to_owned(),
        (Part::Twice, 0) => "arrives once".to_owned(),
        (Part::Twice, _) => "arrives twice".to_owned(),
        (Part::Delay, _) => format!("travels {span}"),
        (Part::TwinDelay, _) => format!("has a duplicate that travels {span}"),
    }
}

/// Which way the messages of a stream go.
fn stream_end(dialler: u8, toward: Side) -> String {
    match toward {
        Side::Dialler => format!("towards n{dialler}"),
        Side::Acceptor => format!("away from n{dialler}"),
    }
}

/// Which way a frame travels, seen from its client.
fn client_end(client: u16, toward: Side) -> String {
    match toward {
        Side::Dialler => format!("towards c{client}"),
        Side::Acceptor => format!("from c{client}"),
    }
}

/// The servers of an order, four bits each, the first lowest; those behind the last that is not n1
/// cannot be told from none.
fn servers(packed: u64) -> String {
    let mut rest = packed;
    let mut told = vec![format!("n{} first", (rest & 0xf) + 1)];
    rest >>= 4;
    while rest > 0 {
        told.push(format!("then n{}", (rest & 0xf) + 1));
        rest >>= 4;
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_it_means() {
        for (name, value, meaning) in [
            ("order c1", 513, "c1 tries n2 first, then n1, then n3"),
            (
                "timer n1 0 1",
                190_000_000,
                "n1's timer no. 0 goes off after 190.000ms when it is set for the time no. 1",
            ),
            (
                "notification n3 n1 2 delay",
                500_000,
                "message of the election's channel no. 2 from n3 to n1 travels 0.500ms",
            ),
            (
                "datagram n1 n2 17 lost",
                1,
                "datagram no. 17 from n1 to n2 is lost",
            ),
            (
                "break n1 4 dialler",
                0,
                "when the stream of n1's dial no. 4 breaks, 0 of the messages under way towards \
                 n1 still arrive",
            ),
        ] {
            let name: Name = name.parse().expect("it is a name");
            assert_eq!(name.meaning(value), meaning);
        }
    }
}
