//! What answers hash to.

use super::variant;
use crate::canonical::{Canonical, RunHash};
use crate::tree::Answer;
use crate::tree::request::{ErrorCode, Failure, Response, Stat};

impl Canonical for ErrorCode {
    fn feed(&self, hash: &mut RunHash) {
        self.number().feed(hash);
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
            version,
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
        version.feed(hash);
        cversion.feed(hash);
        aversion.feed(hash);
        ephemeral_owner.feed(hash);
        hash.word(u64::from(*data_length));
        hash.word(u64::from(*num_children));
    }
}

impl Canonical for Answer {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Ok(response) => response.feed(hash),
            Err(failure) => failure.feed(hash),
        }
    }
}

impl Canonical for Response {
    fn feed(&self, hash: &mut RunHash) {
        match self {
            Response::Created { path, stat } => variant(1, (path, stat), hash),
            Response::Deleted => hash.word(2),
            Response::Set(stat) => variant(3, stat, hash),
            Response::Checked => hash.word(4),
            Response::Multi(responses) => variant(5, responses, hash),
            Response::Data { data, stat } => variant(6, (data, stat), hash),
            Response::Exists(stat) => variant(7, stat, hash),
            Response::Children { names, stat } => variant(8, (names, stat), hash),
            Response::Synced => hash.word(9),
            Response::SessionOpened => hash.word(10),
            Response::SessionClosed => hash.word(11),
            Response::AclSet(stat) => variant(12, stat, hash),
            Response::Acl { acl, stat } => variant(13, (acl, stat), hash),
            Response::Count(count) => variant(14, u64::from(*count), hash),
            Response::Paths(paths) => variant(15, paths, hash),
            Response::Reads(answers) => variant(16, answers, hash),
            Response::Identities(ids) => variant(17, ids, hash),
            Response::WatchesDone => hash.word(18),
            Response::Authenticated => hash.word(19),
        }
    }
}
