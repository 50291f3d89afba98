//! The command line of Menagerie.

fn main() {}
