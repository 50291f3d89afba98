//! Panics of run threads: kept with their place, and not printed in the middle of the output.

use std::cell::{Cell, RefCell};
use std::panic::PanicHookInfo;
use std::sync::Once;

static INSTALLED: Once = Once::new();

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<Caught>> = const { RefCell::new(None) };
}

#[derive(Debug)]
struct Caught {
    message: String,
    place: String,
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
    let place = info.location().map_or_else(
        || "an unknown place".to_owned(),
        |location| format!("{}:{}", location.file(), location.line()),
    );
    // The first panic is the cause; one while unwinding is not.
    LAST.with(|last| {
        last.borrow_mut().get_or_insert(Caught { message, place });
    });
}

/// What the last panic of this thread said and where, and whether that was inside a checker.
pub(super) fn take() -> (String, bool) {
    match LAST.with(|last| last.borrow_mut().take()) {
        Some(caught) => (
            format!("{} (at {})", caught.message, caught.place),
            caught.place.contains("src/check/"),
        ),
        None => ("a panic that left no message".to_owned(), false),
    }
}
