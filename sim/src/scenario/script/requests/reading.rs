//! From a text to its request.

use menagerie::tree::{
    ANY_VERSION, Ace, CreateMode, Data, ErrorCode, Part, Path, Read, Request, WatchRequest,
    WatchTables, Write,
};

use super::{HEX, NULL, Word, acl};

/// Reads the words of a request.
pub(super) fn request(words: &[Word]) -> Result<Request, String> {
    let (verb, rest) = words.split_first().ok_or("nothing is asked")?;
    match verb.text.as_str() {
        "sync" => bare(verb, rest, Request::Sync),
        "close" => bare(verb, rest, Request::Write(Write::CloseSession)),
        "multi" => {
            let parts: Result<Vec<Part>, String> = pieces(rest).into_iter().map(part).collect();
            Ok(Request::Write(Write::Multi(parts?)))
        }
        "multi-read" => {
            let reads: Result<Vec<Read>, String> = pieces(rest)
                .into_iter()
                .map(|piece| read(piece)?.ok_or_else(|| "only reads go there".to_owned()))
                .collect();
            Ok(Request::Read(Read::Multi(reads?)))
        }
        "set-acl" => set_acl(rest),
        "addauth" => addauth(rest),
        "add-watch" | "remove-watches" | "check-watches" => watch(verb, rest),
        _other => match read(words)? {
            Some(read) => Ok(Request::Read(read)),
            None => part(words).map(|part| Request::Write(part.into())),
        },
    }
}

/// A verb that stands alone.
fn bare(verb: &Word, rest: &[Word], request: Request) -> Result<Request, String> {
    if rest.is_empty() {
        Ok(request)
    } else {
        Err(format!("{} takes nothing", verb.text))
    }
}

/// What stands between the semicolons.
fn pieces(words: &[Word]) -> Vec<&[Word]> {
    if words.is_empty() {
        return Vec::new();
    }
    words
        .split(|word| word.text == ";" && !word.quoted)
        .collect()
}

/// A read; `None` if the verb is none of a read.
fn read(words: &[Word]) -> Result<Option<Read>, String> {
    let (verb, rest) = words.split_first().ok_or("a read is missing")?;
    let verb = verb.text.as_str();
    let (path, watch) = match rest {
        [] => (None, false),
        [path] => (Some(path_of(path)), false),
        [path, watch] if watch.text == "watch" && !watch.quoted => (Some(path_of(path)), true),
        _other => (None, true),
    };
    let watched = || {
        path.clone()
            .ok_or(format!("{verb} takes a path and perhaps `watch`"))
    };
    let alone = || match (&path, watch) {
        (Some(path), false) => Ok(path.clone()),
        (Some(_) | None, _) => Err(format!("{verb} takes a path")),
    };
    Ok(Some(match verb {
        "get" => Read::GetData {
            path: watched()?,
            watch,
        },
        "exists" => Read::Exists {
            path: watched()?,
            watch,
        },
        "children" => Read::GetChildren {
            path: watched()?,
            watch,
        },
        "get-acl" => Read::GetAcl { path: alone()? },
        "descendants" => Read::CountDescendants { path: alone()? },
        "ephemerals" => Read::GetEphemerals { prefix: alone()? },
        "who-am-i" if rest.is_empty() => Read::WhoAmI,
        "who-am-i" => return Err("who-am-i takes nothing".to_owned()),
        _other => return Ok(None),
    }))
}

fn set_acl(rest: &[Word]) -> Result<Request, String> {
    let [path, entries, options @ ..] = rest else {
        return Err("set-acl takes a path and an ACL".to_owned());
    };
    let options = Options::read(options)?;
    options.only("set-acl", &["version"])?;
    Ok(Request::Write(Write::SetAcl {
        path: path_of(path),
        acl: acl::parse(&entries.text)?,
        version: options.version.unwrap_or(ANY_VERSION),
    }))
}

fn addauth(rest: &[Word]) -> Result<Request, String> {
    let [scheme, credential] = rest else {
        return Err("addauth takes a scheme and a \"CREDENTIAL\"".to_owned());
    };
    let credential = content(credential)?.ok_or("addauth needs a \"CREDENTIAL\" in quotes")?;
    Ok(Request::Auth {
        scheme: path_of(scheme),
        credential,
    })
}

