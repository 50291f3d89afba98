//! Events about nodes that the client may not read.

use std::collections::BTreeMap;

use super::changes::Changes;
use crate::check::subjects::Wrong;
use crate::history::{History, Operation};
use crate::ids::{ClientId, ConnId, SessionId, VirtualTime, Zxid};
use crate::tree::{Identity, WatchEvent};

/// Follows the events that no client should have got.
#[derive(Debug, Default)]
pub(super) struct Leaks {
    /// Whom each client ever proved to be.
    identities: BTreeMap<ClientId, Vec<Identity>>,
    /// The connection of each session's last answer.
    last: BTreeMap<SessionId, ConnId>,
    /// By session: events since that answer, if the next one comes on the same connection.
    held: BTreeMap<SessionId, (VirtualTime, Wrong)>,
}

impl Leaks {
    /// Learns who is who.
    pub fn of(history: &History) -> Leaks {
        let mut leaks = Leaks::default();
        for operation in &history.operations {
            let known = leaks.identities.entry(operation.client).or_default();
            for identity in operation.ids.iter() {
                if !known.contains(identity) {
                    known.push(identity.clone());
                }
            }
        }
        leaks
    }

    /// An event came.
    pub fn hear(
        &mut self,
        changes: &Changes,
        (at, client, session): (VirtualTime, ClientId, SessionId),
        event: &WatchEvent,
    ) {
        let WatchEvent { kind, path, zxid } = event;
        let before = Zxid(zxid.0.saturating_sub(1));
        if !changes.are_known(path, before, *zxid) {
            return;
        }
        let ids = self.identities.get(&client).map_or(&[][..], Vec::as_slice);
        if changes.are_secret(path, *kind, *zxid, ids) {
            self.held.entry(session).or_insert_with(|| {
                let reason = format!(
                    "{client} was told of {kind:?} of {path} (at {zxid}) in {session}, although \
                     the node's ACL does not let it read that"
                );
                let subjects = super::about(session, event);
                (at, Wrong { reason, subjects })
            });
        }
    }

    /// An answer came: returns the event before it that no client should have got.
    pub fn answered(&mut self, operation: &Operation) -> Option<(VirtualTime, Wrong)> {
        let conn = operation.conn?;
        let last = self.last.insert(operation.session, conn);
        let held = self.held.remove(&operation.session);
        held.filter(|_| last == Some(conn))
    }
}
