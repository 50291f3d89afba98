//! What servers send.

use super::archive::{Malformed, Reader, Writer};
use super::{EVENT_XID, SYNC_CONNECTED, opcode};
use crate::ids::{SessionId, Zxid};
use crate::tree::{Ace, Data, EventKind, Identity, Path, Stat};

/// The answer to a [`super::ConnectRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectResponse {
    /// The negotiated timeout in milliseconds; 0 if the session is gone.
    pub timeout: i32,
    /// The session; 0 if it is gone.
    pub session: i64,
    /// Its password.
    pub password: Data,
    /// Whether the server cannot write.
    pub read_only: bool,
}

impl ConnectResponse {
    /// The frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.int(0);
        writer.int(self.timeout);
        writer.long(self.session);
        writer.data(&self.password);
        writer.bool(self.read_only);
        writer.into_bytes()
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// If it is none.
    pub fn decode(frame: &[u8]) -> Result<ConnectResponse, Malformed> {
        let mut reader = Reader::new(frame);
        let _protocol_version = reader.int()?;
        Ok(ConnectResponse {
            timeout: reader.int()?,
            session: reader.long()?,
            password: reader.data()?,
            read_only: reader.bool()?,
        })
    }
}

/// The header of an answer and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The request's number.
    pub xid: i32,
    /// The last applied zxid when the server answered.
    pub zxid: i64,
    /// The error, 0 if there is none.
    pub error: i32,
    /// The record.
    pub body: Vec<u8>,
}

impl Reply {
    /// The frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.int(self.xid);
        writer.long(self.zxid);
        writer.int(self.error);
        writer.raw(&self.body);
        writer.into_bytes()
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// If it is none.
    pub fn decode(frame: &[u8]) -> Result<Reply, Malformed> {
        let mut reader = Reader::new(frame);
        Ok(Reply {
            xid: reader.int()?,
            zxid: reader.long()?,
            error: reader.int()?,
            body: reader.rest().to_vec(),
        })
    }
}

/// A watch fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened: ZooKeeper's number of it.
    pub kind: i32,
    /// The state of the client.
    pub state: i32,
    /// To which node.
    pub path: Path,
}

impl Event {
    /// The event of a watch.
    pub fn of(kind: EventKind, path: Path) -> Event {
        let kind = match kind {
            EventKind::NodeCreated => 1,
            EventKind::NodeDeleted => 2,
            EventKind::NodeDataChanged => 3,
            EventKind::NodeChildrenChanged => 4,
        };
        Event {
            kind,
            state: SYNC_CONNECTED,
            path,
        }
    }

    /// The frame. Its header's zxid is -1, as in 3.8.0 (ZK-4655).
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Writer::new();
        body.int(self.kind);
        body.int(self.state);
        body.string(Some(&self.path));
        let reply = Reply {
            xid: EVENT_XID,
            zxid: -1,
            error: 0,
            body: body.into_bytes(),
        };
        reply.encode()
    }

    /// Reads the record of a reply with the xid [`EVENT_XID`].
    ///
    /// # Errors
    /// If it is none.
    pub fn decode(body: &[u8]) -> Result<Event, Malformed> {
        let mut reader = Reader::new(body);
        Ok(Event {
            kind: reader.int()?,
            state: reader.int()?,
            path: reader.string()?.ok_or(Malformed)?,
        })
    }
}

/// The record of an answer without error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// To create.
    Created(Path),
    /// To create2, createContainer and createTTL.
    Created2(Path, Stat),
    /// To exists, setData and setACL.
    Stat(Stat),
    /// To getData.
    Data(Data, Stat),
    /// To getACL.
    Acl(Vec<Ace>, Stat),
    /// To getChildren and getEphemerals.
    Names(Vec<Path>),
    /// To getChildren2.
    Names2(Vec<Path>, Stat),
    /// To sync.
    Path(Option<Path>),
    /// To getAllChildrenNumber, and the error 0 to addWatch.
    Number(i32),
    /// To whoAmI.
    Identities(Vec<Identity>),
    /// To multi and multiRead.
    Parts(Vec<PartBody>),
    /// To sasl.
    Token(Data),
}

