//! A planned fault, as an entry of `[[fault]]`.

use menagerie::ids::Span;

use super::{Fault, Planned};
use crate::scenario::quantity::{Target, exact_span};
use crate::scenario::script::{lines, quoted_list};
use crate::world::CrashKind;

/// A field and its value, as TOML has it.
type Field = (&'static str, String);

impl Planned {
    /// The entry of a scenario file that plans exactly this fault.
    pub fn entry(&self) -> String {
        let (kind, arguments) = self.fault.arguments();
        let mut fields = vec![duration("at", self.at)];
        // Streams can be made again at once: a reset has no end.
        let lasts = !matches!(self.fault, Fault::Reset { .. });
        let hold = self.hold.filter(|hold| lasts && *hold > Span::ZERO);
        fields.extend(hold.map(|hold| duration("for", hold)));
        fields.extend(arguments);
        let fields: Vec<String> = fields
            .into_iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        format!("{kind} = {{ {} }}", fields.join(", "))
    }
}

impl Fault {
    /// The kind of its entry, and the entry's fields beside its times.
    fn arguments(&self) -> (&'static str, Vec<Field>) {
        match self {
            Fault::Crash { node, kind } => {
                let kind = match kind {
                    CrashKind::Process => "process",
                    CrashKind::Power => "power",
                };
                ("crash", vec![target(*node), ("kind", quoted(kind))])
            }
            Fault::Partition { shape, node } => {
                let mut fields = vec![("shape", quoted(shape.text()))];
                fields.extend(node.map(target));
                ("partition", fields)
            }
            Fault::Pause { node } => ("pause", vec![target(*node)]),
            Fault::SlowLink { node, by } => ("slow_link", vec![target(*node), duration("by", *by)]),
            Fault::SlowDisk { node, by } => ("slow_disk", vec![target(*node), duration("by", *by)]),
            Fault::FailSync { node, count } => {
                let count = ("count", count.to_string());
                ("fail_sync", vec![target(*node), count])
            }
            Fault::ClientCut { node } => ("client_cut", vec![target(*node)]),
            Fault::Loss { ppm } => ("loss", vec![rate(*ppm)]),
            Fault::Duplicate { ppm } => ("duplicate", vec![rate(*ppm)]),
            Fault::Actions(actions) => {
                let list = format!("[{}]", quoted_list(&lines(actions)));
                ("actions", vec![("do", list)])
            }
            Fault::Reset { node } => ("reset", vec![target(*node)]),
        }
    }
}

fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}

fn target(node: Target) -> Field {
    let text = match node {
        Target::Node(number) => number.to_string(),
        Target::Leader
        | Target::Follower
        | Target::Random
        | Target::All
        | Target::Majority
        | Target::Minority => quoted(&node.text()),
    };
    ("node", text)
}

fn duration(name: &'static str, span: Span) -> Field {
    (name, quoted(&exact_span(span)))
}

fn rate(ppm: u32) -> Field {
    ("rate", quoted(&format!("{ppm}ppm")))
}
