//! Whether an answer is the one that the model gives, as far as the answer goes.

use crate::tree::{Answer, Response, Stat};

/// The length in a Stat whose source does not give it.
pub const UNTOLD_LENGTH: u32 = u32::MAX;

/// Compares without times, which the model does not know.
pub(crate) fn agrees(told: &Answer, expected: &Answer) -> bool {
    match (told, expected) {
        (Ok(told), Ok(expected)) => responses_agree(told, expected),
        (Err(told), Err(expected)) => told == expected,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}

fn responses_agree(told: &Response, expected: &Response) -> bool {
    match (told, expected) {
        (
            Response::Data { data, stat },
            Response::Data {
                data: content,
                stat: other,
            },
        ) => stats_agree(stat, other) && data == content,
        (Response::Exists(stat), Response::Exists(other))
        | (Response::Set(stat), Response::Set(other))
        | (Response::AclSet(stat), Response::AclSet(other)) => stats_agree(stat, other),
        (
            Response::Children { names, stat },
            Response::Children {
                names: children,
                stat: other,
            },
        ) => stats_agree(stat, other) && names == children,
        (
            Response::Created { path, stat },
            Response::Created {
                path: full,
                stat: other,
            },
        ) => stats_agree(stat, other) && path == full,
        (
            Response::Acl { acl, stat },
            Response::Acl {
                acl: rights,
                stat: other,
            },
        ) => stats_agree(stat, other) && acl == rights,
        (Response::Multi(told), Response::Multi(expected)) => {
            told.len() == expected.len()
                && told
                    .iter()
                    .zip(expected)
                    .all(|(told, expected)| responses_agree(told, expected))
        }
        (Response::Reads(told), Response::Reads(expected)) => {
            told.len() == expected.len()
                && told
                    .iter()
                    .zip(expected)
                    .all(|(told, expected)| agrees(told, expected))
        }
        (told, expected) => told == expected,
    }
}

pub(super) fn stats_agree(told: &Stat, expected: &Stat) -> bool {
    told.czxid == expected.czxid
        && told.mzxid == expected.mzxid
        && told.pzxid == expected.pzxid
        && told.version == expected.version
        && told.cversion == expected.cversion
        && told.aversion == expected.aversion
        && told.ephemeral_owner == expected.ephemeral_owner
        && told.num_children == expected.num_children
        && (told.data_length == expected.data_length || told.data_length == UNTOLD_LENGTH)
}
