use super::*;
use crate::trace::{Event, Header};

#[path = "../../tests/page/sample.rs"]
mod sample;

fn parse(text: &str) -> Trace {
    let mut lines = text.lines();
    let header: Header = serde_json::from_str(lines.next().expect("a header")).expect("a header");
    let events: Vec<Event> = lines
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    Trace { header, events }
}

#[test]
fn draft() {
    for (n, f) in [(700, "small"), (100_000, "big"), (130_000, "huge")] {
        let text = sample::failing(n);
        let page = page(&parse(&text));
        std::fs::write(format!("/tmp/page-{f}.html"), &page).expect("x");
        std::fs::write(format!("/tmp/page-{f}.jsonl"), &text).expect("x");
        eprintln!("{f}: {}", page.len());
    }
}
