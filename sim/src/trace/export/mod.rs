//! Traces in the formats of other people's tools: see `docs/formats.md`.

pub mod edn;
mod encode;
pub mod history;
pub mod perfetto;
pub mod porcupine;
pub mod shiviz;

use crate::trace::Trace;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The history as Jepsen writes it.
    JepsenEdn,
    /// The history of plain keys as Porcupine's key-value model reads it.
    Porcupine,
    /// The trace with vector clocks.
    Shiviz,
    /// The trace as Chrome's trace events.
    Perfetto,
    /// The history as JSON lines.
    Jsonl,
}

impl Format {
    /// Every format, by its name on the command line.
    pub const ALL: [(&'static str, Format); 5] = [
        ("jepsen-edn", Format::JepsenEdn),
        ("porcupine", Format::Porcupine),
        ("shiviz", Format::Shiviz),
        ("perfetto", Format::Perfetto),
        ("jsonl", Format::Jsonl),
    ];
}

/// The trace in a format, or what of the trace the format can hold.
pub fn export(trace: &Trace, format: Format) -> String {
    match format {
        Format::JepsenEdn => edn::history(&history::lines(trace)),
        Format::Porcupine => porcupine::log(&history::lines(trace)),
        Format::Shiviz => shiviz::log(trace),
        Format::Perfetto => perfetto::document(trace),
        Format::Jsonl => history::jsonl(&history::lines(trace)),
    }
}
