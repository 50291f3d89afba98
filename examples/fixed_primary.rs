//! A protocol of one's own, plugged into Menagerie from outside: replication with a primary that
//! never changes.
//!
//! Server 1 orders everything. It appends a command to its log, sends it to the backups, and takes
//! it for committed once a quorum that includes itself has it on disk. If server 1 is down, nothing
//! is committed: the protocol is safe and not available, which the simulator shows.
//!
//! A few details make it right, and leaving any out makes a seed fail:
//! - every start of the primary is a new epoch, made durable before anything is sent, so that an
//!   entry the primary lost with its power cannot be mistaken for a later one at the same index;
//! - an `Append` names the entry before it, so that a backup cuts off what the primary lost;
//! - after a restart the primary does not know what was committed, so a barrier waits for all that
//!   it recovered;
//! - an answer to a barrier names the incarnation that asked.
//!
//! ```text
//! cargo run --release --example fixed_primary -- run scenarios/steady.toml
//! cargo run --release --example fixed_primary -- campaign scenarios/power_loss.toml --seeds 0..100
//! ```

use std::collections::BTreeMap;
use std::process::ExitCode;

use menagerie::canonical::{Canonical, RunHash};
use menagerie::ids::{LocalTime, NodeId, Span, Zxid};
use menagerie::protocol::{
    BarrierOutcome, BarrierToken, DiskOp, DiskResult, Effect, Ensemble, Fact, FileName, Image,
    Input, Outbox, Persisted, Promises, Protocol, Refusal, Replicates, Role, Standing, Ticket,
    TimerRange, Via,
};
use menagerie::quorum::Quorums;
use menagerie::tree::Payload;

const PRIMARY: NodeId = NodeId(1);
const EPOCH: FileName = FileName("epoch");
const EPOCH_TEMPORARY: FileName = FileName("epoch.tmp");
/// How many entries one message carries at most.
const BATCH: usize = 16;

/// An entry of the log: the epoch that appended it and the command.
type Entry = (u64, Payload);

/// One server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FixedPrimary {
    me: NodeId,
    peers: Vec<NodeId>,
    quorums: Quorums,
    resend: Span,
    /// When this incarnation began, by its own clock: tells its questions from those of earlier
    /// ones.
    boot: u64,
    /// The primary's own epoch; at a backup the greatest one heard of.
    epoch: u64,
    /// Of a primary: the write of its epoch that is not durable yet.
    epoch_write: Option<Ticket>,
    /// Entry `i` of the total order is `log[i - 1]`.
    log: Vec<Entry>,
    committed: usize,
    /// How long the log was when this incarnation began.
    recovered: usize,
    /// Of a primary: through where each server's log is known to be durable, its own included.
    durable: BTreeMap<NodeId, usize>,
    /// Barriers of local clients: the index to reach, once the primary has named it.
    barriers: BTreeMap<u64, Option<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
