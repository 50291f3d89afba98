//! The model, as the sweep asks it.

use crate::history::Operation;
use crate::ids::{SessionId, Span, Zxid};
use crate::tree::{Answer, Read, Write};
use crate::znode::model::{Model, Reader};

/// Opens a session.
pub(super) fn open(model: &mut Model, session: SessionId) {
    let timeout = Span(0);
    let opened = model.write(Zxid::ZERO, session, &[], &Write::CreateSession { timeout });
    assert!(opened.is_ok(), "a session can always be opened: {opened:?}");
}

/// Executes a write.
pub(super) fn write(model: &mut Model, zxid: u64, op: &Operation, write: &Write) -> Answer {
    model.write(Zxid(zxid), op.session, &op.ids, write)
}

/// What a write would be answered; the tree stays as it is.
pub(super) fn probe(model: &mut Model, op: &Operation, write: &Write) -> Answer {
    model.probe(op.session, &op.ids, write)
}

/// What a read is answered.
pub(super) fn read(model: &Model, op: &Operation, read: &Read) -> Answer {
    model.read(reader(op), read)
}

/// Whether a read may be answered so.
pub(super) fn fits(model: &Model, op: &Operation, asked: &Read, told: &Answer) -> bool {
    model.tells(reader(op), asked, told)
}

fn reader(op: &Operation) -> Reader<'_> {
    Reader {
        session: op.session,
        ids: &op.ids,
    }
}
