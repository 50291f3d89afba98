//! Ctrl-C. A command that can stop in good order listens for it: the first one asks it to stop, the
//! second ends the program. While nobody listens, the first one ends it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::output::complain;
use super::{CliError, Exit};

/// Set by Ctrl-C while somebody listens.
pub(super) static STOP: AtomicBool = AtomicBool::new(false);

static LISTENING: AtomicBool = AtomicBool::new(false);

/// While this lives, the first Ctrl-C only sets [`STOP`].
#[derive(Debug)]
pub(super) struct Listening;

/// Listens from now on.
pub(super) fn listen() -> Result<Listening, CliError> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| ctrlc::set_handler(asked).map_err(|error| error.to_string()))
        .clone()
        .map_err(|why| CliError::Usage(format!("Ctrl-C cannot be caught: {why}")))?;
    LISTENING.store(true, Ordering::Relaxed);
    Ok(Listening)
}

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENING.store(false, Ordering::Relaxed);
    }
}

/// Whether the command was asked to stop.
pub(super) fn is_asked() -> bool {
    STOP.load(Ordering::Relaxed)
}

fn asked() {
    let first = !STOP.swap(true, Ordering::Relaxed);
    if first && LISTENING.load(Ordering::Relaxed) {
        complain("stopping, and keeping what there is; Ctrl-C again ends it at once");
    } else {
        std::process::exit(i32::from(Exit::Interrupted.code()));
    }
}
