//! The home of a user with printers, in which `install.sh` is run: Moonraker's checkout, the services as the usual
//! installers leave them, and what the folder held before.
//!
//! Of the system only `systemctl` is replaced, by a program that notes how it was called; who runs what a service says
//! is the test.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::host::{find_package, locate};

/// A user's home. It is removed when dropped.
#[derive(Debug)]
pub struct Home {
    root: TempDir,
}

/// What a folder holds: kind, mode, and contents of each path.
pub type Tree = BTreeMap<PathBuf, String>;

impl Home {
    /// A home with a checkout of Moonraker.
    ///
    /// # Errors
    ///
    /// When there is no Python environment, see `scripts/rig-venv`, or no git.
    pub fn make() -> anyhow::Result<Self> {
        let root = tempfile::Builder::new().prefix("moonlapse-home-").tempdir().context("making a home")?;
        let home = Self { root };
        for folder in [home.folder(), home.units(), home.stubs()] {
            std::fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        }
        write(&home.systemctl_log(), "")?;
        let stub = format!("#!/bin/sh\necho \"$@\" >>{}\n", home.systemctl_log().display());
        write_program(&home.stubs().join("systemctl"), &stub)?;

        let checkout = home.moonraker();
        std::fs::create_dir(&checkout)?;
        let package = find_package(&locate()?, "moonraker")?;
        run(Command::new("cp").arg("-RL").arg(package).arg(checkout.join("moonraker")))?;
        // In the package that pip installs, a part of a checkout lies one folder deeper.
        run(Command::new("cp").arg("-R").arg(checkout.join("moonraker/scripts")).arg(checkout.join("scripts")))?;
        write(&checkout.join(".gitignore"), "__pycache__/\n")?;
        home.git(&["init", "--quiet"])?;
        home.git(&["add", "."])?;
        home.git(&["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "-m", "Moonraker"])?;
        Ok(home)
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Moonraker's checkout.
    #[must_use]
    pub fn moonraker(&self) -> PathBuf {
        self.folder().join("moonraker")
    }

    /// Moonraker's folder of components.
    #[must_use]
    pub fn components(&self) -> PathBuf {
        self.moonraker().join("moonraker/components")
    }

    /// Where the services of the system are described.
    #[must_use]
    pub fn units(&self) -> PathBuf {
        self.root.path().join("units")
    }

    fn stubs(&self) -> PathBuf {
        self.root.path().join("bin")
    }

    fn systemctl_log(&self) -> PathBuf {
        self.root.path().join("systemctl.log")
    }

    /// Describes the service of a printer's Moonraker, as its installer does. `data` is the data folder in the home, and
    /// `unit` the service, such as `moonraker-1`.
    ///
    /// # Errors
    ///
    /// The errors of the disk.
    pub fn add_service(&self, data: &str, unit: &str) -> anyhow::Result<()> {
        let (home, data) = (self.folder(), self.folder().join(data));
        let arguments = data.join("systemd/moonraker.env");
        write(
            &arguments,
            &format!(
                "MOONRAKER_DATA_PATH=\"{}\"\nMOONRAKER_ARGS=\"-m moonraker\"\nPYTHONPATH=\"{}\"\n",
                data.display(),
                self.moonraker().display()
            ),
        )?;
        write(
            &self.units().join(format!("{unit}.service")),
            &format!(
                "[Service]\nEnvironmentFile={}\nExecStart={}/moonraker-env/bin/python $MOONRAKER_ARGS\n",
                arguments.display(),
                home.display()
            ),
        )
    }

    /// Unpacks a release into `moonlapse`, with a program that knows no modes.
    ///
    /// # Errors
    ///
    /// When it is no zip, or there is no Python.
    pub fn unpack(&self, release: &Path) -> anyhow::Result<()> {
        let mut python = Command::new("python3");
        run(python.args(["-m", "zipfile", "-e"]).arg(release).arg(self.folder().join("moonlapse")))?;
        Ok(())
    }

    /// Runs the release's `install.sh` and gives what it said.
    ///
    /// # Errors
    ///
    /// When it fails; with what it said.
    pub fn install(&self, options: &[&str]) -> anyhow::Result<String> {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        command
            .arg(self.folder().join("moonlapse/install.sh"))
            .args(["--yes", "--service", "system"])
            .args(options)
            .env("HOME", self.folder())
            .env("PATH", format!("{}:{path}", self.stubs().display()))
            .env("MOONLAPSE_UNITS", self.units())
            .current_dir(self.folder());
        run(&mut command)
    }

    /// How `systemctl` was called since the last time this was asked.
    ///
    /// # Errors
    ///
    /// The errors of the disk.
    pub fn systemctl_calls(&self) -> anyhow::Result<Vec<String>> {
        let calls = std::fs::read_to_string(self.systemctl_log())?;
        write(&self.systemctl_log(), "")?;
        Ok(calls.lines().map(str::to_owned).collect())
    }

    /// The words of the command that a service runs.
    ///
    /// # Errors
    ///
    /// When there is no such service.
    pub fn command_of(&self, unit: &str) -> anyhow::Result<Vec<String>> {
        let text = std::fs::read_to_string(self.units().join(format!("{unit}.service")))
            .with_context(|| format!("there is no service {unit}"))?;
        let command = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).context("it runs nothing")?;
        // No word of ours has a space in it.
        Ok(command.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect())
    }

    /// What git finds changed in Moonraker's checkout.
    ///
    /// # Errors
    ///
    /// When git fails.
    pub fn moonraker_changes(&self) -> anyhow::Result<String> {
        self.git(&["status", "--porcelain", "--untracked-files=all"])
    }

    fn git(&self, arguments: &[&str]) -> anyhow::Result<String> {
        run(Command::new("git").arg("-C").arg(self.moonraker()).args(arguments))
    }

    /// All that is in the home, empty folders too, and in the services' folder. Left out are Python's caches, git's index,
    /// and what `left_out` says of a path in the home.
    ///
    /// # Errors
    ///
    /// The errors of the disk.
    pub fn tree(&self, left_out: impl Fn(&str) -> bool) -> anyhow::Result<Tree> {
        let mut tree = Tree::new();
        let home = self.folder();
        let skip = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            let inside = path.strip_prefix(&home).unwrap_or(path).to_string_lossy();
            name == "__pycache__" || inside == "moonraker/.git/index" || left_out(&inside)
        };
        read_tree(&home, &skip, &mut tree)?;
        read_tree(&self.units(), &skip, &mut tree)?;
        Ok(tree)
    }
}

/// What differs between two trees, a line each; empty when they are the same.
#[must_use]
pub fn differences(before: &Tree, after: &Tree) -> String {
    let mut lines = String::new();
    for path in before.keys().chain(after.keys().filter(|path| !before.contains_key(*path))) {
        let what = match (before.get(path), after.get(path)) {
            (Some(old), Some(new)) if old == new => continue,
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "gone",
            _ => "new",
        };
        lines += &format!("{what}: {}\n", path.display());
    }
    lines
}

fn read_tree(folder: &Path, skip: &impl Fn(&Path) -> bool, tree: &mut Tree) -> anyhow::Result<()> {
    for entry in folder.read_dir().with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if skip(&path) {
            continue;
        }
        let about = path.symlink_metadata()?;
        let contents = if about.is_symlink() {
            format!("-> {}", path.read_link()?.display())
        } else if about.is_file() {
            let mut hasher = DefaultHasher::new();
            std::fs::read(&path)?.hash(&mut hasher);
            format!("{:x}", hasher.finish())
        } else {
            String::new()
        };
        tree.insert(path.clone(), format!("{:o} {} {contents}", about.mode(), about.uid()));
        if about.is_dir() {
            read_tree(&path, skip, tree)?;
        }
    }
    Ok(())
}

/// Writes a file and makes its folder.
///
/// # Errors
///
/// The errors of the disk.
pub fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}

fn write_program(file: &Path, text: &str) -> anyhow::Result<()> {
    write(file, text)?;
    Ok(std::fs::set_permissions(file, PermissionsExt::from_mode(0o755))?)
}

fn run(command: &mut Command) -> anyhow::Result<String> {
    let done = command.output().with_context(|| format!("running {command:?}"))?;
    let [said, complained] = [&done.stdout, &done.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    ensure!(done.status.success() && complained.is_empty(), "{command:?}: {}\n{said}{complained}", done.status);
    Ok(said)
}
