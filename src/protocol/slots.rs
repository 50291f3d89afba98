//! Positions where several commands are decided together.

use serde::{Deserialize, Serialize};

use crate::ids::Zxid;

/// How the positions of a total order are counted: each is decided alone, or a *slot* is decided as
/// a whole and has room for several. Positions are slots times a round number, so that they are
/// read easily: of slots of a hundred places, 702 is the third command of slot 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// How many positions a slot takes.
    places: u64,
}

impl Default for Slots {
    fn default() -> Slots {
        Slots::SINGLE
    }
}

impl Slots {
    /// Every position is a slot.
    pub const SINGLE: Slots = Slots { places: 1 };

    /// Slots with room for so many commands.
    pub const fn of(places: u64) -> Slots {
        assert!(places > 0, "a slot has room for something");
        Slots { places }
    }

    /// How many commands a slot has room for.
    pub const fn places(self) -> u64 {
        self.places
    }

    /// The position of a slot's command; places count from 0. Numbers that no run reaches end at
    /// the last position.
    pub const fn position(self, slot: u64, place: u64) -> Zxid {
        Zxid(slot.saturating_mul(self.places).saturating_add(place))
    }

    /// The last position of a slot: what is committed through it is committed through the slot.
    /// Slots count from 1; what ends at slot 0 is empty.
    pub const fn end_of(self, slot: u64) -> Zxid {
        match slot {
            0 => Zxid::ZERO,
            slot => self.position(slot, self.places - 1),
        }
    }

    /// Whether each position is decided alone.
    pub fn is_single(&self) -> bool {
        *self == Slots::SINGLE
    }

    /// The slot of a position, and the place in it.
    pub const fn slot_of(self, position: Zxid) -> (u64, u64) {
        (position.0 / self.places, position.0 % self.places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_slot_and_a_place() {
        let slots = Slots::of(100);
        assert_eq!(slots.position(7, 2), Zxid(702));
        assert_eq!(slots.slot_of(Zxid(702)), (7, 2));
        assert_eq!(slots.end_of(7), Zxid(799));
        assert_eq!(slots.end_of(0), Zxid::ZERO);
        assert_eq!(Slots::SINGLE.position(7, 0), Zxid(7));
        assert_eq!(Slots::SINGLE.slot_of(Zxid(7)), (7, 0));
        assert_eq!(Slots::SINGLE.end_of(7), Zxid(7));
    }
}
