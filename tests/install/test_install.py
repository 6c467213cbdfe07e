"""What install.sh does to a home, and that --uninstall takes all of it back."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
from typing import Dict, Optional

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

PRINTER = "[printer]\nkinematics: none\n\n#*# <---------------------- SAVE_CONFIG ---\n#*# x\n"
MOONRAKER = "[server]\nport: 7125\n"


class Home(unittest.TestCase):
    """A home with Klipper's and Moonraker's folders, and an installer in a folder of its own."""

    def setUp(self) -> None:
        temp = tempfile.TemporaryDirectory(prefix="moonlapse-install-")
        self.addCleanup(temp.cleanup)
        root = pathlib.Path(temp.name).resolve()
        self.home, self.source = root / "home", root / "source"
        self.data = self.home / "printer_data"
        self.moonraker = self.home / "moonraker"
        self.components = self.moonraker / "moonraker/components"
        self.macros = self.data / "config/timelapse.cfg"
        self.unit = self.home / ".config/systemd/user/moonlapse.service"

        write(self.data / "config/moonraker.conf", MOONRAKER)
        write(self.data / "config/printer.cfg", PRINTER)
        write(self.data / "moonraker.asvc", "klipper\nmoonraker\n")
        write(self.components / "__init__.py", "")
        git = [
            "git",
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@localhost",
            "-C",
            str(self.moonraker),
        ]
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)

        self.source.mkdir()
        shutil.copy(REPOSITORY / "install.sh", self.source)
        write(self.source / "klipper-macros/timelapse.cfg", "# macros\n")
        write(self.source / "moonraker-component/timelapse/__init__.py", "")
        self.binary = root / "built"
        write(self.binary, "#!/bin/sh\n")
        self.binary.chmod(0o755)

        # Systemd is not asked: a made-up systemctl stands in for it.
        write(root / "path/systemctl", '#!/bin/sh\necho "$@" >>"$HOME/../systemctl"\n')
        (root / "path/systemctl").chmod(0o755)
        self.environment = {
            "HOME": str(self.home),
            "PATH": f"{root / 'path'}:{os.environ['PATH']}",
            "LC_ALL": "C",
        }

    def run_it(
        self, *options: str, answer: Optional[str] = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.source / "install.sh"), "--service", "user", *options],
            env=self.environment, input=answer, text=True, capture_output=True, timeout=60,
        )  # fmt: skip

    def install(self, *options: str) -> str:
        done = self.run_it("--binary", str(self.binary), "--yes", *options)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def uninstall(self) -> str:
        done = self.run_it("--uninstall", "--yes")
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def refused(self, *options: str, answer: Optional[str] = None) -> str:
        done = self.run_it(*options, answer=answer)
        self.assertNotEqual(0, done.returncode)
        return done.stderr

    def tree(self) -> Dict[str, str]:
        """All files and links of the home, with what is in them. Empty folders do not count."""
        found = {}
        for folder, folders, files in os.walk(self.home):
            for name in files + folders:
                path = pathlib.Path(folder, name)
                if path.is_symlink():
                    found[str(path)] = f"-> {os.readlink(path)}"
                elif path.is_file() and path.name != "index":
                    found[str(path)] = path.read_text(encoding="utf-8", errors="replace")
        return found

    def git_status(self) -> str:
        status = ["git", "-C", str(self.moonraker), "status", "--porcelain"]
        return subprocess.run(status, check=True, capture_output=True, text=True).stdout


class Install(Home):
    """A first installation."""

    def test_the_parts_are_in_their_places(self) -> None:
        self.install()
        self.assertTrue(os.access(self.home / "moonlapse/bin/moonlapse", os.X_OK))
        self.assertEqual(self.source / "klipper-macros/timelapse.cfg", self.macros.resolve())
        component = self.components / "timelapse"
        self.assertEqual(self.source / "moonraker-component/timelapse", component.resolve())
        self.assertIn("moonlapse\n", (self.data / "moonraker.asvc").read_text())
        self.assertEqual("", self.git_status())

    def test_the_unit_runs_the_agent_for_this_printer(self) -> None:
        self.install()
        unit = self.unit.read_text()
        self.assertIn(
            f'ExecStart="{self.home}/moonlapse/bin/moonlapse" run --data-path "{self.data}"\n', unit
        )
        self.assertIn("Restart=always", unit)
        self.assertIn("WantedBy=default.target", unit)
        self.assertNotIn("PrivateTmp=", unit)

    def test_settings_are_left_alone_unless_asked_for(self) -> None:
        self.install()
        self.assertEqual(MOONRAKER, (self.data / "config/moonraker.conf").read_text())
        self.assertEqual(PRINTER, (self.data / "config/printer.cfg").read_text())

    def test_configure_adds_the_section_and_the_include(self) -> None:
        self.install("--configure")
        moonraker = (self.data / "config/moonraker.conf").read_text()
        self.assertTrue(moonraker.startswith(MOONRAKER))
        self.assertIn("\n[timelapse]\n", moonraker)
        # A checkout is no release that could be updated.
        self.assertNotIn("update_manager", moonraker)
        printer = (self.data / "config/printer.cfg").read_text()
        self.assertIn("[include timelapse.cfg]\n", printer)
        self.assertTrue(printer.endswith(PRINTER))

    def test_configure_starts_a_line_of_its_own(self) -> None:
        write(self.data / "config/moonraker.conf", MOONRAKER.rstrip())
        self.install("--configure")
        moonraker = (self.data / "config/moonraker.conf").read_text()
        self.assertTrue(moonraker.startswith(MOONRAKER + "# >>> moonlapse"))

    def test_configure_adds_the_updates_of_a_release(self) -> None:
        info = {"project_name": "films", "project_owner": "somebody", "version": "v1.0.0"}
        write(self.source / "release_info.json", json.dumps(info))
        self.install("--configure")
        moonraker = (self.data / "config/moonraker.conf").read_text()
        self.assertIn("[update_manager moonlapse]\ntype: zip\n", moonraker)
        self.assertIn("repo: somebody/films\n", moonraker)
        self.assertIn(f"path: {self.source}\n", moonraker)

    def test_configure_adds_nothing_that_is_there(self) -> None:
        write(self.data / "config/moonraker.conf", "[timelapse]\n")
        write(self.data / "config/printer.cfg", "[include timelapse.cfg]\n")
        self.install("--configure")
        self.assertEqual("[timelapse]\n", (self.data / "config/moonraker.conf").read_text())
        self.assertEqual(
            "[include timelapse.cfg]\n", (self.data / "config/printer.cfg").read_text()
        )

    def test_a_second_time_changes_nothing(self) -> None:
        self.install("--configure")
        before = self.tree()
        self.install("--configure")
        self.assertEqual(before, self.tree())

    def test_a_new_binary_replaces_the_old_one(self) -> None:
        self.install()
        write(self.binary, "#!/bin/sh\n# new\n")
        self.install()
        self.assertIn("# new", (self.home / "moonlapse/bin/moonlapse").read_text())

    def test_a_moonraker_of_pip_is_found(self) -> None:
        shutil.rmtree(self.moonraker)
        components = self.home / "moonraker-env/lib/python3.11/site-packages/moonraker/components"
        write(components / "__init__.py", "")
        before = self.tree()
        self.install()
        self.assertTrue((components / "timelapse").is_symlink())
        self.uninstall()
        self.assertEqual(before, self.tree())

    def test_without_systemd_it_says_what_to_run(self) -> None:
        said = self.install("--service", "none")
        self.assertIn(f"moonlapse/bin/moonlapse run --data-path {self.data}", said)
        self.assertFalse(self.unit.exists())


class Uninstall(Home):
    """The way back."""

    def test_the_home_is_as_it_was(self) -> None:
        before = self.tree()
        self.install("--configure")
        self.assertNotEqual(before, self.tree())
        self.uninstall()
        self.assertEqual(before, self.tree())
        self.assertEqual("", self.git_status())

    def test_moonraker_timelapse_comes_back(self) -> None:
        plugin = self.home / "moonraker-timelapse"
        write(plugin / "component/timelapse.py", "# old\n")
        write(plugin / "klipper_macro/timelapse.cfg", "# old\n")
        (self.components / "timelapse.py").symlink_to(plugin / "component/timelapse.py")
        self.macros.symlink_to(plugin / "klipper_macro/timelapse.cfg")
        before = self.tree()
        self.install()
        self.assertFalse((self.components / "timelapse.py").is_symlink())
        self.assertEqual(self.source / "klipper-macros/timelapse.cfg", self.macros.resolve())
        self.install()
        self.uninstall()
        self.assertEqual(before, self.tree())

    def test_what_is_not_ours_stays(self) -> None:
        self.macros.symlink_to("/dev/null")
        before = self.tree()
        self.uninstall()
        self.assertEqual(before, self.tree())


class Care(Home):
    """What it does not do."""

    def test_a_dry_run_shows_the_changes_and_makes_none(self) -> None:
        before = self.tree()
        said = self.install("--configure", "--dry-run")
        self.assertIn(f"link {self.macros}", said)
        self.assertIn("[timelapse]", said)
        self.assertEqual(before, self.tree())

    def test_without_a_yes_nothing_is_changed(self) -> None:
        before = self.tree()
        for answer in ("", "n\n"):
            error = self.refused("--binary", str(self.binary), answer=answer)
            self.assertIn("nothing was changed", error)
        self.assertEqual(before, self.tree())

    def test_a_file_of_the_user_is_not_replaced(self) -> None:
        write(self.macros, "# my own\n")
        before = self.tree()
        error = self.refused("--binary", str(self.binary), "--yes")
        self.assertIn("in the way", error)
        self.assertEqual(before, self.tree())

    def test_mistakes_are_named(self) -> None:
        for options, words in (
            (("--data", "/nowhere"), "no folder /nowhere/config"),
            (("--moonraker", "/nowhere"), "no Moonraker in /nowhere"),
            (("--binary", "/nowhere", "--yes"), "/nowhere is no program"),
            (("--service", "other"), "--service is system, user or none"),
            (("--data",), "--data needs a value"),
            (("--wrong",), "unknown option '--wrong'"),
        ):
            with self.subTest(options):
                self.assertIn(words, self.refused(*options))


def write(path: pathlib.Path, text: str) -> None:
    """Writes a file and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
