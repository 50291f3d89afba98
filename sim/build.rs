//! Embeds the scenarios, so that an installed program has them: writes a table of their names and
//! files, which `src/scenario/embedded.rs` includes.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let folder = folder.join("../scenarios");
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(&folder).expect("the scenarios lie beside the package");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        let name = file.file_stem().expect("it has an extension");
        let file = file.canonicalize().expect("it was listed");
        let (name, file) = (name.to_string_lossy(), file.to_string_lossy());
        table.push_str(&format!("    ({name:?}, include_str!({file:?})),\n"));
    }
    table.push(']');
    let out = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("scenarios.rs"), table).expect("cargo's folder can be written");
}
