//! Connections whose client's end the driver holds itself, frame by frame.

use std::sync::Arc;

use menagerie::client::ClientInput;
use menagerie::ids::{ClientId, ConnId, NodeId};
use menagerie::protocol::Protocol;
use menagerie::server::{ServerInput, ServerTimer};
use menagerie::wire::ClientFrame;

use super::World;
use super::streams::End;
use crate::world::channels::Side;

/// Who holds the driver's own connections: no client has this number.
pub(super) const DRIVER: ClientId = ClientId(0);

/// Where a connection comes from. The driver sits beside the servers.
pub(super) fn address_of(client: ClientId) -> Arc<str> {
    if client == DRIVER {
        Arc::from("127.0.0.1")
    } else {
        client.address()
    }
}

impl<P: Protocol> World<P> {
    /// Dials a server for the driver. What comes of it is told by [`World::take_raw`].
    pub fn dial_raw(&mut self, server: NodeId) -> ConnId {
        self.driver_dials += 1;
        self.dial_as(DRIVER, self.driver_dials, server)
    }

    /// Sends a frame on a connection of the driver's. Nothing happens if it is gone.
    pub fn send_raw(&mut self, conn: ConnId, frame: ClientFrame) {
        self.send_to_server(conn, frame);
    }

    /// Closes a connection of the driver's. Nothing more is heard of it.
    pub fn hang_up_raw(&mut self, conn: ConnId) {
        self.end_conn(conn, End::HungUp(Side::Dialler));
    }

    /// What came on the connections of the driver's since the last call, in order.
    pub fn take_raw(&mut self) -> Vec<(ConnId, ClientInput)> {
        self.heard.drain(..).collect()
    }

    /// Has a server look for containers and TTL nodes to remove, now, if it leads.
    pub fn remove_containers(&mut self, server: NodeId) {
        let place = self.place(server);
        self.step_server(place, ServerInput::Timer(ServerTimer::Removal));
    }
}
