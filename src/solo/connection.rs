//! What a client sends, and what it is answered.

use super::sessions::password_of;
use super::{Output, Solo};
use crate::ids::{ConnId, SessionId, Span, Zxid};
use crate::jute::{
    self, Asked, Body, Call, ConnectRequest, ConnectResponse, Malformed, PING_XID, Reader, Reply,
    WatchLists, opcode,
};
use crate::tree::{Answer, Asker, Data, ErrorCode, Failure, Identity, Lists, Response, Write, acl};

/// One connection of a client.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// The session it speaks for; `None` before its first frame.
    session: Option<SessionId>,
    /// Whom it has proved to be, without repetitions.
    ids: Vec<Identity>,
}

impl Connection {
    pub(super) fn new(address: Identity) -> Connection {
        Connection {
            session: None,
            ids: vec![address],
        }
    }

    pub(super) fn ids(&self) -> &[Identity] {
        &self.ids
    }
}

impl Solo {
    /// A client sends a frame. Frames on a connection that is closed are lost.
    pub fn receive(&mut self, conn: ConnId, frame: &[u8]) {
        let Some(connection) = self.connections.get(&conn) else {
            return;
        };
        if frame.len() > jute::MAX_FRAME {
            self.close(conn);
            return;
        }
        let handled = match connection.session {
            None => ConnectRequest::decode(frame).map(|request| self.connect(conn, &request)),
            Some(session) => self.on_frame(conn, session, frame),
        };
        if let Err(Malformed) = handled {
            self.close(conn);
        }
    }

