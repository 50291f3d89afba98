//! Two answers as text, by what distinguishes them.

use std::sync::Arc;

use super::answers::stat_of;
use super::text::{answered, entry, fields, responded, shown};
use crate::tree::{Answer, ErrorCode, Failure, Response, Stat};
use crate::znode::model::UNTOLD_LENGTH;

/// What was answered and what should have been, by what distinguishes them.
pub fn contrast(told: &Answer, expected: &Answer) -> (String, String) {
    let (left, right) = contrast_of_words(told, expected);
    if left != right || told == expected {
        return (left, right);
    }
    // What differs is not among what is shown.
    match (told, expected) {
        (Ok(told), Ok(expected)) => closer(told, expected),
        (Err(told), Err(expected)) => {
            let code = |code: &Option<ErrorCode>| match code {
                Some(code) => format!("{code:?}"),
                None => "no error".to_owned(),
            };
            let [left, right] = items_that_differ(&told.parts, &expected.parts, "part", code);
            (left, right)
        }
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => unreachable!("an error and a success read alike"),
    }
}

fn contrast_of_words(told: &Answer, expected: &Answer) -> (String, String) {
    let (Ok(left), Ok(right)) = (told, expected) else {
        return (answered(told), answered(expected));
    };
    if let (Response::Multi(lefts), Response::Multi(rights)) = (left, right) {
        let whole = |parts: &[Response]| parts.iter().cloned().map(Ok).collect::<Vec<Answer>>();
        return contrast_of_parts(&whole(lefts), &whole(rights));
    }
    if let (Response::Reads(lefts), Response::Reads(rights)) = (left, right) {
        return contrast_of_parts(lefts, rights);
    }
    match (stat_of(left), stat_of(right)) {
        (Some(one), Some(other)) => {
            let differ = differing(one, other);
            let words = |response| responded(response, |stat, _| shown(stat, &differ));
            (words(left), words(right))
        }
        (Some(_), None) | (None, Some(_)) | (None, None) => (answered(told), answered(expected)),
    }
}

/// The first part that differs.
fn contrast_of_parts(told: &[Answer], expected: &[Answer]) -> (String, String) {
    let pairs = told.iter().zip(expected).zip(1..);
    let mut contrasts = pairs.map(|((left, right), place)| {
        let (left, right) = contrast_of_words(left, right);
        (left, right, place)
    });
    match contrasts.find(|(left, right, _)| left != right) {
        Some((left, right, place)) => {
            let of = |words: String| format!("{words} to part {place}");
            (of(left), of(right))
        }
        None => (
            format!("answers to {} parts", told.len()),
            format!("answers to {} parts", expected.len()),
        ),
    }
}

/// Two responses that read alike, by the first of their items that differs.
fn closer(told: &Response, expected: &Response) -> (String, String) {
    let text = |name: &Arc<str>| name.to_string();
    let [left, right] = match (told, expected) {
        (Response::Data { data: one, .. }, Response::Data { data: other, .. }) if one != other => {
            items_that_differ(one, other, "byte", |byte| format!("{byte:02x}"))
        }
        (Response::Children { names: one, .. }, Response::Children { names: other, .. })
            if one != other =>
        {
            items_that_differ(one, other, "child", text)
        }
        (Response::Acl { acl: one, .. }, Response::Acl { acl: other, .. }) if one != other => {
            items_that_differ(&one.entries(), &other.entries(), "entry", entry)
        }
        (Response::Paths(one), Response::Paths(other)) => {
            items_that_differ(one, other, "path", ToString::to_string)
        }
        (Response::Multi(one), Response::Multi(other)) => {
            let whole = |part: &Response| Ok::<Response, Failure>(part.clone());
            let [one, other] =
                [one, other].map(|parts| parts.iter().map(whole).collect::<Vec<_>>());
            return closer_part(&one, &other);
        }
        (Response::Reads(one), Response::Reads(other)) => return closer_part(one, other),
        (told, expected) => [told, expected].map(|response| {
            let times = stat_of(response).map_or((0, 0), |stat| (stat.ctime, stat.mtime));
            let words = responded(response, shown);
            format!("{words} of the times {} and {}", times.0, times.1)
        }),
    };
    (left, right)
}

/// The first of the parts that differ, although all read alike.
fn closer_part(told: &[Answer], expected: &[Answer]) -> (String, String) {
    let mut pairs = told.iter().zip(expected).zip(1..);
    match pairs.find(|((left, right), _)| left != right) {
        Some(((left, right), place)) => {
            let (left, right) = contrast(left, right);
            (
                format!("{left} to part {place}"),
                format!("{right} to part {place}"),
            )
        }
        None => (
            format!("answers to {} parts", told.len()),
            format!("answers to {} parts", expected.len()),
        ),
    }
}

