//! What the protocols carry without looking at it.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use std::sync::Arc;

use super::acl::Acl;
use super::request::{Data, Failure, Path, Write};
use crate::canonical::{Canonical, RunHash};
use crate::ids::{SessionId, Span};

/// One replicated value: cheap to clone, with a digest that stands for it in hashes and facts.
#[derive(Clone, Debug)]
pub struct Payload {
    body: Arc<Body>,
    /// See [`Payload::continues`].
    continues: bool,
}

#[derive(Debug)]
struct Body {
    digest: u64,
    content: Content,
}

/// What the digest of a payload differs by that continues.
const CONTINUED: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a payload holds: deltas for Zab, commands for Multi-Paxos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A validated, idempotent state delta.
    Txn(TxnRecord),
    /// A request to be validated when it is applied.
    Command(Command),
}

/// A transaction and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxnRecord {
    /// The session that asked.
    pub session: SessionId,
    /// The session's number of this write, see [`Command::seq`].
    pub seq: u32,
    /// The leader's clock in milliseconds: ctime and mtime.
    pub time_ms: u64,
    /// The change.
    pub txn: Txn,
}

/// A request as it is replicated before it is executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The session that asks. A createSession that opens one has none yet: this is the token by
    /// which the server that asked knows its own request again. It is never the id of a session.
    pub session: SessionId,
    /// The session's writes are numbered 1, 2, 3, ... without a hole (createSession is 0), so that
    /// a retry is recognised and a later one cannot overtake an earlier one.
    pub seq: u32,
    /// The session has seen the answers to all its writes up to this number: those stored answers
    /// may be forgotten. Of a createSession: 0 opens a session, [`Command::ATTACH`] attaches to the
    /// one named. Of an expireSession: the generation of the session that fell silent.
    pub acked: u32,
    /// The leader's clock in milliseconds; applied as a running maximum.
    pub time_ms: u64,
    /// What is asked.
    pub write: Write,
}

impl Command {
    /// See [`Command::acked`].
    pub const ATTACH: u32 = 1;

    /// Whether a session's client comes back.
    pub fn is_attach(&self) -> bool {
        self.acked == Command::ATTACH && matches!(self.write, Write::CreateSession { .. })
    }
}

/// A state delta: absolute values, so that applying it twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Txn {
    /// A node comes into being.
    Create {
        /// Its full path.
        path: Path,
        /// Its content.
        data: Data,
        /// The session it belongs to, or what [`super::Lifetime::owner`] says.
        owner: SessionId,
        /// The parent's count of creates after this one.
        parent_cversion: i32,
    },
    /// A node ceases to be.
    Delete {
        /// Its path.
        path: Path,
    },
    /// A node's content is replaced.
    SetData {
        /// Its path.
        path: Path,
        /// The new content.
        data: Data,
        /// The new version.
        version: i32,
    },
    /// As `Create`, with an ACL of its own.
    CreateWith {
        /// Its full path.
        path: Path,
        /// Its content.
        data: Data,
        /// The session it belongs to, or what [`super::Lifetime::owner`] says.
        owner: SessionId,
        /// The parent's count of creates after this one.
        parent_cversion: i32,
        /// Its ACL.
        acl: Acl,
    },
    /// A node's ACL is replaced.
    SetAcl {
        /// Its path.
        path: Path,
        /// The new ACL.
        acl: Acl,
        /// The ACL's new version.
        version: i32,
    },
    /// A check that held; nothing changes.
    Check {
        /// The node.
        path: Path,
    },
    /// Several, under one zxid.
    Multi(Vec<Txn>),
    /// A session comes into being.
    CreateSession {
        /// Its timeout.
        timeout: Span,
    },
    /// A session ceases to be, with the nodes that were its own.
    CloseSession {
        /// The ephemeral nodes to delete, ascending.
        ephemerals: Vec<Path>,
    },
    /// A write that failed: it takes a zxid and changes nothing.
    Error(Failure),
}

