//! Texts as small numbers: equal texts have equal numbers.

use std::borrow::Cow;

/// No entry.
const EMPTY: u32 = u32::MAX;

/// A table of texts, numbered in the order of their first mention.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    bytes: Vec<u8>,
    /// Where each text ends in `bytes`; it begins where the one before ends.
    ends: Vec<usize>,
    /// Open addressing with linear probing.
    /// Invariant: at most half full, and the length is a power of two.
    slots: Vec<u32>,
}

impl Texts {
    /// An empty table.
    pub fn new() -> Texts {
        Texts::default()
    }

    /// How many different texts there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of a text.
    pub fn bytes(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = match number {
            0 => 0,
            later => self.ends[later - 1],
        };
        &self.bytes[start..self.ends[number]]
    }

    /// A text for people.
    pub fn told(&self, number: u32) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes(number))
    }

    /// The number of a text, which is new if it was never mentioned.
    pub fn number(&mut self, text: &[u8]) -> u32 {
        if self.slots.len() < 2 * (self.ends.len() + 1) {
            self.grow();
        }
        let slot = self.slot(text);
        if self.slots[slot] != EMPTY {
            return self.slots[slot];
        }
        let number = u32::try_from(self.ends.len()).expect("fewer texts than positions");
        self.slots[slot] = number;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        number
    }

    /// About how much memory this holds.
    pub fn size(&self) -> usize {
        self.bytes.capacity() + 8 * self.ends.capacity() + 4 * self.slots.capacity()
    }

    /// Where a text is, or would be.
    fn slot(&self, text: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash(text) as usize & mask;
        while self.slots[slot] != EMPTY && self.bytes(self.slots[slot]) != text {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        let length = (4 * self.ends.len()).next_power_of_two().max(64);
        self.slots = vec![EMPTY; length];
        for number in 0..self.ends.len() {
            let number = u32::try_from(number).expect("numbers were given out as 32 bits");
            let slot = self.slot(self.bytes(number));
            self.slots[slot] = number;
        }
    }
}

/// A hash of our own, so that no run depends on anybody's seed.
fn hash(text: &[u8]) -> u64 {
    let mut hash = 0x9e37_79b9_7f4a_7c15 ^ text.len() as u64;
    let mut chunks = text.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().expect("a chunk has eight bytes"));
        hash = mixed(hash ^ word);
    }
    let mut rest = [0; 8];
    rest[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    mixed(hash ^ u64::from_le_bytes(rest))
}

/// Spreads every bit over the word.
pub(super) fn mixed(word: u64) -> u64 {
    let word = word.wrapping_mul(0xd6e8_feb8_6659_fd93);
    let word = (word ^ (word >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    word ^ (word >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_equal_numbers() {
        let mut texts = Texts::new();
        let words: Vec<String> = (0..5_000).map(|number| format!("text {number}")).collect();
        for _ in 0..2 {
            for (number, word) in words.iter().enumerate() {
                assert_eq!(texts.number(word.as_bytes()) as usize, number);
            }
        }
        assert_eq!(texts.len(), 5_000);
        assert_eq!(texts.told(4_321), "text 4321");
    }

    #[test]
    fn the_empty_text_is_a_text() {
        let mut texts = Texts::new();
        assert!(texts.is_empty());
        assert_eq!(texts.number(b""), 0);
        assert_eq!(texts.number(b"\0"), 1);
        assert_eq!(texts.number(b""), 0);
        assert_eq!(texts.bytes(0), b"");
    }
}
