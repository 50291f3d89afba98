//! Panics of run threads: kept with their place, and not printed in the middle of the output.

use std::cell::{Cell, RefCell};
use std::panic::PanicHookInfo;
use std::sync::Once;

use menagerie::check::Rule;

static INSTALLED: Once = Once::new();

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<Caught>> = const { RefCell::new(None) };
}

/// A panic of a run.
#[derive(Debug)]
pub(super) struct Caught {
    message: String,
    /// Where it was.
    pub(super) place: Rule,
}

impl Caught {
    /// What it said and where.
    pub(super) fn text(&self) -> String {
        let Rule { file, line } = &self.place;
        format!("{} (at {file}:{line})", self.message)
    }

    /// Whether a checker panicked.
    pub(super) fn is_in_checker(&self) -> bool {
        self.place.file.contains("src/check/")
    }
}

/// From now on a panic of this thread is kept instead of printed.
pub(super) fn watch_this_thread() {
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if WATCHED.with(Cell::get) {
                keep(info);
            } else {
                previous(info);
            }
        }));
    });
    WATCHED.with(|watched| watched.set(true));
}

fn keep(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned());
    let place = info.location().map_or_else(Rule::here, Rule::at);
    // The first panic is the cause; one while unwinding is not.
    LAST.with(|last| {
        last.borrow_mut().get_or_insert(Caught { message, place });
    });
}

/// The first panic of this thread since this was last called.
pub(super) fn take() -> Caught {
    let last = LAST.with(|last| last.borrow_mut().take());
    last.unwrap_or_else(|| Caught {
        message: "a panic that left no message".to_owned(),
        place: Rule::here(),
    })
}
