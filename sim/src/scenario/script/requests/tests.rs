use menagerie::ids::{ClientId, Span};
use menagerie::tree::{
    Ace, CreateMode, Data, ErrorCode, Part, Path, Read, WatchRequest, WatchTables, Write,
};
use proptest::prelude::*;

use super::*;
use crate::chance::dice::Dice;
use crate::chance::latency::Latency;
use crate::scenario::mix::Mix;
use crate::scenario::schema::Reads;
use crate::scenario::workload::{Client, NextStep, WorkloadSpec};

#[test]
fn a_request_is_read_back_as_it_was_written() {
    for text in [
        "create /a \"x\"",
        "create /a \"\" ephemeral-sequential",
        "create /t \"y\" ttl=300",
        "create /p/c- \"z\" container-sequential acl=world:anyone:r",
        "create /a null acl=none",
        "create /a hex:ff00 acl=digest:u1:Zm9v=:cdrwa,world:anyone:",
        "set /a \"two words; and \\\"quotes\\\"\" version=3",
        "set-acl /a auth::cdrwa version=2",
        "set-acl / ip:10.0.0.0/30:cd",
        "delete /a",
        "check /a version=0",
        "get /a watch",
        "exists \"/with space\"",
        "children /",
        "get-acl /a",
        "descendants /",
        "ephemerals \"\"",
        "who-am-i",
        "multi check /a version=1 ; set /b \"1\" ; create /c \"\" sequential acl=world:anyone:rw",
        "multi delete /a ; refused MarshallingError",
        "multi",
        "multi-read get /a ; children \"/;\"",
        "refused BadArguments",
        "add-watch /a persistent",
        "add-watch /a recursive",
        "remove-watches /a children",
        "check-watches /a any",
        "addauth digest \"u1:secret-1\"",
        "sync",
        "close",
    ] {
        let request = parse_request(text).expect("it is a request");
        assert_eq!(act_text(&request), text);
    }
}

#[test]
fn what_has_no_short_form_survives_as_json() {
    let odd = Request::Write(Write::CreateSession {
        timeout: Span::millis(7),
    });
    let nobody = Request::Write(Write::SetAcl {
        path: Path::from("/a"),
        acl: vec![Ace {
            id: None,
            ..Ace::new(1, "world", "")
        }],
        version: 2,
    });
    let unknown_bit = Request::Write(Write::SetAcl {
        path: Path::from("/a"),
        acl: vec![Ace::new(64, "world", "anyone")],
        version: 2,
    });
    for request in [odd, nobody, unknown_bit] {
        let text = act_text(&request);
        assert!(text.starts_with("json "), "{text}");
        assert_eq!(parse_request(&text), Ok(request));
    }
}

#[test]
fn what_is_no_request_is_refused() {
    for text in [
        "",
        "fly /a",
        "set /a",
        "get",
        "get /a /b",
        "get-acl /a watch",
        "sync now",
        "create /a \"x",
        "create /a \"x\" \"ephemeral\"",
        "create /a sequential container",
        "create /a acl=world:anyone",
        "create /a acl=world:anyone:rx",
        "create /a acl=world:anyone:rr",
        "create /a acl=",
        "create /a hex:f",
        "create /a hex:é",
        "delete /a \"x\"",
        "set /a \"x\" version=one",
        "create /a version=2",
        "set-acl /a",
        "set-acl /a none ephemeral",
        "multi get /a",
        "multi delete /a ;",
        "multi-read set /a \"\"",
        "refused Everything",
        "add-watch /a",
        "add-watch /a data",
        "remove-watches /a recursive",
        "addauth digest",
        "addauth digest u1:secret",
        "who-am-i now",
        "json {",
    ] {
        assert!(parse_request(text).is_err(), "{text:?} was accepted");
    }
}

#[test]
fn whatever_a_workload_asks_has_a_short_form_that_means_the_same() {
    let spec = WorkloadSpec {
        depth: 1,
        data_max: 0,
        clients: 4,
        pipeline: 1,
        think: Latency::Constant(Span::ZERO),
        keys: 4,
        parents: 2,
        reads: Reads::Mixed,
        watches_ppm: 300_000,
        mix: Mix::everything(),
    };
    let mut verbs = std::collections::BTreeSet::new();
    for client in 1..=4 {
        let mut client = Client::new(ClientId(client), Dice::new(7));
        for _ in 0..1_500 {
            let NextStep::Ask(asked) = client.act(&spec) else {
                continue;
            };
            for asked in asked {
                let text = act_text(&asked.request);
                assert!(!text.starts_with("json "), "{text}");
                assert_eq!(parse_act(&text), Ok(Act::Ask(asked.request)));
                verbs.extend(text.split(' ').next().map(str::to_owned));
            }
        }
    }
    let count = verbs.len();
    assert_eq!(count, 19, "the mix asks for everything: {verbs:?}");
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        Just(Data::NULL),
        any::<String>().prop_map(|text| Data::from(text.as_bytes())),
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(Data::from),
    ]
}

