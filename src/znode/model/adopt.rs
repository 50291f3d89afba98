//! Changes whose request nobody knows, taken over as they were.

use super::acl::Rights;
use super::node::{Kind, Node};
use super::undo::{Change, Journal, Undo};
use super::{Model, parent_of};
use crate::ids::{SessionId, Zxid};
use crate::tree::{Path, Txn};

impl Model {
    /// Takes over a change whose request is not known.
    pub fn adopt(&mut self, zxid: Zxid, session: SessionId, txn: &Txn) {
        self.take_over(zxid, session, txn, &mut Journal::none());
    }

    /// As [`Model::adopt`], and reports what changed, in order.
    pub fn adopt_telling(
        &mut self,
        zxid: Zxid,
        session: SessionId,
        txn: &Txn,
        changes: &mut Vec<Change>,
    ) {
        let mut done = Journal::kept();
        self.take_over(zxid, session, txn, &mut done);
        done.tell(changes);
    }

    fn take_over(&mut self, zxid: Zxid, session: SessionId, txn: &Txn, undo: &mut Journal) {
        match txn {
            Txn::Create {
                path, data, owner, ..
            } => {
                let node = Node::new(data.clone(), Kind::of_owner(*owner), Rights::Open, zxid);
                self.adopt_node(path, node, undo);
            }
            Txn::CreateWith {
                path,
                data,
                owner,
                acl,
                ..
            } => {
                let rights = Rights::of(acl.entries());
                let node = Node::new(data.clone(), Kind::of_owner(*owner), rights, zxid);
                self.adopt_node(path, node, undo);
            }
            Txn::Delete { path } => {
                if self.nodes.contains_key(path) {
                    self.remove(zxid, path, undo);
                }
            }
            Txn::SetData {
                path,
                data,
                version,
            } => {
                if let Some(node) = self.nodes.get_mut(path) {
                    undo.note(|| Undo::of_set(path, node));
                    node.data = data.clone();
                    node.version = *version;
                    node.modified = zxid;
                }
            }
            Txn::SetAcl { path, acl, version } => {
                if let Some(node) = self.nodes.get_mut(path) {
                    node.rights = Rights::of(acl.entries());
                    node.acl_version = *version;
                }
            }
            Txn::Multi(txns) => {
                for txn in txns {
                    self.take_over(zxid, session, txn, undo);
                }
            }
            Txn::CreateSession { .. } => {
                self.sessions.insert(session);
            }
            Txn::CloseSession { .. } => self.close(zxid, session, undo),
            Txn::Check { .. } | Txn::Error(_) => {}
        }
    }

    fn adopt_node(&mut self, path: &Path, node: Node, undo: &mut Journal) {
        let has_parent = parent_of(path).is_some_and(|parent| self.nodes.contains_key(parent));
        if has_parent && !self.nodes.contains_key(path) {
            self.insert(path, node, undo);
        }
    }
}
