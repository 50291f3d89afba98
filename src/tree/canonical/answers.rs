//! What answers hash to.

use super::version;
use crate::canonical::{Canonical, RunHash};
use crate::tree::request::{ErrorCode, Failure, Response, Stat};

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
                data.feed(hash);
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
            Response::AclSet(stat) => {
                hash.word(12);
                stat.feed(hash);
            }
            Response::Acl { acl, stat } => {
                hash.word(13);
                acl.feed(hash);
                stat.feed(hash);
            }
            Response::Count(count) => {
                hash.word(14);
                hash.word(u64::from(*count));
            }
            Response::Paths(paths) => {
                hash.word(15);
                hash.word(paths.len() as u64);
                paths.iter().for_each(|path| hash.bytes(path.as_bytes()));
            }
            Response::Reads(answers) => {
                hash.word(16);
                hash.word(answers.len() as u64);
                for answer in answers {
                    match answer {
                        Ok(response) => response.feed(hash),
                        Err(failure) => failure.feed(hash),
                    }
                }
            }
            Response::Identities(ids) => {
                hash.word(17);
                ids.feed(hash);
            }
            Response::WatchesDone => hash.word(18),
            Response::Authenticated => hash.word(19),
        }
    }
}
