//! The model, as the sweep asks it.

use super::agree::agrees;
use crate::check::model::Model;
use crate::ids::{SessionId, Span, Zxid};
use crate::tree::{Answer, Read, Write};

/// Opens a session.
pub(super) fn open(model: &mut Model, session: SessionId) {
    let timeout = Span(0);
    let opened = model.write(Zxid::ZERO, session, &Write::CreateSession { timeout });
    assert!(opened.is_ok(), "a session can always be opened: {opened:?}");
}

/// Executes a write.
pub(super) fn write(model: &mut Model, zxid: u64, session: SessionId, write: &Write) -> Answer {
    model.write(Zxid(zxid), session, write)
}

/// What a write would be answered; the tree stays as it is.
pub(super) fn probe(model: &mut Model, session: SessionId, write: &Write) -> Answer {
    model.clone().write(Zxid::ZERO, session, write)
}

/// Whether a read may be answered so.
pub(super) fn fits(model: &Model, _: SessionId, read: &Read, told: &Answer) -> bool {
    agrees(told, &model.read(read))
}

/// What a read is answered.
pub(super) fn read(model: &Model, _: SessionId, read: &Read) -> Answer {
    model.read(read)
}
