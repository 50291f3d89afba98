//! Words that people type, and texts that stand in XML.

/// The known word that is nearest, if one is near.
pub(crate) fn suggestion<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> String {
    let wanted = text.to_ascii_lowercase();
    known
        .map(|word| (distance(&wanted, &word.to_ascii_lowercase()), word))
        .min()
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(2))
        .map_or_else(String::new, |(_, word)| format!(": did you mean {word}?"))
}

/// How many letters have to be changed, added or dropped.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in right.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

/// So many things, by the word for one of them.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}

/// A text as XML and HTML take it, in elements and attributes. Control characters have no form
/// there.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(character),
            control if control.is_control() => safe.push('\u{fffd}'),
            plain => safe.push(plain),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_changed_added_and_dropped_letters() {
        assert_eq!(distance("z13", "z13"), 0);
        assert_eq!(distance("z31", "z13"), 2);
        assert_eq!(distance("pax", "paxos"), 2);
        assert_eq!(distance("", "zab"), 3);
    }

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!(counted(1, "run"), "1 run");
        assert_eq!(counted(0, "leader change"), "0 leader changes");
        assert_eq!(counted(2, "irregular delivery"), "2 irregular deliveries");
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let known = ["zab", "paxos"];
        assert_eq!(
            suggestion("paxo", known.into_iter()),
            ": did you mean paxos?"
        );
        assert_eq!(suggestion("raft", known.into_iter()), "");
    }
}