impl Payload {
    /// Wraps a transaction.
    pub fn txn(record: TxnRecord) -> Payload {
        Payload::of(Content::Txn(record))
    }

    /// Wraps a command.
    pub fn command(command: Command) -> Payload {
        Payload::of(Content::Command(command))
    }

    /// The session that it ends if it is not refused, and whether nobody asked for that.
    pub fn ends_session(&self) -> Option<(SessionId, bool)> {
        match self.content() {
            Content::Txn(record) => matches!(record.txn, Txn::CloseSession { .. })
                .then_some((record.session, record.seq == 0)),
            Content::Command(command) => match command.write.bare() {
                Write::CloseSession => Some((command.session, false)),
                Write::ExpireSession => Some((command.session, command.seq == 0)),
                Write::Create { .. }
                | Write::CreateWith { .. }
                | Write::Delete { .. }
                | Write::SetData { .. }
                | Write::SetAcl { .. }
                | Write::Check { .. }
                | Write::Multi(_)
                | Write::DeleteContainer { .. }
                | Write::Refused(_)
                | Write::As { .. }
                | Write::CreateSession { .. } => None,
            },
        }
    }

    /// The timeout of the session that it opens, if it opens one.
    pub fn opens_session(&self) -> Option<Span> {
        match self.content() {
            Content::Txn(record) => match &record.txn {
                Txn::CreateSession { timeout } => Some(*timeout),
                Txn::Create { .. }
                | Txn::CreateWith { .. }
                | Txn::Delete { .. }
                | Txn::SetData { .. }
                | Txn::SetAcl { .. }
                | Txn::Check { .. }
                | Txn::Multi(_)
                | Txn::CloseSession { .. }
                | Txn::Error(_) => None,
            },
            Content::Command(command) => match command.write.bare() {
                Write::CreateSession { timeout } => (!command.is_attach()).then_some(*timeout),
                Write::Create { .. }
                | Write::CreateWith { .. }
                | Write::Delete { .. }
                | Write::SetData { .. }
                | Write::SetAcl { .. }
                | Write::Check { .. }
                | Write::Multi(_)
                | Write::DeleteContainer { .. }
                | Write::Refused(_)
                | Write::As { .. }
                | Write::CloseSession
                | Write::ExpireSession => None,
            },
        }
    }

    /// What it holds.
    pub fn content(&self) -> &Content {
        &self.body.content
    }

    /// The digest of the content and of whether it continues, never 0 (which stands for "no
    /// payload").
    pub fn digest(&self) -> u64 {
        let mixed = self.body.digest ^ (u64::from(self.continues) * CONTINUED);
        mixed.max(1)
    }

    /// Whether the next payload was decided together with this one (in the same slot): no snapshot
    /// may lie between the two.
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// The same, with another one behind it that is decided together with it.
    pub fn and_more(self) -> Payload {
        Payload {
            continues: true,
            ..self
        }
    }

    fn of(content: Content) -> Payload {
        let mut hash = RunHash::new();
        content.feed(&mut hash);
        Payload {
            body: Arc::new(Body {
                digest: hash.value().max(1),
                content,
            }),
            continues: false,
        }
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Payload", 2 + usize::from(self.continues))?;
        fields.serialize_field("digest", &self.digest())?;
        fields.serialize_field("content", &self.body.content)?;
        if self.continues {
            fields.serialize_field("continues", &true)?;
        }
        fields.end()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        let same = Arc::ptr_eq(&self.body, &other.body)
            || (self.body.digest == other.body.digest && self.body.content == other.body.content);
        same && self.continues == other.continues
    }
}

impl Eq for Payload {}

impl core::hash::Hash for Payload {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.digest());
    }
}

impl Canonical for Payload {
    fn feed(&self, hash: &mut RunHash) {
        hash.word(self.digest());
    }
}
