//! `menagerie blame`.

use std::fmt::Write as _;

use serde::Serialize;

use super::arguments::BlameArguments;
use super::document;
use super::output::print;
use super::progress::Examining;
use super::{CliError, Exit, select, source};
use menagerie::ids::VirtualTime;

use crate::diagnose::blame::{Blame, Blamed, BlamedFault, Moment, Work, blame as examine};
use crate::run::registry::Registration;
use crate::scenario::quantity::exact_span;
use crate::words::counted;

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    #[serde(flatten)]
    blame: &'a Blame,
}

/// Says what a failure is owed to.
pub(super) fn blame(
    arguments: &BlameArguments,
    registered: &[Registration],
) -> Result<Exit, CliError> {
    let loaded = source::load(&arguments.run.what, arguments.run.seed, registered)?;
    let checker = arguments.run.checker.as_deref();
    select::checker(checker)?;
    let watcher = Examining::new();
    let work = Work {
        jobs: arguments.jobs.count(),
        watcher: &watcher,
    };
    let examined = |checker| examine(loaded.protocol, &loaded.job.resolved, checker, work);
    let expected = source::expected(&loaded);
    let mut found = examined(checker.or(expected.as_deref()))?;
    if found.is_none() && checker.is_none() && expected.is_some() {
        found = examined(None)?;
    }
    watcher.end();
    let Some(found) = found else {
        let which = checker.map_or_else(String::new, |name| format!(" by {name}"));
        return Err(CliError::Usage(format!(
            "no violation is reported{which}: there is nobody to blame; to see the run: {}",
            loaded.job.reproduce
        )));
    };
    if arguments.run.what.choice.json {
        let document = Document {
            schema: 1,
            blame: &found,
        };
        print(&document::text(&document))?;
    } else {
        print(&human(&found))?;
    }
    Ok(Exit::Held)
}

fn human(blame: &Blame) -> String {
    let mut text = format!("{}: {}\n", blame.checker, blame.reason);
    if !blame.faults.is_empty() {
        text.push_str("\nfaults\n");
        blame
            .faults
            .iter()
            .for_each(|fault| tell_fault(fault, &mut text));
    }
    let few = "too many to be examined one by one; shrink the run first";
    list(
        "irregular deliveries",
        blame.deliveries.as_deref(),
        few,
        &mut text,
    );
    list("operations", blame.operations.as_deref(), few, &mut text);
    if !blame.order.is_empty() {
        text.push_str("\norder\n");
        for pair in &blame.order {
            let word = if pair.matters {
                "matters"
            } else {
                "may change"
            };
            // Writing into a string cannot fail.
            let _ = writeln!(text, "  {word:<12}{}  before  {}", pair.first, pair.second);
        }
    }
    let _ = write!(
        text,
        "\nhow often the failure comes if everything from a moment on is drawn anew ({} futures)\n\
         \x20 {:>12}  {:>16}  {:>25}\n",
        blame.futures.first().map_or(0, |moment| moment.tried),
        "from",
        "faults as planned",
        "no further fault begins"
    );
    blame
        .futures
        .iter()
        .for_each(|moment| tell_moment(moment, &mut text));
    let _ = match blame.unavoidable_from {
        Some(at) => writeln!(
            text,
            "from {} on it came in every future, also without further faults",
            VirtualTime(at.0)
        ),
        None => writeln!(text, "it could be avoided to the end"),
    };
    let _ = writeln!(text, "{}", counted(blame.reruns as u64, "rerun"));
    text
}

fn need(necessary: bool) -> &'static str {
    if necessary { "necessary" } else { "not needed" }
}

fn tell_fault(fault: &BlamedFault, text: &mut String) {
    let at = VirtualTime(fault.at.0);
    let _ = writeln!(text, "  {:<12}{at}  {}", need(fault.necessary), fault.what);
    let reach = |span: Option<menagerie::ids::Span>, word: &str| match span {
        Some(span) => format!("up to {} {word}", exact_span(span)),
        None => format!("not {word}"),
    };
    let _ = writeln!(
        text,
        "              may come {}, {}; {} last to the end",
        reach(fault.earlier, "earlier"),
        reach(fault.later, "later"),
        if fault.may_stay { "may" } else { "may not" }
    );
    if !fault.elsewhere.is_empty() {
        let others: Vec<String> = fault.elsewhere.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "              may as well hit {}", others.join(" "));
    }
}

fn list(title: &str, blamed: Option<&[Blamed]>, too_many: &str, text: &mut String) {
    match blamed {
        Some([]) => {}
        Some(blamed) => {
            let _ = writeln!(text, "\n{title}");
            for one in blamed {
                let _ = writeln!(text, "  {:<12}{}", need(one.necessary), one.what);
                if let Some(meaning) = &one.meaning {
                    let _ = writeln!(text, "              ({meaning})");
                }
            }
        }
        None => {
            let _ = writeln!(text, "\n{title}\n  {too_many}");
        }
    }
}

fn tell_moment(moment: &Moment, text: &mut String) {
    let percent = |part: u64| part * 100 / moment.tried;
    let _ = writeln!(
        text,
        "  {:>12}  {:>15} %  {:>23} %",
        VirtualTime(moment.at.0).to_string(),
        percent(moment.failing),
        percent(moment.failing_in_calm)
    );
}
