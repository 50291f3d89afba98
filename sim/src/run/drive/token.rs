//! Wake-ups of the driver, as words that the world keeps for it.

use menagerie::ids::ClientId;

/// What a wake-up is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A client's slot has thought long enough.
    Think { client: ClientId, slot: u8 },
    /// A fault of the plan fires.
    Fire(usize),
    /// A fault of the plan ends.
    Undo(usize),
    /// The safety phase ends.
    Heal,
    /// Have the servers converged?
    Poll,
    /// A client's probe asks again.
    Probe(ClientId),
}

impl Token {
    const SHIFT: u32 = 56;

    pub(super) fn word(self) -> u64 {
        let (tag, value) = match self {
            Token::Think { client, slot } => (1, u64::from(client.0) << 8 | u64::from(slot)),
            Token::Fire(index) => (2, index as u64),
            Token::Undo(index) => (3, index as u64),
            Token::Heal => (4, 0),
            Token::Poll => (5, 0),
            Token::Probe(client) => (6, u64::from(client.0)),
        };
        tag << Token::SHIFT | value
    }

    pub(super) fn of(word: u64) -> Token {
        let value = word & ((1 << Token::SHIFT) - 1);
        match word >> Token::SHIFT {
            1 => Token::Think {
                client: ClientId((value >> 8) as u16),
                slot: (value & 0xff) as u8,
            },
            2 => Token::Fire(value as usize),
            3 => Token::Undo(value as usize),
            4 => Token::Heal,
            5 => Token::Poll,
            6 => Token::Probe(ClientId(value as u16)),
            tag => panic!("no wake-up has the tag {tag}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_keeps_its_meaning_as_a_word() {
        for token in [
            Token::Think {
                client: ClientId(1_000),
                slot: 63,
            },
            Token::Fire(499),
            Token::Undo(0),
            Token::Heal,
            Token::Poll,
            Token::Probe(ClientId(7)),
        ] {
            assert_eq!(Token::of(token.word()), token);
        }
    }
}
