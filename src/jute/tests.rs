//! Round trips, and what the real server was seen to send.

use super::*;
use crate::ids::{SessionId, Zxid};
use crate::tree::{Ace, Data, Identity, Path, Stat};
use proptest::prelude::*;

fn any_path() -> impl Strategy<Value = Option<Path>> {
    prop_oneof![
        Just(None),
        "[/a-c\u{e9}\u{1f600}]{0,6}".prop_map(|text| Some(Path::from(text)))
    ]
}

fn any_data() -> impl Strategy<Value = Data> {
    prop_oneof![
        Just(Data::NULL),
        proptest::collection::vec(any::<u8>(), 0..9).prop_map(Data::from)
    ]
}

fn any_acl() -> impl Strategy<Value = Vec<Ace>> {
    let entry = (any::<i32>(), "[a-z]{0,3}", any_path());
    proptest::collection::vec(entry, 0..3).prop_map(|entries| {
        let entry = |(perms, scheme, id): (i32, String, Option<Path>)| Ace {
            perms,
            scheme: Path::from(scheme),
            id,
        };
        entries.into_iter().map(entry).collect()
    })
}

fn any_paths() -> impl Strategy<Value = Vec<Path>> {
    proptest::collection::vec("[/a-c]{0,6}".prop_map(Path::from), 0..3)
}

fn any_part() -> impl Strategy<Value = Call> {
    let kind = prop_oneof![
        Just(CreateKind::Create),
        Just(CreateKind::Create2),
        Just(CreateKind::Container),
        any::<i64>().prop_map(|ms| CreateKind::Ttl { ms }),
    ];
    prop_oneof![
        (kind, any_path(), any_data(), any_acl(), any::<i32>()).prop_map(
            |(kind, path, data, acl, flags)| Call::Create {
                kind,
                path,
                data,
                acl,
                flags
            }
        ),
        (any_path(), any::<i32>()).prop_map(|(path, version)| Call::Delete { path, version }),
        (any_path(), any::<i32>()).prop_map(|(path, version)| Call::Check { path, version }),
        (any_path(), any_data(), any::<i32>()).prop_map(|(path, data, version)| Call::SetData {
            path,
            data,
            version
        }),
    ]
}

fn any_read() -> impl Strategy<Value = Call> {
    prop_oneof![
        (any_path(), any::<bool>()).prop_map(|(path, watch)| Call::GetData { path, watch }),
        (any_path(), any::<bool>()).prop_map(|(path, watch)| Call::GetChildren { path, watch }),
    ]
}

fn any_lists() -> impl Strategy<Value = WatchLists> {
    let lasting = proptest::option::of((any_paths(), any_paths()));
    (any::<i64>(), any_paths(), any_paths(), any_paths(), lasting).prop_map(
        |(relative, data, exist, child, lasting)| WatchLists {
            relative,
            data,
            exist,
            child,
            lasting,
        },
    )
}

fn any_call() -> impl Strategy<Value = Call> {
    let number = any::<i32>();
    prop_oneof![
        any_part(),
        any_read(),
        proptest::collection::vec(any_part(), 0..4).prop_map(Call::Multi),
        proptest::collection::vec(any_read(), 0..4).prop_map(Call::MultiRead),
        any_lists().prop_map(Call::SetWatches),
        (any_path(), any::<bool>()).prop_map(|(path, watch)| Call::Exists { path, watch }),
        (any_path(), any::<bool>()).prop_map(|(path, watch)| Call::GetChildren2 { path, watch }),
        any_path().prop_map(|path| Call::GetAcl { path }),
        any_path().prop_map(|path| Call::Sync { path }),
        any_path().prop_map(|prefix| Call::GetEphemerals { prefix }),
        any_path().prop_map(|path| Call::GetAllChildrenNumber { path }),
        any_path().prop_map(|path| Call::DeleteContainer { path }),
        (any_path(), any_acl(), number).prop_map(|(path, acl, version)| Call::SetAcl {
            path,
            acl,
            version
        }),
        (any_path(), number).prop_map(|(path, kind)| Call::CheckWatches { path, kind }),
        (any_path(), number).prop_map(|(path, kind)| Call::RemoveWatches { path, kind }),
        (any_path(), number).prop_map(|(path, mode)| Call::AddWatch { path, mode }),
        (any_path(), any_data()).prop_map(|(scheme, auth)| Call::Auth { scheme, auth }),
        (any_path(), any_path(), any_path(), any::<i64>()).prop_map(
            |(joining, leaving, members, config)| Call::Reconfig {
                joining,
                leaving,
                members,
                config
            }
        ),
        any_data().prop_map(|token| Call::Sasl { token }),
        Just(Call::WhoAmI),
        Just(Call::Ping),
        Just(Call::CloseSession),
    ]
}

