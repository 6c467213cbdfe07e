//! Lists the files of the built page (`web/dist`) for `src/web/assets.rs`. Without them the program has no page; nothing
//! else is needed to build it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    // A path that is not there would have this run every time.
    if let Some(watched) = ["web/dist", "web"].iter().find(|path| Path::new(path).is_dir()) {
        println!("cargo::rerun-if-changed={watched}");
    }
    let mut files = Vec::new();
    if root.is_dir() {
        collect(&root, "", &mut files)?;
    }
    files.sort();
    let mut list = "&[\n".to_owned();
    for file in files.iter().filter(|file| !file.ends_with(".gz")) {
        let include = |file: &str| format!("include_bytes!({:?})", root.join(file));
        let zipped = format!("{file}.gz");
        let gzip = if files.contains(&zipped) { format!("Some({})", include(&zipped)) } else { "None".to_owned() };
        // Writing to a String never fails.
        let _ = writeln!(list, "    Asset {{ path: {file:?}, bytes: {}, gzip: {gzip} }},", include(file));
    }
    list.push(']');
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("assets.rs"), list)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push(name);
        }
    }
    Ok(())
}