/// One result inside the answer to a multi or multiRead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartBody {
    /// A failure, or 0 for what was rolled back.
    Error(i32),
    /// To create and create2.
    Created(Path),
    /// To createContainer and createTTL.
    Created2(Path, Stat),
    /// To delete.
    Deleted,
    /// To setData.
    Set(Stat),
    /// To check.
    Checked,
    /// To getData.
    Data(Data, Stat),
    /// To getChildren.
    Names(Vec<Path>),
}

impl Body {
    /// Writes the record.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            Body::Empty => {}
            Body::Created(path) => writer.string(Some(path)),
            Body::Created2(path, stat) => {
                writer.string(Some(path));
                write_stat(stat, &mut writer);
            }
            Body::Stat(stat) => write_stat(stat, &mut writer),
            Body::Data(data, stat) => {
                writer.data(data);
                write_stat(stat, &mut writer);
            }
            Body::Acl(acl, stat) => {
                writer.acl(acl);
                write_stat(stat, &mut writer);
            }
            Body::Names(names) => writer.strings(names),
            Body::Names2(names, stat) => {
                writer.strings(names);
                write_stat(stat, &mut writer);
            }
            Body::Path(path) => writer.string(path.as_deref()),
            Body::Number(number) => writer.int(*number),
            Body::Identities(ids) => writer.vector(ids, |writer, identity| {
                writer.string(Some(&identity.scheme));
                writer.string(Some(&identity.id));
            }),
            Body::Parts(parts) => write_parts(parts, &mut writer),
            Body::Token(token) => writer.data(token),
        }
        writer.into_bytes()
    }

    /// Reads the record of an answer to an operation.
    ///
    /// # Errors
    /// If it is none, or something follows it.
    pub fn decode(code: i32, record: &[u8]) -> Result<Body, Malformed> {
        let mut reader = Reader::new(record);
        let body = Body::read(code, &mut reader)?;
        if reader.rest().is_empty() {
            Ok(body)
        } else {
            Err(Malformed)
        }
    }

    fn read(code: i32, reader: &mut Reader<'_>) -> Result<Body, Malformed> {
        Ok(match code {
            opcode::CREATE => Body::Created(read_path(reader)?),
            opcode::CREATE2 | opcode::CREATE_CONTAINER | opcode::CREATE_TTL => {
                Body::Created2(read_path(reader)?, read_stat(reader)?)
            }
            opcode::EXISTS | opcode::SET_DATA | opcode::SET_ACL => Body::Stat(read_stat(reader)?),
            opcode::GET_DATA => Body::Data(reader.data()?, read_stat(reader)?),
            opcode::GET_ACL => Body::Acl(reader.acl()?, read_stat(reader)?),
            opcode::GET_CHILDREN | opcode::GET_EPHEMERALS => Body::Names(reader.strings()?),
            opcode::GET_CHILDREN2 => Body::Names2(reader.strings()?, read_stat(reader)?),
            opcode::SYNC => Body::Path(reader.string()?),
            opcode::GET_ALL_CHILDREN_NUMBER | opcode::ADD_WATCH => Body::Number(reader.int()?),
            opcode::WHO_AM_I => {
                let ids = reader.vector(|reader| {
                    Ok(Identity {
                        scheme: read_path(reader)?,
                        id: read_path(reader)?,
                    })
                })?;
                Body::Identities(ids.ok_or(Malformed)?)
            }
            opcode::MULTI | opcode::MULTI_READ => Body::Parts(read_parts(reader)?),
            opcode::SASL => Body::Token(reader.data()?),
            _without_a_record => Body::Empty,
        })
    }
}

