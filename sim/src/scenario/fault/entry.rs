//! `[[fault]]`: a fault and its time, as a scenario file has them.
//!
//! An entry is one table named after its kind. Kinds share their fields, which is why checking a
//! file looks at fields and not at kinds; [`FaultEntry::planned`] makes faults of them.

use core::fmt;

use menagerie::ids::Span;
use serde::de::{Deserialize, Deserializer, EnumAccess, Error, MapAccess, VariantAccess, Visitor};
use toml::Spanned;

use super::{Family, Fault, Planned, Shape};
use crate::scenario::quantity::{Duration, Ratio, Target};
use crate::scenario::script::parse_action;
use crate::world::{Action, CrashKind};

/// So many cuts a flap makes at most.
const FLAPS_MAX: u64 = 500;

/// One entry of `[[fault]]`.
#[derive(Clone, Debug)]
pub struct FaultEntry {
    /// What it is.
    pub kind: Schedule,
    /// When, and with which arguments.
    pub fields: Fields,
}

/// What an entry plans: one fault, or several after a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(variant_identifier, rename_all = "snake_case")]
pub enum Schedule {
    /// Servers die; with `for` they are started again, else they stay down until the end.
    Crash,
    /// The network between servers is cut.
    Partition,
    /// Servers stand still and then go on as if nothing had happened.
    Pause,
    /// Every message from and to these servers takes longer.
    SlowLink,
    /// Every sync and read-back of these servers takes longer.
    SlowDisk,
    /// The next syncs of these servers fail; after `for` syncs succeed again and a server that saw
    /// one fail is started again.
    FailSync,
    /// These servers and their clients do not hear each other.
    ClientCut,
    /// More datagrams are lost.
    Loss,
    /// More datagrams arrive twice.
    Duplicate,
    /// Exactly these actions, as in `cut n1 | n2 n3`.
    Actions,
    /// Every open stream of these servers breaks.
    Reset,
    /// One server after the other is stopped and started again.
    RollingRestart,
    /// A server's links go down and up, again and again.
    Flap,
}

/// The fields that entries have, each with its place in the file.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Fields {
    /// When it begins.
    pub at: Option<Spanned<Duration>>,
    /// How long it lasts; until the end of the safety phase if absent.
    pub r#for: Option<Spanned<Duration>>,
    /// Which servers.
    pub node: Option<Spanned<Target>>,
    /// How servers die; their process does if absent.
    pub kind: Option<CrashKind>,
    /// How the network is cut.
    pub shape: Option<Shape>,
    /// How much slower.
    pub by: Option<Spanned<Duration>>,
    /// How many syncs fail; one if absent.
    pub count: Option<Spanned<u32>>,
    /// How many datagrams.
    pub rate: Option<Ratio>,
    /// The actions.
    pub r#do: Option<Spanned<Vec<String>>>,
    /// From one stop to the next.
    pub every: Option<Spanned<Duration>>,
    /// How long each server stays down.
    pub down: Option<Spanned<Duration>>,
    /// From one cut to the next; a cut lasts half of it.
    pub period: Option<Spanned<Duration>>,
}

impl Schedule {
    /// The fields that it needs and, from the second number on, those that it may have.
    fn fields(self) -> (&'static [&'static str], usize) {
        match self {
            Schedule::Crash => (&["at", "node", "kind", "for"], 2),
            Schedule::Partition => (&["at", "shape", "for", "node"], 2),
            Schedule::Pause | Schedule::ClientCut => (&["at", "node", "for"], 2),
            Schedule::SlowLink | Schedule::SlowDisk => (&["at", "node", "by", "for"], 3),
            Schedule::FailSync => (&["at", "node", "for", "count"], 2),
            Schedule::Loss | Schedule::Duplicate => (&["at", "rate", "for"], 2),
            Schedule::Actions => (&["at", "do", "for"], 2),
            Schedule::Reset => (&["at", "node"], 2),
            Schedule::RollingRestart => (&["at", "every", "down", "kind"], 3),
            Schedule::Flap => (&["at", "for", "period", "node"], 4),
        }
    }
}

