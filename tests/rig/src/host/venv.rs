//! The Python environment with the real Klipper host and the real Moonraker.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).unwrap_or(crate_folder).to_owned()
}

/// The environment: `$MOONLAPSE_RIG_VENV`, else the one that `scripts/rig-venv` makes.
///
/// # Errors
///
/// When there is none.
pub(crate) fn locate() -> anyhow::Result<PathBuf> {
    let venv = match std::env::var_os("MOONLAPSE_RIG_VENV") {
        Some(venv) => PathBuf::from(venv),
        None => repository().join("target/rig-venv"),
    };
    ensure!(
        venv.join("bin/kalico").exists() && venv.join("bin/moonraker").exists(),
        "{} has no Klipper and Moonraker in it; run scripts/rig-venv, or set MOONLAPSE_RIG_VENV",
        venv.display()
    );
    Ok(venv)
}

/// The Klipper host: `$MOONLAPSE_RIG_KLIPPY` (the `klippy.py` of any checkout), else the environment's own.
pub(super) fn klipper(venv: &Path) -> PathBuf {
    std::env::var_os("MOONLAPSE_RIG_KLIPPY").map_or_else(|| venv.join("bin/kalico"), PathBuf::from)
}

/// Makes `into/moonraker`, a copy of the installed package by symbolic links, with `components` added to it: a rig
/// gets a component of ours without a trace in the environment that all rigs share.
pub(super) fn overlay_moonraker(venv: &Path, into: &Path, components: &[(String, PathBuf)]) -> anyhow::Result<()> {
    let package = find_package(venv, "moonraker")?;
    let ours = into.join("moonraker");
    link_entries(&package, &ours, &["components"])?;
    link_entries(&package.join("components"), &ours.join("components"), &[])?;
    for (name, source) in components {
        let source =
            source.canonicalize().with_context(|| format!("finding the component {name} at {}", source.display()))?;
        let file = if source.is_dir() { name.clone() } else { format!("{name}.py") };
        let link = ours.join("components").join(file);
        symlink(&source, &link).with_context(|| format!("linking {}", link.display()))?;
    }
    Ok(())
}

fn link_entries(from: &Path, to: &Path, except: &[&str]) -> anyhow::Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in from.read_dir().with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        if !except.iter().any(|&name| entry.file_name() == name) {
            symlink(entry.path(), to.join(entry.file_name())).context("linking a part of Moonraker")?;
        }
    }
    Ok(())
}

/// The folder of an installed Python package.
pub(crate) fn find_package(venv: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let lib = venv.join("lib");
    let pythons = lib.read_dir().with_context(|| format!("reading {}", lib.display()))?;
    pythons
        .flatten()
        .map(|python| python.path().join("site-packages").join(name))
        .find(|package| package.is_dir())
        .with_context(|| format!("{} has no package {name}", venv.display()))
}
