//! The smallest protocol that survives: a primary that never changes, and backups.
//! docs/own-protocol.md walks through it. `fixed_primary.rs` is the longer version, which sends
//! before its own disk is done.
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
use menagerie::mutation::{Concerns, Entry, Exhibit};
use menagerie::protocol::{
    BarrierOutcome, BarrierToken, Effect, Ensemble, Fact, Image, Input, Outbox, Persisted,
    Promises, Protocol, Refusal, Replicates, Standing, TimerRange, Via,
};
use menagerie::tree::Payload;

const PRIMARY: NodeId = NodeId(1);
/// How many entries one message carries at most.
const BATCH: usize = 16;

/// A barrier that a backup asks about: when that backup booted, and the barrier's token.
type Question = (u64, u64);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Server {
    ensemble: Ensemble<()>,
    /// Whether this backup has bug B01.
    acks_early: bool,
    /// When this incarnation began: tells its questions from those of earlier ones.
    boot: u64,
    /// How often the primary had started: each start is an epoch of its own.
    epoch: u64,
    /// Entry `i` of the total order is `log[i - 1]`.
    log: Vec<Payload>,
    committed: usize,
    /// How long the log was at boot: nothing beyond that was committed by then.
    recovered: usize,
    /// Barriers of local clients: the entry to reach, once the primary has named it.
    barriers: BTreeMap<u64, Option<usize>>,
    /// Of the primary: through where each server's log is known to be on disk, its own included.
    durable: BTreeMap<NodeId, usize>,
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
    Ack(usize),
    /// Backup to primary: what must a client see that reads after a sync?
    Ask(Question),
    /// Primary to backup: everything through here.
    Tell(Question, usize),
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
        self.durable.contains_key(&PRIMARY)
    }

    fn start(&mut self, epoch: u64, out: &mut Outbox<Self>) {
        self.epoch = epoch;
        out.append(Record::Start(epoch));
    }

    fn append(&mut self, entry: Payload, out: &mut Outbox<Self>) {
        out.append(Record::Entry(entry.clone()));
        self.log.push(entry);
    }

    /// Says that the whole log is on disk, as soon as it is.
    fn acknowledge(&self, out: &mut Outbox<Self>) {
        let ack = Msg::Ack(self.log.len());
        if self.acks_early {
            out.send(PRIMARY, Via::Datagram, ack);
        } else {
            out.promise(PRIMARY, Via::Datagram, ack);
        }
    }

    /// Primary: sends each backup what it lacks of the entries on the primary's disk.
    fn send_all(&self, out: &mut Outbox<Self>) {
        for backup in self.ensemble.others() {
            let after = self.durable.get(&backup).copied().unwrap_or(0);
            let end = self.durable[&PRIMARY].min(after + BATCH).max(after);
            let append = Msg::Append {
                epoch: self.epoch,
                after,
                entries: self.log[after..end].to_vec(),
                committed: self.committed,
            };
            out.send(backup, Via::Datagram, append);
        }
    }

    /// Primary: somebody's log is on disk through `through`.
    fn on_ack(&mut self, from: NodeId, through: usize, out: &mut Outbox<Self>) {
        if from == PRIMARY && !self.leads() {
            let (epoch, through) = (self.epoch, Zxid(through as u64));
            out.fact(Fact::Established { epoch, through });
        } else if !self.leads() {
            return; // A backup's answer to an earlier incarnation, before this one is ready.
        }
        let mark = self.durable.entry(from).or_default();
        let is_news = through > *mark;
        *mark = through.max(*mark);
        let reached = self.ensemble.quorums.reached(&self.durable);
        self.commit(reached.unwrap_or(0), out);
        if is_news {
            self.send_all(out);
        }
    }

    /// Backup: takes over entries, and acknowledges what it then holds.
    fn on_append(&mut self, after: usize, entries: Vec<Payload>, out: &mut Outbox<Self>) {
        if after <= self.log.len() {
            let known = self.log.len() - after;
            for entry in entries.into_iter().skip(known) {
                self.append(entry, out);
            }
        }
        self.acknowledge(out);
    }

    /// What a barrier has to wait for. After a restart the primary does not know what is committed.
    fn read_from(&self) -> usize {
        self.committed.max(self.recovered)
    }

    /// Asks the primary about every barrier that it has said nothing of.
    fn ask(&self, out: &mut Outbox<Self>) {
        for (token, _) in self
            .barriers
            .iter()
            .filter(|(_, through)| through.is_none())
        {
            out.send(PRIMARY, Via::Datagram, Msg::Ask((self.boot, *token)));
        }
    }

    /// Hands committed entries to the tree, and ends barriers that waited for them.
    fn commit(&mut self, through: usize, out: &mut Outbox<Self>) {
        for number in self.committed + 1..=through {
            let zxid = Zxid(number as u64);
            out.apply(zxid, self.log[number - 1].clone());
            out.committed(zxid);
        }
        self.committed = self.committed.max(through);
        let committed = self.committed;
        self.barriers.retain(|token, through| {
            let is_reached = through.is_some_and(|through| through <= committed);
            if is_reached {
                let (token, outcome) = (BarrierToken(*token), BarrierOutcome::Reached);
                out.push(Effect::BarrierDone { token, outcome });
            }
            !is_reached
        });
    }
}

