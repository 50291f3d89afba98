//! One page over all runs that a folder keeps: what failed where, and links to what each run left.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::artefacts::Artefact;
use crate::words::{counted, escaped};

/// So much of a checker's sentence is shown.
const WORDS_MAX: usize = 40;

/// What a page says of a run, from its `verdict.json`.
#[derive(Clone, Debug, Deserialize)]
struct Verdict {
    scenario: String,
    protocol: String,
    seed: u64,
    mutations: Vec<String>,
    hash: String,
    verdicts: Vec<Line>,
    reproduce: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Line {
    checker: String,
    verdict: String,
    reason: String,
}

/// A run that a folder keeps.
#[derive(Clone, Debug)]
pub struct KeptRun {
    verdict: Verdict,
    /// Its folder, relative to the page.
    place: String,
    /// Its files, in the order of their kinds.
    files: Vec<&'static str>,
}

/// What a folder keeps.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The runs, by scenario, protocol and seed.
    pub runs: Vec<KeptRun>,
    /// Files that are named like a verdict and are none.
    pub unreadable: Vec<PathBuf>,
}

/// The runs in `FOLDER/<scenario>/<protocol>-<seed>/`.
///
/// # Errors
/// If the folder cannot be read.
pub fn runs_in(folder: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    for scenario in folders_in(folder)? {
        for run in folders_in(&scenario)? {
            let file = run.join(Artefact::Verdict.file());
            let Ok(text) = fs::read(&file) else {
                continue;
            };
            let Ok(verdict) = serde_json::from_slice(&text) else {
                found.unreadable.push(file);
                continue;
            };
            let place = run.strip_prefix(folder).unwrap_or(&run);
            let parts: Vec<String> = place
                .components()
                .map(|part| part.as_os_str().to_string_lossy().into_owned())
                .collect();
            let kinds = Artefact::ALL.iter().map(|kind| kind.file());
            found.runs.push(KeptRun {
                verdict,
                place: parts.join("/"),
                files: kinds.filter(|file| run.join(file).is_file()).collect(),
            });
        }
    }
    found.runs.sort_by(|one, other| {
        let name = |run: &KeptRun| {
            let verdict = &run.verdict;
            (
                verdict.scenario.clone(),
                verdict.protocol.clone(),
                verdict.seed,
            )
        };
        name(one).cmp(&name(other))
    });
    Ok(found)
}

fn folders_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries: Result<Vec<_>, _> = fs::read_dir(folder)?.collect();
    let paths = entries?.into_iter().map(|entry| entry.path());
    Ok(paths.filter(|path| path.is_dir()).collect())
}

/// The page.
pub fn page(runs: &[KeptRun]) -> String {
    let mut rows = String::new();
    for run in runs {
        row(run, &mut rows);
    }
    let count = counted(runs.len() as u64, "run");
    format!("{HEAD}<p>{count}</p>\n{TABLE}{rows}{FOOT}")
}

fn row(run: &KeptRun, rows: &mut String) {
    let verdict = &run.verdict;
    let failed = verdict.verdicts.iter().find(|line| line.verdict == "fail");
    let (checker, reason) = failed.map_or(("", ""), |line| (&line.checker, &line.reason));
    let mut links = String::new();
    for file in &run.files {
        let target = escaped(&format!("{}/{file}", url(&run.place)));
        let _ = write!(links, "<a href=\"{target}\">{file}</a> ");
    }
    // Writing into a string cannot fail.
    let _ = writeln!(
        rows,
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
         <td>{links}<details><summary>repeat</summary><code>{}</code><br>hash {}</details></td>\
         </tr>",
        escaped(&verdict.scenario),
        escaped(&verdict.protocol),
        verdict.seed,
        escaped(&verdict.mutations.join(" ")),
        escaped(checker),
        escaped(&first_words(reason)),
        escaped(&verdict.reproduce),
        escaped(&verdict.hash)
    );
}

/// A path as a link has it: what may mean something else there is written as its number.
fn url(path: &str) -> String {
    let mut url = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_./".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

fn first_words(text: &str) -> String {
    let mut words = text.split_whitespace();
    let kept: Vec<&str> = words.by_ref().take(WORDS_MAX).collect();
    let more = if words.next().is_some() { " …" } else { "" };
    format!("{}{more}", kept.join(" "))
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Menagerie: kept runs</title>
<style>
:root { color-scheme: light dark }
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em }
table { border-collapse: collapse }
th, td { text-align: left; vertical-align: top; padding: .4em .8em }
tr { border-bottom: 1px solid #8884 }
td:nth-child(6) { max-width: 44em }
code { font-size: 13px }
</style>
<h1>Kept runs</h1>
";

const TABLE: &str = "<table>
<thead><tr><th>scenario</th><th>protocol</th><th>seed</th><th>mutations</th><th>checker</th>\
<th>what it found</th><th>files</th></tr></thead>
<tbody>
";

const FOOT: &str = "</tbody>
</table>
</html>
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_the_run_its_first_failure_and_links_its_files() {
        let line = |checker: &str, verdict: &str, reason: &str| Line {
            checker: checker.to_owned(),
            verdict: verdict.to_owned(),
            reason: reason.to_owned(),
        };
        let run = KeptRun {
            verdict: Verdict {
                scenario: "a<b".to_owned(),
                protocol: "zab".to_owned(),
                seed: 3,
                mutations: vec!["Z13".to_owned()],
                hash: "00ff".to_owned(),
                verdicts: vec![
                    line("digest", "pass", ""),
                    line("agreement", "fail", "1 & 2"),
                ],
                reproduce: "menagerie run 'a<b'".to_owned(),
            },
            place: "a<b/zab-3".to_owned(),
            files: vec!["story.md"],
        };
        let page = page(&[run]);
        for part in [
            "<p>1 run</p>",
            "<td>a&lt;b</td><td>zab</td><td>3</td><td>Z13</td><td>agreement</td><td>1 &amp; 2</td>",
            "<a href=\"a%3Cb/zab-3/story.md\">story.md</a>",
            "<code>menagerie run &#39;a&lt;b&#39;</code>",
        ] {
            assert!(page.contains(part), "{part} is missing in\n{page}");
        }
    }
}
