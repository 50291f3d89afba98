//! What clients send.

mod encode;

use super::archive::{Malformed, Reader, Writer};
use super::opcode;
use crate::tree::{Ace, Data, Path};

/// The first frame of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectRequest {
    /// The greatest zxid the client has seen.
    pub last_zxid: i64,
    /// The timeout it asks for, in milliseconds.
    pub timeout: i32,
    /// The session to resume; 0 asks for a new one.
    pub session: i64,
    /// The session's password.
    pub password: Data,
    /// Whether a server that cannot write will do.
    pub read_only: bool,
}

impl ConnectRequest {
    /// The frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.int(0);
        writer.long(self.last_zxid);
        writer.int(self.timeout);
        writer.long(self.session);
        writer.data(&self.password);
        writer.bool(self.read_only);
        writer.into_bytes()
    }

    /// Reads a frame. Old clients do not send the last field.
    ///
    /// # Errors
    /// If it is none.
    pub fn decode(frame: &[u8]) -> Result<ConnectRequest, Malformed> {
        let mut reader = Reader::new(frame);
        let _protocol_version = reader.int()?;
        Ok(ConnectRequest {
            last_zxid: reader.long()?,
            timeout: reader.int()?,
            session: reader.long()?,
            password: reader.data()?,
            read_only: reader.bool().unwrap_or(false),
        })
    }
}

/// Which of the operations that create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateKind {
    /// create: answered with the path.
    Create,
    /// create2: answered with the Stat as well.
    Create2,
    /// createContainer.
    Container,
    /// createTTL.
    Ttl {
        /// Milliseconds, as the client wrote them.
        ms: i64,
    },
}

/// The watches of setWatches and setWatches2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchLists {
    /// The greatest zxid the client has seen.
    pub relative: i64,
    /// Data watches.
    pub data: Vec<Path>,
    /// Exist watches.
    pub exist: Vec<Path>,
    /// Child watches.
    pub child: Vec<Path>,
    /// Persistent and recursive watches, of setWatches2 only.
    pub lasting: Option<(Vec<Path>, Vec<Path>)>,
}

/// One request, as it is on the wire. A path may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the fields are those of ZooKeeper's records of the same name"
)]
pub enum Call {
    Create {
        kind: CreateKind,
        path: Option<Path>,
        data: Data,
        acl: Vec<Ace>,
        flags: i32,
    },
    Delete {
        path: Option<Path>,
        version: i32,
    },
    Exists {
        path: Option<Path>,
        watch: bool,
    },
    GetData {
        path: Option<Path>,
        watch: bool,
    },
    SetData {
        path: Option<Path>,
        data: Data,
        version: i32,
    },
    GetAcl {
        path: Option<Path>,
    },
    SetAcl {
        path: Option<Path>,
        acl: Vec<Ace>,
        version: i32,
    },
    GetChildren {
        path: Option<Path>,
        watch: bool,
    },
    GetChildren2 {
        path: Option<Path>,
        watch: bool,
    },
    Sync {
        path: Option<Path>,
    },
    Check {
        path: Option<Path>,
        version: i32,
    },
    Multi(Vec<Call>),
    MultiRead(Vec<Call>),
    Reconfig {
        joining: Option<Path>,
        leaving: Option<Path>,
        members: Option<Path>,
        config: i64,
    },
    CheckWatches {
        path: Option<Path>,
        kind: i32,
    },
    RemoveWatches {
        path: Option<Path>,
        kind: i32,
    },
    DeleteContainer {
        path: Option<Path>,
    },
    Auth {
        scheme: Option<Path>,
        auth: Data,
    },
    SetWatches(WatchLists),
    Sasl {
        token: Data,
    },
    GetEphemerals {
        prefix: Option<Path>,
    },
    GetAllChildrenNumber {
        path: Option<Path>,
    },
    AddWatch {
        path: Option<Path>,
        mode: i32,
    },
    WhoAmI,
    Ping,
    CloseSession,
}