    fn connect(&mut self, conn: ConnId, request: &ConnectRequest) {
        if request.last_zxid > self.zxid() {
            // The client has seen more than this server has: it must try another one.
            self.close(conn);
            return;
        }
        let timeout_ms = self.sessions.negotiate(request.timeout);
        let session = if request.session == 0 {
            let session = self.sessions.next_id();
            let timeout = Span::millis(timeout_ms);
            self.execute(session, &Write::CreateSession { timeout });
            self.sessions.track(session, timeout, self.now_ms);
            session
        } else {
            let session = SessionId(request.session as u64);
            // The older connection is closed even if the password turns out to be wrong.
            if let Some(older) = self.sessions.connection(session) {
                self.close(older);
            }
            if request.password != password_of(session) {
                self.reject(conn);
                return;
            }
            session
        };
        if !self.sessions.attach(session, conn, timeout_ms, self.now_ms) {
            self.reject(conn);
            return;
        }
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.session = Some(session);
        }
        let response = ConnectResponse {
            timeout: i32::try_from(timeout_ms).expect("20 ticks are far below 2^31 ms"),
            session: session.0 as i64,
            password: password_of(session),
            read_only: false,
        };
        self.out.push((conn, Output::Frame(response.encode())));
    }

    /// The session is gone, or was never this client's.
    fn reject(&mut self, conn: ConnId) {
        let response = ConnectResponse {
            timeout: 0,
            session: 0,
            password: Data::from([0; 16]),
            read_only: false,
        };
        self.out.push((conn, Output::Frame(response.encode())));
        self.close(conn);
    }

    fn on_frame(
        &mut self,
        conn: ConnId,
        session: SessionId,
        frame: &[u8],
    ) -> Result<(), Malformed> {
        let mut reader = Reader::new(frame);
        let xid = reader.int()?;
        let code = reader.int()?;
        let record = reader.rest();
        self.sessions.touch(session, self.now_ms);
        match code {
            opcode::AUTH | opcode::SASL => {
                let call = Call::decode(code, record)?;
                self.prove(conn, xid, &call);
            }
            code if !opcode::is_known(code) => {
                let error = ErrorCode::Unimplemented.number();
                self.reply_at(conn, xid, -1, error, &Body::Empty);
                self.close(conn);
            }
            code => match Call::decode(code, record) {
                Ok(call) => self.serve(conn, session, xid, &call),
                Err(Malformed) => self.on_malformed(conn, session, xid, code),
            },
        }
        Ok(())
    }

    fn on_malformed(&mut self, conn: ConnId, session: SessionId, xid: i32, code: i32) {
        let (write, error) = match jute::asked_unreadable(code) {
            Asked::Write(Write::Refused(error)) => (true, error),
            Asked::Refused(error) => (false, error),
            other => unreachable!("an unreadable record comes to {other:?}"),
        };
        if write {
            self.execute(session, &Write::Refused(error));
        }
        self.reply(conn, xid, error.number(), &Body::Empty);
    }

    /// auth and sasl: their answers carry no zxid.
    fn prove(&mut self, conn: ConnId, xid: i32, call: &Call) {
        let Call::Auth { scheme, auth } = call else {
            // There is no sasl server; the client does not learn that.
            self.reply_at(conn, xid, 0, 0, &Body::Token(Data::NULL));
            return;
        };
        let proof = if auth.is_null() { None } else { Some(&**auth) };
        let proved = acl::authenticate(
            scheme.as_deref().unwrap_or_default(),
            proof,
            &self.settings.client_address,
            self.superuser.as_deref(),
        );
        match proved {
            Ok(ids) => {
                let connection = self
                    .connections
                    .get_mut(&conn)
                    .expect("the frame came on it");
                for id in ids {
                    if !connection.ids.contains(&id) {
                        connection.ids.push(id);
                    }
                }
                self.reply_at(conn, xid, 0, 0, &Body::Empty);
            }
            Err(code) => {
                self.reply_at(conn, xid, 0, code.number(), &Body::Empty);
                self.close(conn);
            }
        }
    }

    fn serve(&mut self, conn: ConnId, session: SessionId, xid: i32, call: &Call) {
        let ids = self
            .connections
            .get(&conn)
            .map(|connection| connection.ids.clone())
            .unwrap_or_default();
        let answer: Answer = match jute::asked(call, self.settings.extended_types) {
            Asked::Ping => {
                self.reply(conn, PING_XID, 0, &Body::Empty);
                return;
            }
            Asked::SetWatches(lists) => {
                self.set_watches(conn, &lists);
                Ok(Response::WatchesDone)
            }
            Asked::Sync => Ok(Response::Synced),
            Asked::Refused(code) => Err(Failure::of(code)),
            Asked::WastedZxid => {
                self.last_zxid = self.last_zxid.next();
                Err(Failure::of(ErrorCode::MarshallingError))
            }
            Asked::Watch(request) => self.watches.serve(conn, &request),
            Asked::Read(read) => {
                let asker = Asker { session, ids: &ids };
                let answer = self.state.read_as(asker, &read);
                if let Some((kind, path)) = read.watch_left(&answer) {
                    self.watches.arm(conn, kind, path.clone());
                }
                answer
            }
            Asked::Write(write) => {
                let write = Write::As {
                    ids: ids.into(),
                    write: Box::new(write),
                };
                self.execute(session, &write).answer
            }
        };
        if let Some((error, body)) = jute::answered(call, answer) {
            self.reply(conn, xid, error, &body);
        }
        if *call == Call::CloseSession {
            self.close(conn);
        }
    }

    fn set_watches(&mut self, conn: ConnId, lists: &WatchLists) {
        let lasting = lists.lasting.as_ref();
        let tree_lists = Lists {
            data: &lists.data,
            exist: &lists.exist,
            child: &lists.child,
            persistent: lasting.map_or(&[], |(persistent, _)| persistent),
            recursive: lasting.map_or(&[], |(_, recursive)| recursive),
        };
        // A negative zxid is before everything.
        let relative = u64::try_from(lists.relative).ok().map(Zxid);
        let events = self
            .watches
            .set_all(conn, &self.state, relative, tree_lists);
        for event in events {
            self.send_event(conn, event);
        }
    }

    fn reply(&mut self, conn: ConnId, xid: i32, error: i32, body: &Body) {
        let zxid = self.zxid();
        self.reply_at(conn, xid, zxid, error, body);
    }

    fn reply_at(&mut self, conn: ConnId, xid: i32, zxid: i64, error: i32, body: &Body) {
        let reply = Reply {
            xid,
            zxid,
            error,
            body: body.encode(),
        };
        self.send(conn, &reply);
    }
}
