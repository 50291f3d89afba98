//! The rolling hash of a run, and the canonical words that go into it.
//!
//! Two runs are the same run exactly if their hashes are equal, so what enters the hash must not
//! depend on the platform, the compiler or a derive: every value is fed as little-endian 64-bit
//! words by hand-written code. [`FORMAT_VERSION`] is the first word of every run; changing what is
//! fed means raising it.

use std::sync::Arc;

/// The version of the words fed into run hashes. A change invalidates every pinned hash.
pub const FORMAT_VERSION: u64 = 4;

/// A streaming hash of 64-bit words. Not cryptographic: it detects differences, not adversaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunHash(u64);

impl RunHash {
    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
    const KEY: u64 = 0xd6e8_feb8_6659_fd93;

    /// A hash that has seen only [`FORMAT_VERSION`].
    pub fn new() -> RunHash {
        let mut hash = RunHash(RunHash::SEED);
        hash.word(FORMAT_VERSION);
        hash
    }

    /// Feeds one word.
    #[inline]
    pub fn word(&mut self, word: u64) {
        // The 128-bit product of two 64-bit factors cannot overflow; folding its halves mixes
        // every input bit into every output bit. `rotate` keeps a zero word from being a no-op.
        let product = u128::from(self.0.rotate_left(23) ^ word ^ RunHash::SEED)
            * u128::from(RunHash::KEY ^ word.rotate_left(32));
        self.0 = (product as u64) ^ ((product >> 64) as u64) ^ self.0.rotate_left(7);
    }

    /// Feeds a byte string, its length first.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// The hash so far.
    pub fn value(self) -> u64 {
        self.0
    }
}

impl Default for RunHash {
    fn default() -> Self {
        RunHash::new()
    }
}

/// A value that can be fed into a [`RunHash`], the same on every platform.
///
/// Rules: an enum feeds its variant's fixed number first; a collection feeds its length first;
/// every field is fed, in the order of declaration.
pub trait Canonical {
    /// Feeds the whole value.
    fn feed(&self, hash: &mut RunHash);
}

impl Canonical for u64 {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(*self);
    }
}

/// Sign-extended to a word.
impl Canonical for i32 {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(i64::from(*self) as u64);
    }
}

impl Canonical for str {
    fn feed(&self, hash: &mut RunHash) {
        hash.bytes(self.as_bytes());
    }
}

macro_rules! canonical_pointer {
    ($($pointer:ty),+) => {$(
        impl<T: Canonical + ?Sized> Canonical for $pointer {
            #[inline]
            fn feed(&self, hash: &mut RunHash) {
                (**self).feed(hash);
            }
        }
    )+};
}

canonical_pointer!(&T, Box<T>, Arc<T>);

macro_rules! canonical_tuple {
    ($($part:ident)+) => {
        impl<$($part: Canonical),+> Canonical for ($($part,)+) {
            #[inline]
            fn feed(&self, hash: &mut RunHash) {
                #[allow(non_snake_case, reason = "each part is called as its type")]
                let ($($part,)+) = self;
                $($part.feed(hash);)+
            }
        }
    };
}

canonical_tuple!(A B);
canonical_tuple!(A B C);
canonical_tuple!(A B C D);
canonical_tuple!(A B C D E);

impl<T: Canonical> Canonical for Option<T> {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            None => hash.word(0),
            Some(value) => {
                hash.word(1);
                value.feed(hash);
            }
        }
    }
}

impl<T: Canonical> Canonical for [T] {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(self.len() as u64);
        for value in self {
            value.feed(hash);
        }
    }
}

impl<T: Canonical> Canonical for Vec<T> {
    fn feed(&self, hash: &mut RunHash) {
        self.as_slice().feed(hash);
    }
}

macro_rules! canonical_newtype {
    ($($name:ty),*) => {$(
        impl Canonical for $name {
            fn feed(&self, hash: &mut RunHash) {
                hash.word(u64::from(self.0));
            }
        }
    )*};
}

canonical_newtype!(
    crate::ids::NodeId,
    crate::ids::Zxid,
    crate::ids::SessionId,
    crate::ids::ClientId,
    crate::ids::OpId,
    crate::ids::ConnId,
    crate::ids::Span,
    crate::ids::LocalTime,
    crate::ids::VirtualTime
);

impl Canonical for crate::ids::LinkId {
    fn feed(&self, hash: &mut RunHash) {
        hash.word((u64::from(self.dialler.0) << 32) | u64::from(self.ordinal));
    }
}

/// The hash of one canonical value on its own.
pub fn digest_of(value: &impl Canonical) -> u64 {
    let mut hash = RunHash::new();
    value.feed(&mut hash);
    hash.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_and_its_place_change_the_hash() {
        let of = |words: &[u64]| {
            let mut hash = RunHash::new();
            words.iter().for_each(|word| hash.word(*word));
            hash.value()
        };
        let samples = [
            of(&[]),
            of(&[0]),
            of(&[0, 0]),
            of(&[1]),
            of(&[0, 1]),
            of(&[1, 0]),
            of(&[2]),
        ];
        for (left, a) in samples.iter().enumerate() {
            for b in &samples[left + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn the_hash_of_a_known_input_is_pinned() {
        let mut hash = RunHash::new();
        hash.bytes(b"menagerie");
        assert_eq!(hash.value(), {
            let mut again = RunHash::new();
            again.word(9);
            again.word(u64::from_le_bytes(*b"menageri"));
            again.word(u64::from(b'e'));
            again.value()
        });
    }
}
