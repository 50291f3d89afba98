//! From a request to its text.

use menagerie::tree::{
    ANY_VERSION, Ace, CreateMode, Data, ErrorCode, Part, Path, Read, Request, WatchRequest,
    WatchTables, Write,
};

use super::{HEX, NULL, acl};

/// The text of a request, if it has one.
pub(super) fn short(request: &Request) -> Option<String> {
    match request {
        Request::Sync => Some("sync".to_owned()),
        Request::Write(write) => write_text(write),
        Request::Read(read) => Some(read_text(read)).filter(|_| is_flat(read)),
        Request::Watch(watch) => Some(watch_text(watch)),
        Request::Auth { scheme, credential } => {
            Some(format!("addauth {} {}", word(scheme), content(credential)))
        }
    }
}

fn write_text(write: &Write) -> Option<String> {
    match write {
        Write::CloseSession => Some("close".to_owned()),
        Write::Multi(parts) => {
            let told: Option<Vec<String>> = parts.iter().map(part_text).collect();
            Some(sequence("multi", &told?))
        }
        Write::Create { path, data, mode } => Some(create_text(path, data, *mode)),
        Write::CreateWith {
            path,
            data,
            mode,
            acl,
        } => create_with_text(path, data, *mode, acl),
        Write::SetData {
            path,
            data,
            version,
        } => Some(set_text(path, data, *version)),
        Write::SetAcl { path, acl, version } => {
            let head = format!("set-acl {} {}", word(path), acl::text(acl)?);
            Some(versioned(head, *version))
        }
        Write::Delete { path, version } => Some(on_version("delete", path, *version)),
        Write::Check { path, version } => Some(on_version("check", path, *version)),
        Write::Refused(code) => Some(refused_text(*code)),
        Write::DeleteContainer { .. }
        | Write::As { .. }
        | Write::CreateSession { .. }
        | Write::ExpireSession => None,
    }
}

fn part_text(part: &Part) -> Option<String> {
    match part {
        Part::Create { path, data, mode } => Some(create_text(path, data, *mode)),
        Part::CreateWith {
            path,
            data,
            mode,
            acl,
        } => create_with_text(path, data, *mode, acl),
        Part::SetData {
            path,
            data,
            version,
        } => Some(set_text(path, data, *version)),
        Part::Delete { path, version } => Some(on_version("delete", path, *version)),
        Part::Check { path, version } => Some(on_version("check", path, *version)),
        Part::Refused(code) => Some(refused_text(*code)),
    }
}

/// Whether no multi-read stands inside another one.
fn is_flat(read: &Read) -> bool {
    match read {
        Read::Multi(reads) => !reads.iter().any(|read| matches!(read, Read::Multi(_))),
        Read::GetData { .. }
        | Read::Exists { .. }
        | Read::GetChildren { .. }
        | Read::GetAcl { .. }
        | Read::CountDescendants { .. }
        | Read::GetEphemerals { .. }
        | Read::WhoAmI => true,
    }
}

fn read_text(read: &Read) -> String {
    let told = |verb: &str, path: &Path, watch: bool| {
        let watch = if watch { " watch" } else { "" };
        format!("{verb} {}{watch}", word(path))
    };
    match read {
        Read::GetData { path, watch } => told("get", path, *watch),
        Read::Exists { path, watch } => told("exists", path, *watch),
        Read::GetChildren { path, watch } => told("children", path, *watch),
        Read::GetAcl { path } => told("get-acl", path, false),
        Read::CountDescendants { path } => told("descendants", path, false),
        Read::GetEphemerals { prefix } => told("ephemerals", prefix, false),
        Read::WhoAmI => "who-am-i".to_owned(),
        Read::Multi(reads) => {
            let told: Vec<String> = reads.iter().map(read_text).collect();
            sequence("multi-read", &told)
        }
    }
}

fn watch_text(watch: &WatchRequest) -> String {
    let tables = |of: WatchTables| match of {
        WatchTables::Children => "children",
        WatchTables::Data => "data",
        WatchTables::Any => "any",
    };
    match watch {
        WatchRequest::Add { path, recursive } => {
            let kind = if *recursive {
                "recursive"
            } else {
                "persistent"
            };
            format!("add-watch {} {kind}", word(path))
        }
        WatchRequest::Remove { path, of } => {
            format!("remove-watches {} {}", word(path), tables(*of))
        }
        WatchRequest::Check { path, of } => format!("check-watches {} {}", word(path), tables(*of)),
    }
}

fn sequence(verb: &str, parts: &[String]) -> String {
    format!("{verb} {}", parts.join(" ; "))
        .trim_end()
        .to_owned()
}

fn refused_text(code: ErrorCode) -> String {
    format!("refused {code:?}")
}

fn create_text(path: &Path, data: &Data, mode: CreateMode) -> String {
    let mode = match mode {
        CreateMode::Persistent => String::new(),
        CreateMode::Ephemeral => " ephemeral".to_owned(),
        CreateMode::PersistentSequential => " sequential".to_owned(),
        CreateMode::EphemeralSequential => " ephemeral-sequential".to_owned(),
        CreateMode::Container => " container".to_owned(),
        CreateMode::ContainerSequential => " container-sequential".to_owned(),
        CreateMode::Ttl { ms } => format!(" ttl={ms}"),
        CreateMode::TtlSequential { ms } => format!(" ttl-sequential={ms}"),
    };
    format!("create {} {}{mode}", word(path), content(data))
}

fn create_with_text(path: &Path, data: &Data, mode: CreateMode, acl: &[Ace]) -> Option<String> {
    let head = create_text(path, data, mode);
    Some(format!("{head} acl={}", acl::text(acl)?))
}

fn set_text(path: &Path, data: &Data, version: i32) -> String {
    versioned(format!("set {} {}", word(path), content(data)), version)
}

fn on_version(verb: &str, path: &Path, version: i32) -> String {
    versioned(format!("{verb} {}", word(path)), version)
}

fn versioned(head: String, version: i32) -> String {
    if version == ANY_VERSION {
        head
    } else {
        format!("{head} version={version}")
    }
}

/// A path or a name as one word.
fn word(text: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !"\";".contains(c) && !c.is_control();
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

/// Content: a quoted word if it is text.
fn content(data: &Data) -> String {
    if data.is_null() {
        return NULL.to_owned();
    }
    match std::str::from_utf8(data) {
        Ok(text) => serde_json::Value::from(text).to_string(),
        Err(_) => {
            let digits: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{HEX}{digits}")
        }
    }
}