impl FaultEntry {
    /// The faults that it stands for in a run with so many voters whose faults end at `end`.
    pub(crate) fn planned(&self, voters: u8, end: Span) -> Vec<Planned> {
        let fields = &self.fields;
        let lasting = |hold: Option<Span>, fault: Fault| {
            vec![Planned {
                at: fields.at(),
                hold,
                family: fault.family(),
                fault,
            }]
        };
        let one = |fault: Fault| lasting(fields.r#for.as_ref().map(span), fault);
        match self.kind {
            Schedule::Crash => one(Fault::Crash {
                node: fields.node(),
                kind: fields.kind(),
            }),
            Schedule::Partition => one(Fault::Partition {
                shape: fields.shape.expect(NEEDED),
                node: fields.node.as_ref().map(|node| *node.get_ref()),
            }),
            Schedule::Pause => one(Fault::Pause {
                node: fields.node(),
            }),
            Schedule::SlowLink => one(Fault::SlowLink {
                node: fields.node(),
                by: fields.by(),
            }),
            Schedule::SlowDisk => one(Fault::SlowDisk {
                node: fields.node(),
                by: fields.by(),
            }),
            Schedule::FailSync => one(Fault::FailSync {
                node: fields.node(),
                count: fields.count.as_ref().map_or(1, |count| *count.get_ref()),
            }),
            Schedule::ClientCut => one(Fault::ClientCut {
                node: fields.node(),
            }),
            Schedule::Loss => one(Fault::Loss { ppm: fields.ppm() }),
            Schedule::Duplicate => one(Fault::Duplicate { ppm: fields.ppm() }),
            Schedule::Actions => one(Fault::Actions(fields.actions())),
            // Streams can be made again at once.
            Schedule::Reset => lasting(
                Some(Span::ZERO),
                Fault::Reset {
                    node: fields.node(),
                },
            ),
            Schedule::RollingRestart => self.rolling_restart(voters, end),
            Schedule::Flap => self.flap(end),
        }
    }

    fn rolling_restart(&self, voters: u8, end: Span) -> Vec<Planned> {
        let fields = &self.fields;
        let every = fields.every.as_ref().map(span).expect(NEEDED);
        let restart = |number: u8| Planned {
            at: Span(fields.at().0 + every.0 * u64::from(number - 1)),
            hold: fields.down.as_ref().map(span),
            family: Family::RollingRestart,
            fault: Fault::Crash {
                node: Target::Node(number),
                kind: fields.kind(),
            },
        };
        let restarts = (1..=voters).map(restart);
        restarts.filter(|planned| planned.at < end).collect()
    }

    fn flap(&self, end: Span) -> Vec<Planned> {
        let fields = &self.fields;
        let lasts = fields.r#for.as_ref().map(span).expect(NEEDED);
        let period = fields.period.as_ref().map(span).expect(NEEDED);
        let node = Some(fields.node());
        let cuts = (0..(lasts.0 / period.0).clamp(1, FLAPS_MAX)).flat_map(|turn| {
            [Shape::OneWay, Shape::OneWayIn].map(|shape| Planned {
                at: Span(fields.at().0 + turn * period.0),
                hold: Some(Span(period.0 / 2)),
                family: Family::Flap,
                fault: Fault::Partition { shape, node },
            })
        });
        cuts.filter(|planned| planned.at < end).collect()
    }
}

/// Why a field of [`Schedule::fields`] that is needed is there.
const NEEDED: &str = "the file was refused without it";

impl Fields {
    fn at(&self) -> Span {
        self.at.as_ref().map(span).expect(NEEDED)
    }

    fn node(&self) -> Target {
        *self.node.as_ref().expect(NEEDED).get_ref()
    }

    fn kind(&self) -> CrashKind {
        self.kind.unwrap_or(CrashKind::Process)
    }

    fn by(&self) -> Span {
        self.by.as_ref().map(span).expect(NEEDED)
    }

    fn ppm(&self) -> u32 {
        self.rate.expect(NEEDED).ppm
    }

    fn actions(&self) -> Vec<Action> {
        let texts = self.r#do.as_ref().expect(NEEDED).get_ref();
        let parsed = texts.iter().map(|text| parse_action(text));
        parsed
            .flat_map(|actions| actions.expect("checked when the file was read"))
            .collect()
    }

    /// Whether the field of that name is there.
    fn has(&self, name: &str) -> bool {
        match name {
            "at" => self.at.is_some(),
            "for" => self.r#for.is_some(),
            "node" => self.node.is_some(),
            "kind" => self.kind.is_some(),
            "shape" => self.shape.is_some(),
            "by" => self.by.is_some(),
            "count" => self.count.is_some(),
            "rate" => self.rate.is_some(),
            "do" => self.r#do.is_some(),
            "every" => self.every.is_some(),
            "down" => self.down.is_some(),
            "period" => self.period.is_some(),
            unknown => panic!("no fault has a field `{unknown}`"),
        }
    }
}

fn span(value: &Spanned<Duration>) -> Span {
    value.get_ref().0
}

impl<'de> Deserialize<'de> for FaultEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FaultEntry, D::Error> {
        deserializer.deserialize_enum("fault", &[], EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = FaultEntry;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a fault such as crash = { at = \"1s\", node = \"leader\" }")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, entry: A) -> Result<FaultEntry, A::Error> {
        let (kind, content) = entry.variant::<Schedule>()?;
        content.struct_variant(kind.fields().0, FieldsVisitor(kind))
    }
}

/// Reads the fields of one kind of entry.
struct FieldsVisitor(Schedule);

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = FaultEntry;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a table with {}", self.0.fields().0.join(", "))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FaultEntry, A::Error> {
        let fields = Fields::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        let (names, needed) = self.0.fields();
        match names[..needed].iter().find(|name| !fields.has(name)) {
            Some(missing) => Err(Error::missing_field(missing)),
            None => Ok(FaultEntry {
                kind: self.0,
                fields,
            }),
        }
    }
}
