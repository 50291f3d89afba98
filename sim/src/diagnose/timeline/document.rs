//! The document: the template with its parts put in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::escape::inert;
use super::window::Window;
use super::{columns, summary};
use crate::diagnose::explain::Story;
use crate::trace::Trace;
use crate::words::escaped;

const TEMPLATE: &str = include_str!("assets/timeline.html");
const STYLE: &str = include_str!("assets/timeline.css");
/// One script, so that the policy names one hash; inside a function, so that its names are its own.
const SCRIPT: &str = concat!(
    "(() => {\n'use strict';\n",
    include_str!("assets/model.js"),
    include_str!("assets/paint.js"),
    include_str!("assets/marks.js"),
    include_str!("assets/focus.js"),
    include_str!("assets/panels.js"),
    include_str!("assets/story.js"),
    include_str!("assets/event.js"),
    include_str!("assets/filter.js"),
    include_str!("assets/page.js"),
    include_str!("assets/input.js"),
    "})();\n"
);

/// The page of the events in a window, with the story of the failure if there is one.
pub(super) fn page(trace: &Trace, story: Option<&Story>, window: &Window) -> String {
    let data = serde_json::to_string(&columns::embed(trace, story, window))
        .expect("columns are numbers and texts, which JSON has");
    let header = &trace.header;
    let title = format!(
        "{} on {}, seed {}: timeline",
        header.scenario, header.protocol, header.seed
    );
    fill(&[
        ("policy", policy()),
        ("title", escaped(&title)),
        ("style", STYLE.to_owned()),
        ("summary", summary::summary(trace, story)),
        ("data", inert(&data)),
        ("script", SCRIPT.to_owned()),
    ])
}

/// Puts the parts into the template, in one pass: what a part contains is never looked at again.
fn fill(parts: &[(&str, String)]) -> String {
    let mut page = String::new();
    let mut rest = TEMPLATE;
    for (name, part) in parts {
        let place = format!("{{{{{name}}}}}");
        let (before, after) = rest
            .split_once(&place)
            .expect("the template has a place for every part, in this order");
        page.push_str(before);
        page.push_str(part);
        rest = after;
    }
    page.push_str(rest);
    page
}

/// Nothing may be loaded or run but the one style and the one script, which cannot write markup.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn hash(asset: &str) -> String {
    STANDARD.encode(Sha256::digest(asset.as_bytes()))
}
