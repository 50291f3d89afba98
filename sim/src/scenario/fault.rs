//! Faults: what can go wrong, whom it hits at the moment it fires, and how it is undone.
//!
//! A [`Fault`] is what a scenario file names, what the plan draws, what the trace carries and what
//! a story is made from. It speaks of roles ("the leader"); [`Fault::resolve`] turns it into the
//! world's [`Action`]s, each of which knows what undoes it. Firing keeps the inverses of those
//! actions that took effect as the undo record, so that healing never restarts a server that
//! somebody else stopped, and never mends a cut that is still held by another fault (cuts are
//! counted).
//!
//! A fault that was resolved once is [`Fault::Actions`]: it hits the same servers in every replay.

mod entry;
mod fire;
mod resolve;
mod scene;
mod text;

use menagerie::ids::Span;
use serde::{Deserialize, Serialize};

use crate::chance::dice::Stream;
use crate::scenario::quantity::Target;
use crate::scenario::script;
use crate::world::action::{Action, CrashKind};

pub use entry::{FaultEntry, Fields, Schedule};
pub use fire::Fired;
pub use resolve::Shape;
pub use scene::Scene;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Servers die together.
    Crash {
        /// Which.
        node: Target,
        /// How.
        kind: CrashKind,
    },
    /// The network between servers is cut.
    Partition {
        /// How.
        shape: Shape,
        /// Whom the shape is about; its own default if absent.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        node: Option<Target>,
    },
    /// Servers stand still.
    Pause {
        /// Which.
        node: Target,
    },
    /// Links of these servers are slower.
    SlowLink {
        /// Whose.
        node: Target,
        /// By how much.
        by: Span,
    },
    /// Disks of these servers are slower.
    SlowDisk {
        /// Whose.
        node: Target,
        /// By how much.
        by: Span,
    },
    /// Syncs of these servers fail; in the end a server that saw one fail is started again.
    FailSync {
        /// Whose.
        node: Target,
        /// How many.
        count: u32,
    },
    /// These servers and their clients do not hear each other.
    ClientCut {
        /// Which.
        node: Target,
    },
    /// More datagrams are lost.
    Loss {
        /// Parts per million.
        ppm: u32,
    },
    /// More datagrams arrive twice.
    Duplicate {
        /// Parts per million.
        ppm: u32,
    },
    /// Exactly these actions, whoever leads.
    Actions(Vec<Action>),
    /// The streams of these servers break.
    Reset {
        /// Whose.
        node: Target,
    },
}

/// A family of faults, as it is counted and as chaos draws it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Processes die.
    Crash,
    /// Power fails.
    PowerLoss,
    /// The network is cut.
    Partition,
    /// Servers stand still.
    Pause,
    /// Links are slow.
    SlowLink,
    /// Disks are slow.
    SlowDisk,
    /// Syncs fail.
    FailedSync,
    /// Datagrams are lost.
    Loss,
    /// Datagrams arrive twice.
    Duplicate,
    /// Streams break.
    Reset,
    /// Servers are cut off from their clients.
    ClientCut,
    /// Servers are restarted one after the other.
    RollingRestart,
    /// Links go down and up.
    Flap,
}

/// `[chaos.weights]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChaosWeights {
    /// Processes die.
    pub crash: u32,
    /// Power fails.
    pub power: u32,
    /// Networks are cut.
    pub partition: u32,
    /// Servers stand still.
    pub pause: u32,
    /// Links are slow.
    pub slow_link: u32,
    /// Disks are slow.
    pub slow_disk: u32,
    /// Datagrams are lost.
    pub loss: u32,
    /// Datagrams arrive twice.
    pub duplicate: u32,
    /// Streams break.
    pub reset: u32,
    /// Servers are cut off from their clients.
    pub client_cut: u32,
    /// Syncs fail, and often the power of the same server afterwards.
    pub failed_sync: u32,
}

/// One fault of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When it fires.
    pub at: Span,
    /// How long it lasts; `None`: until the end of the safety phase.
    pub hold: Option<Span>,
    /// What it is counted as.
    pub family: Family,
    /// What it is.
    pub fault: Fault,
}

impl Fault {
    /// The world's actions for this fault, now. The draws are the fault's own.
    pub fn resolve(&self, scene: &Scene, draws: &mut Stream) -> Vec<Action> {
        match *self {
            Fault::Crash { node, kind } => resolve::crash(scene, node, kind, draws),
            Fault::Partition { shape, node } => resolve::cuts(scene, shape, node, draws),
            Fault::Pause { node } => resolve::running(scene, node, draws)
                .into_iter()
                .map(Action::Pause)
                .collect(),
            Fault::SlowLink { node, by } => resolve::slow_links(scene, node, by, draws),
            Fault::SlowDisk { node, by: extra } => scene
                .several(node, draws)
                .into_iter()
                .map(|node| Action::SlowDisk { node, extra })
                .collect(),
            Fault::FailSync { node, count } => resolve::running(scene, node, draws)
                .into_iter()
                .map(|node| Action::FailSyncs { node, count })
                .collect(),
            Fault::ClientCut { node } => scene
                .several(node, draws)
                .into_iter()
                .map(Action::CutClient)
                .collect(),
            Fault::Loss { ppm } => vec![Action::Loss { ppm }],
            Fault::Duplicate { ppm } => vec![Action::Duplicate { ppm }],
            Fault::Actions(ref actions) => actions.clone(),
            Fault::Reset { node } => resolve::resets(scene, node, draws),
        }
    }

    /// Its actions, if it is spelled out.
    pub fn actions(&self) -> Option<&[Action]> {
        if let Fault::Actions(actions) = self {
            Some(actions)
        } else {
            None
        }
    }

