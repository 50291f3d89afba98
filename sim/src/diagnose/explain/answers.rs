//! What a client was answered, in words.

use menagerie::tree::{Answer, Failure, Response, Stat};
use serde_json::Value;

use crate::trace::Ended;

/// The most parts of an answer that are told one by one.
const PARTS_MAX: usize = 6;

/// An answer as a trace has it; `ended` says of which kind.
pub(super) fn told(ended: Ended, answer: &Value) -> String {
    let read = match ended {
        Ended::Ok => serde_json::from_value(answer.clone()).map(Ok),
        Ended::Error => serde_json::from_value(answer.clone()).map(Err),
        Ended::Refused | Ended::Unknown => return String::new(),
    };
    read.map_or_else(|_| "something else".to_owned(), |answer| words(&answer))
}

fn words(answer: &Answer) -> String {
    match answer {
        Ok(response) => success(response),
        Err(failure) => failed(failure),
    }
}

fn failed(failure: &Failure) -> String {
    match failure.parts.iter().position(Option::is_some) {
        Some(place) => format!("{:?} at part {}", failure.code, place + 1),
        None => format!("{:?}", failure.code),
    }
}

fn success(response: &Response) -> String {
    match response {
        Response::Created { path, .. } => format!("created {path}"),
        Response::Deleted => "deleted".to_owned(),
        Response::Checked => "checked".to_owned(),
        Response::Set(stat)
        | Response::Exists(stat)
        | Response::AclSet(stat)
        | Response::Data { stat, .. }
        | Response::Children { stat, .. }
        | Response::Acl { stat, .. } => shown(stat),
        Response::Multi(parts) => listed(parts.iter().map(success).collect()),
        Response::Reads(answers) => listed(answers.iter().map(words).collect()),
        Response::Synced => "synced".to_owned(),
        Response::SessionOpened => "the session is open".to_owned(),
        Response::SessionClosed => "the session is closed".to_owned(),
        Response::Count(count) => format!("{count} nodes"),
        Response::Paths(paths) => listed(paths.iter().map(ToString::to_string).collect()),
        Response::Identities(ids) => format!("{} identities", ids.len()),
        Response::WatchesDone => "done".to_owned(),
        Response::Authenticated => "authenticated".to_owned(),
    }
}

fn shown(stat: &Stat) -> String {
    format!(
        "version {}, {} children, last child change at {}",
        stat.version, stat.num_children, stat.pzxid
    )
}

/// The parts of an answer, the first of them if there are many.
fn listed(parts: Vec<String>) -> String {
    let shown = &parts[..parts.len().min(PARTS_MAX)];
    let more = match parts.len() - shown.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("[{}{more}]", shown.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat() -> Stat {
        Stat {
            version: 2,
            num_children: 1,
            pzxid: menagerie::ids::Zxid(7),
            ..Stat::default()
        }
    }

    #[test]
    fn answers_with_a_stat_are_told_by_what_changes() {
        for response in [Response::Set(stat()), Response::Exists(stat())] {
            assert_eq!(
                success(&response),
                "version 2, 1 children, last child change at 7"
            );
        }
    }

    #[test]
    fn an_answer_is_read_back_as_it_was_given() {
        let response = Response::Multi(vec![Response::Checked, Response::Set(stat())]);
        let body = serde_json::to_value(&response).expect("answers are JSON");
        assert_eq!(
            told(Ended::Ok, &body),
            "[checked; version 2, 1 children, last child change at 7]"
        );
        let error = serde_json::json!({"code": "NoNode", "parts": []});
        assert_eq!(told(Ended::Error, &error), "NoNode");
        assert_eq!(told(Ended::Ok, &serde_json::json!("Synced")), "synced");
    }
}
