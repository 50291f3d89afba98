//! The canonical words of payloads and answers: what digests are made of.

mod answers;

use super::acl::{Ace, Acl, Identity};
use super::payload::{Command, Content, Txn, TxnRecord};
use super::request::{CreateMode, Data, Part, Path, Read, WatchRequest, WatchTables, Write};
use crate::canonical::{Canonical, RunHash};

impl Canonical for Content {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Content::Txn(record) => {
                hash.word(1);
                record.feed(hash);
            }
            Content::Command(command) => {
                hash.word(2);
                command.feed(hash);
            }
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
            } => {
                hash.word(1);
                hash.bytes(path.as_bytes());
                data.feed(hash);
                owner.feed(hash);
                version(*parent_cversion, hash);
            }
            Txn::Delete { path } => {
                hash.word(2);
                hash.bytes(path.as_bytes());
            }
            Txn::SetData {
                path,
                data,
                version: new,
            } => {
                hash.word(3);
                hash.bytes(path.as_bytes());
                data.feed(hash);
                version(*new, hash);
            }
            Txn::Check { path } => {
                hash.word(4);
                hash.bytes(path.as_bytes());
            }
            Txn::Multi(txns) => {
                hash.word(5);
                txns.feed(hash);
            }
            Txn::CreateSession { timeout } => {
                hash.word(6);
                timeout.feed(hash);
            }
            Txn::CloseSession { ephemerals } => {
                hash.word(7);
                hash.word(ephemerals.len() as u64);
                ephemerals
                    .iter()
                    .for_each(|path| hash.bytes(path.as_bytes()));
            }
            Txn::Error(failure) => {
                hash.word(8);
                failure.feed(hash);
            }
            Txn::CreateWith {
                path,
                data,
                owner,
                parent_cversion,
                acl,
            } => {
                hash.word(9);
                hash.bytes(path.as_bytes());
                data.feed(hash);
                owner.feed(hash);
                version(*parent_cversion, hash);
                acl.feed(hash);
            }
            Txn::SetAcl {
                path,
                acl,
                version: new,
            } => {
                hash.word(10);
                hash.bytes(path.as_bytes());
                acl.feed(hash);
                version(*new, hash);
            }
        }
    }
}

impl Canonical for Write {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Write::Create { path, data, mode } => {
                hash.word(1);
                hash.bytes(path.as_bytes());
                data.feed(hash);
                mode.feed(hash);
            }
            Write::Delete {
                path,
                version: expected,
            } => {
                hash.word(2);
                hash.bytes(path.as_bytes());
                version(*expected, hash);
            }
            Write::SetData {
                path,
                data,
                version: expected,
            } => {
                hash.word(3);
                hash.bytes(path.as_bytes());
                data.feed(hash);
                version(*expected, hash);
            }
            Write::Multi(parts) => {
                hash.word(4);
                parts.feed(hash);
            }
            Write::CreateSession { timeout } => {
                hash.word(5);
                timeout.feed(hash);
            }
            Write::CloseSession => hash.word(6),
            Write::ExpireSession => hash.word(7),
            Write::CreateWith {
                path,
                data,
                mode,
                acl,
            } => {
                hash.word(8);
                hash.bytes(path.as_bytes());
                data.feed(hash);
                mode.feed(hash);
                acl.feed(hash);
            }
            Write::SetAcl {
                path,
                acl,
                version: expected,
            } => {
                hash.word(9);
                hash.bytes(path.as_bytes());
                acl.feed(hash);
                version(*expected, hash);
            }
            Write::Check {
                path,
                version: expected,
            } => {
                hash.word(10);
                hash.bytes(path.as_bytes());
                version(*expected, hash);
            }
            Write::DeleteContainer { path } => {
                hash.word(11);
                hash.bytes(path.as_bytes());
            }
            Write::Refused(code) => {
                hash.word(12);
                code.feed(hash);
            }
            Write::As { ids, write } => {
                hash.word(13);
                ids.feed(hash);
                write.feed(hash);
            }
        }
    }
}

impl Canonical for Read {
    fn feed(&self, hash: &mut RunHash) {
        let mut one = |kind: u64, path: &Path, watch: bool| {
            hash.word(kind << 1 | u64::from(watch));
            hash.bytes(path.as_bytes());
        };
        match self {
            Read::GetData { path, watch } => one(1, path, *watch),
            Read::Exists { path, watch } => one(2, path, *watch),
            Read::GetChildren { path, watch } => one(3, path, *watch),
            Read::GetAcl { path } => one(4, path, false),
            Read::CountDescendants { path } => one(5, path, false),
            Read::GetEphemerals { prefix } => one(6, prefix, false),
            Read::Multi(reads) => {
                hash.word(7 << 1);
                reads.feed(hash);
            }
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
        hash.word(kind);
        hash.bytes(path.as_bytes());
        hash.word(detail);
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
            Part::Create { path, data, mode } => {
                hash.word(1);
                hash.bytes(path.as_bytes());
                data.feed(hash);
                mode.feed(hash);
            }
            Part::Delete {
                path,
                version: expected,
            } => {
                hash.word(2);
                hash.bytes(path.as_bytes());
                version(*expected, hash);
            }
            Part::SetData {
                path,
                data,
                version: expected,
            } => {
                hash.word(3);
                hash.bytes(path.as_bytes());
                data.feed(hash);
                version(*expected, hash);
            }
            Part::Check {
                path,
                version: expected,
            } => {
                hash.word(4);
                hash.bytes(path.as_bytes());
                version(*expected, hash);
            }
            Part::CreateWith {
                path,
                data,
                mode,
                acl,
            } => {
                hash.word(5);
                hash.bytes(path.as_bytes());
                data.feed(hash);
                mode.feed(hash);
                acl.feed(hash);
            }
            Part::Refused(code) => {
                hash.word(6);
                code.feed(hash);
            }
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
            CreateMode::Ttl { ms } => {
                hash.word(6);
                hash.word(*ms);
            }
            CreateMode::TtlSequential { ms } => {
                hash.word(7);
                hash.word(*ms);
            }
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
        version(self.perms, hash);
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

/// A signed number, sign-extended to a word.
fn version(number: i32, hash: &mut RunHash) {
    hash.word(i64::from(number) as u64);
}
