//! `menagerie completions` and `menagerie man`: what a shell and `man` want to know.

use clap_complete::Shell;

use super::output::print;
use super::{CliError, Exit, command};
use crate::run::program::program;

/// Prints the completions of a shell.
pub(super) fn completions(shell: Shell) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), program(), &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Held)
}

/// Prints the manual page: the program's, with a section for each command.
pub(super) fn man() -> Result<Exit, CliError> {
    let mut page = Vec::new();
    let command = command();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands() {
        let name = format!("{} {}", program(), subcommand.get_name());
        let heading = format!(".SH COMMAND {}\n", name.to_uppercase());
        page.extend_from_slice(heading.as_bytes());
        let manual = clap_mangen::Man::new(subcommand.clone().bin_name(name));
        manual.render_description_section(&mut page)?;
        manual.render_options_section(&mut page)?;
    }
    print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Held)
}
