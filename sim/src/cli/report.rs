//! `menagerie report`.

use std::fs;
use std::path::Path;

use super::arguments::ReportArguments;
use super::output::{complain, processors};
use super::{CliError, Exit};
use crate::report::{Extent, Obstacle, Order, make};
use crate::run::registry::Registration;

/// Where the scenarios are.
const SCENARIOS: &str = "scenarios";

/// Runs the fixed set of campaigns and measurements and writes the report and its plots.
pub(super) fn report(
    arguments: &ReportArguments,
    protocols: &[Registration],
) -> Result<Exit, CliError> {
    let out = Path::new(&arguments.out);
    if out.is_dir() {
        return Err(CliError::Usage(format!(
            "--out {} is a folder; name the file, such as {}",
            arguments.out,
            out.join("REPORT.md").display()
        )));
    }
    let folder = out.parent().unwrap_or(Path::new(""));
    if !folder.as_os_str().is_empty() && !folder.is_dir() {
        return Err(CliError::Usage(format!(
            "--out {}: there is no folder {}",
            arguments.out,
            folder.display()
        )));
    }
    let order = Order {
        protocols,
        scenarios: Path::new(SCENARIOS),
        extent: if arguments.quick {
            Extent::QUICK
        } else {
            Extent::FULL
        },
        jobs: processors(),
        stamp: arguments.stamp.clone(),
    };
    let report = make(&order, &mut |step| complain(&format!("report: {step}"))).map_err(trouble)?;
    for (name, content) in &report.plots {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
        }
        fs::write(&path, content).map_err(|error| unwritable(&path, &error))?;
    }
    fs::write(out, &report.text).map_err(|error| unwritable(out, &error))?;
    complain(&format!(
        "report: {} and {} plots are written",
        arguments.out,
        report.plots.len()
    ));
    Ok(if report.held {
        Exit::Held
    } else {
        Exit::Violation
    })
}

fn trouble(obstacle: Obstacle) -> CliError {
    match obstacle {
        Obstacle::Scenario(error) => CliError::Scenario(error),
        Obstacle::Missing(name) => CliError::Usage(format!(
            "there is no {SCENARIOS}/{name}.toml here; run this at the project's root"
        )),
        Obstacle::Internal(error) => CliError::Internal(error),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::Usage(format!("{} cannot be written: {error}", path.display()))
}
