//! From a step of a transcript to a frame, and from the frame that answers to a result.

use menagerie::conform::{Names, Value, add_body, call_of, hex};
use menagerie::ids::Zxid;
use menagerie::jute::{
    Asked, Body, Call, Malformed, WatchLists, answered, asked, asked_unreadable, opcode,
};
use menagerie::tree::{Answer, ErrorCode, Failure, Request, Response};
use menagerie::wire::{ClientFrame, ServerFrame};

/// A step's call, and how it is asked.
pub(super) struct Asking {
    /// What is asked; `None` if it cannot be read.
    call: Option<Call>,
    is_raw: bool,
    pub(super) how: Ask,
}

/// How a step is asked.
pub(super) enum Ask {
    /// As a request.
    Request(Request),
    /// As a setWatches, of what changed since a zxid.
    SetWatches(Box<dyn Fn(Zxid) -> ClientFrame>),
    /// As a ping.
    Ping,
    /// Not at all: what reads the frames refuses it.
    Refused(ErrorCode),
    /// Not at all: what reads the frames does not know it, and closes the connection.
    Unknown,
}

/// What a step asks.
pub(super) fn ask(op: &str, args: &Value, extended_types: bool) -> Result<Asking, String> {
    let is_raw = op == "raw";
    let call = if is_raw {
        let code = args
            .number("type")
            .and_then(|code| i32::try_from(code).ok());
        let code = code.ok_or("raw without a type")?;
        let record = hex(args.text("hex").unwrap_or_default())?;
        match Call::decode(code, &record) {
            _unknown if !opcode::is_known(code) => {
                return Ok(Asking {
                    call: None,
                    is_raw,
                    how: Ask::Unknown,
                });
            }
            Ok(call) => call,
            Err(Malformed) => {
                return Ok(Asking {
                    call: None,
                    is_raw,
                    how: how(asked_unreadable(code), op)?,
                });
            }
        }
    } else {
        call_of(op, args)?
    };
    let how = match &call {
        Call::Auth { scheme, auth } => Ask::Request(Request::Auth {
            scheme: scheme.clone().unwrap_or_default(),
            credential: auth.clone(),
        }),
        call => how(asked(call, extended_types), op)?,
    };
    Ok(Asking {
        call: Some(call),
        is_raw,
        how,
    })
}

fn how(asked: Asked, op: &str) -> Result<Ask, String> {
    Ok(match asked {
        Asked::Write(write) => Ask::Request(Request::Write(write)),
        Asked::Read(read) => Ask::Request(Request::Read(read)),
        Asked::Watch(watch) => Ask::Request(Request::Watch(watch)),
        Asked::Sync => Ask::Request(Request::Sync),
        Asked::SetWatches(lists) => Ask::SetWatches(set_watches(lists)),
        Asked::Ping => Ask::Ping,
        Asked::Refused(code) => Ask::Refused(code),
        Asked::WastedZxid => return Err(format!("{op} wastes a zxid: not of an ensemble")),
    })
}

fn set_watches(lists: WatchLists) -> Box<dyn Fn(Zxid) -> ClientFrame> {
    Box::new(move |relative| {
        let (persistent, recursive) = lists.lasting.clone().unwrap_or_default();
        ClientFrame::SetWatches {
            relative,
            data: lists.data.clone(),
            exist: lists.exist.clone(),
            child: lists.child.clone(),
            persistent,
            recursive,
        }
    })
}

/// What a frame answers, in the transcript's words, and the zxid of its header.
pub(super) fn result(
    asking: &Asking,
    frame: Option<ServerFrame>,
    names: Names<'_>,
) -> (Value, Option<i64>) {
    let mut res = Value::map([("err", Value::Null)]);
    let wide = |zxid: Zxid| zxid.0 as i64;
    let (answer, zxid): (Answer, i64) = match (&asking.how, frame) {
        (Ask::Refused(code), _) => (Err(Failure::of(*code)), 0),
        (Ask::Unknown, _) => {
            res.insert("closed", Value::Bool(true));
            (Err(Failure::of(ErrorCode::Unimplemented)), -1)
        }
        (Ask::Request(Request::Auth { .. }), Some(ServerFrame::Reply { answer, .. })) => {
            // ZooKeeper's answers to auth have no zxid.
            (answer, 0)
        }
        (_, Some(ServerFrame::Reply { answer, zxid, .. })) => (answer, wide(zxid)),
        (_, Some(ServerFrame::WatchesSet { zxid })) => (Ok(Response::WatchesDone), wide(zxid)),
        (_, Some(ServerFrame::Pong { zxid })) => (Ok(Response::Synced), wide(zxid)),
        (_, Some(ServerFrame::Connected { .. } | ServerFrame::Event(_)) | None) => {
            return (res, None);
        }
    };
    let unread = Call::Ping;
    let call = asking.call.as_ref().unwrap_or(&unread);
    let Some((error, body)) = answered(call, answer) else {
        return (res, None);
    };
    res.insert("err", Value::from(error));
    if asking.is_raw {
        let length = body.encode().len();
        res.insert("bodyLen", Value::Number(length as i64));
    } else if error == 0 {
        match body {
            Body::Number(number) if call.opcode() == opcode::ADD_WATCH => {
                res.insert("bodyErr", Value::from(number));
            }
            body => add_body(&mut res, &body, names),
        }
    }
    (res, Some(zxid))
}
