//! Files that a command is to write. Each is looked at before the first run begins, so that no long
//! work is done for a file that cannot be written, or must not be overwritten.

use std::fs;
use std::path::Path;

use super::CliError;

/// A file that is to be written.
#[derive(Clone, Copy)]
pub(super) struct Destination<'a> {
    /// Where it goes.
    pub(super) file: &'a Path,
    /// One of these is in every such file of this program; none if each may be precious.
    pub(super) marks: &'static [&'static str],
}

impl Destination<'_> {
    /// Refuses a file that cannot be written, or that is not this program's to overwrite.
    pub(super) fn check(&self, force: bool) -> Result<(), CliError> {
        self.check_place()?;
        if force || !self.file.is_file() || self.is_own() {
            return Ok(());
        }
        let stranger = match self.marks {
            [] => "exists",
            [..] => "exists, and is no such file of this program",
        };
        Err(CliError::Usage(format!(
            "{} {stranger}; name another file, or overwrite it with --force",
            self.file.display()
        )))
    }

    /// Refuses a folder, and a file in a folder that there is not.
    fn check_place(&self) -> Result<(), CliError> {
        let file = self.file.display();
        if self.file.is_dir() {
            return Err(CliError::Usage(format!("{file} is a folder; name a file")));
        }
        let folder = self.file.parent().filter(|one| !one.as_os_str().is_empty());
        match folder.filter(|folder| !folder.is_dir()) {
            Some(folder) => Err(CliError::Usage(format!(
                "{file} cannot be written: there is no folder {}",
                folder.display()
            ))),
            None => Ok(()),
        }
    }

    fn is_own(&self) -> bool {
        let text = fs::read_to_string(self.file);
        let is_marked = |text: String| self.marks.iter().any(|mark| text.contains(mark));
        text.is_ok_and(is_marked)
    }

    /// Writes it.
    pub(super) fn write(&self, text: &str) -> Result<(), CliError> {
        fs::write(self.file, text).map_err(|error| {
            CliError::Usage(format!(
                "{} cannot be written: {error}",
                self.file.display()
            ))
        })
    }
}

/// Refuses what cannot be written, and two texts for one file.
pub(super) fn check_all(files: &[Destination<'_>], force: bool) -> Result<(), CliError> {
    for (place, one) in files.iter().enumerate() {
        one.check(force)?;
        if files[..place].iter().any(|other| other.file == one.file) {
            return Err(CliError::Usage(format!(
                "{} is named twice; name a file for each",
                one.file.display()
            )));
        }
    }
    Ok(())
}
