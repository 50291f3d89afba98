//! What repeats a run: the line to paste.

use menagerie::mutation::Mutations;

use super::RunSpec;
use super::program::program;
use super::resolve::mutation_ids;

/// What repeats a run: a command, and how a command line names the run. The default names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reproduce {
    /// The command.
    verb: &'static str,
    /// A scenario with its options, or a bundle, as a shell reads it.
    run: String,
}

impl Reproduce {
    /// A run of a scenario file, with nothing chosen on the command line.
    pub(crate) fn scenario(file: &str) -> Reproduce {
        Reproduce {
            verb: "run",
            run: quoted(file),
        }
    }

    /// A run that a bundle file repeats.
    pub(crate) fn bundle(file: &str) -> Reproduce {
        Reproduce {
            verb: "replay",
            run: quoted(file),
        }
    }

    /// How `explain`, `blame` and `shrink` name the run, too.
    pub fn run(&self) -> &str {
        &self.run
    }
}

/// The line to paste.
impl core::fmt::Display for Reproduce {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.run.is_empty() {
            true => Ok(()),
            false => write!(out, "{} {} {}", program(), self.verb, self.run),
        }
    }
}

/// What repeats the run of a protocol.
pub fn reproduce(protocol: &str, spec: &RunSpec) -> Reproduce {
    let file = quoted(&spec.scenario.path);
    let mut run = format!("{file} --protocol {protocol} --seed {}", spec.seed);
    for setting in &spec.scenario.settings {
        run.push_str(" --set ");
        run.push_str(&quoted(setting));
    }
    for id in mutation_ids(spec.mutations) {
        run.push_str(" --mutate ");
        run.push_str(id);
    }
    // Without a word on them, the scenario's own bugs would be on.
    if spec.mutations == Mutations::NONE && spec.scenario.mutations() != Mutations::NONE {
        run.push_str(" --mutate none");
    }
    Reproduce { verb: "run", run }
}

/// A word as a shell reads it back.
pub(crate) fn quoted(word: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "_-./+=@".contains(character);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn a_line_to_paste_survives_spaces_and_quotes() {
        assert_eq!(quoted("scenarios/chaos.toml"), "scenarios/chaos.toml");
        assert_eq!(quoted("my chaos.toml"), "'my chaos.toml'");
        assert_eq!(quoted("it's.toml"), "'it'\\''s.toml'");
        assert_eq!(quoted("$(x)"), "'$(x)'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_line_to_paste_has_the_settings_and_switches_own_bugs_off() {
        let text = "schema = 1\nstory = \"It has a bug. It is off.\"\nduration = \"1s\"\n\
                    mutations = [\"Z13\"]\n";
        let mut scenario = Scenario::parse("it.toml", text).expect("it is sound");
        scenario.settings = vec!["network.loss=1%".to_owned()];
        let mut spec = RunSpec {
            mutations: scenario.mutations(),
            scenario: Arc::new(scenario),
            seed: 3,
            checks: true,
            trace: false,
        };
        let line = "menagerie run it.toml --protocol zab --seed 3 --set 'network.loss=1%'";
        let told = |spec: &RunSpec| reproduce("zab", spec).to_string();
        assert_eq!(told(&spec), format!("{line} --mutate Z13"));
        spec.mutations = Mutations::NONE;
        assert_eq!(told(&spec), format!("{line} --mutate none"));
    }
}
