//! What the checkers are told of sessions: what passes the servers' doors and goes between them.

use menagerie::check::{Observation, SessionNews};
use menagerie::ids::{ConnId, NodeId, SessionId, Zxid};
use menagerie::protocol::{Protocol, Role, Standing};
use menagerie::server::ServerInput;
use menagerie::tree::{Payload, Request, acl};
use menagerie::wire::{ClientFrame, Packet, PeerMsg, ServerFrame};

use super::World;
use super::raw::address_of;

impl<P: Protocol> World<P> {
    fn tell_news(&mut self, place: usize, news: SessionNews<'_>) {
        let node = self.nodes[place].id;
        self.observe(&Observation::Session { node, news });
    }

    /// A server that is up takes an input.
    pub(super) fn observe_input(&mut self, place: usize, input: &ServerInput<P>) {
        if self.panel.is_none() {
            return;
        }
        match input {
            ServerInput::Peer {
                from,
                packet: Packet::Peer(msg),
                ..
            } => {
                let from = *from;
                self.tell_news(place, SessionNews::Received { from, msg });
            }
            ServerInput::ClientFrame { conn, frame } => self.observe_frame(place, *conn, frame),
            ServerInput::Peer { .. }
            | ServerInput::Link { .. }
            | ServerInput::Timer(_)
            | ServerInput::Disk { .. }
            | ServerInput::Reloaded(_)
            | ServerInput::Work
            | ServerInput::ClientUp { .. }
            | ServerInput::ClientDown(_) => {}
        }
    }

    fn observe_frame(&mut self, place: usize, id: ConnId, frame: &ClientFrame) {
        let conn = self.conn(id);
        if conn.deaf {
            return;
        }
        let seq = match frame {
            ClientFrame::Connect {
                session, password, ..
            } => {
                let news = SessionNews::Knocked {
                    conn: id,
                    session: *session,
                    password: *password,
                };
                self.tell_news(place, news);
                return;
            }
            ClientFrame::Request { seq, request, .. } => match request {
                Request::Write(_) => Some(*seq),
                Request::Auth { scheme, credential } => {
                    let proof = (!credential.is_null()).then_some(&**credential);
                    let address = address_of(conn.client);
                    let superuser = self.spec.settings.superuser.as_deref();
                    let proved = acl::authenticate(scheme, proof, &address, superuser);
                    self.conn(id).deaf = proved.is_err();
                    None
                }
                Request::Read(_) | Request::Watch(_) | Request::Sync => None,
            },
            ClientFrame::Ping | ClientFrame::SetWatches { .. } => None,
        };
        self.tell_news(place, SessionNews::Heard { conn: id, seq });
    }

    /// A server answers on a connection.
    pub(super) fn observe_reply(&mut self, place: usize, conn: ConnId, frame: &ServerFrame) {
        let news = match frame {
            ServerFrame::Connected {
                session: SessionId::NONE,
                ..
            } => SessionNews::Rejected { conn },
            ServerFrame::Connected {
                session, password, ..
            } => SessionNews::Welcomed {
                conn,
                session: *session,
                password: *password,
            },
            ServerFrame::Reply { .. }
            | ServerFrame::Event(_)
            | ServerFrame::WatchesSet { .. }
            | ServerFrame::Pong { .. } => return,
        };
        self.tell_news(place, news);
    }

    /// A server sends a message.
    pub(super) fn observe_sending(&mut self, place: usize, msg: &PeerMsg) {
        self.tell_news(place, SessionNews::Sent { msg });
    }

    /// A server applied a transaction.
    pub(super) fn observe_end(&mut self, place: usize, zxid: Zxid, payload: &Payload) {
        let Some((session, expired)) = payload.ends_session() else {
            return;
        };
        let Some(server) = &self.nodes[place].server else {
            return;
        };
        if server.state().session(session).is_some() {
            // It was refused.
            return;
        }
        let left = server.state().ephemerals(session).count();
        let news = SessionNews::Ended {
            zxid,
            value: payload.digest(),
            session,
            expired,
            left,
        };
        self.tell_news(place, news);
    }

    /// A server's standing may have changed.
    pub(super) fn compare_uplink(&mut self, place: usize, standing: Standing) {
        let leader = match standing.role {
            Role::Following | Role::Observing if standing.uplink.is_some() => standing.leader,
            Role::Following | Role::Observing | Role::Leading | Role::Looking => None,
        };
        let known: &mut Option<NodeId> = &mut self.nodes[place].uplink;
        if *known != leader {
            *known = leader;
            self.tell_news(place, SessionNews::Uplink { leader });
        }
    }

    /// A server's process goes on after a pause.
    pub(super) fn observe_resumption(&mut self, place: usize) {
        self.tell_news(place, SessionNews::Resumed);
    }
}