fn watch(verb: &Word, rest: &[Word]) -> Result<Request, String> {
    let verb = verb.text.as_str();
    let (path, kind) = match rest {
        [path, kind] => (path_of(path), kind.text.as_str()),
        _other => return Err(format!("{verb} takes a path and one word")),
    };
    if verb == "add-watch" {
        let recursive = match kind {
            "persistent" => false,
            "recursive" => true,
            other => return Err(format!("{other:?} is neither persistent nor recursive")),
        };
        return Ok(Request::Watch(WatchRequest::Add { path, recursive }));
    }
    let of = match kind {
        "children" => WatchTables::Children,
        "data" => WatchTables::Data,
        "any" => WatchTables::Any,
        other => return Err(format!("{other:?} is none of children, data, any")),
    };
    Ok(Request::Watch(if verb == "remove-watches" {
        WatchRequest::Remove { path, of }
    } else {
        WatchRequest::Check { path, of }
    }))
}

fn part(words: &[Word]) -> Result<Part, String> {
    let [verb, path, rest @ ..] = words else {
        return Err("a word is missing".to_owned());
    };
    let verb = verb.text.as_str();
    if verb == "refused" {
        return refused(path, rest);
    }
    let path = path_of(path);
    let data = rest.first().map(content).transpose()?.flatten();
    let options = Options::read(&rest[usize::from(data.is_some())..])?;
    match verb {
        "create" => {
            options.only(verb, &["mode", "acl"])?;
            let data = data.unwrap_or_default();
            let mode = options.mode.unwrap_or(CreateMode::Persistent);
            Ok(Part::creation(path, data, mode, options.acl))
        }
        "set" | "delete" | "check" => {
            options.only(verb, &["version"])?;
            let version = options.version.unwrap_or(ANY_VERSION);
            match (verb, data) {
                ("set", Some(data)) => Ok(Part::SetData {
                    path,
                    data,
                    version,
                }),
                ("set", None) => Err("set needs \"DATA\"".to_owned()),
                (_, Some(_)) => Err(format!("{verb} takes no data")),
                ("delete", None) => Ok(Part::Delete { path, version }),
                (_check, None) => Ok(Part::Check { path, version }),
            }
        }
        unknown => Err(format!("{unknown:?} is no operation")),
    }
}

fn refused(code: &Word, rest: &[Word]) -> Result<Part, String> {
    let known: Result<ErrorCode, _> =
        serde_json::from_value(serde_json::Value::from(code.text.as_str()));
    match known {
        Ok(code) if rest.is_empty() => Ok(Part::Refused(code)),
        Ok(_) => Err("refused takes one error code".to_owned()),
        Err(_) => Err(format!("{:?} is no error code", code.text)),
    }
}

/// What may stand behind a path and its data.
#[derive(Debug, Default)]
struct Options {
    version: Option<i32>,
    mode: Option<CreateMode>,
    acl: Option<Vec<Ace>>,
}

impl Options {
    fn read(words: &[Word]) -> Result<Options, String> {
        let mut options = Options::default();
        for Word { text, quoted } in words {
            if *quoted {
                return Err(format!("what is {text:?} there?"));
            }
            let twice = if let Some(number) = text.strip_prefix("version=") {
                let version: Result<i32, _> = number.parse();
                let version = version.map_err(|_| format!("{number} is no version"))?;
                options.version.replace(version).is_some()
            } else if let Some(entries) = text.strip_prefix("acl=") {
                options.acl.replace(acl::parse(entries)?).is_some()
            } else {
                options.mode.replace(create_mode(text)?).is_some()
            };
            if twice {
                return Err(format!("there is one too many before {text:?}"));
            }
        }
        Ok(options)
    }

    /// Refuses what the verb does not take.
    fn only(&self, verb: &str, taken: &[&str]) -> Result<(), String> {
        let given = [
            ("version", self.version.is_some()),
            ("mode", self.mode.is_some()),
            ("acl", self.acl.is_some()),
        ];
        let mut wrong = given
            .iter()
            .filter(|(name, given)| *given && !taken.contains(name));
        match wrong.next() {
            Some((name, _)) => Err(format!("{verb} takes no {name}")),
            None => Ok(()),
        }
    }
}

fn path_of(word: &Word) -> Path {
    Path::from(word.text.as_str())
}

/// Content; `None` if the word is something else.
fn content(word: &Word) -> Result<Option<Data>, String> {
    if word.quoted {
        return Ok(Some(Data::from(word.text.as_bytes())));
    }
    if word.text == NULL {
        return Ok(Some(Data::NULL));
    }
    let Some(digits) = word.text.strip_prefix(HEX) else {
        return Ok(None);
    };
    let wrong = || format!("{digits:?} are no pairs of hexadecimal digits");
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let bytes: Result<Vec<u8>, _> = (0..digits.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&digits[place..place + 2], 16))
        .collect();
    bytes
        .map(|bytes| Some(Data::from(bytes)))
        .map_err(|_| wrong())
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
