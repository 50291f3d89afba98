//! Requests as text: `create /a "x" ephemeral`, `set /a "y" version=3`, `get /a`, `sync`.
//!
//! What has no short form is written as JSON behind the word `json`.

use menagerie::tree::{ANY_VERSION, CreateMode, Data, Part, Path, Read, Request, Write};

/// A move to another server.
const HOP: &str = "hop";

const FORMS: &str = "create PATH [\"DATA\"] [ephemeral | sequential | ephemeral-sequential | \
                     container | container-sequential | ttl=MS | ttl-sequential=MS], \
                     set PATH \"DATA\" [version=N], delete PATH [version=N], check PATH version=N, \
                     get|exists|children PATH [watch], multi PART ; PART, sync, close, \
                     hop, json {...}";

/// What a client does, as text that [`parse_act`] reads back: a request, or (`None`) a move to
/// another server.
pub fn act_text(request: Option<&Request>) -> String {
    request.map_or_else(|| HOP.to_owned(), request_text)
}

/// Reads what [`act_text`] writes.
///
/// # Errors
/// Says what is wrong and which forms there are.
pub fn parse_act(text: &str) -> Result<Option<Request>, String> {
    if text.trim() == HOP {
        return Ok(None);
    }
    parse_request(text).map(Some)
}

fn request_text(request: &Request) -> String {
    short(request).unwrap_or_else(|| {
        let json = serde_json::to_string(request).expect("a request has no map with odd keys");
        format!("json {json}")
    })
}

fn short(request: &Request) -> Option<String> {
    match request {
        Request::Sync => Some("sync".to_owned()),
        Request::Write(write) => match write {
            Write::CloseSession => Some("close".to_owned()),
            Write::Multi(parts) => {
                let told: Option<Vec<String>> = parts.iter().map(part_text).collect();
                Some(format!("multi {}", told?.join(" ; ")))
            }
            Write::Create { path, data, mode } => create_text(path, data, *mode),
            Write::SetData {
                path,
                data,
                version,
            } => set_text(path, data, *version),
            Write::Delete { path, version } => Some(versioned("delete", path, *version)),
            Write::Check { path, version } => Some(versioned("check", path, *version)),
            Write::CreateWith { .. }
            | Write::SetAcl { .. }
            | Write::DeleteContainer { .. }
            | Write::Refused(_)
            | Write::As { .. }
            | Write::CreateSession { .. }
            | Write::ExpireSession => None,
        },
        Request::Read(read) => {
            let told = |verb: &str, path: &Path, watch: bool| {
                let watch = if watch { " watch" } else { "" };
                Some(format!("{verb} {}{watch}", word(path)))
            };
            match read {
                Read::GetData { path, watch } => told("get", path, *watch),
                Read::Exists { path, watch } => told("exists", path, *watch),
                Read::GetChildren { path, watch } => told("children", path, *watch),
                Read::GetAcl { .. }
                | Read::CountDescendants { .. }
                | Read::GetEphemerals { .. }
                | Read::Multi(_)
                | Read::WhoAmI => None,
            }
        }
        Request::Watch(_) | Request::Auth { .. } => None,
    }
}

fn part_text(part: &Part) -> Option<String> {
    match part {
        Part::Create { path, data, mode } => create_text(path, data, *mode),
        Part::SetData {
            path,
            data,
            version,
        } => set_text(path, data, *version),
        Part::Delete { path, version } => Some(versioned("delete", path, *version)),
        Part::Check { path, version } => Some(versioned("check", path, *version)),
        Part::CreateWith { .. } | Part::Refused(_) => None,
    }
}

fn create_text(path: &Path, data: &Data, mode: CreateMode) -> Option<String> {
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
    Some(format!("create {} {}{mode}", word(path), content(data)?))
}

fn set_text(path: &Path, data: &Data, version: i32) -> Option<String> {
    let head = format!("set {} {}", word(path), content(data)?);
    Some(if version == ANY_VERSION {
        head
    } else {
        format!("{head} version={version}")
    })
}

fn versioned(verb: &str, path: &Path, version: i32) -> String {
    if version == ANY_VERSION {
        format!("{verb} {}", word(path))
    } else {
        format!("{verb} {} version={version}", word(path))
    }
}

/// A path as one word.
fn word(path: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !"\";".contains(c) && !c.is_control();
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        serde_json::Value::from(path).to_string()
    }
}

/// Content as a quoted word; `None` if it is not text, or null.
fn content(data: &Data) -> Option<String> {
    if data.is_null() {
        return None;
    }
    let text = std::str::from_utf8(data).ok()?;
    Some(serde_json::Value::from(text).to_string())
}

fn parse_request(text: &str) -> Result<Request, String> {
    let refuse = |why: &str| format!("{why} in \"{text}\": expected {FORMS}");
    if let Some(json) = text.trim_start().strip_prefix("json ") {
        return serde_json::from_str(json).map_err(|why| refuse(&why.to_string()));
    }
    let words = split(text).map_err(|why| refuse(&why))?;
    request(&words).map_err(|why| refuse(&why))
}

/// A word of a text, and whether it was quoted.
type Word = (String, bool);

fn split(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let word = strings
                .next()
                .ok_or("a quote without an end")?
                .map_err(|why| why.to_string())?;
            rest = &rest[strings.byte_offset()..];
            words.push((word, true));
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            words.push((rest[..end].to_owned(), false));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(words)
}

