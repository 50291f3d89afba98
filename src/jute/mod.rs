//! ZooKeeper's wire encoding: jute records, in both directions.
//!
//! A connection carries frames: a length of four bytes, which is not part of what is handled here,
//! and that many bytes. The first frame of a client is a [`ConnectRequest`], answered by a
//! [`ConnectResponse`]; every further one is a header of two numbers and the record of a [`Call`],
//! answered by a [`Reply`] with a [`Body`]. Events come as replies with the xid [`EVENT_XID`].
//!
//! Numbers are big-endian. A string or buffer is its length and its bytes, where the length -1 is a
//! null; a null is kept apart from the empty one wherever the real server does so.

mod archive;
mod call;
mod reply;
#[cfg(test)]
mod tests;
mod translate;

pub use archive::{Malformed, Reader, Writer};
pub use call::{Call, ConnectRequest, CreateKind, WatchLists};
pub use reply::{Body, ConnectResponse, Event, PartBody, Reply};
pub use translate::{Asked, answered, asked, asked_unreadable, wire_zxid};

/// The longest frame a server reads: `jute.maxbuffer`.
pub const MAX_FRAME: usize = 0xf_ffff;
/// The xid of an event.
pub const EVENT_XID: i32 = -1;
/// The xid of a ping's answer.
pub const PING_XID: i32 = -2;
/// The state in every event: the client is connected.
pub const SYNC_CONNECTED: i32 = 3;

/// The numbers of the operations.
pub mod opcode {
    /// create.
    pub const CREATE: i32 = 1;
    /// delete.
    pub const DELETE: i32 = 2;
    /// exists.
    pub const EXISTS: i32 = 3;
    /// getData.
    pub const GET_DATA: i32 = 4;
    /// setData.
    pub const SET_DATA: i32 = 5;
    /// getACL.
    pub const GET_ACL: i32 = 6;
    /// setACL.
    pub const SET_ACL: i32 = 7;
    /// getChildren.
    pub const GET_CHILDREN: i32 = 8;
    /// sync.
    pub const SYNC: i32 = 9;
    /// ping.
    pub const PING: i32 = 11;
    /// getChildren2.
    pub const GET_CHILDREN2: i32 = 12;
    /// check.
    pub const CHECK: i32 = 13;
    /// multi.
    pub const MULTI: i32 = 14;
    /// create2.
    pub const CREATE2: i32 = 15;
    /// reconfig.
    pub const RECONFIG: i32 = 16;
    /// checkWatches.
    pub const CHECK_WATCHES: i32 = 17;
    /// removeWatches.
    pub const REMOVE_WATCHES: i32 = 18;
    /// createContainer.
    pub const CREATE_CONTAINER: i32 = 19;
    /// deleteContainer.
    pub const DELETE_CONTAINER: i32 = 20;
    /// createTTL.
    pub const CREATE_TTL: i32 = 21;
    /// multiRead.
    pub const MULTI_READ: i32 = 22;
    /// auth.
    pub const AUTH: i32 = 100;
    /// setWatches.
    pub const SET_WATCHES: i32 = 101;
    /// sasl.
    pub const SASL: i32 = 102;
    /// getEphemerals.
    pub const GET_EPHEMERALS: i32 = 103;
    /// getAllChildrenNumber.
    pub const GET_ALL_CHILDREN_NUMBER: i32 = 104;
    /// setWatches2.
    pub const SET_WATCHES2: i32 = 105;
    /// addWatch.
    pub const ADD_WATCH: i32 = 106;
    /// whoAmI.
    pub const WHO_AM_I: i32 = 107;
    /// createSession, which servers send to themselves.
    pub const CREATE_SESSION: i32 = -10;
    /// closeSession.
    pub const CLOSE_SESSION: i32 = -11;
    /// The type of an error among the results of a multi, and of its end mark.
    pub const ERROR: i32 = -1;

    /// Whether a server knows an operation.
    pub fn is_known(opcode: i32) -> bool {
        matches!(
            opcode,
            CREATE..=SYNC
                | PING..=MULTI_READ
                | AUTH..=WHO_AM_I
                | CLOSE_SESSION..=CREATE_SESSION
        )
    }
}
