//! Every mutation, collected from the protocols and from what is around them.

use super::{Entry, MOST, shared};
use crate::PROTOCOLS;

/// Every mutation, in the order of the ids.
pub const CATALOGUE: &[Entry] = &SORTED;

const COUNT: usize = {
    let mut count = shared::MUTATIONS.len();
    let mut protocol = 0;
    while protocol < PROTOCOLS.len() {
        count += PROTOCOLS[protocol].mutations.len();
        protocol += 1;
    }
    assert!(
        count <= MOST,
        "the set of those that are on has so many bits"
    );
    count
};

const SORTED: [Entry; COUNT] = {
    let mut sorted = [shared::MUTATIONS[0]; COUNT];
    let mut len = insert(&mut sorted, 0, shared::MUTATIONS);
    let mut protocol = 0;
    while protocol < PROTOCOLS.len() {
        len = insert(&mut sorted, len, PROTOCOLS[protocol].mutations);
        protocol += 1;
    }
    sorted
};

/// Puts more entries into the first `len`, which are sorted, and says how many there are then.
const fn insert(sorted: &mut [Entry; COUNT], mut len: usize, more: &[Entry]) -> usize {
    let mut next = 0;
    while next < more.len() {
        let mut place = len;
        while place > 0 && is_before(more[next].id, sorted[place - 1].id) {
            sorted[place] = sorted[place - 1];
            place -= 1;
        }
        sorted[place] = more[next];
        len += 1;
        next += 1;
    }
    len
}

/// The place of an id in the catalogue.
pub(super) const fn place(id: &str) -> usize {
    let mut place = 0;
    while place < COUNT {
        let other = SORTED[place].id;
        if !is_before(id, other) && !is_before(other, id) {
            return place;
        }
        place += 1;
    }
    panic!("no mutation has this id")
}

/// Whether an id comes before another one; `<` cannot be used in constants.
const fn is_before(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut place = 0;
    while place < one.len() && place < other.len() {
        if one[place] != other[place] {
            return one[place] < other[place];
        }
        place += 1;
    }
    one.len() < other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_mutations_share_an_id() {
        let pairs = CATALOGUE.windows(2);
        for pair in pairs {
            assert!(pair[0].id < pair[1].id, "{} {}", pair[0].id, pair[1].id);
        }
    }
}