impl Call {
    /// The number of the operation.
    pub fn opcode(&self) -> i32 {
        match self {
            Call::Create { kind, .. } => match kind {
                CreateKind::Create => opcode::CREATE,
                CreateKind::Create2 => opcode::CREATE2,
                CreateKind::Container => opcode::CREATE_CONTAINER,
                CreateKind::Ttl { .. } => opcode::CREATE_TTL,
            },
            Call::Delete { .. } => opcode::DELETE,
            Call::Exists { .. } => opcode::EXISTS,
            Call::GetData { .. } => opcode::GET_DATA,
            Call::SetData { .. } => opcode::SET_DATA,
            Call::GetAcl { .. } => opcode::GET_ACL,
            Call::SetAcl { .. } => opcode::SET_ACL,
            Call::GetChildren { .. } => opcode::GET_CHILDREN,
            Call::GetChildren2 { .. } => opcode::GET_CHILDREN2,
            Call::Sync { .. } => opcode::SYNC,
            Call::Check { .. } => opcode::CHECK,
            Call::Multi(_) => opcode::MULTI,
            Call::MultiRead(_) => opcode::MULTI_READ,
            Call::Reconfig { .. } => opcode::RECONFIG,
            Call::CheckWatches { .. } => opcode::CHECK_WATCHES,
            Call::RemoveWatches { .. } => opcode::REMOVE_WATCHES,
            Call::DeleteContainer { .. } => opcode::DELETE_CONTAINER,
            Call::Auth { .. } => opcode::AUTH,
            Call::SetWatches(WatchLists { lasting: None, .. }) => opcode::SET_WATCHES,
            Call::SetWatches(WatchLists {
                lasting: Some(_), ..
            }) => opcode::SET_WATCHES2,
            Call::Sasl { .. } => opcode::SASL,
            Call::GetEphemerals { .. } => opcode::GET_EPHEMERALS,
            Call::GetAllChildrenNumber { .. } => opcode::GET_ALL_CHILDREN_NUMBER,
            Call::AddWatch { .. } => opcode::ADD_WATCH,
            Call::WhoAmI => opcode::WHO_AM_I,
            Call::Ping => opcode::PING,
            Call::CloseSession => opcode::CLOSE_SESSION,
        }
    }

    /// Reads the record of an operation that [`opcode::is_known`]. What follows the record is
    /// ignored, as the real server does.
    ///
    /// # Errors
    /// If there is none, or it holds what no client may send.
    pub fn decode(code: i32, body: &[u8]) -> Result<Call, Malformed> {
        Call::read(code, &mut Reader::new(body))
    }

    fn read(code: i32, reader: &mut Reader<'_>) -> Result<Call, Malformed> {
        match code {
            opcode::CREATE | opcode::CREATE2 | opcode::CREATE_CONTAINER | opcode::CREATE_TTL => {
                read_create(code, reader)
            }
            opcode::SET_WATCHES | opcode::SET_WATCHES2 => read_lists(code, reader),
            opcode::MULTI => read_parts(reader).map(Call::Multi),
            opcode::MULTI_READ => read_parts(reader).map(Call::MultiRead),
            opcode::AUTH => {
                let _kind = reader.int()?;
                Ok(Call::Auth {
                    scheme: reader.string()?,
                    auth: reader.data()?,
                })
            }
            opcode::SASL => Ok(Call::Sasl {
                token: reader.data()?,
            }),
            opcode::RECONFIG => Ok(Call::Reconfig {
                joining: reader.string()?,
                leaving: reader.string()?,
                members: reader.string()?,
                config: reader.long()?,
            }),
            opcode::WHO_AM_I => Ok(Call::WhoAmI),
            opcode::PING => Ok(Call::Ping),
            opcode::CLOSE_SESSION => Ok(Call::CloseSession),
            _begins_with_a_path => read_of_path(code, reader),
        }
    }
}

