//! What is wrong with a scenario file, told with file, line, column and the offending text.

use core::fmt;
use core::ops::Range;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// Where in the text, in bytes; `None` if it concerns the file as a whole.
    pub span: Option<Range<usize>>,
    /// What would be right.
    pub help: Option<String>,
}

/// Everything that is wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file's name as it was given.
    pub file: String,
    /// Its text; empty if it could not be read.
    pub text: String,
    /// The mistakes, in the order of their places; never empty.
    pub problems: Vec<Problem>,
}

impl ScenarioError {
    /// A single mistake that concerns the file as a whole.
    pub fn of_file(file: &str, message: String, help: Option<String>) -> ScenarioError {
        ScenarioError {
            file: file.to_owned(),
            text: String::new(),
            problems: vec![Problem {
                message,
                span: None,
                help,
            }],
        }
    }

    /// Line and column of a problem, both counted from 1; `None` if it has no place.
    pub fn place(&self, problem: &Problem) -> Option<(usize, usize)> {
        let start = problem.span.as_ref()?.start.min(self.text.len());
        let before = self.text.get(..start)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some((
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        ))
    }

    /// The picture for people, with colours; the caller strips them where they are not wanted.
    pub fn picture(&self) -> String {
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).with_width(100);
        let mut out = String::new();
        for problem in &self.problems {
            let message = match problem.span {
                Some(_) => problem.message.clone(),
                None => format!("{}: {}", self.file, problem.message),
            };
            let mut diagnostic = MietteDiagnostic::new(message);
            if let Some(help) = &problem.help {
                diagnostic = diagnostic.with_help(help.clone());
            }
            if let Some(span) = &problem.span {
                let length = span.len().max(1);
                let label = LabeledSpan::at(span.start..span.start + length, "here");
                diagnostic = diagnostic.with_label(label);
            }
            let source = NamedSource::new(&self.file, self.text.clone());
            let report = miette::Report::new(diagnostic).with_source_code(source);
            if handler.render_report(&mut out, report.as_ref()).is_err() {
                out.push_str(&problem.message);
            }
            out.push('\n');
        }
        out
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            match self.place(problem) {
                Some((line, column)) => write!(out, "{}:{line}:{column}: ", self.file)?,
                None => write!(out, "{}: ", self.file)?,
            }
            writeln!(out, "{}", problem.message)?;
            if let Some(help) = &problem.help {
                writeln!(out, "  help: {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}
