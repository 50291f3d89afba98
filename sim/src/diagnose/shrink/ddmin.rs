//! Delta debugging of a list: which parts can be left out?

/// The parts of a list that are worth leaving out next, the largest first: halves, quarters, ...,
/// single items, each granularity from the end to the beginning (later items depend on earlier
/// ones, not the other way round).
pub(super) fn parts(len: usize, granularity: usize) -> Vec<core::ops::Range<usize>> {
    if len == 0 || granularity == 0 {
        return Vec::new();
    }
    let width = len.div_ceil(granularity);
    let mut parts: Vec<core::ops::Range<usize>> = (0..len)
        .step_by(width)
        .map(|start| start..(start + width).min(len))
        .collect();
    parts.reverse();
    parts
}

/// Leaves out whatever can be left out of `len` items, in at most `finest` parts at a time. `drop`
/// tries to leave a list of parts out, one after the other, takes the first that can go, and
/// answers which. The caller's list shrinks with each success.
pub(super) fn ddmin(
    mut len: usize,
    finest: usize,
    mut drop: impl FnMut(&[core::ops::Range<usize>]) -> Option<usize>,
) {
    let mut granularity = 1;
    while len > 0 {
        let candidates = parts(len, granularity);
        let mut rest = candidates.as_slice();
        let mut any = false;
        while !rest.is_empty() {
            let Some(place) = drop(rest) else {
                break;
            };
            let gone = rest[place].clone();
            len -= gone.len();
            any = true;
            // What lies before the part keeps its places, because parts come from the end.
            rest = &rest[place + 1..];
        }
        if granularity >= finest {
            return;
        }
        if granularity >= len {
            if !any || len == 0 {
                return;
            }
            granularity = len;
        } else {
            granularity = (granularity * 2).min(len.max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shrinks 0..len against a rule; answers what is left and how many tries it took.
    fn minimum(len: usize, fails: impl Fn(&[usize]) -> bool) -> (Vec<usize>, u32) {
        let mut items: Vec<usize> = (0..len).collect();
        let mut tries = 0;
        ddmin(len, usize::MAX, |parts| {
            parts.iter().position(|part| {
                tries += 1;
                let mut without = items.clone();
                without.drain(part.clone());
                let takes = fails(&without);
                if takes {
                    items = without;
                }
                takes
            })
        });
        (items, tries)
    }

    #[test]
    fn what_matters_is_left() {
        let (left, tries) = minimum(100, |items| items.contains(&17) && items.contains(&83));
        assert_eq!(left, [17, 83]);
        assert!(tries < 80, "{tries}");
    }

    #[test]
    fn nothing_is_left_where_nothing_matters() {
        assert_eq!(minimum(64, |_| true), (Vec::new(), 1));
    }

    #[test]
    fn everything_is_left_where_everything_matters() {
        let (left, _) = minimum(9, |items| items.len() == 9);
        assert_eq!(left.len(), 9);
    }

    #[test]
    fn pairs_that_only_go_together_do_not_hide_what_goes_alone() {
        let (left, _) = minimum(20, |items| items.contains(&3) == items.contains(&15));
        assert!(left.is_empty() || left == [3, 15], "{left:?}");
    }
}
