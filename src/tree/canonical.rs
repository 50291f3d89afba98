//! The canonical words of payloads and answers: what digests are made of.

use super::payload::{Command, Content, Txn, TxnRecord};
use super::request::{CreateMode, ErrorCode, Failure, Part, Response, Stat, Write};
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
                hash.bytes(data);
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
                hash.bytes(data);
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
        }
    }
}

impl Canonical for Write {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Write::Create { path, data, mode } => {
                hash.word(1);
                hash.bytes(path.as_bytes());
                hash.bytes(data);
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
                hash.bytes(data);
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
        }
    }
}

impl Canonical for Part {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Part::Create { path, data, mode } => {
                hash.word(1);
                hash.bytes(path.as_bytes());
                hash.bytes(data);
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
                hash.bytes(data);
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
        }
    }
}

impl Canonical for CreateMode {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(match self {
            CreateMode::Persistent => 0,
            CreateMode::Ephemeral => 1,
            CreateMode::PersistentSequential => 2,
            CreateMode::EphemeralSequential => 3,
        });
    }
}

impl Canonical for ErrorCode {
    fn feed(&self, hash: &mut RunHash) {
        version(self.number(), hash);
    }
}

impl Canonical for Failure {
    fn feed(&self, hash: &mut RunHash) {
        self.code.feed(hash);
        self.parts.feed(hash);
    }
}

/// A signed number, sign-extended to a word.
fn version(number: i32, hash: &mut RunHash) {
    hash.word(i64::from(number) as u64);
}

impl Canonical for Stat {
    fn feed(&self, hash: &mut RunHash) {
        let Stat {
            czxid,
            mzxid,
            pzxid,
            ctime,
            mtime,
            version: data_version,
            cversion,
            aversion,
            ephemeral_owner,
            data_length,
            num_children,
        } = self;
        czxid.feed(hash);
        mzxid.feed(hash);
        pzxid.feed(hash);
        hash.word(*ctime);
        hash.word(*mtime);
        version(*data_version, hash);
        version(*cversion, hash);
        version(*aversion, hash);
        ephemeral_owner.feed(hash);
        hash.word(u64::from(*data_length));
        hash.word(u64::from(*num_children));
    }
}

impl Canonical for Response {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Response::Created { path, stat } => {
                hash.word(1);
                hash.bytes(path.as_bytes());
                stat.feed(hash);
            }
            Response::Deleted => hash.word(2),
            Response::Set(stat) => {
                hash.word(3);
                stat.feed(hash);
            }
            Response::Checked => hash.word(4),
            Response::Multi(responses) => {
                hash.word(5);
                responses.feed(hash);
            }
            Response::Data { data, stat } => {
                hash.word(6);
                hash.bytes(data);
                stat.feed(hash);
            }
            Response::Exists(stat) => {
                hash.word(7);
                stat.feed(hash);
            }
            Response::Children { names, stat } => {
                hash.word(8);
                hash.word(names.len() as u64);
                names.iter().for_each(|name| hash.bytes(name.as_bytes()));
                stat.feed(hash);
            }
            Response::Synced => hash.word(9),
            Response::SessionOpened => hash.word(10),
            Response::SessionClosed => hash.word(11),
        }
    }
}
