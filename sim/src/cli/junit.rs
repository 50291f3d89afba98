//! JUnit XML, which CI servers read: a suite is a scenario on a protocol. Of a run, each checker is
//! a case; of a campaign, each seed.

use std::fmt::Write as _;
use std::time::Duration;

use menagerie::check::Verdict;

use crate::run::campaign::CampaignReport;
use crate::run::{Conclusion, RunReport};
use crate::words::escaped;

/// A scenario on a protocol.
pub(super) struct Suite {
    name: String,
    wall: Duration,
    cases: Vec<Case>,
}

/// A checker or a seed.
struct Case {
    name: String,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    /// Nothing was violated, but something was not judged.
    Skipped(String),
    Failed {
        /// The checker.
        kind: String,
        /// What it says.
        message: String,
        /// The line to paste.
        reproduce: String,
    },
}

/// The suite of one run.
pub(super) fn of_run(report: &RunReport) -> Suite {
    let cases = report.verdicts.iter().map(|judged| Case {
        name: judged.checker.clone(),
        outcome: match &judged.verdict {
            Verdict::Pass { .. } => Outcome::Passed,
            Verdict::NotApplicable(why) => Outcome::Skipped(format!("not applicable: {why}")),
            Verdict::Vacuous(_) | Verdict::Unknown(_)
                if report.conclusion() == Conclusion::Pass =>
            {
                Outcome::Passed
            }
            Verdict::Vacuous(why) | Verdict::Unknown(why) => Outcome::Skipped(why.clone()),
            // The scenario expects it.
            Verdict::Fail(_) if report.conclusion() == Conclusion::Pass => Outcome::Passed,
            Verdict::Fail(counterexample) => Outcome::Failed {
                kind: judged.checker.clone(),
                message: format!("at {}: {}", counterexample.at, counterexample.reason),
                reproduce: report.reproduce.to_string(),
            },
        },
    });
    Suite {
        name: format!(
            "{} on {}, seed {}",
            report.scenario, report.protocol, report.seed
        ),
        wall: Duration::ZERO,
        cases: cases.collect(),
    }
}

/// The suite of a campaign.
pub(super) fn of_campaign(report: &CampaignReport) -> Suite {
    let failure = |seed: u64| {
        let listed = report.failures.iter().find(|one| one.seed == seed);
        // More failures than are listed have no sentence of their own.
        listed.map_or(
            (
                "violation".to_owned(),
                "see --json".to_owned(),
                String::new(),
            ),
            |one| {
                let (checker, reason) = (one.checker.clone(), one.reason.clone());
                (checker, reason, one.reproduce.clone())
            },
        )
    };
    let doubt = |seed: u64| {
        let told = report.doubts.iter().find(|(one, _)| *one == seed);
        told.map_or_else(String::new, |(_, why)| format!(": {why}"))
    };
    let cases = report.outcomes.iter().map(|(seed, conclusion)| Case {
        name: format!("seed {seed}"),
        outcome: match conclusion {
            Conclusion::Pass => Outcome::Passed,
            Conclusion::Vacuous | Conclusion::Unknown => {
                Outcome::Skipped(format!("{}{}", conclusion.word(), doubt(*seed)))
            }
            Conclusion::Fail => {
                let (kind, message, reproduce) = failure(*seed);
                Outcome::Failed {
                    kind,
                    message,
                    reproduce,
                }
            }
        },
    });
    Suite {
        name: report.subject(),
        wall: report.wall_time,
        cases: cases.collect(),
    }
}

/// How every file of this program begins its suites. Earlier ones have no name.
pub(super) const MARKS: &[&str] = &[NAMED, "UTF-8\"?>\n<testsuites>\n  <testsuite name=\""];
const NAMED: &str = "<testsuites name=\"menagerie\">";

/// The suites as a file.
pub(super) fn text(suites: &[Suite]) -> String {
    let mut text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{NAMED}\n");
    for suite in suites {
        let count = |wanted: fn(&Outcome) -> bool| {
            let cases = suite.cases.iter();
            cases.filter(|case| wanted(&case.outcome)).count()
        };
        let name = escaped(&suite.name);
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" \
             time=\"{:.3}\">",
            suite.cases.len(),
            count(|outcome| matches!(outcome, Outcome::Failed { .. })),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
            suite.wall.as_secs_f64()
        );
        for case in &suite.cases {
            case_lines(&name, case, &mut text);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case_lines(suite: &str, case: &Case, text: &mut String) {
    let head = format!(
        "    <testcase classname=\"{suite}\" name=\"{}\"",
        escaped(&case.name)
    );
    let _ = match &case.outcome {
        Outcome::Passed => writeln!(text, "{head}/>"),
        Outcome::Skipped(why) => writeln!(
            text,
            "{head}>\n      <skipped message=\"{}\"/>\n    </testcase>",
            escaped(why)
        ),
        Outcome::Failed {
            kind,
            message,
            reproduce,
        } => writeln!(
            text,
            "{head}>\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>",
            escaped(kind),
            escaped(message),
            escaped(reproduce)
        ),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_counts_its_cases_and_escapes_what_checkers_say() {
        let failed = Outcome::Failed {
            kind: "agreement".to_owned(),
            message: "1 < 2 & \"3\"\u{1}".to_owned(),
            reproduce: "menagerie run chaos".to_owned(),
        };
        let outcomes = [
            Outcome::Passed,
            failed,
            Outcome::Skipped("vacuous".to_owned()),
        ];
        let cases = (1..).zip(outcomes).map(|(seed, outcome)| Case {
            name: format!("seed {seed}"),
            outcome,
        });
        let suite = Suite {
            name: "chaos on zab".to_owned(),
            wall: Duration::from_millis(1_500),
            cases: cases.collect(),
        };
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"menagerie\">
  <testsuite name=\"chaos on zab\" tests=\"3\" failures=\"1\" skipped=\"1\" time=\"1.500\">
    <testcase classname=\"chaos on zab\" name=\"seed 1\"/>
    <testcase classname=\"chaos on zab\" name=\"seed 2\">
      <failure type=\"agreement\" message=\"1 &lt; 2 &amp; &quot;3&quot;\u{fffd}\">\
menagerie run chaos</failure>
    </testcase>
    <testcase classname=\"chaos on zab\" name=\"seed 3\">
      <skipped message=\"vacuous\"/>
    </testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(text(&[suite]), expected);
    }
}