    /// What it is counted as by itself; a schedule of several may count its parts otherwise.
    pub fn family(&self) -> Family {
        match self {
            Fault::Crash { kind, .. } => match kind {
                CrashKind::Process => Family::Crash,
                CrashKind::Power => Family::PowerLoss,
            },
            Fault::Partition { .. } => Family::Partition,
            Fault::Pause { .. } => Family::Pause,
            Fault::SlowLink { .. } => Family::SlowLink,
            Fault::SlowDisk { .. } => Family::SlowDisk,
            Fault::FailSync { .. } => Family::FailedSync,
            Fault::ClientCut { .. } => Family::ClientCut,
            Fault::Loss { .. } => Family::Loss,
            Fault::Duplicate { .. } => Family::Duplicate,
            Fault::Actions(actions) => actions.first().map_or(Family::Partition, family_of),
            Fault::Reset { .. } => Family::Reset,
        }
    }

    /// The fault in words, for the resolved plan.
    pub fn text(&self) -> String {
        match self {
            Fault::Crash { node, kind } => match kind {
                CrashKind::Process => format!("process death of {}", node.text()),
                CrashKind::Power => format!("power loss of {}", node.text()),
            },
            Fault::Partition { shape, node } => {
                let about = node.map_or_else(String::new, |node| format!(" ({})", node.text()));
                format!("partition {shape:?}{about}")
            }
            Fault::Pause { node } => format!("pause of {}", node.text()),
            Fault::SlowLink { node, by } => format!("links of {} slower by {by}", node.text()),
            Fault::SlowDisk { node, by } => format!("disk of {} slower by {by}", node.text()),
            Fault::FailSync { node, count } => {
                format!("{count} failing syncs of {}", node.text())
            }
            Fault::ClientCut { node } => format!("{} cut off from clients", node.text()),
            Fault::Loss { ppm } => format!("loss of {ppm} ppm"),
            Fault::Duplicate { ppm } => format!("duplication of {ppm} ppm"),
            Fault::Actions(actions) => script::words(actions),
            Fault::Reset { node } => format!("reset of the streams of {}", node.text()),
        }
    }
}

/// The family of an action that is spelled out.
fn family_of(action: &Action) -> Family {
    match action {
        Action::Crash { kind, .. } | Action::CrashMany { kind, .. } => match kind {
            CrashKind::Process => Family::Crash,
            CrashKind::Power => Family::PowerLoss,
        },
        Action::Restart(_) => Family::Crash,
        Action::Pause(_) | Action::Resume(_) => Family::Pause,
        Action::Cut { .. } | Action::Mend { .. } => Family::Partition,
        Action::CutClient(_) | Action::MendClient(_) => Family::ClientCut,
        Action::Slow { .. } | Action::Unslow { .. } => Family::SlowLink,
        Action::SlowDisk { .. } | Action::UnslowDisk { .. } => Family::SlowDisk,
        Action::FailSyncs { .. } | Action::MendSyncs(_) => Family::FailedSync,
        Action::Loss { .. } | Action::Unloss { .. } => Family::Loss,
        Action::Duplicate { .. } | Action::Unduplicate { .. } => Family::Duplicate,
        Action::Break { .. } => Family::Reset,
    }
}

impl Family {
    /// Every family.
    pub const ALL: [Family; 13] = [
        Family::Crash,
        Family::PowerLoss,
        Family::Partition,
        Family::Pause,
        Family::SlowLink,
        Family::SlowDisk,
        Family::FailedSync,
        Family::Loss,
        Family::Duplicate,
        Family::Reset,
        Family::ClientCut,
        Family::RollingRestart,
        Family::Flap,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Family::Crash => "crash",
            Family::PowerLoss => "power_loss",
            Family::Partition => "partition",
            Family::Pause => "pause",
            Family::SlowLink => "slow_link",
            Family::SlowDisk => "slow_disk",
            Family::FailedSync => "failed_sync",
            Family::Loss => "loss",
            Family::Duplicate => "duplicate",
            Family::Reset => "reset",
            Family::ClientCut => "client_cut",
            Family::RollingRestart => "rolling_restart",
            Family::Flap => "flap",
        }
    }

    /// Whether its faults make servers elect: recovery from one is where the next one hurts.
    pub fn elects(self) -> bool {
        match self {
            Family::Crash | Family::PowerLoss | Family::Partition | Family::Pause => true,
            Family::SlowLink
            | Family::SlowDisk
            | Family::FailedSync
            | Family::Loss
            | Family::Duplicate
            | Family::Reset
            | Family::ClientCut
            | Family::RollingRestart
            | Family::Flap => false,
        }
    }
}

impl ChaosWeights {
    /// The families with their weights, in the order that the draws of a plan rely on: a family
    /// that is new belongs at the end.
    pub fn by_family(&self) -> Vec<(Family, u32)> {
        let ChaosWeights {
            crash,
            power,
            partition,
            pause,
            slow_link,
            slow_disk,
            loss,
            duplicate,
            reset,
            client_cut,
            failed_sync,
        } = *self;
        vec![
            (Family::Crash, crash),
            (Family::PowerLoss, power),
            (Family::Partition, partition),
            (Family::Pause, pause),
            (Family::SlowLink, slow_link),
            (Family::SlowDisk, slow_disk),
            (Family::Loss, loss),
            (Family::Duplicate, duplicate),
            (Family::Reset, reset),
            (Family::ClientCut, client_cut),
            (Family::FailedSync, failed_sync),
        ]
    }
}

#[cfg(test)]
pub(in crate::scenario) mod tests;