enum Msg {
    /// Primary to backup: entries after `after`, whose own epoch is `after_epoch`.
    Append {
        epoch: u64,
        after: usize,
        after_epoch: u64,
        entries: Vec<Entry>,
        committed: usize,
    },
    /// Backup to primary: its log agrees with the primary's through `through`, durably.
    Ack { epoch: u64, through: usize },
    /// Backup to primary: it has no entry like the one before; try after `through`.
    Missing { epoch: u64, through: usize },
    /// Backup to primary: a client wants to read nothing older than this moment.
    Ask { token: u64, boot: u64 },
    /// Primary to backup: apply through here first.
    Tell {
        token: u64,
        boot: u64,
        through: usize,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
enum Record {
    Epoch(u64),
    Entry(Entry),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Timer {
    Resend,
}

impl FixedPrimary {
    fn leads(&self) -> bool {
        self.me == PRIMARY && self.epoch_write.is_none()
    }

    /// Primary: what a barrier has to wait for. After a restart the commit index is not known, but
    /// nothing beyond the recovered log was ever committed.
    fn read_from(&self) -> usize {
        self.committed.max(self.recovered)
    }

    fn epoch_at(&self, index: usize) -> u64 {
        if index == 0 { 0 } else { self.log[index - 1].0 }
    }

    /// Primary: sends a backup what it lacks, or an empty message that carries the commit index.
    fn send_tail(&self, to: NodeId, out: &mut Outbox<Self>) {
        let after = self.durable.get(&to).copied().unwrap_or(0);
        let end = self.log.len().min(after + BATCH);
        let entries = self.log[after..end].to_vec();
        let after_epoch = self.epoch_at(after);
        let (epoch, committed) = (self.epoch, self.committed);
        out.send(
            to,
            Via::Datagram,
            Msg::Append {
                epoch,
                after,
                after_epoch,
                entries,
                committed,
            },
        );
    }

    fn send_all(&self, out: &mut Outbox<Self>) {
        for peer in self.peers.iter().filter(|peer| **peer != self.me) {
            self.send_tail(*peer, out);
        }
    }

    /// Hands everything through `index` to the state machine.
    fn commit_through(&mut self, index: usize, out: &mut Outbox<Self>) {
        for number in self.committed + 1..=index {
            let payload = self.log[number - 1].1.clone();
            let zxid = Zxid(number as u64);
            out.fact(Fact::Chosen {
                zxid,
                value: payload.digest(),
            });
            out.apply(zxid, payload);
            out.committed(zxid);
        }
        self.committed = self.committed.max(index);
        self.finish_barriers(out);
    }

    fn finish_barriers(&mut self, out: &mut Outbox<Self>) {
        let committed = self.committed;
        self.barriers.retain(|token, through| {
            let reached = through.is_some_and(|through| through <= committed);
            if reached {
                let (token, outcome) = (BarrierToken(*token), BarrierOutcome::Reached);
                out.push(Effect::BarrierDone { token, outcome });
            }
            !reached
        });
    }

    /// Primary: a server's log is durable through `through`.
    fn on_durable(&mut self, from: NodeId, through: usize, out: &mut Outbox<Self>) {
        let known = self.durable.entry(from).or_insert(0);
        let news = through > *known;
        *known = (*known).max(through);
        let own = self.durable.get(&self.me).copied().unwrap_or(0);
        // Its own copy counts in any case: nobody else could restore the order after a power loss.
        let quorum = self.quorums.reached(&self.durable).unwrap_or(0).min(own);
        if quorum > self.committed {
            self.commit_through(quorum, out);
            self.send_all(out);
        } else if news && from != self.me && through < self.log.len() {
            self.send_tail(from, out);
        }
    }

    /// Backup: takes over what the primary sends.
    fn on_append(
        &mut self,
        after: usize,
        after_epoch: u64,
        entries: Vec<Entry>,
        out: &mut Outbox<Self>,
    ) {
        let epoch = self.epoch;
        if after > self.log.len() || self.epoch_at(after) != after_epoch {
            let through = self
                .committed
                .max(after.min(self.log.len()).saturating_sub(BATCH));
            out.send(PRIMARY, Via::Datagram, Msg::Missing { epoch, through });
            return;
        }
        let through = after + entries.len();
        for (offset, entry) in entries.into_iter().enumerate() {
            let index = after + offset + 1;
            if index <= self.log.len() && self.epoch_at(index) != entry.0 {
                assert!(
                    index > self.committed,
                    "committed entry {index} is contradicted"
                );
                self.log.truncate(index - 1);
                out.disk(DiskOp::CutAfter(index as u64 - 1));
            }
            if index > self.log.len() {
                out.append(Record::Entry(entry.clone()));
                self.log.push(entry);
            }
        }
        out.promise(PRIMARY, Via::Datagram, Msg::Ack { epoch, through });
        // After a restart the epoch is at least that of the last entry: see `recover`.
        let epoch = self.epoch_at(self.log.len());
        out.fact_after_disk(Fact::Promised { epoch });
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, out: &mut Outbox<Self>) {
        match msg {
            Msg::Append {
                epoch,
                after,
                after_epoch,
                entries,
                committed,
            } => {
                if epoch < self.epoch {
                    return; // Delayed, from before the primary's last restart.
                }
                self.epoch = epoch;
                let agreed = after + entries.len();
                self.on_append(after, after_epoch, entries, out);
                let agrees = self.log.len() >= agreed && self.epoch_at(after) == after_epoch;
                let index = committed.min(agreed);
                if agrees && index > self.committed {
                    self.commit_through(index, out);
                }
            }
            Msg::Ack { epoch, through } | Msg::Missing { epoch, through }
                if epoch != self.epoch || !self.leads() =>
            {
                let _stale = through; // Of an earlier epoch.
            }
            Msg::Ack { through, .. } => self.on_durable(from, through, out),
            Msg::Missing { through, .. } => {
                self.durable.insert(from, through);
                self.send_tail(from, out);
            }
            Msg::Ask { token, boot } if self.leads() => {
                // There is no other primary that could know of more.
                let through = self.read_from();
                out.send(
                    from,
                    Via::Datagram,
                    Msg::Tell {
                        token,
                        boot,
                        through,
                    },
                );
            }
            Msg::Ask { .. } => {} // Not ready: the asker asks again.
            Msg::Tell { boot, .. } if boot != self.boot => {} // To an earlier incarnation.
            Msg::Tell { token, through, .. } => {
                if let Some(waits) = self.barriers.get_mut(&token) {
                    *waits = Some(through);
                }
                self.finish_barriers(out);
            }
        }
    }

    fn on_timer(&mut self, out: &mut Outbox<Self>) {
        out.set_timer(Timer::Resend, TimerRange::exactly(self.resend));
        if self.leads() {
            self.send_all(out);
        }
        for (token, _) in self
            .barriers
            .iter()
            .filter(|(_, through)| through.is_none())
        {
            out.send(
                PRIMARY,
                Via::Datagram,
                Msg::Ask {
                    token: *token,
                    boot: self.boot,
                },
            );
        }
    }
}

impl Protocol for FixedPrimary {
    const NAME: &'static str = "fixed-primary";
    const REPLICATES: Replicates = Replicates::Commands;
    const PROMISES: Promises = Promises {
        linearizable_barrier: true,
        at_most_once: true,
    };
    type Knobs = ();
    type Config = Ensemble<()>;
    type Msg = Msg;
    type Record = Record;
    type Timer = Timer;

    fn configure(ensemble: &Ensemble<()>) -> Ensemble<()> {
        ensemble.clone()
    }

    fn recover(
        config: &Ensemble<()>,
        now: LocalTime,
        disk: &Image<Record>,
        out: &mut Outbox<Self>,
    ) -> Result<Self, Refusal> {
        let log: Vec<Entry> = disk
            .log
            .iter()
            .filter_map(|record| match record {
                Record::Entry(entry) => Some(entry.clone()),
                Record::Epoch(_) => None,
            })
            .collect();
        let stored = match disk.file(EPOCH) {
            Some(Record::Epoch(epoch)) => *epoch,
            Some(Record::Entry(_)) | None => 0,
        };
        // A backup keeps no file: what it must not undo is the last entry that it acknowledged.
        let epoch = log.last().map_or(stored, |(epoch, _)| stored.max(*epoch));
        let mut server = FixedPrimary {
            me: config.me,
            peers: config
                .voters
                .iter()
                .chain(&config.observers)
                .copied()
                .collect(),
            quorums: config.quorums.clone(),
            boot: now.0,
            resend: config.knobs.retransmit,
            epoch,
            epoch_write: None,
            durable: BTreeMap::new(),
            committed: 0,
            recovered: log.len(),
            barriers: BTreeMap::new(),
            log,
        };
        if server.me == PRIMARY {
            server.epoch += 1;
            let record = Record::Epoch(server.epoch);
            out.replace_file(EPOCH_TEMPORARY, EPOCH, record);
            // The recovered log may have been written and not synced: it must be durable too.
            server.epoch_write = Some(out.disk(DiskOp::SyncAll));
        }
        out.set_timer(Timer::Resend, TimerRange::exactly(server.resend));
        Ok(server)
    }

    fn step(&mut self, _now: LocalTime, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Message { from, msg, .. } => self.on_message(from, msg, out),
            Input::Timer(Timer::Resend) => self.on_timer(out),
            Input::Propose(payload) => {
                let zxid = Zxid(self.log.len() as u64 + 1);
                let value = payload.digest();
                out.fact(Fact::Proposed {
                    epoch: self.epoch,
                    zxid,
                    value,
                });
                out.append(Record::Entry((self.epoch, payload.clone())));
                self.log.push((self.epoch, payload));
                let ack = Msg::Ack {
                    epoch: self.epoch,
                    through: self.log.len(),
                };
                out.promise(self.me, Via::Datagram, ack);
                self.send_all(out);
            }
            Input::Barrier(BarrierToken(token)) => {
                let through = self.leads().then(|| self.read_from());
                self.barriers.insert(token, through);
                self.finish_barriers(out);
                if through.is_none() {
                    out.send(
                        PRIMARY,
                        Via::Datagram,
                        Msg::Ask {
                            token,
                            boot: self.boot,
                        },
                    );
                }
            }
            Input::Disk { ticket, result } => {
                assert_eq!(
                    result,
                    DiskResult::Done,
                    "this example does not survive disk errors"
                );
                if self.epoch_write == Some(ticket) {
                    self.epoch_write = None;
                    let through = Zxid(self.log.len() as u64);
                    out.fact(Fact::Promised { epoch: self.epoch });
                    out.fact(Fact::Established {
                        epoch: self.epoch,
                        through,
                    });
                    // What was recovered is proposed again, as it stands, in the new epoch.
                    self.on_durable(self.me, self.log.len(), out);
                    self.send_all(out);
                }
            }
            Input::Link { .. }
            | Input::Reloaded(_)
            | Input::Applied(_)
            | Input::Captured { .. } => {}
        }
    }

    fn standing(&self) -> Standing {
        let role = if self.leads() {
            Role::Leading
        } else {
            Role::Following
        };
        let ready = self.leads() || (self.me != PRIMARY && self.epoch > 0);
        Standing {
            role: if ready { role } else { Role::Looking },
            epoch: self.epoch,
            leader: ready.then_some(PRIMARY),
            uplink: ready.then_some(Via::Datagram),
            can_propose: self.leads(),
            serve_from: ready.then_some(Zxid::ZERO),
        }
    }

    fn persisted(image: &Image<Record>) -> Persisted {
        let entries = image.log.iter().filter_map(|record| match record {
            Record::Entry((_, payload)) => Some(payload.digest()),
            Record::Epoch(_) => None,
        });
        let entries = (1..).map(Zxid).zip(entries).collect();
        Persisted {
            through: Zxid::ZERO,
            entries,
        }
    }

    fn kind(msg: &Msg) -> &'static str {
        match msg {
            Msg::Append { .. } => "Append",
            Msg::Ack { .. } => "Ack",
            Msg::Missing { .. } => "Missing",
            Msg::Ask { .. } => "Ask",
            Msg::Tell { .. } => "Tell",
        }
    }
}

impl Canonical for Msg {
    fn feed(&self, hash: &mut RunHash) {
        let words: [u64; 4] = match self {
            Msg::Append {
                epoch,
                after,
                after_epoch,
                entries,
                committed,
            } => {
                for (epoch, payload) in entries {
                    hash.word(*epoch);
                    payload.feed(hash);
                }
                hash.word(entries.len() as u64);
                hash.word(*after_epoch);
                [1, *epoch, *after as u64, *committed as u64]
            }
            Msg::Ack { epoch, through } => [2, *epoch, *through as u64, 0],
            Msg::Missing { epoch, through } => [3, *epoch, *through as u64, 0],
            Msg::Ask { token, boot } => [4, *token, *boot, 0],
            Msg::Tell {
                token,
                boot,
                through,
            } => [5, *token, *boot, *through as u64],
        };
        words.iter().for_each(|word| hash.word(*word));
    }
}

impl Canonical for Record {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Record::Epoch(epoch) => {
                hash.word(1);
                hash.word(*epoch);
            }
            Record::Entry((epoch, payload)) => {
                hash.word(2);
                hash.word(*epoch);
                payload.feed(hash);
            }
        }
    }
}

impl Canonical for Timer {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(1);
    }
}

fn main() -> ExitCode {
    menagerie_sim::main(&[menagerie_sim::Registration::of::<FixedPrimary>(
        "fixed-primary",
    )])
}
