//! Is the package of the protocols pure, and is every source file tidy?

use std::fs;
use std::path::{Path, PathBuf};

/// Words that stand for what `src` must not have: time, randomness, IO, threads, logging, an order
/// that is not deterministic, and floats.
const IMPURE: &[&str] = &[
    "HashMap",
    "HashSet",
    "Instant",
    "SystemTime",
    "async",
    "await",
    "dbg",
    "env",
    "eprint",
    "eprintln",
    "f32",
    "f64",
    "fs",
    "io",
    "madsim",
    "menagerie_sim",
    "net",
    "print",
    "println",
    "process",
    "rand",
    "thread",
    "tracing",
];

/// What no source file says: what is left undone, and names that say nothing.
const UNTIDY: &[&str] = &["TODO", "FIXME", "XXX", "HACK", "allow(dead_code)"];

/// The last word of a type's name must say what it is.
const EMPTY_NAMES: &[&str] = &["Manager", "Handler", "Util", "Utils", "Helper", "Impl"];

/// Every Rust file below a folder, sorted.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder);
        let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has no source file");
    found
}

/// Every Rust file of the repository.
fn everything() -> Vec<PathBuf> {
    let folders = [
        "src",
        "sim/src",
        "sim/tests",
        "tests",
        "benches",
        "examples",
    ];
    let there = folders.iter().filter(|folder| Path::new(folder).is_dir());
    there.flat_map(|folder| sources(folder)).collect()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether a whole file is compiled for tests only: `tests/`, `tests.rs`, `search_tests.rs`,
/// `testing.rs`.
fn is_test_module(path: &Path) -> bool {
    let in_folder = path.components().any(|part| part.as_os_str() == "tests");
    let stem = path.file_stem().map(|stem| stem.to_string_lossy());
    in_folder || stem.is_some_and(|stem| stem.ends_with("tests") || stem == "testing")
}

/// The lines of a file with their numbers, up to its test module, without comments.
fn code(text: &str) -> Vec<(usize, &str)> {
    let mut lines: Vec<(usize, &str)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let opens_tests = line.starts_with("mod ") && line.ends_with('{');
        if opens_tests
            && lines
                .last()
                .is_some_and(|(_, above)| *above == "#[cfg(test)]")
        {
            break;
        }
        let end = line.find("//").unwrap_or(line.len());
        lines.push((number, &line[..end]));
    }
    lines
}

/// The identifiers of a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

/// What is wrong, each with its file and line.
fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn the_root_package_depends_on_serde_alone() {
    let manifest = text(Path::new("Cargo.toml"));
    let section = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]");
    let names: Vec<&str> = section
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| Some(line.split_once('=')?.0.trim()))
        .collect();
    assert_eq!(names, ["serde"]);
    for other in ["dependencies.", "build-dependencies", "target."] {
        let line = manifest.lines().find(|line| {
            line.starts_with(&format!("[{other}")) || line.starts_with(&format!("[\"{other}"))
        });
        assert_eq!(line, None, "dependencies hide behind it");
    }
}

#[test]
fn the_protocols_the_tree_and_the_checkers_are_pure() {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for path in sources("src").iter().filter(|path| !is_test_module(path)) {
        for (number, line) in code(&text(path)) {
            seen += 1;
            for word in words(line).filter(|word| IMPURE.contains(word)) {
                complaints.push(format!("{}:{number}: {word}: {line}", path.display()));
            }
        }
    }
    assert!(seen > 5_000, "only {seen} lines were looked at");
    assert_none(complaints);
}

#[test]
fn no_line_is_longer_than_100_columns() {
    let mut complaints = Vec::new();
    for path in everything() {
        for (number, line) in (1..).zip(text(&path).lines()) {
            let columns = line.chars().count();
            if columns > 100 {
                complaints.push(format!("{}:{number}: {columns} columns", path.display()));
            }
        }
    }
    assert_none(complaints);
}

#[test]
fn nothing_is_left_for_later_and_nothing_hides_dead_code() {
    let mut complaints = Vec::new();
    // This file names what it forbids.
    for path in everything().iter().filter(|path| !path.ends_with(file!())) {
        for (number, line) in (1..).zip(text(path).lines()) {
            for word in UNTIDY.iter().filter(|word| line.contains(**word)) {
                complaints.push(format!("{}:{number}: {word}", path.display()));
            }
        }
    }
    assert_none(complaints);
}

#[test]
fn no_type_has_a_name_that_says_nothing() {
    let mut complaints = Vec::new();
    for path in everything() {
        for (number, line) in code(&text(&path)) {
            let mut words = words(line)
                .skip_while(|word| !is_type_keyword(word))
                .skip(1);
            let name = words.next().unwrap_or_default();
            if EMPTY_NAMES.iter().any(|empty| name.ends_with(empty)) {
                complaints.push(format!("{}:{number}: {name}", path.display()));
            }
        }
    }
    assert_none(complaints);
}

fn is_type_keyword(word: &str) -> bool {
    matches!(word, "struct" | "enum" | "trait" | "type")
}

#[test]
fn a_planted_impurity_is_seen_and_one_in_a_test_or_comment_is_not() {
    let planted =
        "use std::fs; // f64\nfn f() {}\n#[cfg(test)]\nmod tests {\n    use std::io;\n}\n";
    let found: Vec<(usize, &str)> = code(planted)
        .into_iter()
        .flat_map(|(number, line)| words(line).map(move |word| (number, word)))
        .filter(|(_, word)| IMPURE.contains(word))
        .collect();
    assert_eq!(found, [(1, "fs")]);
    assert!(is_test_module(Path::new("src/check/search_tests.rs")));
    assert!(!is_test_module(Path::new("src/check/panel.rs")));
}

#[test]
fn the_checkers_do_not_use_the_protocols_quorum_arithmetic() {
    let folder = Path::new("src/check");
    for path in sources("src")
        .iter()
        .filter(|path| path.starts_with(folder))
    {
        let code = text(path);
        assert!(!code.contains("crate::quorum::"), "{}", path.display());
    }
}