impl Protocol for Server {
    const NAME: &'static str = "primary-backup";
    const REPLICATES: Replicates = Replicates::Commands;
    const PROMISES: Promises = Promises {
        linearizable_barrier: true,
        at_most_once: true,
    };
    const MUTATIONS: &'static [Entry] = &[Entry {
        id: "B01",
        name: "ack_before_disk",
        concerns: Concerns::Protocol(Self::NAME),
        source: "the classic bug of every replicated log",
        story: "A backup acknowledges entries that are not on its disk yet, so a loss of power \
                may take away what a client was told to be written.",
        place: "Server::acknowledge",
        caught_by: &["durability"],
        exhibit: Exhibit {
            scenario: "power_loss",
            first: 0,
            count: 5,
        },
        concepts: &["stable storage", "acknowledgement"],
        releases: None,
    }];
    type Knobs = ();
    type Config = Ensemble<()>;
    type Msg = Msg;
    type Record = Record;
    type Timer = Retransmit;

    fn configure(ensemble: &Ensemble<()>) -> Ensemble<()> {
        ensemble.clone()
    }

    fn recover(
        ensemble: &Ensemble<()>,
        now: LocalTime,
        disk: &Image<Record>,
        out: &mut Outbox<Self>,
    ) -> Result<Self, Refusal> {
        let mut server = Server {
            ensemble: ensemble.clone(),
            acks_early: ensemble.mutations.has_id("B01") && ensemble.me != PRIMARY,
            boot: now.0,
            epoch: 0,
            log: Vec::new(),
            committed: 0,
            recovered: 0,
            barriers: BTreeMap::new(),
            durable: BTreeMap::new(),
        };
        for record in &disk.log {
            match record {
                Record::Start(epoch) => server.epoch = *epoch,
                Record::Entry(entry) => server.log.push(entry.clone()),
            }
        }
        server.recovered = server.log.len();
        if ensemble.me == PRIMARY {
            // Acknowledging syncs the new epoch, and what was read and may not have been synced.
            server.start(server.epoch + 1, out);
            server.acknowledge(out);
        }
        out.set_timer(Retransmit, TimerRange::exactly(ensemble.knobs.retransmit));
        Ok(server)
    }

    fn step(&mut self, _now: LocalTime, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Propose(payload) => {
                let (zxid, value) = (Zxid(self.log.len() as u64 + 1), payload.digest());
                let epoch = self.epoch;
                out.fact(Fact::Proposed { epoch, zxid, value });
                self.append(payload, out);
                self.acknowledge(out);
            }
            Input::Message { from, msg, .. } => match msg {
                Msg::Append { epoch, .. } if epoch < self.epoch => {} // From before a restart.
                Msg::Append {
                    epoch,
                    after,
                    entries,
                    committed,
                } => {
                    if epoch > self.epoch {
                        self.start(epoch, out);
                    }
                    self.on_append(after, entries, out);
                    self.commit(committed.min(self.log.len()), out);
                }
                Msg::Ack(through) => self.on_ack(from, through, out),
                Msg::Ask(question) if self.leads() => {
                    let through = self.read_from();
                    out.send(from, Via::Datagram, Msg::Tell(question, through));
                }
                Msg::Tell((boot, token), through) if boot == self.boot => {
                    let barrier = self.barriers.entry(token);
                    barrier.and_modify(|known| *known = Some(through));
                    self.commit(self.committed, out);
                }
                Msg::Ask(_) | Msg::Tell(..) => {} // Not ready, or to an earlier incarnation.
            },
            Input::Timer(Retransmit) => {
                let every = self.ensemble.knobs.retransmit;
                out.set_timer(Retransmit, TimerRange::exactly(every));
                if self.leads() {
                    self.send_all(out);
                }
                self.ask(out);
            }
            Input::Barrier(BarrierToken(token)) => {
                let through = self.leads().then(|| self.read_from());
                self.barriers.insert(token, through);
                self.commit(self.committed, out);
                self.ask(out);
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
        if self.leads() {
            Standing::leading(PRIMARY, self.epoch)
        } else if self.ensemble.me == PRIMARY || self.epoch == 0 {
            Standing::looking(self.epoch)
        } else {
            Standing::following(PRIMARY, Via::Datagram, self.epoch)
        }
    }

    fn persisted(image: &Image<Record>) -> Persisted {
        let digests = image.log.iter().filter_map(|record| match record {
            Record::Start(_) => None,
            Record::Entry(entry) => Some(entry.digest()),
        });
        Persisted {
            through: Zxid::ZERO,
            entries: (1..).map(Zxid).zip(digests).collect(),
        }
    }

    fn kind(msg: &Msg) -> &'static str {
        match msg {
            Msg::Append { .. } => "Append",
            Msg::Ack(_) => "Ack",
            Msg::Ask(_) => "Ask",
            Msg::Tell(..) => "Tell",
        }
    }
}

fn main() -> ExitCode {
    menagerie_sim::main(&[menagerie_sim::Registration::of::<Server>("primary-backup")])
}