proptest! {
    #[test]
    fn every_call_comes_back_from_its_bytes(call in any_call()) {
        let frame = call.frame(7);
        let mut reader = Reader::new(&frame);
        prop_assert_eq!(reader.int(), Ok(7));
        prop_assert_eq!(reader.int(), Ok(call.opcode()));
        prop_assert!(opcode::is_known(call.opcode()));
        prop_assert_eq!(Call::decode(call.opcode(), reader.rest()), Ok(call));
    }

    #[test]
    fn a_call_that_is_cut_short_is_malformed(call in any_call(), cut in 1usize..9) {
        let frame = call.frame(7);
        let body = &frame[8..];
        if let Some(shorter) = body.len().checked_sub(cut) {
            prop_assert_eq!(Call::decode(call.opcode(), &body[..shorter]), Err(Malformed));
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        code in -12..110i32,
        body in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let _judged = Call::decode(code, &body);
        let _judged = Body::decode(code, &body);
        let _judged = ConnectRequest::decode(&body);
        let _judged = Reply::decode(&body);
    }
}

fn stat() -> Stat {
    Stat {
        czxid: Zxid(1),
        mzxid: Zxid(2),
        pzxid: Zxid(3),
        ctime: 4,
        mtime: 5,
        version: -6,
        cversion: 7,
        aversion: 8,
        ephemeral_owner: SessionId(9),
        data_length: 10,
        num_children: 11,
    }
}

#[test]
fn every_body_comes_back_from_its_bytes() {
    let (path, names) = (Path::from("/a"), vec![Path::from("x"), Path::from("y")]);
    let parts = vec![
        PartBody::Error(-2),
        PartBody::Created(path.clone()),
        PartBody::Created2(path.clone(), stat()),
        PartBody::Deleted,
        PartBody::Set(stat()),
        PartBody::Checked,
        PartBody::Data(Data::NULL, stat()),
        PartBody::Names(names.clone()),
    ];
    let cases = [
        (opcode::DELETE, Body::Empty),
        (opcode::CREATE, Body::Created(path.clone())),
        (opcode::CREATE_TTL, Body::Created2(path.clone(), stat())),
        (opcode::EXISTS, Body::Stat(stat())),
        (opcode::GET_DATA, Body::Data(Data::from(b"x"), stat())),
        (
            opcode::GET_ACL,
            Body::Acl(vec![Ace::new(1, "ip", "::")], stat()),
        ),
        (opcode::GET_CHILDREN, Body::Names(names.clone())),
        (opcode::GET_CHILDREN2, Body::Names2(names, stat())),
        (opcode::SYNC, Body::Path(None)),
        (opcode::ADD_WATCH, Body::Number(0)),
        (
            opcode::WHO_AM_I,
            Body::Identities(vec![Identity::new("ip", "x")]),
        ),
        (opcode::MULTI, Body::Parts(parts)),
        (opcode::SASL, Body::Token(Data::NULL)),
    ];
    for (code, body) in cases {
        let mut bytes = body.encode();
        assert_eq!(Body::decode(code, &bytes), Ok(body));
        bytes.push(0);
        assert_eq!(Body::decode(code, &bytes), Err(Malformed));
    }
}

#[test]
fn a_stat_has_68_bytes_and_its_fields_in_the_order_of_the_record() {
    let bytes = Body::Stat(stat()).encode();
    assert_eq!(bytes.len(), 68);
    assert_eq!(bytes[7], 1, "czxid comes first");
    assert_eq!(bytes[67], 3, "pzxid comes last");
}

#[test]
fn a_multi_holds_transactions_or_reads_and_nothing_else() {
    let body = |call: &Call| call.frame(1)[8..].to_vec();
    let delete = Call::Delete {
        path: None,
        version: 0,
    };
    let read = Call::GetData {
        path: None,
        watch: true,
    };
    for mixed in [
        vec![delete.clone(), read.clone()],
        vec![read, delete],
        vec![Call::WhoAmI],
    ] {
        let mixed = Call::Multi(mixed);
        assert_eq!(Call::decode(opcode::MULTI, &body(&mixed)), Err(Malformed));
    }
}

#[test]
fn connecting_goes_there_and_back() {
    let request = ConnectRequest {
        last_zxid: 5,
        timeout: 6,
        session: 7,
        password: Data::from([8; 16]),
        read_only: true,
    };
    let frame = request.encode();
    assert_eq!(ConnectRequest::decode(&frame), Ok(request.clone()));
    let old = ConnectRequest {
        read_only: false,
        ..request
    };
    assert_eq!(ConnectRequest::decode(&frame[..frame.len() - 1]), Ok(old));
    let response = ConnectResponse {
        timeout: 1,
        session: 2,
        password: Data::from([3; 16]),
        read_only: false,
    };
    assert_eq!(ConnectResponse::decode(&response.encode()), Ok(response));
}
