//! The given histories, and lines that are wrong.

use std::path::Path;
use std::time::Instant;

use menagerie::check::znode::{Mode, Options, Reads, Ruling, check};

use super::*;

#[test]
fn scratch() {
    let mode = match std::env::var("ZMODE").as_deref() {
        Ok("zk") => Mode::ZooKeeper,
        _ => Mode::Linearizable(Reads::All),
    };
    for file in std::env::var("ZF").unwrap_or_default().split_whitespace() {
        let t = Instant::now();
        let text = crate::histories::content(Path::new(file)).unwrap();
        let h = parse(&text).unwrap();
        let parse_t = t.elapsed();
        let t = Instant::now();
        let report = check(&h.history, &Options::new(mode, h.birth));
        println!("{file} {} ops parse {parse_t:?} check {:?} {}", h.history.operations.len(), t.elapsed(), match report.ruling {
            Ruling::Holds => format!("HOLDS {}", report.checked),
            Ruling::Violated(v) => format!("VIOLATED {} {:?} prefix {}", v.sentence, v.edge, v.prefix.len()),
            other => format!("{other:?}"),
        });
    }
}
