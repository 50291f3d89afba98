//! The command line of Menagerie with the protocols that come with it.

use std::process::ExitCode;

fn main() -> ExitCode {
    menagerie_sim::main(menagerie_sim::PROTOCOLS)
}
