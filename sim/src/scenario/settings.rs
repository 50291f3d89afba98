//! Other values for single keys of a scenario: `--set network.loss=1%`.
//!
//! A setting changes the text before it is read, so that it can be about any key, and so that a
//! wrong one is refused like a wrong line of the file. A key is written as TOML writes it; a number
//! chooses an entry of a list (`fault.0.crash.at`). A value that is no TOML is a string, so that a
//! duration needs no quotes.

use toml_edit::{DocumentMut, InlineTable, Item, Key, TableLike, Value};

/// Why a setting cannot be made, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// What is wrong.
    pub(super) message: String,
    /// What would be right.
    pub(super) help: String,
}

fn refused(message: String) -> Refused {
    Refused {
        message,
        help: "expected KEY=VALUE, such as network.loss=1%, workload.clients=9, knobs.tick=1s or \
               fault.0.crash.at=500ms"
            .to_owned(),
    }
}

/// The text with other values for some keys.
pub(super) fn apply(text: &str, settings: &[String]) -> Result<String, Refused> {
    let parsed: Result<DocumentMut, _> = text.parse();
    let Ok(mut document) = parsed else {
        // Whoever reads it next says what is wrong, and where.
        return Ok(text.to_owned());
    };
    for setting in settings {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| refused(format!("the setting \"{setting}\" has no value")))?;
        let keys = Key::parse(key.trim())
            .map_err(|_| refused(format!("\"{key}\" is no key of a TOML file")))?;
        let value = value.trim();
        let value: Value = value.parse().unwrap_or_else(|_| Value::from(value));
        set(document.as_table_mut(), &keys, value)
            .map_err(|why| refused(format!("{key} cannot be set: {why}")))?;
    }
    Ok(document.to_string())
}

fn set(table: &mut dyn TableLike, keys: &[Key], value: Value) -> Result<(), String> {
    let [key, rest @ ..] = keys else {
        return Err("the key is empty".to_owned());
    };
    if rest.is_empty() {
        table.insert(key.get(), Item::Value(value));
        return Ok(());
    }
    if table.get(key.get()).is_none() {
        let empty = Item::Value(Value::InlineTable(InlineTable::new()));
        table.insert(key.get(), empty);
    }
    let inner = table.get_mut(key.get()).expect("it is there, or was made");
    set_inside(inner, key.get(), rest, value)
}

/// Sets a key below `name`, which is a table or a list.
fn set_inside(item: &mut Item, name: &str, keys: &[Key], value: Value) -> Result<(), String> {
    if let Some(table) = item.as_table_like_mut() {
        return set(table, keys, value);
    }
    let place = |count: usize| {
        let number = keys[0].get().parse().ok();
        number
            .filter(|place: &usize| *place < count)
            .ok_or_else(|| format!("{name} has the entries 0 to {}", count.saturating_sub(1)))
    };
    if let Some(tables) = item.as_array_of_tables_mut() {
        let place = place(tables.len())?;
        let table = tables.get_mut(place).expect("its place is below the count");
        return set(table, &keys[1..], value);
    }
    let Some(list) = item.as_array_mut() else {
        return Err(format!("{name} is neither a table nor a list"));
    };
    let place = place(list.len())?;
    if keys.len() == 1 {
        list.replace(place, value);
        return Ok(());
    }
    let entry = list.get_mut(place).and_then(Value::as_inline_table_mut);
    let table = entry.ok_or_else(|| format!("entry {place} of {name} is no table"))?;
    set(table, &keys[1..], value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    const TEXT: &str = "schema = 1\nstory = \"It happens. It is survived.\"\nduration = \"3s\"\n\
                        [ensemble]\nvoters = 5\n[[fault]]\ncrash = { at = \"1s\", node = 1 }\n";

    fn changed(settings: &[&str]) -> Result<String, Refused> {
        let settings: Vec<String> = settings.iter().map(|one| (*one).to_owned()).collect();
        apply(TEXT, &settings)
    }

    #[test]
    fn any_key_can_be_set_there_or_not() {
        let text = changed(&[
            "ensemble.voters=3",
            "network.loss=1%",
            "duration=800ms",
            "fault.0.crash.at=200ms",
        ])
        .expect("they can be set");
        let scenario = Scenario::parse("it.toml", &text).expect("it is sound");
        let document = &scenario.document;
        assert_eq!(*document.ensemble.voters.get_ref(), 3);
        assert_eq!(document.network.loss.ppm, 10_000);
        assert_eq!(document.duration.get_ref().0.0, 800_000_000);
        assert!(text.contains("at = \"200ms\""), "{text}");
    }

    #[test]
    fn what_cannot_be_set_is_refused_with_a_reason() {
        for (setting, part) in [
            ("network.loss", "has no value"),
            ("=3", "is no key"),
            ("fault.3.crash.at=1s", "has the entries 0 to 0"),
            ("duration.at=1s", "neither a table nor a list"),
        ] {
            let refused = changed(&[setting]).expect_err("it cannot be set");
            assert!(refused.message.contains(part), "{setting}: {refused:?}");
        }
        let text = changed(&["ensemble.votres=3"]).expect("the reader looks at names");
        let error = Scenario::parse("it.toml", &text).expect_err("there is no such key");
        assert!(error.picture().contains("votres"));
    }
}
