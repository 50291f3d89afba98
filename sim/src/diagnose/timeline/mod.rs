//! `menagerie timeline`: a run as one HTML page that needs nothing but a browser.
//!
//! The page embeds the trace as columns (`columns`) and draws them itself; it asks nobody for
//! anything, which its content security policy enforces: everything is forbidden but one style and
//! one script, both named by their hashes (`document`). What the trace contains reaches the page
//! only as JSON without any `<`, `>` or `&`, or as escaped text in the summary for readers without
//! script (`summary`).
//!
//! A page has to open within a second, so it embeds at most [`EVENTS_MAX`] events and
//! [`BYTES_MAX`] bytes. Of a longer run it embeds a window around the first violation
//! (`window`) together with what was in force when the window begins, and says so.
//!
//! Of a run that failed the page carries the story (see [`crate::diagnose::explain`]): each of its
//! steps leads to its events on the time axis, and the summary for readers without script tells it
//! too.

mod columns;
mod document;
mod escape;
mod rows;
mod summary;
mod window;

use crate::diagnose::explain::{Length, Story, story};
use crate::trace::Trace;

/// The most events of a page, without those carried into a window.
pub const EVENTS_MAX: usize = 120_000;
/// The most bytes of a page.
pub const BYTES_MAX: usize = 10_000_000;
/// How often a window is made smaller before the page is left as large as it is: only a few
/// events of megabytes each come so far.
const ATTEMPTS_MAX: usize = 12;

/// It is in every page.
pub const PAGE_MARK: &str = "content=\"Menagerie timeline\"";

/// The page of a trace. Of several violations its story is about that of `checker`, if there is
/// one.
pub fn page(trace: &Trace, checker: Option<&str>) -> String {
    page_within(trace, checker, EVENTS_MAX, BYTES_MAX)
}

fn page_within(
    trace: &Trace,
    checker: Option<&str>,
    events_max: usize,
    bytes_max: usize,
) -> String {
    let told = story_of(trace, checker);
    let told = told.as_ref();
    let mut events = events_max.min(trace.events.len());
    let mut page = document::page(trace, told, &window::choose(trace, events));
    for _ in 1..ATTEMPTS_MAX {
        if page.len() <= bytes_max || events <= 1 {
            break;
        }
        // Bodies differ in size, so a proportional cut may not suffice, but it always shrinks.
        events = (events * bytes_max / page.len() * 9 / 10).clamp(1, events - 1);
        page = document::page(trace, told, &window::choose(trace, events));
    }
    page
}

/// The story that `menagerie explain` tells; `None` if the run did not fail.
fn story_of(trace: &Trace, checker: Option<&str>) -> Option<Story> {
    let told = checker.and_then(|name| story(trace, Some(name), Length::Short));
    told.or_else(|| story(trace, None, Length::Short))
}

#[cfg(test)]
mod tests;
