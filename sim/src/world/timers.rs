//! The timers of a server's process.

use menagerie::ids::Span;
use menagerie::protocol::TimerRange;

use crate::chance::decision::{Decider, Name};
use crate::chance::dice::{Deck, Draw};

/// A timer that was set at least once.
#[derive(Clone, Copy, Debug)]
struct TimerSlot<T> {
    timer: T,
    /// The ordinal of the setting that counts; `None` if it is not set.
    armed: Option<u64>,
    /// The recorded event in which it was set.
    set_by: Option<u64>,
    /// How often it was set in the whole run.
    settings: u64,
}

/// The timers of one process, and of those before it on the same machine. There are few of them, so
/// they are searched one by one.
#[derive(Debug)]
pub(super) struct Timers<T> {
    slots: Vec<TimerSlot<T>>,
    next_ordinal: u64,
    deck: Deck,
}

/// One setting of a timer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// Which timer.
    pub(super) slot: u16,
    /// Names the setting among all of the process.
    pub(super) ordinal: u64,
    /// Which setting of this timer it is, from 1.
    pub(super) number: u64,
    /// The draw for its delay.
    draw: Draw,
}

impl Setting {
    /// The delay: drawn from the range; in the plain case, the `place`-th of `places` even steps
    /// into it, so that each process has its own.
    pub(super) fn delay(
        &self,
        range: TimerRange,
        (place, places): (u64, u64),
        decider: &mut Decider,
        name: impl FnOnce() -> Name,
    ) -> Span {
        let (min, max) = (range.min.0, range.max.0);
        let plain = || min + (max - min) / (places + 1) * place;
        Span(decider.settle(name, || self.draw.range(min, max), plain))
    }
}

impl<T: Copy + Eq> Timers<T> {
    pub(super) fn new(deck: Deck) -> Timers<T> {
        Timers {
            slots: Vec::new(),
            next_ordinal: 0,
            deck,
        }
    }

    /// Sets a timer.
    pub(super) fn set(&mut self, timer: T, cause: Option<u64>) -> Setting {
        let ordinal = self.next_ordinal;
        self.next_ordinal += 1;
        let place = match self.slots.iter().position(|slot| slot.timer == timer) {
            Some(place) => place,
            None => {
                self.slots.push(TimerSlot {
                    timer,
                    armed: None,
                    set_by: None,
                    settings: 0,
                });
                self.slots.len() - 1
            }
        };
        let slot = u16::try_from(place).expect("a process has fewer than 65536 timers");
        let place = &mut self.slots[place];
        place.armed = Some(ordinal);
        place.set_by = cause;
        place.settings += 1;
        let number = place.settings;
        Setting {
            slot,
            ordinal,
            number,
            draw: self.deck.draw(u64::from(slot) << 40 | number),
        }
    }

    pub(super) fn cancel(&mut self, timer: T) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.timer == timer) {
            slot.armed = None;
        }
    }

    /// The timer that goes off, and the recorded event in which it was set; `None` if that setting
    /// was replaced, cancelled or forgotten.
    pub(super) fn fire(&mut self, slot: u16, ordinal: u64) -> Option<(T, Option<u64>)> {
        let slot = self.slots.get_mut(usize::from(slot))?;
        if slot.armed != Some(ordinal) {
            return None;
        }
        slot.armed = None;
        Some((slot.timer, slot.set_by))
    }

    /// Forgets all of them: the process died.
    pub(super) fn clear(&mut self) {
        for slot in &mut self.slots {
            slot.armed = None;
        }
    }
}
