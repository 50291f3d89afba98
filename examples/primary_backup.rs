//! The smallest protocol that survives: a primary that never changes, and backups. About a hundred
//! lines of protocol; docs/own-protocol.md walks through them. `fixed_primary.rs` is the longer
//! version, which sends before its own disk is done and therefore needs epochs.
//!
//! Server 1 orders everything. It sends an entry only once that entry is on its own disk, so every
//! backup holds a beginning of what the primary can never lose. An entry is committed once a quorum
//! has it on disk. While server 1 is down, nothing is committed: safe, and not available.
//!
//! ```text
//! cargo run --release --example primary_backup -- campaign power_loss --seeds 0..100
//! ```

use std::collections::BTreeMap;
use std::process::ExitCode;

use menagerie::ids::{LocalTime, NodeId, Zxid};
use menagerie::protocol::{
    BarrierOutcome, BarrierToken, Effect, Ensemble, Fact, Image, Input, Outbox, Persisted,
    Promises, Protocol, Refusal, Replicates, Role, Standing, TimerRange, Via,
};
use menagerie::quorum::majority;
use menagerie::tree::Payload;

const PRIMARY: NodeId = NodeId(1);
/// How many entries one message carries at most.
const BATCH: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Server {
    me: NodeId,
    voters: Vec<NodeId>,
    others: Vec<NodeId>,
    retransmit: TimerRange,
    /// When this incarnation began: tells its questions from those of earlier ones.
    boot: u64,
    /// How often the primary had started: each start is an epoch of its own.
    epoch: u64,
    /// Entry `i` of the total order is `log[i - 1]`.
    log: Vec<Payload>,
    committed: usize,
    /// How long the log was at boot: nothing beyond that was committed by then.
    recovered: usize,
    /// Of the primary: through where each server's log is known to be on disk, its own included.
    durable: BTreeMap<NodeId, usize>,
    /// Barriers of local clients: the entry to reach, once the primary has named it.
    barriers: BTreeMap<u64, Option<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
enum Msg {
    /// Primary to backup: the entries after `after`, and how many are committed.
    Append {
        epoch: u64,
        after: usize,
        entries: Vec<Payload>,
        committed: usize,
    },
    /// To the primary, from itself too: entries through here are on my disk.
    Ack { through: usize },
    /// Backup to primary: what must a client see that reads after a sync?
    Ask { token: u64, boot: u64 },
    /// Primary to backup: everything through here.
    Tell {
        token: u64,
        boot: u64,
        through: usize,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
enum Record {
    /// The primary, or the first message of it, of an epoch.
    Start(u64),
    Entry(Payload),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
struct Retransmit;

menagerie_sim::canonical!(Msg, Record, Retransmit);

impl Server {
    /// The primary leads once what it recovered is on its disk for certain.
    fn leads(&self) -> bool {
        self.me == PRIMARY && self.durable.contains_key(&self.me)
    }

    /// Primary: sends each backup what it lacks of the entries on the primary's disk.
    fn send_all(&self, out: &mut Outbox<Self>) {
        for to in &self.others {
            let after = self.durable.get(to).copied().unwrap_or(0);
            let end = self.durable[&self.me].min(after + BATCH);
            let entries = self.log[after..end.max(after)].to_vec();
            let (epoch, committed) = (self.epoch, self.committed);
            out.send(
                *to,
                Via::Datagram,
                Msg::Append {
                    epoch,
                    after,
                    entries,
                    committed,
                },
            );
        }
    }

    /// Primary: somebody's log is on disk through `through`.
    fn on_ack(&mut self, from: NodeId, through: usize, out: &mut Outbox<Self>) {
        if from == self.me && !self.leads() {
            out.fact(Fact::Established {
                epoch: self.epoch,
                through: Zxid(through as u64),
            });
        } else if !self.leads() {
            return; // A backup's answer to an earlier incarnation, before this one is ready.
        }
        let mark = self.durable.entry(from).or_insert(0);
        let is_news = through > *mark;
        *mark = through.max(*mark);
        let voters = self.voters.iter();
        let mut marks: Vec<usize> = voters
            .filter_map(|id| self.durable.get(id))
            .copied()
            .collect();
        marks.sort_unstable_by(|one, other| other.cmp(one));
        let quorum = marks.get(majority(self.voters.len()) - 1).copied();
        self.commit(quorum.unwrap_or(0), out);
        if is_news {
            self.send_all(out);
        }
    }

    /// Backup: takes over entries, and promises what it then holds.
    fn on_append(&mut self, after: usize, entries: Vec<Payload>, out: &mut Outbox<Self>) {
        let known = self.log.len().saturating_sub(after);
        if after <= self.log.len() {
            for entry in entries.into_iter().skip(known) {
                out.append(Record::Entry(entry.clone()));
                self.log.push(entry);
            }
        }
        out.promise(
            PRIMARY,
            Via::Datagram,
            Msg::Ack {
                through: self.log.len(),
            },
        );
        out.fact_after_disk(Fact::Promised { epoch: self.epoch });
    }

    /// Hands committed entries to the tree, and ends barriers that waited for them.
    fn commit(&mut self, through: usize, out: &mut Outbox<Self>) {
        for number in self.committed + 1..=through {
            let (zxid, payload) = (Zxid(number as u64), self.log[number - 1].clone());
            out.fact(Fact::Chosen {
                zxid,
                value: payload.digest(),
            });
            out.apply(zxid, payload);
            out.committed(zxid);
        }
        self.committed = self.committed.max(through);
        let committed = self.committed;
        self.barriers.retain(|token, wanted| {
            let reached = wanted.is_some_and(|wanted| wanted <= committed);
            if reached {
                let (token, outcome) = (BarrierToken(*token), BarrierOutcome::Reached);
                out.push(Effect::BarrierDone { token, outcome });
            }
            !reached
        });
    }

    /// What a barrier has to wait for. After a restart the primary does not know what is committed.
    fn read_from(&self) -> usize {
        self.committed.max(self.recovered)
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, out: &mut Outbox<Self>) {
        match msg {
            Msg::Append { epoch, .. } if epoch < self.epoch => {} // From before a restart.
            Msg::Append {
                epoch,
                after,
                entries,
                committed,
            } => {
                if epoch > self.epoch {
                    self.epoch = epoch;
                    out.append(Record::Start(epoch));
                }
                self.on_append(after, entries, out);
                self.commit(committed.min(self.log.len()), out);
            }
            Msg::Ack { through } => self.on_ack(from, through, out),
            Msg::Ask { token, boot } if self.leads() => {
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
            Msg::Tell {
                token,
                boot,
                through,
            } if boot == self.boot => {
                self.barriers
                    .entry(token)
                    .and_modify(|wanted| *wanted = Some(through));
                self.commit(self.committed, out);
            }
            Msg::Ask { .. } | Msg::Tell { .. } => {} // Not ready, or to an earlier incarnation.
        }
    }

    /// Asks, sends and sends again: every message but an answer may be lost.
    fn on_timer(&mut self, out: &mut Outbox<Self>) {
        out.set_timer(Retransmit, self.retransmit);
        if self.leads() {
            self.send_all(out);
        }
        for (&token, _) in self.barriers.iter().filter(|(_, wanted)| wanted.is_none()) {
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
}

impl Protocol for Server {
    const NAME: &'static str = "primary-backup";
    const REPLICATES: Replicates = Replicates::Commands;
    const PROMISES: Promises = Promises {
        linearizable_barrier: true,
        at_most_once: true,
    };
    type Knobs = ();
    type Config = Ensemble<()>;
    type Msg = Msg;
    type Record = Record;
    type Timer = Retransmit;

    fn configure(ensemble: &Ensemble<()>) -> Ensemble<()> {
        ensemble.clone()
    }

    fn recover(
        config: &Ensemble<()>,
        now: LocalTime,
        disk: &Image<Record>,
        out: &mut Outbox<Self>,
    ) -> Result<Self, Refusal> {
        let (mut epoch, mut log) = (0, Vec::new());
        for record in &disk.log {
            match record {
                Record::Start(started) => epoch = *started,
                Record::Entry(entry) => log.push(entry.clone()),
            }
        }
        let everybody = config.voters.iter().chain(&config.observers).copied();
        let mut server = Server {
            me: config.me,
            voters: config.voters.clone(),
            others: everybody.filter(|id| *id != config.me).collect(),
            retransmit: TimerRange::exactly(config.knobs.retransmit),
            boot: now.0,
            epoch,
            committed: 0,
            recovered: log.len(),
            durable: BTreeMap::new(),
            barriers: BTreeMap::new(),
            log,
        };
        if server.me == PRIMARY {
            // The promise syncs the new epoch, and what was read and may not have been synced.
            server.epoch += 1;
            out.append(Record::Start(server.epoch));
            out.promise(
                PRIMARY,
                Via::Datagram,
                Msg::Ack {
                    through: server.log.len(),
                },
            );
        }
        out.set_timer(Retransmit, server.retransmit);
        Ok(server)
    }

    fn step(&mut self, _now: LocalTime, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Message { from, msg, .. } => self.on_message(from, msg, out),
            Input::Timer(Retransmit) => self.on_timer(out),
            Input::Propose(payload) => {
                let (zxid, value) = (Zxid(self.log.len() as u64 + 1), payload.digest());
                out.fact(Fact::Proposed {
                    epoch: self.epoch,
                    zxid,
                    value,
                });
                out.append(Record::Entry(payload.clone()));
                self.log.push(payload);
                out.promise(
                    PRIMARY,
                    Via::Datagram,
                    Msg::Ack {
                        through: self.log.len(),
                    },
                );
            }
            Input::Barrier(BarrierToken(token)) => {
                let wanted = self.leads().then(|| self.read_from());
                self.barriers.insert(token, wanted);
                self.commit(self.committed, out);
                if wanted.is_none() {
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
            // A server whose sync fails never speaks again: its promises wait for that sync.
            Input::Disk { .. }
            | Input::Link { .. }
            | Input::Reloaded(_)
            | Input::Applied(_)
            | Input::Captured { .. } => {}
        }
    }

    fn standing(&self) -> Standing {
        let ready = self.leads() || (self.me != PRIMARY && self.epoch > 0);
        let role = if self.leads() {
            Role::Leading
        } else {
            Role::Following
        };
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
        let digests = image.log.iter().filter_map(|record| match record {
            Record::Start(_) => None,
            Record::Entry(entry) => Some(entry.digest()),
        });
        let entries = (1..).map(Zxid).zip(digests).collect();
        Persisted {
            through: Zxid::ZERO,
            entries,
        }
    }

    fn kind(msg: &Msg) -> &'static str {
        match msg {
            Msg::Append { .. } => "Append",
            Msg::Ack { .. } => "Ack",
            Msg::Ask { .. } => "Ask",
            Msg::Tell { .. } => "Tell",
        }
    }
}

fn main() -> ExitCode {
    menagerie_sim::main(&[menagerie_sim::Registration::of::<Server>("primary-backup")])
}
