//! Which of the writes that are not durable survive a loss of power.

use crate::dice::{Deck, Draw};

/// What decides which unsynced writes survive.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// None: what is certain.
    Nothing,
    /// Drawn, and so is whether the last one is torn.
    Drawn {
        /// The draws.
        deck: Deck,
        /// The next one.
        next: u64,
    },
}

/// What a loss of power leaves of some unsynced writes.
pub(super) struct Survivors {
    /// How many are whole.
    pub(super) whole: usize,
    /// Whether the next one is there, but torn.
    pub(super) torn: bool,
}

impl Fate {
    fn draw(&mut self) -> Option<Draw> {
        match self {
            Fate::Nothing => None,
            Fate::Drawn { deck, next } => {
                let draw = deck.draw(*next);
                *next += 1;
                Some(draw)
            }
        }
    }

    /// A prefix of `count` operations.
    pub(super) fn prefix(&mut self, count: usize) -> usize {
        if count == 0 {
            return 0;
        }
        self.draw()
            .map_or(0, |draw| draw.below(count as u64 + 1) as usize)
    }

    /// A prefix of `count` writes, of which the last may be torn: three of four are not.
    pub(super) fn writes(&mut self, count: usize) -> Survivors {
        let kept = self.prefix(count);
        let torn = kept > 0 && self.draw().is_some_and(|draw| draw.below(4) == 0);
        Survivors {
            whole: kept - usize::from(torn),
            torn,
        }
    }

    /// Whether a write whose sync failed is there.
    pub(super) fn keeps_doubtful(&mut self) -> bool {
        self.draw().is_some_and(|draw| draw.below(2) == 0)
    }
}
