//! A campaign as one page: how its runs ended, what users would have noticed, which faults and rare
//! paths there were, and the plots.

use std::fmt::Write as _;

use super::figures::campaign_plot;
use crate::run::campaign::{CampaignReport, Recoveries};
use crate::run::figures::{Kind, Spread};
use crate::words::{counted, escaped};

/// Seeds a row of the strip of outcomes has.
const STRIP: usize = 100;
/// So many seeds are drawn; of more, only the counts are shown.
const STRIP_MAX: usize = 10_000;

/// The page of the campaigns of one call.
pub fn campaign_page(reports: &[&CampaignReport]) -> String {
    let mut body = String::new();
    for report in reports {
        campaign(report, &mut body);
    }
    // Writing into a string cannot fail.
    let _ = writeln!(body, "<h2>Distributions</h2>\n{}", campaign_plot(reports));
    format!("{HEAD}{PAGE_TITLE}{STYLE}{body}</html>\n")
}

fn campaign(report: &CampaignReport, body: &mut String) {
    let _ = writeln!(
        body,
        "<h2>{}</h2>\n<p>{}: {} pass, {} fail, {} unknown, {} vacuous; hash {:016x}</p>",
        escaped(&report.title()),
        counted(report.runs, "run"),
        report.pass,
        report.fail,
        report.unknown,
        report.vacuous,
        report.hash
    );
    strip(report, body);
    failures(report, body);
    body.push_str("<div class=\"columns\">\n");
    noticed(report, body);
    let faults = report.faults.iter();
    counts(
        "faults",
        faults.map(|(kind, count)| ((*kind).to_owned(), *count)),
        body,
    );
    let reached = report.reached.lines().iter();
    counts(
        "rare paths, in so many runs",
        reached.map(|line| (line.name.to_owned(), line.runs)),
        body,
    );
    body.push_str("</div>\n");
}

/// A square for each seed, coloured by how its run ended.
fn strip(report: &CampaignReport, body: &mut String) {
    if report.outcomes.len() > STRIP_MAX {
        return;
    }
    let rows = report.outcomes.len().div_ceil(STRIP);
    let _ = writeln!(
        body,
        "<svg class=\"strip\" viewBox=\"0 0 {} {}\" role=\"img\" \
         aria-label=\"outcome of each seed\">",
        STRIP * 8,
        rows * 8
    );
    for (place, (seed, conclusion)) in report.outcomes.iter().enumerate() {
        let (x, y) = (place % STRIP * 8, place / STRIP * 8);
        let word = conclusion.word();
        let _ = writeln!(
            body,
            "<rect class=\"{word}\" x=\"{x}\" y=\"{y}\" width=\"7\" height=\"7\">\
             <title>seed {seed}: {word}</title></rect>"
        );
    }
    body.push_str("</svg>\n");
}

/// The failures by checker and rule.
fn failures(report: &CampaignReport, body: &mut String) {
    for group in &report.groups {
        let first = &group.first;
        let _ = writeln!(
            body,
            "<p class=\"failure\"><b>{}</b> in {}, first at seed {}: {}<br>\
             <code>{}</code></p>",
            escaped(&first.checker),
            counted(group.count, "run"),
            first.seed,
            escaped(&first.reason),
            escaped(&first.reproduce)
        );
    }
}

/// What users would have noticed.
fn noticed(report: &CampaignReport, body: &mut String) {
    let figures = &report.figures;
    let leaders = figures.leaders();
    let _ = writeln!(
        body,
        "<table><tr><th>what users would notice<th>p50<th>p99<th>worst<th>seed"
    );
    let mut row = |what: &str, spread: Option<Spread>| {
        if let Some(spread) = spread {
            let worst = spread.worst;
            let _ = writeln!(
                body,
                "<tr><td>{what}<td>{}<td>{}<td>{}<td>{}",
                spread.p50, spread.p99, worst.span, worst.seed
            );
        }
    };
    row("longest time without a write", figures.unavailable());
    for kind in Kind::ALL {
        row(
            &format!("latency of {}", kind.name()),
            figures.latency(kind),
        );
    }
    if let Some(times) = Recoveries::of(&report.recoveries) {
        let worst = times.worst;
        let _ = writeln!(
            body,
            "<tr><td>recovery<td>{}<td>{}<td>{} of {}<td>{}",
            times.p50, times.p99, worst.took, worst.bound, worst.seed
        );
    }
    let _ = writeln!(
        body,
        "<tr><td colspan=\"5\">{}, {}, {} expired; {} operations ok, {} error, {} refused, {} \
         unknown</table>",
        counted(leaders.elected, "election"),
        counted(leaders.changed, "leader change"),
        counted(figures.sessions_expired(), "session"),
        report.ops.ok,
        report.ops.error,
        report.ops.refused,
        report.ops.unknown
    );
}

/// Counts as bars.
fn counts(title: &str, counts: impl Iterator<Item = (String, u64)>, body: &mut String) {
    let counts: Vec<(String, u64)> = counts.collect();
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    if most == 0 {
        return;
    }
    let _ = writeln!(body, "<table><tr><th colspan=\"3\">{title}");
    for (name, count) in counts {
        let share = count * 100 / most;
        let _ = writeln!(
            body,
            "<tr><td>{}<td>{count}<td class=\"bar\"><i style=\"width:{share}%\"></i>",
            escaped(&name)
        );
    }
    body.push_str("</table>\n");
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
";

/// The title of every page of campaigns.
pub const PAGE_TITLE: &str = "<title>Menagerie: campaign</title>";

const STYLE: &str = "
<style>
:root { color-scheme: light dark }
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; max-width: 76em }
table { border-collapse: collapse; margin: 0 2em 1em 0 }
th, td { text-align: left; padding: .1em .7em .1em 0 }
.columns { display: flex; flex-wrap: wrap; align-items: flex-start }
.strip { width: 100%; max-width: 800px; display: block }
.pass { fill: #0072b2 }
.fail { fill: #d55e00 }
.unknown, .vacuous { fill: #e69f00 }
.failure { border-left: 4px solid #d55e00; padding-left: .8em }
.bar { width: 12em }
.bar i { display: block; height: .8em; background: #0072b2 }
code { font-size: 13px }
</style>
<h1>Campaign</h1>
";
