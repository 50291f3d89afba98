//! The commands of a transcript.
//!
//! | command | meaning |
//! | --- | --- |
//! | `ensemble 3 [+1] [knob=value ...]` | so many voters (and observers), with these knobs |
//! | `boot n1 n2` / `boot all` | starts processes from their disks |
//! | `crash n1` / `power n1` | the process dies / the power fails: what was not synced is lost |
//! | `hold n1` / `release n1` | the disk stands still / does everything that is queued |
//! | `cut n1 n2` / `isolate n1` / `heal` | breaks links, in both directions / mends all |
//! | `deliver [n1->n2] [KIND]` | delivers what is under way now, or those messages of it |
//! | `drop [n1->n2] [KIND]` | loses them |
//! | `repeat [n1->n2] [KIND]` | delivers copies of them |
//! | `settle` | delivers everything, and everything that follows |
//! | `timer n1 election` | a timer goes off |
//! | `silence 100ms` | time passes, and no timer goes off |
//! | `run until n1 leads` / `n1 follows` / `all serve` | messages first, then the next timer |
//! | `run for 100ms` | the same, for so long |
//! | `propose n1 a` / `barrier n1 7` | a client's payload, named by a letter / a client's barrier |
//! | `states` | where every server stands |
//!
//! Before a command, `quiet` leaves out what is done.

use menagerie::ids::{NodeId, Span};
use menagerie::protocol::Knobs;
use menagerie::protocol::knobs::{self, About, Values};

use super::stage::{Selected, Shown, Stage};

/// Plays a script, and returns it with what was done.
pub fn play<P: Shown>(text: &str) -> Result<String, String> {
    let mut played = String::new();
    let mut stage: Option<Stage<P>> = None;
    for (line, number) in text.lines().zip(1..) {
        if let Some(command) = line.strip_prefix("> ") {
            let done =
                run(&mut stage, command).map_err(|error| format!("line {number}: {error}"))?;
            played.push_str(&format!("> {command}\n{done}"));
        } else if line.is_empty() || line.starts_with('#') {
            played.push_str(&format!("{line}\n"));
        }
    }
    Ok(played)
}

fn run<P: Shown>(stage: &mut Option<Stage<P>>, command: &str) -> Result<String, String> {
    let (is_quiet, command) = match command.strip_prefix("quiet ") {
        Some(rest) => (true, rest),
        None => (false, command),
    };
    let words: Vec<&str> = command.split_whitespace().collect();
    if let ["ensemble", rest @ ..] = words.as_slice() {
        *stage = Some(ensemble(rest)?);
        return Ok(String::new());
    }
    let stage = stage.as_mut().ok_or("the first command is `ensemble`")?;
    perform(stage, &words)?;
    let done = stage.take_log();
    Ok(if is_quiet { String::new() } else { done })
}

fn ensemble<P: Shown>(words: &[&str]) -> Result<Stage<P>, String> {
    let (mut voters, mut observers) = (0, 0);
    let (mut shared, mut own) = (Values::new(), Values::new());
    for word in words {
        if let Some(count) = word.strip_prefix('+') {
            observers = number(count)?;
        } else if let Some((knob, value)) = word.split_once('=') {
            let is_in = |table: &[About]| table.iter().any(|about| about.name == knob);
            let values = if is_in(&knobs::table::<Knobs>()) {
                &mut shared
            } else if is_in(&knobs::table::<P::Knobs>()) {
                &mut own
            } else {
                return Err(format!("no knob {knob}"));
            };
            values.insert(knob.to_owned(), number::<u32>(value)?.into());
        } else {
            voters = number(word)?;
        }
    }
    Ok(Stage::new(
        voters,
        observers,
        (knobs::from_values(&shared), knobs::from_values(&own)),
    ))
}

fn perform<P: Shown>(stage: &mut Stage<P>, words: &[&str]) -> Result<(), String> {
    match words {
        ["boot", "all"] => stage.boot_all(),
        ["boot", nodes @ ..] => each(nodes, |node| stage.boot(node))?,
        ["crash", nodes @ ..] => each(nodes, |node| stage.crash(node))?,
        ["power", nodes @ ..] => each(nodes, |node| stage.lose_power(node))?,
        ["hold", nodes @ ..] => each(nodes, |node| stage.hold(node))?,
        ["release", nodes @ ..] => each(nodes, |node| stage.release(node))?,
        ["cut", one, other] => stage.cut(node(one)?, node(other)?),
        ["isolate", nodes @ ..] => each(nodes, |node| stage.isolate(node))?,
        ["heal"] => stage.heal(),
        ["deliver", which @ ..] => stage.deliver(&selected(stage, which)?),
        ["drop", which @ ..] => stage.lose(&selected(stage, which)?),
        ["repeat", which @ ..] => stage.repeat(&selected(stage, which)?),
        ["settle"] => stage.settle(),
        ["timer", at, timer] => stage.fire(node(at)?, timer)?,
        ["silence", span] => stage.pass(millis(span)?),
        ["run", "until", "all", "serve"] => stage.run_until(Stage::all_serve)?,
        ["run", "until", at, "follows"] => {
            let at = node(at)?;
            stage.run_until(|stage| stage.follows(at))?;
        }
        ["run", "until", at, "leads"] => {
            let at = node(at)?;
            stage.run_until(|stage| stage.leads(at))?;
        }
        ["run", "for", span] => stage.run_for(millis(span)?),
        ["propose", at, letter] => stage.propose(node(at)?, letter)?,
        ["barrier", at, token] => stage.barrier(node(at)?, number(token)?),
        ["states"] => stage.show_standings(),
        other => return Err(format!("no command `{}`", other.join(" "))),
    }
    Ok(())
}

fn each(nodes: &[&str], mut act: impl FnMut(NodeId)) -> Result<(), String> {
    for text in nodes {
        act(node(text)?);
    }
    Ok(())
}

/// `n1->n2 ACK`: either half may be left out, and `*` is everybody.
fn selected<P: Shown>(stage: &Stage<P>, words: &[&str]) -> Result<Selected, String> {
    let mut selected = Selected::default();
    for word in words {
        let Some((from, to)) = word.split_once("->") else {
            selected.kind = Some(word.to_string());
            continue;
        };
        let end = |text: &str| match text {
            "*" => Ok(None),
            name => node(name).map(Some),
        };
        (selected.from, selected.to) = (end(from)?, end(to)?);
    }
    if stage.count(&selected) == 0 {
        return Err(format!("nothing under way is `{}`", words.join(" ")));
    }
    Ok(selected)
}

fn node(text: &str) -> Result<NodeId, String> {
    let digits = text
        .strip_prefix('n')
        .ok_or(format!("{text} is no server"))?;
    Ok(NodeId(number(digits)?))
}

fn millis(text: &str) -> Result<Span, String> {
    let digits = text
        .strip_suffix("ms")
        .ok_or(format!("{text} is no span in ms"))?;
    Ok(Span::millis(number(digits)?))
}

fn number<N: core::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}