impl PartBody {
    /// The type in the part's header.
    pub fn opcode(&self) -> i32 {
        match self {
            PartBody::Error(_) => opcode::ERROR,
            PartBody::Created(_) => opcode::CREATE,
            PartBody::Created2(..) => opcode::CREATE2,
            PartBody::Deleted => opcode::DELETE,
            PartBody::Set(_) => opcode::SET_DATA,
            PartBody::Checked => opcode::CHECK,
            PartBody::Data(..) => opcode::GET_DATA,
            PartBody::Names(_) => opcode::GET_CHILDREN,
        }
    }

    /// The error in the part's header.
    pub fn error(&self) -> i32 {
        match self {
            PartBody::Error(error) => *error,
            PartBody::Created(_)
            | PartBody::Created2(..)
            | PartBody::Deleted
            | PartBody::Set(_)
            | PartBody::Checked
            | PartBody::Data(..)
            | PartBody::Names(_) => 0,
        }
    }
}

fn write_parts(parts: &[PartBody], writer: &mut Writer) {
    for part in parts {
        writer.int(part.opcode());
        writer.bool(false);
        writer.int(part.error());
        match part {
            PartBody::Error(error) => writer.int(*error),
            PartBody::Created(path) => writer.string(Some(path)),
            PartBody::Created2(path, stat) => {
                writer.string(Some(path));
                write_stat(stat, writer);
            }
            PartBody::Deleted | PartBody::Checked => {}
            PartBody::Set(stat) => write_stat(stat, writer),
            PartBody::Data(data, stat) => {
                writer.data(data);
                write_stat(stat, writer);
            }
            PartBody::Names(names) => writer.strings(names),
        }
    }
    writer.int(-1);
    writer.bool(true);
    writer.int(-1);
}

fn read_parts(reader: &mut Reader<'_>) -> Result<Vec<PartBody>, Malformed> {
    let mut parts = Vec::new();
    loop {
        // Bounded: every header takes nine bytes of the record.
        let code = reader.int()?;
        let is_end = reader.bool()?;
        let _error = reader.int()?;
        if is_end {
            return Ok(parts);
        }
        parts.push(match code {
            opcode::ERROR => PartBody::Error(reader.int()?),
            opcode::CREATE => PartBody::Created(read_path(reader)?),
            opcode::CREATE2 => PartBody::Created2(read_path(reader)?, read_stat(reader)?),
            opcode::DELETE => PartBody::Deleted,
            opcode::SET_DATA => PartBody::Set(read_stat(reader)?),
            opcode::CHECK => PartBody::Checked,
            opcode::GET_DATA => PartBody::Data(reader.data()?, read_stat(reader)?),
            opcode::GET_CHILDREN => PartBody::Names(reader.strings()?),
            _unknown => return Err(Malformed),
        });
    }
}

fn read_path(reader: &mut Reader<'_>) -> Result<Path, Malformed> {
    reader.string()?.ok_or(Malformed)
}

fn write_stat(stat: &Stat, writer: &mut Writer) {
    writer.long(stat.czxid.0 as i64);
    writer.long(stat.mzxid.0 as i64);
    writer.long(stat.ctime as i64);
    writer.long(stat.mtime as i64);
    writer.int(stat.version);
    writer.int(stat.cversion);
    writer.int(stat.aversion);
    writer.long(stat.ephemeral_owner.0 as i64);
    writer.int(stat.data_length as i32);
    writer.int(stat.num_children as i32);
    writer.long(stat.pzxid.0 as i64);
}

fn read_stat(reader: &mut Reader<'_>) -> Result<Stat, Malformed> {
    let mut stat = Stat {
        czxid: Zxid(reader.long()? as u64),
        mzxid: Zxid(reader.long()? as u64),
        ctime: reader.long()? as u64,
        mtime: reader.long()? as u64,
        version: reader.int()?,
        cversion: reader.int()?,
        aversion: reader.int()?,
        ephemeral_owner: SessionId(reader.long()? as u64),
        data_length: reader.int()? as u32,
        num_children: reader.int()? as u32,
        pzxid: Zxid::ZERO,
    };
    stat.pzxid = Zxid(reader.long()? as u64);
    Ok(stat)
}
