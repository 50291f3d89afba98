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

mod columns;
mod document;
mod rows;
mod summary;
mod window;

use crate::trace::Trace;

/// The most events of a page, without those carried into a window.
pub const EVENTS_MAX: usize = 120_000;
/// The most bytes of a page.
pub const BYTES_MAX: usize = 10_000_000;
/// How often a window is made smaller before the page is left as large as it is: only a few
/// events of megabytes each come so far.
const ATTEMPTS_MAX: usize = 12;

/// The page of a trace.
pub fn page(trace: &Trace) -> String {
    page_within(trace, EVENTS_MAX, BYTES_MAX)
}

fn page_within(trace: &Trace, events_max: usize, bytes_max: usize) -> String {
    let mut events = events_max.min(trace.events.len());
    let mut page = document::page(trace, &window::choose(trace, events));
    for _ in 1..ATTEMPTS_MAX {
        if page.len() <= bytes_max || events <= 1 {
            break;
        }
        // Bodies differ in size, so a proportional cut may not suffice, but it always shrinks.
        events = (events * bytes_max / page.len() * 9 / 10).clamp(1, events - 1);
        page = document::page(trace, &window::choose(trace, events));
    }
    page
}

#[cfg(test)]
mod tests;
