//! The liveness phase's question to every client: can you still write, and read what you wrote?

use menagerie::history::{Operation, Outcome};
use menagerie::ids::{ClientId, OpId};
use menagerie::tree::{CreateMode, Data, Path, Read, Request, Write};

/// Where a client's probe stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The write is under way.
    Writing(OpId),
    /// The sync and the read after it are under way; `left` of them are not answered yet.
    Reading {
        sync: OpId,
        read: OpId,
        left: u8,
        refused: bool,
    },
    /// Waits before it asks again.
    Waiting(Again),
    /// Both were answered.
    Done,
}

/// What is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    Write,
    Read,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Issue the requests of [`Probe::requests`].
    Ask,
    /// Wait a while, then ask.
    Wait,
    /// Nothing.
    Nothing,
}

/// One client's probe.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    client: ClientId,
    stage: Stage,
    attempts: u32,
}

impl Probe {
    /// A probe that has asked nothing yet.
    pub(super) fn new(client: ClientId) -> Probe {
        Probe {
            client,
            stage: Stage::Waiting(Again::Write),
            attempts: 0,
        }
    }

    /// The requests to issue now, in order; `true` marks the read after the sync.
    pub(super) fn requests(&self) -> Vec<(Request, bool)> {
        let path = Path::from(format!("/live-{}", self.client));
        match self.stage {
            Stage::Waiting(Again::Write) => vec![(
                Request::Write(Write::Create {
                    path,
                    data: Data::from(format!("alive {}", self.client).as_bytes()),
                    mode: CreateMode::Persistent,
                }),
                false,
            )],
            Stage::Waiting(Again::Read) => vec![
                (Request::Sync, false),
                (Request::Read(Read::GetData { path, watch: false }), true),
            ],
            Stage::Writing(_) | Stage::Reading { .. } | Stage::Done => Vec::new(),
        }
    }

    /// The requests were issued as these operations.
    pub(super) fn asked(&mut self, ops: &[OpId]) {
        self.attempts += 1;
        self.stage = match ops {
            [write] => Stage::Writing(*write),
            [sync, read] => Stage::Reading {
                sync: *sync,
                read: *read,
                left: 2,
                refused: false,
            },
            other => panic!("a probe asks one or two things, not {}", other.len()),
        };
    }

    /// An operation of this client ended.
    pub(super) fn ended(&mut self, operation: &Operation) -> Next {
        let answered = matches!(operation.outcome, Some(Outcome::Answered { .. }));
        match self.stage {
            Stage::Writing(write) if write == operation.id => {
                self.stage = Stage::Waiting(if answered { Again::Read } else { Again::Write });
                if answered { Next::Ask } else { Next::Wait }
            }
            Stage::Reading {
                sync,
                read,
                left,
                refused,
            } if sync == operation.id || read == operation.id => {
                let refused = refused || !answered;
                if left > 1 {
                    self.stage = Stage::Reading {
                        sync,
                        read,
                        left: left - 1,
                        refused,
                    };
                    return Next::Nothing;
                }
                self.stage = if refused {
                    Stage::Waiting(Again::Read)
                } else {
                    Stage::Done
                };
                if refused { Next::Wait } else { Next::Nothing }
            }
            // An operation of the safety phase that ended late.
            Stage::Writing(_) | Stage::Reading { .. } | Stage::Waiting(_) | Stage::Done => {
                Next::Nothing
            }
        }
    }

    /// What the client lacks, if it does.
    pub(super) fn obstacle(&self) -> Option<String> {
        let lacks = match self.stage {
            Stage::Done => return None,
            Stage::Writing(_) | Stage::Waiting(Again::Write) => "an answer to its write",
            Stage::Reading { .. } | Stage::Waiting(Again::Read) => "an answer to its synced read",
        };
        Some(format!(
            "client {} lacks {lacks} (asked {} times)",
            self.client, self.attempts
        ))
    }
}