/// Any text, with a liking for what means something in these forms.
fn path() -> impl Strategy<Value = Path> {
    prop_oneof![
        "[/a;\", :=\\\\]{0,6}".prop_map(Path::from),
        any::<String>().prop_map(Path::from),
        Just(Path::from("watch")),
        Just(Path::from("null")),
        Just(Path::from("json")),
    ]
}

fn version() -> impl Strategy<Value = i32> {
    prop_oneof![Just(-1), any::<i32>()]
}

fn mode() -> impl Strategy<Value = CreateMode> {
    prop_oneof![
        Just(CreateMode::Persistent),
        Just(CreateMode::Ephemeral),
        Just(CreateMode::PersistentSequential),
        Just(CreateMode::EphemeralSequential),
        Just(CreateMode::Container),
        Just(CreateMode::ContainerSequential),
        any::<u64>().prop_map(|ms| CreateMode::Ttl { ms }),
        any::<u64>().prop_map(|ms| CreateMode::TtlSequential { ms }),
    ]
}

fn acl() -> impl Strategy<Value = Vec<Ace>> {
    let id = prop_oneof![
        Just(None),
        path().prop_map(Some),
        "[a-z:=/.0-9]{0,8}".prop_map(|id| Some(Path::from(id))),
    ];
    let perms = prop_oneof![0..32, any::<i32>()];
    let entry = (perms, path(), id).prop_map(|(perms, scheme, id)| Ace { perms, scheme, id });
    let usual = (0..32, "[a-z]{0,5}", "[a-z:=/.0-9]{0,8}")
        .prop_map(|(perms, scheme, id)| Ace::new(perms, &scheme, &id));
    proptest::collection::vec(prop_oneof![entry, usual], 0..4)
}

fn code() -> impl Strategy<Value = ErrorCode> {
    prop_oneof![
        Just(ErrorCode::BadArguments),
        Just(ErrorCode::MarshallingError),
        Just(ErrorCode::NoNode),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        (path(), data(), mode()).prop_map(|(path, data, mode)| Part::Create { path, data, mode }),
        (path(), data(), mode(), acl()).prop_map(|(path, data, mode, acl)| Part::CreateWith {
            path,
            data,
            mode,
            acl
        }),
        (path(), data(), version()).prop_map(|(path, data, version)| Part::SetData {
            path,
            data,
            version
        }),
        (path(), version()).prop_map(|(path, version)| Part::Delete { path, version }),
        (path(), version()).prop_map(|(path, version)| Part::Check { path, version }),
        code().prop_map(Part::Refused),
    ]
}

fn read() -> impl Strategy<Value = Read> {
    prop_oneof![
        (path(), any::<bool>()).prop_map(|(path, watch)| Read::GetData { path, watch }),
        (path(), any::<bool>()).prop_map(|(path, watch)| Read::Exists { path, watch }),
        (path(), any::<bool>()).prop_map(|(path, watch)| Read::GetChildren { path, watch }),
        path().prop_map(|path| Read::GetAcl { path }),
        path().prop_map(|path| Read::CountDescendants { path }),
        path().prop_map(|prefix| Read::GetEphemerals { prefix }),
        Just(Read::WhoAmI),
    ]
}

fn any_request() -> impl Strategy<Value = Request> {
    let tables = || {
        prop_oneof![
            Just(WatchTables::Children),
            Just(WatchTables::Data),
            Just(WatchTables::Any),
        ]
    };
    prop_oneof![
        // A part of a multi is what a write of its own can be.
        part().prop_map(|part| Request::Write(Write::Multi(vec![part]))),
        proptest::collection::vec(part(), 0..4)
            .prop_map(|parts| Request::Write(Write::Multi(parts))),
        (path(), data(), mode()).prop_map(|(path, data, mode)| Request::Write(Write::Create {
            path,
            data,
            mode
        })),
        (path(), acl(), version()).prop_map(|(path, acl, version)| Request::Write(Write::SetAcl {
            path,
            acl,
            version
        })),
        read().prop_map(Request::Read),
        proptest::collection::vec(read(), 0..4).prop_map(|reads| Request::Read(Read::Multi(reads))),
        (path(), any::<bool>())
            .prop_map(|(path, recursive)| Request::Watch(WatchRequest::Add { path, recursive })),
        (path(), tables()).prop_map(|(path, of)| Request::Watch(WatchRequest::Remove { path, of })),
        (path(), tables()).prop_map(|(path, of)| Request::Watch(WatchRequest::Check { path, of })),
        (path(), data()).prop_map(|(scheme, credential)| Request::Auth { scheme, credential }),
        Just(Request::Sync),
        Just(Request::Write(Write::CloseSession)),
    ]
}

proptest! {
    #[test]
    fn every_request_is_read_back_from_its_text(request in any_request()) {
        let text = act_text(&request);
        prop_assert_eq!(parse_act(&text), Ok(Act::Ask(request)), "{}", text);
    }

    #[test]
    fn whatever_is_written_is_read_or_refused(text in "[a-z\"; =:/{}\\\\é]{0,40}") {
        if let Ok(act) = parse_act(&text) {
            let again = match &act {
                Act::Ask(request) => act_text(request),
                Act::Move(moves) => moves.word().to_owned(),
            };
            prop_assert_eq!(parse_act(&again), Ok(act));
        }
    }
}
