//! The canonical words of payloads and answers: what digests are made of.

mod answers;

use super::acl::{Ace, Acl, Identity};
use super::payload::{Command, Content, Txn, TxnRecord};
use super::request::{CreateMode, Data, Part, Path, Read, WatchRequest, WatchTables, Write};
use crate::canonical::{Canonical, RunHash};

impl Canonical for Content {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Content::Txn(record) => variant(1, record, hash),
            Content::Command(command) => variant(2, command, hash),
        }
    }
}

impl Canonical for TxnRecord {
    fn feed(&self, hash: &mut RunHash) {
        let TxnRecord {
            session,
            seq,
            time_ms,
            txn,
        } = self;
        session.feed(hash);
        hash.word(u64::from(*seq));
        hash.word(*time_ms);
        txn.feed(hash);
    }
}

impl Canonical for Command {
    fn feed(&self, hash: &mut RunHash) {
        let Command {
            session,
            seq,
            acked,
            time_ms,
            write,
        } = self;
        session.feed(hash);
        hash.word(u64::from(*seq));
        hash.word(u64::from(*acked));
        hash.word(*time_ms);
        write.feed(hash);
    }
}

impl Canonical for Txn {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Txn::Create {
                path,
                data,
                owner,
                parent_cversion,
            } => variant(1, (path, data, owner, parent_cversion), hash),
            Txn::Delete { path } => variant(2, path, hash),
            Txn::SetData {
                path,
                data,
                version,
            } => variant(3, (path, data, version), hash),
            Txn::Check { path } => variant(4, path, hash),
            Txn::Multi(txns) => variant(5, txns, hash),
            Txn::CreateSession { timeout } => variant(6, timeout, hash),
            Txn::CloseSession { ephemerals } => variant(7, ephemerals, hash),
            Txn::Error(failure) => variant(8, failure, hash),
            Txn::CreateWith {
                path,
                data,
                owner,
                parent_cversion,
                acl,
            } => variant(9, (path, data, owner, parent_cversion, acl), hash),
            Txn::SetAcl { path, acl, version } => variant(10, (path, acl, version), hash),
        }
    }
}

impl Canonical for Write {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Write::Create { path, data, mode } => variant(1, (path, data, mode), hash),
            Write::Delete { path, version } => variant(2, (path, version), hash),
            Write::SetData {
                path,
                data,
                version,
            } => variant(3, (path, data, version), hash),
            Write::Multi(parts) => variant(4, parts, hash),
            Write::CreateSession { timeout } => variant(5, timeout, hash),
            Write::CloseSession => hash.word(6),
            Write::ExpireSession => hash.word(7),
            Write::CreateWith {
                path,
                data,
                mode,
                acl,
            } => variant(8, (path, data, mode, acl), hash),
            Write::SetAcl { path, acl, version } => variant(9, (path, acl, version), hash),
            Write::Check { path, version } => variant(10, (path, version), hash),
            Write::DeleteContainer { path } => variant(11, path, hash),
            Write::Refused(code) => variant(12, code, hash),
            Write::As { ids, write } => variant(13, (ids, write), hash),
        }
    }
}

impl Canonical for Read {
    fn feed(&self, hash: &mut RunHash) {
        let mut one = |kind: u64, path: &Path, watch: bool| {
            variant(kind << 1 | u64::from(watch), path, hash);
        };
        match self {
            Read::GetData { path, watch } => one(1, path, *watch),
            Read::Exists { path, watch } => one(2, path, *watch),
            Read::GetChildren { path, watch } => one(3, path, *watch),
            Read::GetAcl { path } => one(4, path, false),
            Read::CountDescendants { path } => one(5, path, false),
            Read::GetEphemerals { prefix } => one(6, prefix, false),
            Read::Multi(reads) => variant(7 << 1, reads, hash),
            Read::WhoAmI => hash.word(8 << 1),
        }
    }
}

impl Canonical for WatchRequest {
    fn feed(&self, hash: &mut RunHash) {
        let (kind, path, detail) = match self {
            WatchRequest::Add { path, recursive } => (1, path, u64::from(*recursive)),
            WatchRequest::Remove { path, of } => (2, path, number_of_tables(*of)),
            WatchRequest::Check { path, of } => (3, path, number_of_tables(*of)),
        };
        variant(kind, (path, detail), hash);
    }
}

fn number_of_tables(tables: WatchTables) -> u64 {
    match tables {
        WatchTables::Children => 1,
        WatchTables::Data => 2,
        WatchTables::Any => 3,
    }
}

impl Canonical for Part {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Part::Create { path, data, mode } => variant(1, (path, data, mode), hash),
            Part::Delete { path, version } => variant(2, (path, version), hash),
            Part::SetData {
                path,
                data,
                version,
            } => variant(3, (path, data, version), hash),
            Part::Check { path, version } => variant(4, (path, version), hash),
            Part::CreateWith {
                path,
                data,
                mode,
                acl,
            } => variant(5, (path, data, mode, acl), hash),
            Part::Refused(code) => variant(6, code, hash),
        }
    }
}

impl Canonical for CreateMode {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            CreateMode::Persistent => hash.word(0),
            CreateMode::Ephemeral => hash.word(1),
            CreateMode::PersistentSequential => hash.word(2),
            CreateMode::EphemeralSequential => hash.word(3),
            CreateMode::Container => hash.word(4),
            CreateMode::ContainerSequential => hash.word(5),
            CreateMode::Ttl { ms } => variant(6, ms, hash),
            CreateMode::TtlSequential { ms } => variant(7, ms, hash),
        }
    }
}

impl Canonical for Data {
    fn feed(&self, hash: &mut RunHash) {
        if self.is_null() {
            // No content has this length.
            hash.word(u64::MAX);
        } else {
            hash.bytes(self);
        }
    }
}

impl Canonical for Identity {
    fn feed(&self, hash: &mut RunHash) {
        hash.bytes(self.scheme.as_bytes());
        hash.bytes(self.id.as_bytes());
    }
}

impl Canonical for Ace {
    fn feed(&self, hash: &mut RunHash) {
        self.perms.feed(hash);
        hash.bytes(self.scheme.as_bytes());
        match &self.id {
            None => hash.word(0),
            Some(id) => {
                hash.word(1);
                hash.bytes(id.as_bytes());
            }
        }
    }
}

impl Canonical for Acl {
    fn feed(&self, hash: &mut RunHash) {
        match self.stored() {
            None => hash.word(0),
            Some(entries) => {
                hash.word(1);
                entries.feed(hash);
            }
        }
    }
}

/// A variant: its number, then what it holds.
#[inline]
fn variant(number: u64, content: impl Canonical, hash: &mut RunHash) {
    hash.word(number);
    content.feed(hash);
}
