//! Does the line to paste reproduce the failure? It is given to a shell as it was printed.

use std::path::PathBuf;
use std::process::{Command, Output};

use menagerie::mutation::Exhibit;
use serde_json::Value;

/// Lets a shell run a line in the repository's folder, `menagerie` being the binary under test.
fn paste(line: &str) -> Output {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_menagerie"));
    let folder = binary.parent().expect("a binary is in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("sh")
        // Without the files that a failure leaves in the folder.
        .args(["-c", &format!("{line} --no-artifacts")])
        .env("PATH", format!("{}:{path}", folder.display()))
        .current_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .expect("there is a shell")
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A scenario and seeds that catch the mutation.
fn exhibit(exhibit: Exhibit) -> String {
    let (name, seeds) = (exhibit.scenario, exhibit.seeds());
    format!(
        "scenarios/{name}.toml --seeds {}..{}",
        seeds.start, seeds.end
    )
}

#[test]
fn the_line_to_paste_fails_again_with_the_same_hash() {
    // Of some a verdict is not to be had; their entries say what shows them.
    let shown = menagerie::mutation::CATALOGUE.iter();
    for entry in shown.filter(|entry| !entry.caught_by.is_empty()) {
        let (id, what) = (entry.id, exhibit(entry.exhibit));
        let campaign = paste(&format!("menagerie campaign {what} --mutate {id} --json"));
        assert_eq!(campaign.status.code(), Some(1), "{id} in {what}");
        for campaign in document(&campaign)["campaigns"].as_array().expect("a list") {
            let failure = &campaign["failures"][0];
            let line = failure["reproduce"].as_str().expect("a line to paste");
            let again = paste(line);
            assert_eq!(again.status.code(), Some(1), "{line}");
            let printed = String::from_utf8_lossy(&again.stdout);
            let hash = failure["hash"].as_str().expect("a hash");
            assert!(
                printed.contains(&format!("hash {hash}")),
                "{line}: {printed}"
            );
            let checker = failure["checker"].as_str().expect("a checker");
            assert!(printed.contains(checker), "{line}: {printed}");
        }
    }
}
