use super::*;
use crate::ids::Span;
use crate::tree::{Read, Stat};

const S: SessionId = SessionId(7);
const NOBODY: Reader<'static> = Reader {
    session: S,
    ids: &[],
};

fn open() -> Model {
    let mut model = Model::new();
    let timeout = Span::secs(1);
    let opened = model.write(Zxid(1), S, &[], &Write::CreateSession { timeout });
    assert_eq!(opened, Ok(Response::SessionOpened));
    model
}

fn create(path: &str, mode: CreateMode) -> Write {
    Write::Create {
        path: Path::from(path),
        data: Data::from(*b"x"),
        mode,
    }
}

fn delete(path: &str) -> Write {
    Write::Delete {
        path: Path::from(path),
        version: ANY_VERSION,
    }
}

fn path_of(answer: Answer) -> String {
    match answer {
        Ok(Response::Created { path, .. }) => path.to_string(),
        other => panic!("not created: {other:?}"),
    }
}

fn stat_of(model: &Model, path: &str) -> Stat {
    let read = Read::Exists {
        path: Path::from(path),
        watch: false,
    };
    match model.read(NOBODY, &read) {
        Ok(Response::Exists(stat)) => stat,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn sequential_numbers_count_creates_and_are_not_used_again_after_a_delete() {
    let mut model = open();
    model
        .write(Zxid(2), S, &[], &create("/q", CreateMode::Persistent))
        .expect("created");
    let next = create("/q/n-", CreateMode::PersistentSequential);
    assert_eq!(
        path_of(model.write(Zxid(3), S, &[], &next)),
        "/q/n-0000000000"
    );
    model
        .write(Zxid(4), S, &[], &delete("/q/n-0000000000"))
        .expect("deleted");
    assert_eq!(
        path_of(model.write(Zxid(5), S, &[], &next)),
        "/q/n-0000000001"
    );
    let stat = stat_of(&model, "/q");
    assert_eq!(
        (stat.cversion, stat.num_children, stat.pzxid),
        (3, 1, Zxid(5))
    );
}

#[test]
fn a_failed_multi_leaves_no_trace() {
    let mut model = open();
    let before = model.clone();
    let parts = vec![
        Part::Create {
            path: Path::from("/a"),
            data: Data::from([]),
            mode: CreateMode::Persistent,
        },
        Part::Delete {
            path: Path::from("/b"),
            version: ANY_VERSION,
        },
        Part::Check {
            path: Path::from("/a"),
            version: 0,
        },
    ];
    let failure = Failure {
        code: ErrorCode::NoNode,
        parts: vec![
            None,
            Some(ErrorCode::NoNode),
            Some(ErrorCode::RuntimeInconsistency),
        ],
    };
    assert_eq!(
        model.write(Zxid(2), S, &[], &Write::Multi(parts)),
        Err(failure)
    );
    assert_eq!(model, before);
}

#[test]
fn the_end_of_a_session_takes_its_ephemerals_along() {
    let mut model = open();
    model
        .write(Zxid(2), S, &[], &create("/e", CreateMode::Ephemeral))
        .expect("created");
    assert_eq!(
        model.write(Zxid(3), S, &[], &create("/e/c", CreateMode::Persistent)),
        Err(Failure::of(ErrorCode::NoChildrenForEphemerals))
    );
    assert_eq!(
        model.write(Zxid(4), S, &[], &Write::ExpireSession),
        Ok(Response::SessionClosed)
    );
    assert_eq!(stat_of(&model, "/").pzxid, Zxid(4));
    assert_eq!(stat_of(&model, "/").num_children, 1, "/zookeeper is left");
    assert_eq!(
        model.write(Zxid(5), S, &[], &create("/f", CreateMode::Persistent)),
        Err(Failure::of(ErrorCode::SessionExpired))
    );
}

#[test]
fn versions_are_checked_before_children_and_malformed_paths_are_bad_arguments() {
    let mut model = open();
    model
        .write(Zxid(2), S, &[], &create("/a", CreateMode::Persistent))
        .expect("created");
    model
        .write(Zxid(3), S, &[], &create("/a/b", CreateMode::Persistent))
        .expect("created");
    let code = |model: &mut Model, write: &Write| {
        model
            .write(Zxid(4), S, &[], write)
            .expect_err("it must fail")
            .code
    };
    let wrong = Write::Delete {
        path: Path::from("/a"),
        version: 3,
    };
    assert_eq!(code(&mut model, &wrong), ErrorCode::BadVersion);
    assert_eq!(code(&mut model, &delete("/a")), ErrorCode::NotEmpty);
    assert_eq!(code(&mut model, &delete("/c")), ErrorCode::NoNode);
    let twice = create("/a", CreateMode::Persistent);
    assert_eq!(code(&mut model, &twice), ErrorCode::NodeExists);
    let orphan = create("/x/y", CreateMode::Persistent);
    assert_eq!(code(&mut model, &orphan), ErrorCode::NoNode);
    let malformed = create("/a/", CreateMode::Persistent);
    assert_eq!(code(&mut model, &malformed), ErrorCode::BadArguments);
}
