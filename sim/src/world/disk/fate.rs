//! Which of the writes that are not durable survive a loss of power.

use crate::chance::decision::{Decider, Name};
use crate::chance::dice::Deck;

/// What decides which unsynced writes survive.
#[derive(Debug)]
pub(super) enum Fate<'a> {
    /// None: what is certain.
    Nothing,
    /// Drawn, and so is whether the last one is torn.
    Drawn {
        /// The draws.
        deck: Deck,
        /// The next one.
        next: u64,
        /// Who settles.
        decider: &'a mut Decider,
        /// The server.
        node: u8,
        /// Which of its losses.
        loss: u64,
    },
}

/// What a loss of power leaves of some unsynced writes.
pub(super) struct Survivors {
    /// How many are whole.
    pub(super) whole: usize,
    /// Whether the next one is there, but torn.
    pub(super) torn: bool,
}

impl Fate<'_> {
    /// A number below `bound`; 0 is the plain case, and what is certain.
    fn below(&mut self, bound: u64) -> u64 {
        match self {
            Fate::Nothing => 0,
            Fate::Drawn {
                deck,
                next,
                decider,
                node,
                loss,
            } => {
                let question = *next;
                *next += 1;
                let name = || Name::Power {
                    node: *node,
                    loss: *loss,
                    question,
                };
                let value = decider.settle(name, || deck.draw(question).below(bound), || 0);
                value.min(bound - 1)
            }
        }
    }

    /// A prefix of `count` operations.
    pub(super) fn prefix(&mut self, count: usize) -> usize {
        if count == 0 {
            return 0;
        }
        self.below(count as u64 + 1) as usize
    }

    /// A prefix of `count` writes, of which the last may be torn: three of four are not.
    pub(super) fn writes(&mut self, count: usize) -> Survivors {
        let kept = self.prefix(count);
        let torn = kept > 0 && self.below(4) == 3;
        Survivors {
            whole: kept - usize::from(torn),
            torn,
        }
    }

    /// Whether a write whose sync failed is there.
    pub(super) fn keeps_doubtful(&mut self) -> bool {
        self.below(2) == 1
    }
}
