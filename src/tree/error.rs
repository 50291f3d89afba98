//! Refusals, with ZooKeeper's codes.

use serde::{Deserialize, Serialize};

/// A definite failure, with ZooKeeper's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ErrorCode {
    /// -2: a part of a failed multi that was not itself at fault and follows the fault.
    RuntimeInconsistency,
    /// -5: the request could not be read, or held a null where none may be.
    MarshallingError,
    /// -6: not supported, or not switched on.
    Unimplemented,
    /// -8: the arguments are malformed (a path, usually).
    BadArguments,
    /// -101: no such node.
    NoNode,
    /// -102: the ACL does not permit it.
    NoAuth,
    /// -103: the version does not match.
    BadVersion,
    /// -108: an ephemeral node cannot have children.
    NoChildrenForEphemerals,
    /// -110: the node exists.
    NodeExists,
    /// -111: the node has children.
    NotEmpty,
    /// -112: the session is gone.
    SessionExpired,
    /// -114: the ACL of the request is not one.
    InvalidAcl,
    /// -115: the proof of an identity failed.
    AuthFailed,
    /// -118: the session is attached to another server now.
    SessionMoved,
    /// -121: there is no such watch.
    NoWatcher,
    /// -123: reconfiguration is switched off.
    ReconfigDisabled,
}

impl ErrorCode {
    /// All of them.
    pub const ALL: [ErrorCode; 16] = [
        ErrorCode::RuntimeInconsistency,
        ErrorCode::MarshallingError,
        ErrorCode::Unimplemented,
        ErrorCode::BadArguments,
        ErrorCode::NoNode,
        ErrorCode::NoAuth,
        ErrorCode::BadVersion,
        ErrorCode::NoChildrenForEphemerals,
        ErrorCode::NodeExists,
        ErrorCode::NotEmpty,
        ErrorCode::SessionExpired,
        ErrorCode::InvalidAcl,
        ErrorCode::AuthFailed,
        ErrorCode::SessionMoved,
        ErrorCode::NoWatcher,
        ErrorCode::ReconfigDisabled,
    ];

    /// Whether it says that a session is gone or has moved, and nothing about the tree.
    pub fn is_about_the_session(self) -> bool {
        match self {
            ErrorCode::SessionExpired | ErrorCode::SessionMoved => true,
            ErrorCode::RuntimeInconsistency
            | ErrorCode::MarshallingError
            | ErrorCode::Unimplemented
            | ErrorCode::BadArguments
            | ErrorCode::NoNode
            | ErrorCode::NoAuth
            | ErrorCode::InvalidAcl
            | ErrorCode::AuthFailed
            | ErrorCode::NoWatcher
            | ErrorCode::ReconfigDisabled
            | ErrorCode::BadVersion
            | ErrorCode::NoChildrenForEphemerals
            | ErrorCode::NodeExists
            | ErrorCode::NotEmpty => false,
        }
    }

    /// ZooKeeper's number of this error.
    pub fn number(self) -> i32 {
        match self {
            ErrorCode::RuntimeInconsistency => -2,
            ErrorCode::MarshallingError => -5,
            ErrorCode::Unimplemented => -6,
            ErrorCode::BadArguments => -8,
            ErrorCode::NoNode => -101,
            ErrorCode::NoAuth => -102,
            ErrorCode::BadVersion => -103,
            ErrorCode::NoChildrenForEphemerals => -108,
            ErrorCode::NodeExists => -110,
            ErrorCode::NotEmpty => -111,
            ErrorCode::SessionExpired => -112,
            ErrorCode::InvalidAcl => -114,
            ErrorCode::AuthFailed => -115,
            ErrorCode::SessionMoved => -118,
            ErrorCode::NoWatcher => -121,
            ErrorCode::ReconfigDisabled => -123,
        }
    }
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// Why. Of a multi: the code of the part at fault.
    pub code: ErrorCode,
    /// Of a multi, one entry for each part: `None` before the fault ("rolled back"), the code at
    /// it, [`ErrorCode::RuntimeInconsistency`] after it. Otherwise empty, as of a multi that
    /// failed as a whole.
    pub parts: Vec<Option<ErrorCode>>,
}

impl Failure {
    /// The failure of a request that is not a multi.
    pub fn of(code: ErrorCode) -> Failure {
        Failure {
            code,
            parts: Vec::new(),
        }
    }
}