/// Two lists by the first item that differs, counted from 1.
fn items_that_differ<T: PartialEq>(
    one: &[T],
    other: &[T],
    item: &str,
    words: impl Fn(&T) -> String,
) -> [String; 2] {
    let alike = one
        .iter()
        .zip(other)
        .take_while(|(left, right)| left == right);
    let place = alike.count();
    [one, other].map(|list| match list.get(place) {
        Some(found) => format!("{} as {item} {}", words(found), place + 1),
        None => format!("nothing after {item} {place}"),
    })
}

/// The names of the fields in which two Stats differ. A length that is not known differs from none.
fn differing(one: &Stat, other: &Stat) -> Vec<&'static str> {
    let untold = [one, other]
        .iter()
        .any(|stat| stat.data_length == UNTOLD_LENGTH);
    let pairs = fields(one).into_iter().zip(fields(other));
    pairs
        .filter(|(left, right)| left != right && !(untold && left.0 == "dataLength"))
        .map(|(left, _)| left.0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Zxid;
    use crate::tree::Data;

    fn data(text: &[u8], version: i32) -> Answer {
        Ok(Response::Data {
            data: Data::from(text),
            stat: Stat {
                version,
                mzxid: Zxid(7),
                data_length: UNTOLD_LENGTH,
                ..Stat::default()
            },
        })
    }

    #[test]
    fn answers_are_contrasted_by_what_differs() {
        let (told, expected) = contrast(&data(b"old", 1), &data(b"new", 2));
        assert_eq!(told, "\"old\" (version 1)");
        assert_eq!(expected, "\"new\" (version 2)");
        let (told, expected) = contrast(&data(b"old", 1), &data(b"new", 1));
        assert_eq!((told.as_str(), expected.as_str()), ("\"old\"", "\"new\""));
        let none = Err(Failure::of(ErrorCode::NoNode));
        let (told, expected) = contrast(&data(b"old", 1), &none);
        assert_eq!(told, "\"old\" (mzxid 7, version 1)");
        assert_eq!(expected, "NoNode");
    }

    #[test]
    fn a_length_that_is_not_told_is_no_difference() {
        let Ok(Response::Data { data: bytes, stat }) = data(b"old", 1) else {
            panic!("it is data");
        };
        let known = Ok(Response::Data {
            data: bytes,
            stat: Stat {
                data_length: 3,
                num_children: 2,
                ..stat
            },
        });
        let (told, expected) = contrast(&data(b"old", 1), &known);
        assert_eq!(told, "\"old\" (numChildren 0)");
        assert_eq!(expected, "\"old\" (numChildren 2)");
    }

    #[test]
    fn of_a_multi_the_first_part_that_differs_is_told() {
        let multi = |version| {
            let stat = Stat {
                version,
                ..Stat::default()
            };
            Ok(Response::Multi(vec![
                Response::Deleted,
                Response::Set(stat),
            ]))
        };
        let (told, expected) = contrast(&multi(1), &multi(2));
        assert_eq!(told, "done (version 1) to part 2");
        assert_eq!(expected, "done (version 2) to part 2");
        let failure = Failure {
            code: ErrorCode::BadVersion,
            parts: vec![None, Some(ErrorCode::BadVersion)],
        };
        assert_eq!(answered(&Err(failure)), "BadVersion at part 2");
    }

    #[test]
    fn of_several_reads_the_first_that_differs_is_told() {
        let reads = |second: Answer| Ok(Response::Reads(vec![data(b"same", 1), second]));
        let none = Err(Failure::of(ErrorCode::NoNode));
        let (told, expected) = contrast(&reads(data(b"old", 1)), &reads(none));
        assert!(told.starts_with("\"old\""), "{told}");
        assert!(told.ends_with(" to part 2"), "{told}");
        assert_eq!(expected, "NoNode to part 2");
    }

    #[test]
    fn answers_that_read_alike_are_contrasted_by_the_first_item_that_differs() {
        let children = |last: &str| {
            let first = ["a", "b", "c", "d", "e", "f", "g", "h"].into_iter();
            Ok(Response::Children {
                names: first.chain([last]).map(Arc::from).collect(),
                stat: Stat::default(),
            })
        };
        let (told, expected) = contrast(&children("i"), &children("j"));
        assert_eq!([told, expected], ["i as child 9", "j as child 9"]);
        let long = |last: u8| data(&[&[b'x'; 50][..], &[last]].concat(), 1);
        let (told, expected) = contrast(&long(b'y'), &long(b'z'));
        assert_eq!([told, expected], ["79 as byte 51", "7a as byte 51"]);
        let reads = |last| Ok(Response::Reads(vec![data(b"same", 1), children(last)]));
        let (told, expected) = contrast(&reads("i"), &reads("j"));
        assert_eq!(told, "i as child 9 to part 2");
        assert_eq!(expected, "j as child 9 to part 2");
    }
}
