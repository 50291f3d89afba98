//! The outbox of a step.

use super::{
    CaptureKind, DiskOp, Effect, Fact, FileName, Gate, Object, Protocol, Ticket, TimerRange, Via,
};
use crate::ids::{LinkId, NodeId, Zxid};
use crate::tree::Payload;

/// The one ordered list of effects of a step, with the counters that name them.
#[derive(Debug)]
pub struct Outbox<P: Protocol> {
    me: NodeId,
    next_ticket: u64,
    next_dial: u32,
    effects: Vec<Effect<P>>,
}

impl<P: Protocol> Outbox<P> {
    /// An empty outbox of server `me`, whose counters start at 1. The driver keeps one per server
    /// for the whole run, so that names are never used twice.
    pub fn new(me: NodeId) -> Outbox<P> {
        Outbox {
            me,
            next_ticket: 1,
            next_dial: 1,
            effects: Vec::new(),
        }
    }

    /// Takes the effects out, in order, keeping the allocation of `into`, which must be empty.
    pub fn drain_into(&mut self, into: &mut Vec<Effect<P>>) {
        assert!(into.is_empty(), "{} effects were not performed", into.len());
        core::mem::swap(&mut self.effects, into);
    }

    /// The effects so far.
    pub fn effects(&self) -> &[Effect<P>] {
        &self.effects
    }

    /// Puts an effect in as it is.
    pub fn push(&mut self, effect: Effect<P>) {
        self.effects.push(effect);
    }

    /// Sends a message that promises nothing, at once.
    pub fn send(&mut self, to: NodeId, via: Via, msg: P::Msg) {
        self.push(Effect::Send {
            to,
            via,
            msg,
            gate: Gate::Now,
        });
    }

    /// Syncs whatever is dirty, and sends the message once that and everything queued before is
    /// durable. To be used for everything that must not be forgotten, also towards oneself.
    pub fn promise(&mut self, to: NodeId, via: Via, msg: P::Msg) -> Ticket {
        let ticket = self.disk(DiskOp::SyncAll);
        self.push(Effect::Send {
            to,
            via,
            msg,
            gate: Gate::AfterDisk,
        });
        ticket
    }

    /// Sends a message after the disk operations queued so far, without asking for a sync.
    pub fn send_after_disk(&mut self, to: NodeId, via: Via, msg: P::Msg) {
        self.push(Effect::Send {
            to,
            via,
            msg,
            gate: Gate::AfterDisk,
        });
    }

    /// Opens a stream.
    pub fn dial(&mut self, peer: NodeId) -> LinkId {
        let link = LinkId {
            dialler: self.me,
            ordinal: self.next_dial,
        };
        self.next_dial += 1;
        self.push(Effect::Dial { peer, link });
        link
    }

    /// Closes a stream.
    pub fn hang_up(&mut self, peer: NodeId, link: LinkId) {
        self.push(Effect::HangUp { peer, link });
    }

    /// Queues a disk operation.
    pub fn disk(&mut self, op: DiskOp<P::Record>) -> Ticket {
        let ticket = self.ticket();
        self.push(Effect::Disk { ticket, op });
        ticket
    }

    /// Appends a record to the log.
    pub fn append(&mut self, record: P::Record) -> Ticket {
        self.disk(DiskOp::Append(record))
    }

    /// Replaces a file so that a crash leaves either the old content or the new: writes a
    /// temporary file, syncs it, renames it and syncs the directory. The ticket is of the last
    /// step.
    pub fn replace_file(
        &mut self,
        temporary: FileName,
        file: FileName,
        content: P::Record,
    ) -> Ticket {
        self.disk(DiskOp::Write(temporary, content));
        self.disk(DiskOp::Sync(Object::File(temporary)));
        self.disk(DiskOp::Rename {
            from: temporary,
            to: file,
        });
        self.disk(DiskOp::Sync(Object::Directory))
    }

    /// Asks for the disk to be read back once everything queued before is done.
    pub fn reload(&mut self) {
        self.push(Effect::Reload);
    }

    /// Asks for the applied state.
    pub fn capture(&mut self, kind: CaptureKind) -> Ticket {
        let ticket = self.ticket();
        self.push(Effect::Capture { ticket, kind });
        ticket
    }

    /// Hands a transaction to the state machine.
    pub fn apply(&mut self, zxid: Zxid, payload: Payload) {
        self.push(Effect::Apply { zxid, payload });
    }

    /// Declares everything through `zxid` committed.
    pub fn committed(&mut self, zxid: Zxid) {
        self.push(Effect::Committed(zxid));
    }

    /// Sets or replaces a timer.
    pub fn set_timer(&mut self, timer: P::Timer, range: TimerRange) {
        self.push(Effect::SetTimer { timer, range });
    }

    /// Forgets a timer.
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.push(Effect::CancelTimer(timer));
    }

    /// States a fact that is true now.
    pub fn fact(&mut self, fact: Fact) {
        self.push(Effect::Fact {
            gate: Gate::Now,
            fact,
        });
    }

    /// States a fact that becomes true when the disk queue gets here: to be put right after the
    /// promise that makes it true.
    pub fn fact_after_disk(&mut self, fact: Fact) {
        self.push(Effect::Fact {
            gate: Gate::AfterDisk,
            fact,
        });
    }

    fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        ticket
    }
}
