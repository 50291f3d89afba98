//! Transcripts: short stories of one protocol, as goldens.
//!
//! A transcript is a text file. Lines that begin with `#` say what happens and cite the rule and
//! the paper; lines that begin with `>` are commands (see `script`); what follows a command is what
//! every server did: each message as it arrives, then the effects of that step in their order, then
//! the server's new standing if it changed. `REWRITE_TRANSCRIPTS=1` writes the files anew.

mod paxos;
mod script;
mod stage;
mod zab;

use std::fs;
use std::path::{Path, PathBuf};

use menagerie::paxos::Paxos;
use menagerie::zab::Zab;
use stage::Shown;

/// Fewer transcripts than this would mean that the folder was not found.
const TRANSCRIPTS_MIN: usize = 12;

fn transcripts_in(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).expect("the folder of transcripts is there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    found.sort();
    found
}

/// Plays every transcript of a folder, and compares or rewrites it.
fn play_all<P: Shown>(folder: &str) {
    let rewrites = std::env::var_os("REWRITE_TRANSCRIPTS").is_some();
    let found = transcripts_in(folder);
    assert!(
        found.len() >= TRANSCRIPTS_MIN,
        "{folder} has {} transcripts",
        found.len()
    );
    let mut differing = Vec::new();
    for path in found {
        let text = fs::read_to_string(&path).expect("a transcript is text");
        let played = match script::play::<P>(&text) {
            Ok(played) => played,
            Err(error) => panic!("{}: {error}", path.display()),
        };
        if played == text {
            continue;
        }
        if rewrites {
            fs::write(&path, played).expect("a transcript can be written");
        } else {
            differing.push(first_difference(&path, &text, &played));
        }
    }
    assert!(
        differing.is_empty(),
        "REWRITE_TRANSCRIPTS=1 would change:\n{}",
        differing.join("\n")
    );
}

fn first_difference(path: &Path, old: &str, new: &str) -> String {
    let mut pairs = old.lines().zip(new.lines()).zip(1..);
    let name = path.display();
    match pairs.find(|((old, new), _)| old != new) {
        Some(((old, new), line)) => format!("{name}:{line}\n  was: {old}\n  now: {new}"),
        None => format!("{name}: one is longer than the other"),
    }
}

#[test]
fn zab_does_what_its_transcripts_say() {
    play_all::<Zab>("src/zab/tests/transcripts");
}

#[test]
fn paxos_does_what_its_transcripts_say() {
    play_all::<Paxos>("src/paxos/tests/transcripts");
}
