//! Progress, on stderr: a line that is kept up to date on a terminal, and elsewhere (in CI, or into
//! a file) a line of its own now and then.

use std::io::{IsTerminal as _, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::complain;
use crate::diagnose::blame;
use crate::diagnose::shrink::{self, Size};
use crate::run::campaign;
use crate::run::registry::Registration;

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(15);
/// How often the line on a terminal shows that time passes.
const TICK: Duration = Duration::from_millis(200);

/// A line of progress.
pub(super) struct Progress {
    bar: ProgressBar,
    /// When the last line was written; `None` on a terminal.
    written: Option<Mutex<Instant>>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "how often progress is shown depends on wall time, outside every run"
)]
fn now() -> Instant {
    Instant::now()
}

impl Progress {
    /// `total`: how many steps there are, if that is known.
    fn new(total: Option<u64>, template: &str) -> Progress {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(template)
            .expect("the templates of progress lines are well-formed");
        bar.set_style(style);
        let on_terminal = stderr().is_terminal();
        if on_terminal {
            bar.enable_steady_tick(TICK);
        }
        Progress {
            bar,
            written: (!on_terminal).then(|| Mutex::new(now())),
        }
    }

    /// Something whose length is not known.
    fn spinner(what: &str) -> Progress {
        let progress = Progress::new(None, "{spinner} {elapsed} {prefix}: {msg}");
        progress.bar.set_prefix(what.to_owned());
        progress
    }

    fn say(&self, message: String) {
        if let Some(written) = &self.written {
            let mut written = written.lock().expect("no writer of progress panics");
            if written.elapsed() >= EVERY {
                *written = now();
                let seconds = self.bar.elapsed().as_secs();
                complain(&format!("{}: {message} ({seconds} s)", self.bar.prefix()));
            }
        }
        self.bar.set_message(message);
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// A campaign: how many runs have ended.
pub(super) struct Runs {
    progress: Progress,
    total: Option<u64>,
}

impl Runs {
    /// `total`: how many runs there will be, unless a time ends the campaign.
    pub(super) fn new(scenario: &str, protocol: Registration, total: Option<u64>) -> Runs {
        let template = match total {
            Some(_) => "{prefix} {bar:30} {pos}/{len} runs, {per_sec}, {msg}, {eta} left",
            None => "{spinner} {elapsed} {prefix} {pos} runs, {per_sec}, {msg}",
        };
        let progress = Progress::new(total, template);
        progress
            .bar
            .set_prefix(format!("{scenario} on {}", protocol.name));
        progress.bar.set_message("0 fails");
        Runs { progress, total }
    }

    pub(super) fn end(&self) {
        self.progress.end();
    }
}

impl campaign::Watcher for Runs {
    fn progress(&mut self, runs: u64, fails: u64) {
        self.progress.bar.set_position(runs);
        let of = self
            .total
            .map_or_else(String::new, |total| format!("/{total}"));
        if self.progress.written.is_some() {
            self.progress.say(format!("{runs}{of} runs, {fails} fails"));
        } else {
            self.progress.bar.set_message(format!("{fails} fails"));
        }
    }

    fn slow(&mut self, reproduce: &str, since: Duration) {
        let line = format!(
            "no run has ended for {} s; the oldest is: {reproduce}",
            since.as_secs()
        );
        self.progress.bar.suspend(|| complain(&line));
    }
}

/// A shrinking: what it is at, and how small the run is by now.
pub(super) struct Shrinking(Progress);

impl Shrinking {
    pub(super) fn new() -> Shrinking {
        let progress = Progress::spinner("shrinking the failing run");
        progress.bar.set_message("Ctrl-C keeps the smallest so far");
        Shrinking(progress)
    }

    pub(super) fn end(&self) {
        self.0.end();
    }
}

impl shrink::Watcher for Shrinking {
    fn smaller(&self, pass: &'static str, size: &Size, reruns: u64) {
        let told = format!("{pass}: {size} ({reruns} reruns; Ctrl-C keeps the smallest so far)");
        self.0.say(told);
    }
}

/// An examination of a failing run: what is examined.
pub(super) struct Examining(Progress);

impl Examining {
    pub(super) fn new() -> Examining {
        Examining(Progress::spinner("examining the failing run"))
    }

    pub(super) fn end(&self) {
        self.0.end();
    }
}

impl blame::Watcher for Examining {
    fn rerun(&self, about: &'static str, reruns: usize) {
        self.0.say(format!("{about} ({reruns} reruns)"));
    }
}
