//! What the documentation shows, compared with what is printed. Tests of several packages use it.

use regex::Regex;

/// A line's words, as a shell reads them.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, ' ') => {
                words.push(core::mem::take(&mut word));
            }
            (Some(_) | None, _) => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// A line without its wall times.
fn timeless(line: &str) -> String {
    let wall = Regex::new(r" in [0-9.]+ ?m?s\b(:.*)?").expect("it is well-formed");
    wall.replace(line, " in some time").into_owned()
}

/// The first line of a sample that the output does not have, in its place.
pub fn missing<'a>(sample: &'a [String], output: &str) -> Option<&'a str> {
    let mut lines = output.lines().map(timeless);
    sample
        .iter()
        .filter(|line| !line.trim().is_empty() && line.trim() != "...")
        .find(|line| {
            let shown = timeless(line);
            let parts: Vec<&str> = shown.split("...").map(str::trim_end).collect();
            !lines.any(|line| has(&line, &parts))
        })
        .map(String::as_str)
}

/// Whether a line begins with the first part and has the others after it.
fn has(line: &str, parts: &[&str]) -> bool {
    let (first, others) = parts.split_first().expect("a line has a part");
    let Some(mut rest) = line.trim_end().strip_prefix(first) else {
        return false;
    };
    for part in others {
        let part = part.trim();
        let Some(place) = rest.find(part) else {
            return false;
        };
        rest = &rest[place + part.len()..];
    }
    !others.is_empty() || rest.is_empty()
}