/// The operations whose record begins with a path.
fn read_of_path(code: i32, reader: &mut Reader<'_>) -> Result<Call, Malformed> {
    let path = reader.string()?;
    Ok(match code {
        opcode::DELETE => Call::Delete {
            path,
            version: reader.int()?,
        },
        opcode::EXISTS => Call::Exists {
            path,
            watch: reader.bool()?,
        },
        opcode::GET_DATA => Call::GetData {
            path,
            watch: reader.bool()?,
        },
        opcode::SET_DATA => Call::SetData {
            path,
            data: reader.data()?,
            version: reader.int()?,
        },
        opcode::GET_ACL => Call::GetAcl { path },
        opcode::SET_ACL => Call::SetAcl {
            path,
            acl: reader.acl()?,
            version: reader.int()?,
        },
        opcode::GET_CHILDREN => Call::GetChildren {
            path,
            watch: reader.bool()?,
        },
        opcode::GET_CHILDREN2 => Call::GetChildren2 {
            path,
            watch: reader.bool()?,
        },
        opcode::SYNC => Call::Sync { path },
        opcode::CHECK => Call::Check {
            path,
            version: reader.int()?,
        },
        opcode::CHECK_WATCHES => Call::CheckWatches {
            path,
            kind: reader.int()?,
        },
        opcode::REMOVE_WATCHES => Call::RemoveWatches {
            path,
            kind: reader.int()?,
        },
        opcode::DELETE_CONTAINER => Call::DeleteContainer { path },
        opcode::GET_EPHEMERALS => Call::GetEphemerals { prefix: path },
        opcode::GET_ALL_CHILDREN_NUMBER => Call::GetAllChildrenNumber { path },
        opcode::ADD_WATCH => Call::AddWatch {
            path,
            mode: reader.int()?,
        },
        _unknown => return Err(Malformed),
    })
}

fn read_create(code: i32, reader: &mut Reader<'_>) -> Result<Call, Malformed> {
    let path = reader.string()?;
    let data = reader.data()?;
    let acl = reader.acl()?;
    let flags = reader.int()?;
    let kind = match code {
        opcode::CREATE2 => CreateKind::Create2,
        opcode::CREATE_CONTAINER => CreateKind::Container,
        opcode::CREATE_TTL => CreateKind::Ttl { ms: reader.long()? },
        _create => CreateKind::Create,
    };
    Ok(Call::Create {
        kind,
        path,
        data,
        acl,
        flags,
    })
}

fn read_lists(code: i32, reader: &mut Reader<'_>) -> Result<Call, Malformed> {
    let mut lists = WatchLists {
        relative: reader.long()?,
        data: reader.strings()?,
        exist: reader.strings()?,
        child: reader.strings()?,
        lasting: None,
    };
    if code == opcode::SET_WATCHES2 {
        lists.lasting = Some((reader.strings()?, reader.strings()?));
    }
    Ok(Call::SetWatches(lists))
}

/// Transactions or reads, but not both.
fn read_parts(reader: &mut Reader<'_>) -> Result<Vec<Call>, Malformed> {
    let mut calls: Vec<Call> = Vec::new();
    loop {
        // Bounded: every header takes nine bytes of the record.
        let code = reader.int()?;
        let is_end = reader.bool()?;
        let _error = reader.int()?;
        if is_end {
            return Ok(calls);
        }
        let is_read = |code| matches!(code, opcode::GET_DATA | opcode::GET_CHILDREN);
        match code {
            opcode::CREATE
            | opcode::CREATE2
            | opcode::CREATE_CONTAINER
            | opcode::CREATE_TTL
            | opcode::DELETE
            | opcode::SET_DATA
            | opcode::CHECK
            | opcode::GET_DATA
            | opcode::GET_CHILDREN => {}
            _not_allowed_inside => return Err(Malformed),
        }
        if calls
            .first()
            .is_some_and(|first| is_read(first.opcode()) != is_read(code))
        {
            return Err(Malformed);
        }
        calls.push(Call::read(code, reader)?);
    }
}
