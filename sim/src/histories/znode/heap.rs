//! What an operation holds beside itself.

use std::sync::Arc;

use menagerie::history::{Operation, Outcome};
use menagerie::tree::{Answer, Part, Request, Response, Write};

/// What an allocator adds to a piece, about.
const PIECE: usize = 8;

/// A shared text or content: two counters and the bytes.
pub(super) fn shared(length: usize) -> usize {
    2 * size_of::<usize>() + length.next_multiple_of(16) + PIECE
}

/// What an operation holds in pieces of its own; names are held once for all.
pub(super) fn of(operation: &Operation) -> usize {
    let asked = match &operation.request {
        Request::Write(write) => of_write(write),
        Request::Read(_) | Request::Watch(_) | Request::Auth { .. } | Request::Sync => 0,
    };
    let answered = match &operation.outcome {
        Some(Outcome::Answered { answer, .. }) => of_answer(answer),
        Some(Outcome::Refused(_) | Outcome::Unknown) | None => 0,
    };
    asked + answered
}

fn of_write(write: &Write) -> usize {
    match write {
        Write::Create { data, .. }
        | Write::CreateWith { data, .. }
        | Write::SetData { data, .. } => shared(data.len()),
        Write::Multi(parts) => {
            let parts_own = parts.iter().map(|part| match part {
                Part::Create { data, .. }
                | Part::CreateWith { data, .. }
                | Part::SetData { data, .. } => shared(data.len()),
                Part::Delete { .. } | Part::Check { .. } | Part::Refused(_) => 0,
            });
            size_of_val(parts.as_slice()) + PIECE + parts_own.sum::<usize>()
        }
        Write::As { write, .. } => size_of::<Write>() + of_write(write),
        Write::Delete { .. }
        | Write::SetAcl { .. }
        | Write::Check { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession
        | Write::DeleteContainer { .. }
        | Write::Refused(_) => 0,
    }
}

fn of_answer(answer: &Answer) -> usize {
    match answer {
        Ok(response) => of_response(response),
        Err(failure) => match failure.parts.len() {
            0 => 0,
            _some => size_of_val(failure.parts.as_slice()) + PIECE,
        },
    }
}

fn of_response(response: &Response) -> usize {
    match response {
        Response::Data { data, .. } => shared(data.len()),
        Response::Children { names, .. } => names.capacity() * size_of::<Arc<str>>() + PIECE,
        Response::Multi(responses) => {
            let own: usize = responses.iter().map(of_response).sum();
            size_of_val(responses.as_slice()) + PIECE + own
        }
        Response::Created { .. }
        | Response::Deleted
        | Response::Set(_)
        | Response::Checked
        | Response::Exists(_)
        | Response::Synced
        | Response::SessionOpened
        | Response::SessionClosed
        | Response::AclSet(_)
        | Response::Acl { .. }
        | Response::Count(_)
        | Response::Paths(_)
        | Response::Reads(_)
        | Response::Identities(_)
        | Response::WatchesDone
        | Response::Authenticated => 0,
    }
}