fn request(words: &[Word]) -> Result<Request, String> {
    let ((verb, _), rest) = words.split_first().ok_or("nothing is asked")?;
    let read = |make: fn(Path, bool) -> Read| -> Result<Request, String> {
        match rest {
            [(path, _)] => Ok(Request::Read(make(Path::from(path.as_str()), false))),
            [(path, _), (watch, false)] if watch == "watch" => {
                Ok(Request::Read(make(Path::from(path.as_str()), true)))
            }
            _other => Err(format!("{verb} takes a path and perhaps `watch`")),
        }
    };
    match verb.as_str() {
        "sync" if rest.is_empty() => Ok(Request::Sync),
        "close" if rest.is_empty() => Ok(Request::Write(Write::CloseSession)),
        "get" => read(|path, watch| Read::GetData { path, watch }),
        "exists" => read(|path, watch| Read::Exists { path, watch }),
        "children" => read(|path, watch| Read::GetChildren { path, watch }),
        "multi" => {
            let parts: Result<Vec<Part>, String> = rest
                .split(|(word, quoted)| word == ";" && !quoted)
                .map(part)
                .collect();
            Ok(Request::Write(Write::Multi(parts?)))
        }
        _write => Ok(Request::Write(match part(words)? {
            Part::Create { path, data, mode } => Write::Create { path, data, mode },
            Part::Delete { path, version } => Write::Delete { path, version },
            Part::SetData {
                path,
                data,
                version,
            } => Write::SetData {
                path,
                data,
                version,
            },
            Part::Check { path, version } => Write::Check { path, version },
            Part::CreateWith { .. } | Part::Refused(_) => {
                unreachable!("no text stands for these parts")
            }
        })),
    }
}

fn part(words: &[Word]) -> Result<Part, String> {
    let [(verb, _), (path, _), rest @ ..] = words else {
        return Err("a word is missing".to_owned());
    };
    let path = Path::from(path.as_str());
    let (data, options) = match rest {
        [(data, true), options @ ..] => (Some(Data::from(data.as_bytes())), options),
        options => (None, options),
    };
    let (mut version, mut mode) = (None, None);
    for (option, _) in options {
        match option.strip_prefix("version=") {
            Some(number) => {
                let number: i32 = number
                    .parse()
                    .map_err(|_| format!("{number} is no version"))?;
                version = Some(number);
            }
            None => mode = Some(create_mode(option)?),
        }
    }
    let unwanted = |what: &str| format!("{verb} takes no {what}");
    if verb != "create" && mode.is_some() {
        return Err(unwanted("mode"));
    }
    if verb == "create" && version.is_some() {
        return Err(unwanted("version"));
    }
    match verb.as_str() {
        "create" => Ok(Part::Create {
            path,
            data: data.unwrap_or_default(),
            mode: mode.unwrap_or(CreateMode::Persistent),
        }),
        "set" => Ok(Part::SetData {
            path,
            data: data.ok_or("set needs \"DATA\"")?,
            version: version.unwrap_or(ANY_VERSION),
        }),
        "delete" | "check" if data.is_some() => Err(unwanted("data")),
        "delete" => Ok(Part::Delete {
            path,
            version: version.unwrap_or(ANY_VERSION),
        }),
        "check" => Ok(Part::Check {
            path,
            version: version.unwrap_or(ANY_VERSION),
        }),
        unknown => Err(format!("{unknown:?} is no operation")),
    }
}

fn create_mode(word: &str) -> Result<CreateMode, String> {
    let ms = |number: &str| {
        let ms: Result<u64, _> = number.parse();
        ms.map_err(|_| format!("{number:?} is no number of milliseconds"))
    };
    match word {
        "ephemeral" => Ok(CreateMode::Ephemeral),
        "sequential" => Ok(CreateMode::PersistentSequential),
        "ephemeral-sequential" => Ok(CreateMode::EphemeralSequential),
        "container" => Ok(CreateMode::Container),
        "container-sequential" => Ok(CreateMode::ContainerSequential),
        other => match other.split_once('=') {
            Some(("ttl", number)) => Ok(CreateMode::Ttl { ms: ms(number)? }),
            Some(("ttl-sequential", number)) => Ok(CreateMode::TtlSequential { ms: ms(number)? }),
            Some(_) | None => Err(format!("what is {other:?}?")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use menagerie::ids::Span;

    #[test]
    fn a_request_is_read_back_as_it_was_written() {
        for text in [
            "create /a \"x\"",
            "create /a \"\" ephemeral-sequential",
            "create /t \"y\" ttl=300",
            "set /a \"two words; and \\\"quotes\\\"\" version=3",
            "delete /a",
            "check /a version=0",
            "get /a watch",
            "exists \"/with space\"",
            "children /",
            "multi check /a version=1 ; set /b \"1\" ; create /c \"\" sequential",
            "sync",
            "close",
        ] {
            let request = parse_request(text).expect("it is a request");
            assert_eq!(request_text(&request), text);
        }
    }

    #[test]
    fn what_has_no_short_form_survives_as_json() {
        let odd = Request::Write(Write::CreateSession {
            timeout: Span::millis(7),
        });
        let null = Request::Write(Write::SetData {
            path: Path::from("/a"),
            data: Data::NULL,
            version: 2,
        });
        for request in [odd, null] {
            let text = request_text(&request);
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
            "sync now",
            "create /a \"x",
            "delete /a \"x\"",
            "set /a \"x\" version=one",
            "create /a version=2",
            "json {",
        ] {
            assert!(parse_request(text).is_err(), "{text:?} was accepted");
        }
    }
}
